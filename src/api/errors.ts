/**
 * Errors as HTTP answers. ovl's own routes answer the contract's JSON, `{"error":{code,message,hint}}`; Consul's paths
 * answer plain text, because that is what Consul's clients look into.
 */
import type { ZodError } from "zod"
import { AssertionError } from "../base/assert.ts"
import { asOvlError, OvlError } from "../base/errors.ts"
import type { Log } from "../base/log.ts"

export function errorAnswer(thrown: unknown, log: Log): Response {
  const error = asOvlError(thrown)
  reportInternal(error, log)
  return Response.json(error.toJSON(), { status: error.httpStatus })
}

/**
 * The same for Consul's paths. What is unauthorized elsewhere is 403 here, and what is unavailable is 500, on which a
 * Consul client tries again while it gives up on a 503 (CONSUL-API section 0, fact 4).
 */
export function consulErrorAnswer(thrown: unknown, log: Log): Response {
  const error = asOvlError(thrown)
  reportInternal(error, log)
  if (error.kind === "unauthorized") return consulText(403, `Permission denied: ${error.message}`)
  if (error.kind === "unavailable")
    return consulText(500, NO_LEADER.has(error.code) ? "No cluster leader" : error.message)
  // Consul knows no 422.
  return consulText(error.kind === "invalid" ? 400 : error.httpStatus, error.message)
}

/**
 * Nobody decides, or nobody who does can be reached: what clients look for in the text before they try again. Nothing was
 * done then, for certain; a server that was lost over a request (`peer_closed`, `outcome_unknown`) is told by what it is.
 */
const NO_LEADER = new Set(["no_server", "not_leader", "no_leader", "leader_unreachable"])

/** A Consul error: text without a line end (C7). */
export function consulText(status: number, text: string, headers: Record<string, string> = {}): Response {
  return new Response(text, { status, headers: { ...headers, "Content-Type": "text/plain; charset=utf-8" } })
}

export function methodNotAllowed(method: string, path: string, allowed: string[]): Response {
  const error = {
    code: "method_not_allowed",
    message: `${method} ${path}: method not allowed`,
    hint: `allowed: ${allowed.join(", ")}`,
  }
  return Response.json({ error }, { status: 405, headers: { Allow: allowed.join(", ") } })
}

export function pathUnknown(method: string, path: string): OvlError {
  return new OvlError("path_unknown", `${method} ${path}: no such path`, {
    kind: "not_found",
    hint: "/openapi.json lists what there is",
  })
}

/** What a schema found wrong, as one line that names the field: `request refused: subnets.0.subnet: expected string`. */
export function schemaError(error: ZodError, what: string, code: string, kind: "usage" | "invalid"): OvlError {
  const [first] = error.issues
  const field = first && first.path.length > 0 ? `${first.path.join(".")}: ` : ""
  const why = (first?.message ?? "invalid")
    .replace(/^Invalid input: /, "")
    .replace(/^Unrecognized key/, "unknown field")
  const more = error.issues.length > 1 ? ` (and ${error.issues.length - 1} more)` : ""
  return new OvlError(code, `${what} refused: ${field}${why}${more}`, { kind, hint: "/openapi.json has the schema" })
}

/** A mistake of ours is answered like any error, but must not go by unnoticed. */
function reportInternal(error: OvlError, log: Log): void {
  if (error.code !== "internal") return
  const { cause } = error
  const stack = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
  log.error(cause instanceof AssertionError ? "assertion failed in a request" : "request failed", { stack })
}
