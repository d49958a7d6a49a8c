/**
 * Who may do what (INTERFACE section 6). The Unix socket is guarded by its file's permission and serves everything. TCP
 * is reachable by every local process and by web pages in a local browser, so it asks for a token for all but what an
 * unsecured Consul allows, and refuses requests that a foreign page could have sent.
 */
import { OvlError } from "../base/errors.ts"
import { TOKEN_MAX_CHARS } from "../base/limits.ts"
import type { Cluster } from "../registry/port.ts"
import { parseToken } from "../transport/tokens.ts"
import { type Listener, queryOf } from "./context.ts"

/**
 * `open`: everybody on a loopback listener. `read`: any valid token. `full`: a token of role server. `socket`: the Unix
 * socket alone, whatever the token: for what only somebody who stands at the machine may decide.
 * On a listener that is not loopback, `open` becomes `read` for what only reads and `full` for the rest.
 */
export type Requirement = "open" | "read" | "full" | "socket"

/** What authorize needs to know of a request. */
export interface Asking {
  method: string
  target: string
  headers: Headers
  /** Called with its id when a token has been found to be a valid one, whatever its role. */
  accepted?(tokenId: string): void
}

/**
 * Refuses what a web page of somebody else could have sent through a local browser: a Host that is a name other than
 * `localhost` (DNS rebinding), an Origin that is not the page's own host. Errors: host_refused, origin_refused
 * (forbidden).
 */
export function refuseForeign(listener: Listener, headers: Headers): void {
  if (listener.kind !== "tcp") return
  const host = headers.get("host") ?? ""
  if (host !== acceptedHost && !isAddressOrLoopbackName(host)) {
    throw new OvlError(
      "host_refused",
      `request refused: its Host ${JSON.stringify(host)} is neither an address nor localhost`,
      {
        kind: "forbidden",
        hint: "ask by address, such as http://127.0.0.1:8500, or over the Unix socket",
      },
    )
  }
  acceptedHost = host
  const origin = headers.get("origin")
  if (origin !== null && !isOwnOrigin(origin, listener.scheme, host)) {
    throw new OvlError("origin_refused", `request refused: its Origin ${JSON.stringify(origin)} is not this host`, {
      kind: "forbidden",
      hint: "a page of another site may not use this API",
    })
  }
}

/** The one that came last: mostly it comes again. */
let acceptedHost = "localhost"

/**
 * Lets a request pass or throws: `socket_only` (forbidden), `token_missing` (unauthorized) without a token, `token_role` (forbidden) where its
 * role does not suffice, and what `checkToken` throws. A token that nobody asked for is not looked at, as in a Consul
 * without ACLs.
 */
export async function authorize(
  listener: Listener,
  requirement: Requirement,
  asking: Asking,
  cluster: Pick<Cluster, "checkToken">,
): Promise<void> {
  if (requirement === "socket" && listener.kind !== "unix") throw socketOnly()
  const needed = tokenNeeded(listener, requirement, asking.method)
  if (needed === "none") return
  const token = presentedToken(asking)
  if (token === null) {
    throw new OvlError("token_missing", "not permitted: this needs a token, or the Unix socket", {
      kind: "unauthorized",
      hint: "send `Authorization: Bearer TOKEN`; `ovl token create --role server` makes one",
    })
  }
  if (token.length > TOKEN_MAX_CHARS) {
    throw new OvlError("token_malformed", "token refused: it is longer than any token", { kind: "forbidden" })
  }
  const { role } = await cluster.checkToken(token)
  asking.accepted?.(parseToken(token).id)
  if (needed === "server" && role !== "server") {
    throw new OvlError("token_role", `not permitted: a token of role ${role} may only read`, {
      kind: "forbidden",
      hint: "`ovl token create --role server` makes one that may do everything",
    })
  }
}

function socketOnly(): OvlError {
  return new OvlError("socket_only", "not permitted: this is done over the node's Unix socket alone", {
    kind: "forbidden",
    hint: "run ovl on the node itself",
  })
}

function tokenNeeded(listener: Listener, requirement: Requirement, method: string): "none" | "any" | "server" {
  // A member asks for somebody whom it has judged itself, by these very rules.
  if (listener.kind !== "tcp") return "none"
  if (requirement !== "open") return requirement === "read" ? "any" : "server"
  if (listener.loopback) return "none"
  return method === "GET" || method === "HEAD" || method === "OPTIONS" ? "any" : "server"
}

/** In Consul's order: `?token=`, `X-Consul-Token`, `Authorization: Bearer`. Null where there is none. */
export function presentedToken(asking: Pick<Asking, "target" | "headers">): string | null {
  const inQuery = new URLSearchParams(queryOf(asking.target)).get("token")
  if (inQuery) return inQuery
  const inHeader = asking.headers.get("x-consul-token")
  if (inHeader) return inHeader
  const bearer = /^bearer +(\S+)/i.exec(asking.headers.get("authorization") ?? "")
  return bearer?.[1] ?? null
}

const HOST_WITH_PORT = /^(?:\[([0-9a-f:.]+)\]|([^[\]:]+))(?::\d{1,5})?$/i

function isAddressOrLoopbackName(host: string): boolean {
  const parts = HOST_WITH_PORT.exec(host)
  if (!parts) return false
  const [, ipv6, name = ""] = parts
  if (ipv6 !== undefined) return URL.canParse(`http://[${ipv6}]/`)
  return name.toLowerCase() === "localhost" || isIpv4(name)
}

function isIpv4(text: string): boolean {
  const bytes = text.split(".")
  return bytes.length === 4 && bytes.every((byte) => /^(0|[1-9]\d{0,2})$/.test(byte) && Number(byte) <= 255)
}

function isOwnOrigin(origin: string, scheme: string, host: string): boolean {
  if (!URL.canParse(origin)) return false
  const url = new URL(origin)
  // The URL parser takes a default port away; so it must from the Host that it is compared with.
  return url.protocol === `${scheme}:` && url.origin === origin && url.host === new URL(`${scheme}://${host}/`).host
}
