/**
 * The one error that ovl shows to people and scripts. What the world does (a taken name, a full disk, a missing tool)
 * is an `OvlError`; our own mistakes are assertions (`assert.ts`) and end the program.
 */

/** What an error means to the caller. It decides the HTTP status and the exit status, and nothing else does. */
export type ErrorKind =
  | "failed"
  | "usage"
  | "unauthorized"
  | "forbidden"
  | "not_found"
  | "conflict"
  | "too_large"
  | "invalid"
  | "unavailable"

const HTTP_STATUS: Record<ErrorKind, number> = {
  failed: 500,
  usage: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  too_large: 413,
  invalid: 422,
  unavailable: 503,
}

const EXIT_STATUS: Record<ErrorKind, number> = {
  failed: 1,
  usage: 2,
  unauthorized: 5,
  forbidden: 5,
  not_found: 3,
  conflict: 4,
  too_large: 2,
  invalid: 2,
  unavailable: 6,
}

/** What an error of this kind is to a program: the HTTP answer's status, and that with which the command line ends. */
export function statusesOf(kind: ErrorKind): { http: number; exit: number } {
  return { http: HTTP_STATUS[kind], exit: EXIT_STATUS[kind] }
}

/** The JSON form of an error, on stderr with `--json` and in every HTTP answer that is not a success. */
export interface ErrorBody {
  error: { code: string; message: string; hint: string }
}

export interface OvlErrorOptions {
  kind?: ErrorKind
  hint?: string
  cause?: unknown
}

/**
 * An expected failure. `code` is a stable word that scripts may rely on (`subnet_overlap`), `message` reads
 * `<what failed>: <why>`, `hint` says what to do.
 */
export class OvlError extends Error {
  readonly code: string
  readonly kind: ErrorKind
  readonly hint: string

  constructor(code: string, message: string, options: OvlErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = "OvlError"
    this.code = code
    this.kind = options.kind ?? "failed"
    this.hint = options.hint ?? ""
  }

  get httpStatus(): number {
    return HTTP_STATUS[this.kind]
  }

  get exitStatus(): number {
    return EXIT_STATUS[this.kind]
  }

  toJSON(): ErrorBody {
    return { error: { code: this.code, message: this.message, hint: this.hint } }
  }

  /** The error that an HTTP answer stood for: the kind is read off the status. */
  static fromHttp(status: number, body: ErrorBody): OvlError {
    const kind = (Object.keys(HTTP_STATUS) as ErrorKind[]).find((k) => HTTP_STATUS[k] === status) ?? "failed"
    return new OvlError(body.error.code, body.error.message, { kind, hint: body.error.hint })
  }
}

/** Whatever was thrown, as an OvlError: an unexpected one becomes `internal`, with its message kept. */
export function asOvlError(thrown: unknown, what = "internal error"): OvlError {
  if (thrown instanceof OvlError) return thrown
  const why = thrown instanceof Error ? thrown.message : String(thrown)
  return new OvlError("internal", `${what}: ${why}`, { cause: thrown })
}

/** What the contract names and this version does not have: never accepted and ignored. */
export function notAvailable(what: string): OvlError {
  return new OvlError("not_available", `${what}: not available in this version`)
}
