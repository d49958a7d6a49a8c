/** One request on Consul's paths, as its endpoint sees it: dispatch has checked the method, the query and who may ask. */
import type { LocalNode } from "../../agent/port.ts"
import type { Store } from "../../store/port.ts"
import type { ReadOptions } from "./read-options.ts"
import type { ConsulSettings } from "./settings.ts"
import type { Waits } from "./waits.ts"

/** What all requests to one node have in common. */
export interface ConsulContext {
  node: LocalNode
  settings: ConsulSettings
  waits: Waits
}

/** A request that any node can answer by itself. */
export interface LocalCall extends ConsulContext {
  request: Request
  method: string
  /** What stands behind the endpoint's own path, still encoded: a key, a session's id. */
  rest: string
  query: Map<string, string>
  /** Of a PUT; else empty, as it is where the endpoint takes it as a stream. */
  body: Uint8Array
  pretty: boolean
  /** A write has none, but for a transaction, which may be one that only reads. */
  read: ReadOptions
  /** The name of the node whose daemon was asked: another one than this where the request was forwarded. */
  askedNode: string
  holdOpen(): void
}

/** One that only a node with a store can. */
export interface ConsulCall extends LocalCall {
  store: Store
}

interface Common {
  /** With a slash at its end: everything below it. */
  path: string
  /** In the order of the Allow header. */
  methods: ("GET" | "PUT" | "POST" | "DELETE")[]
  /**
   * `open`: TCP without a token. `reading`: without a token only GET. `closed`: never without a token, or the socket
   * (INTERFACE section 6).
   */
  access: "open" | "reading" | "closed"
  summary: string
  /** The longest body of a PUT; `streamed`: the endpoint reads it itself. */
  bodyMaxBytes: number | "value" | "streamed"
}

/** One path of Consul's API. `local`: every node answers it itself; else a client passes it on to a server. */
export type ConsulEndpoint = Common &
  (
    | { local: true; handle(call: LocalCall): Response | Promise<Response> }
    | { local?: false; handle(call: ConsulCall): Response | Promise<Response> }
  )
