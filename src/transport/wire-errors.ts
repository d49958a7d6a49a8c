/** Errors of the node-to-node layer: how an OvlError travels in a frame, and those that several files here make. */
import { type ErrorKind, OvlError } from "../base/errors.ts"
import { PEER_ERROR_MAX_CHARS } from "../base/limits.ts"

interface WireError {
  code: string
  message: string
  kind: ErrorKind
  hint: string
}

const KINDS: Record<ErrorKind, true> = {
  failed: true,
  usage: true,
  unauthorized: true,
  forbidden: true,
  not_found: true,
  conflict: true,
  too_large: true,
  invalid: true,
  unavailable: true,
}

/** What the other side gets to see: the code, the kind, message and hint; never the cause. */
export function errorToWire(error: OvlError): WireError {
  const short = (text: string) => text.slice(0, PEER_ERROR_MAX_CHARS)
  return { code: short(error.code), message: short(error.message), kind: error.kind, hint: short(error.hint) }
}

/** The error that the other side sent; a newer kind than ours counts as `failed`. */
export function errorFromWire(value: unknown): OvlError {
  const given = (typeof value === "object" && value !== null ? value : {}) as Partial<Record<keyof WireError, unknown>>
  const text = (field: unknown, otherwise: string) => (typeof field === "string" ? field : otherwise)
  const kind = typeof given.kind === "string" && Object.hasOwn(KINDS, given.kind) ? (given.kind as ErrorKind) : "failed"
  return new OvlError(text(given.code, "internal"), text(given.message, "the other node failed: it did not say why"), {
    kind,
    hint: text(given.hint, ""),
  })
}

export function peerClosed(address: string, why = "the connection was closed"): OvlError {
  return new OvlError("peer_closed", `talking to ${address}: ${why}`, {
    kind: "unavailable",
    hint: "is the daemon there still running?",
  })
}

export function peerBusy(why: string): OvlError {
  return new OvlError("peer_busy", `talking to another node: ${why}`, { kind: "unavailable", hint: "try again later" })
}

export function protocolViolation(why: string): OvlError {
  return new OvlError("protocol_violation", `talking to another node: ${why}`, {
    kind: "invalid",
    hint: "do all nodes run the same version of ovl?",
  })
}
