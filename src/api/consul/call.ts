/** One request on Consul's paths, as its endpoint sees it: dispatch has checked the method, the query and who may ask. */
import type { LocalNode } from "../../agent/port.ts"
import type { Store } from "../../store/port.ts"
import type { ReadOptions } from "./read-options.ts"

export interface ConsulCall {
  node: LocalNode
  store: Store
  request: Request
  method: string
  /** What stands behind the endpoint's own path, still encoded: a key, a session's id. */
  rest: string
  query: Map<string, string>
  /** Of a PUT; else empty. */
  body: Uint8Array
  pretty: boolean
  /** For GET; a write has none. */
  read: ReadOptions
  holdOpen(): void
}

/** One path of Consul's API. */
export interface ConsulEndpoint {
  /** With a slash at its end: everything below it. */
  path: string
  /** In the order of the Allow header. */
  methods: ("GET" | "PUT" | "DELETE")[]
  /**
   * `open`: TCP without a token. `reading`: without a token only GET. `closed`: never without a token, or the socket
   * (INTERFACE section 6).
   */
  access: "open" | "reading" | "closed"
  summary: string
  bodyMaxBytes: number
  /** Absent: known to Consul's clients, but not in this version. */
  handle?(call: ConsulCall): Promise<Response>
}
