/** What can go wrong with a TLS connection, said plainly: system and TLS error codes as OvlErrors. */
import { type ErrorKind, OvlError } from "../base/errors.ts"

type Explanation = [code: string, why: string, hint: string, kind?: ErrorKind]

const CHECK_ADDRESS = "check the address, and that a firewall lets TCP through to it"
const WRONG_CLUSTER: Explanation = [
  "peer_wrong_cluster",
  "its certificate was not signed by this cluster's authority",
  "check the address: another cluster answers there",
  "forbidden",
]

const CONNECT: Record<string, Explanation> = {
  ECONNREFUSED: ["peer_refused", "connection refused", "is the daemon running there, and is the port right?"],
  ETIMEDOUT: ["peer_timeout", "no answer", CHECK_ADDRESS],
  EHOSTUNREACH: ["peer_unreachable", "no route to the host", CHECK_ADDRESS],
  ENETUNREACH: ["peer_unreachable", "the network is unreachable", CHECK_ADDRESS],
  EADDRNOTAVAIL: ["peer_unreachable", "the address cannot be reached from here", CHECK_ADDRESS],
  ENOTFOUND: ["peer_unknown_host", "the host name is not known", "use an address, or check the name"],
  EAI_AGAIN: ["peer_unknown_host", "the host name cannot be looked up now", "use an address, or check the resolver"],
  ECONNRESET: ["peer_closed", "the other side closed the connection", "see the log of the daemon there"],
  EPIPE: ["peer_closed", "the other side closed the connection", "see the log of the daemon there"],
  CERT_HAS_EXPIRED: ["peer_certificate_expired", "its certificate has expired", "check the clocks", "forbidden"],
  CERT_NOT_YET_VALID: ["peer_certificate_expired", "its certificate is not valid yet", "check the clocks", "forbidden"],
  INVALID_PURPOSE: ["peer_not_server", "it is a node, but no server", "give the address of a server", "forbidden"],
  CERT_SIGNATURE_FAILURE: WRONG_CLUSTER,
  DEPTH_ZERO_SELF_SIGNED_CERT: WRONG_CLUSTER,
  SELF_SIGNED_CERT_IN_CHAIN: WRONG_CLUSTER,
  UNABLE_TO_GET_ISSUER_CERT: WRONG_CLUSTER,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: WRONG_CLUSTER,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: WRONG_CLUSTER,
}

const NOT_TLS: Explanation = ["peer_not_ovl", "what answers there does not speak TLS 1.3", "is the port right?"]

/** Why no connection to `address` came about, or why it broke. Kind unavailable where trying again may help. */
export function connectError(address: string, thrown: unknown): OvlError {
  if (thrown instanceof OvlError) return thrown
  const code = codeOf(thrown)
  const known = CONNECT[code] ?? (code.startsWith("ERR_SSL_") ? NOT_TLS : undefined)
  const [name, why, hint, kind] = known ?? ["peer_unreachable", messageOf(thrown), CHECK_ADDRESS]
  return new OvlError(name, `connecting to ${address}: ${why}`, { kind: kind ?? "unavailable", hint, cause: thrown })
}

/** No connection within the time given. */
export function connectTimeout(address: string, timeoutMs: number): OvlError {
  const message = `connecting to ${address}: no answer within ${timeoutMs} ms`
  return new OvlError("peer_timeout", message, { kind: "unavailable", hint: CHECK_ADDRESS })
}

/** A server of the right cluster, and not the one that was meant. */
export function wrongNode(address: string, name: string): OvlError {
  return new OvlError("peer_wrong_node", `connecting to ${address}: another node answers there, ${name}`, {
    kind: "forbidden",
    hint: "two nodes may have the same address, or the one meant has moved",
  })
}

const LISTEN: Record<string, Explanation> = {
  EADDRINUSE: ["port_in_use", "the port is in use", "stop what uses it, or choose another with --bind", "conflict"],
  EADDRNOTAVAIL: ["address_not_local", "this host has no such address", "give --bind one of its own", "invalid"],
  EACCES: ["port_forbidden", "permission denied", "choose a port above 1023 with --bind", "forbidden"],
}

/** Why the port cannot be listened on. */
export function listenError(address: string, thrown: unknown): OvlError {
  const [code, why, hint, kind] = LISTEN[codeOf(thrown)] ?? ["listen_failed", messageOf(thrown), "", "failed"]
  return new OvlError(code, `listening on ${address}: ${why}`, { kind, hint, cause: thrown })
}

/** What a peer hears whose certificate does not verify; `reason` is the word of the TLS library. */
export function certificateRefused(reason: string): OvlError {
  const expired = reason === "CERT_HAS_EXPIRED" || reason === "CERT_NOT_YET_VALID"
  const why = expired ? "it is outside its time of validity" : "it was not signed by this cluster's authority"
  return new OvlError("certificate_refused", `the certificate of this node was refused: ${why}`, {
    kind: "forbidden",
    hint: expired ? "check the clocks of both nodes" : "check the server's address: does it belong to this cluster?",
    cause: reason,
  })
}

function codeOf(thrown: unknown): string {
  const code = typeof thrown === "object" && thrown !== null && "code" in thrown ? thrown.code : ""
  return typeof code === "string" ? code : ""
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
