/**
 * One way to a daemon, over its Unix socket or over TCP, and what can go wrong on it said plainly. It knows HTTP and
 * ovl's errors, and nothing of what is asked.
 */
import { type ErrorBody, OvlError } from "../base/errors.ts"

/** Where a daemon is reached: the socket serves everything; TCP wants a token for most, and TLS beyond this host. */
export type DaemonAddress = { socket: string } | { url: string; token?: string; ca?: string }

export interface Question {
  method: "GET" | "POST" | "PUT" | "DELETE"
  /** Path and query, encoded. */
  target: string
  /** Sent as JSON. */
  body?: unknown
  /** Sent as they are. */
  bytes?: Uint8Array | Blob | ReadableStream<Uint8Array>
  signal?: AbortSignal
}

/** What Bun's fetch takes beyond the standard. `timeout: false`: a daemon may be silent for as long as the work takes. */
type BunFetchOptions = RequestInit & { unix?: string; timeout?: false; tls?: { ca: string } }

/** The answer to one question, where it is a success. Errors: what the daemon answers, and those of `send`. */
export async function ask(address: DaemonAddress, question: Question): Promise<Response> {
  const response = await send(address, question)
  if (!response.ok) throw await refused(response, nameOf(address))
  return response
}

/**
 * Whatever is answered to one question. Errors: no_daemon (unavailable) where nobody answers, socket_forbidden
 * (forbidden), connection_lost (unavailable) where it broke off.
 */
export async function send(address: DaemonAddress, question: Question): Promise<Response> {
  const { method, target, body, bytes, signal } = question
  refuseDots(target)
  const headers: Record<string, string> = {}
  const options: BunFetchOptions = { method, headers, signal, timeout: false }
  if (body !== undefined) {
    headers["Content-Type"] = "application/json"
    options.body = JSON.stringify(body)
  }
  if (bytes !== undefined) options.body = bytes as BodyInit
  if ("socket" in address) options.unix = address.socket
  else {
    if (address.token !== undefined) headers.Authorization = `Bearer ${address.token}`
    if (address.ca !== undefined) options.tls = { ca: address.ca }
  }
  const base = "socket" in address ? "http://localhost" : address.url.replace(/\/$/, "")
  return fetch(base + target, options).catch((thrown) => {
    throw signal?.aborted ? thrown : unreachable(address, thrown)
  })
}

/** The whole body of an answer. Errors: connection_lost (unavailable). */
export async function bodyOf(address: DaemonAddress, response: Response): Promise<Uint8Array> {
  try {
    return new Uint8Array(await response.arrayBuffer())
  } catch (thrown) {
    throw lost(address, thrown)
  }
}

/** Every URL parser takes `.` and `..` for directions, encoded or not, so things of that name cannot be asked for. */
function refuseDots(target: string): void {
  const dots = target
    .split("?", 1)[0]!
    .split("/")
    .find((part) => part === "." || part === "..")
  if (dots === undefined) return
  throw new OvlError("name_invalid", `name ${JSON.stringify(dots)}: malformed`, {
    kind: "usage",
    hint: "dots alone are no name",
  })
}

/** The answer's body piece by piece; leaving the loop ends the request. Errors: connection_lost (unavailable). */
export async function* pieces(address: DaemonAddress, question: Question): AsyncGenerator<Uint8Array> {
  const stop = new AbortController()
  const signal = question.signal ? AbortSignal.any([question.signal, stop.signal]) : stop.signal
  try {
    const response = await ask(address, { ...question, signal })
    if (response.body) yield* response.body
  } catch (thrown) {
    if (signal.aborted) return
    throw thrown instanceof OvlError ? thrown : unreachable(address, thrown)
  } finally {
    stop.abort()
  }
}

/** The body of an answer as it comes. Errors: connection_lost (unavailable). */
export async function* chunksOf(address: DaemonAddress, response: Response): AsyncGenerator<Uint8Array> {
  try {
    if (response.body) yield* response.body
  } catch (thrown) {
    throw lost(address, thrown)
  }
}

function nameOf(address: DaemonAddress): string {
  return "socket" in address ? address.socket : address.url
}

async function refused(response: Response, where: string): Promise<OvlError> {
  const text = await response.text()
  try {
    const body = JSON.parse(text) as ErrorBody
    if (typeof body.error.code === "string") return OvlError.fromHttp(response.status, body)
  } catch {
    // Not ovl's JSON: told below, with what came instead.
  }
  const [line = ""] = text.split("\n")
  return new OvlError("answer_malformed", `${where} answered ${response.status}: ${line.slice(0, 200)}`, {
    hint: "is it an ovl daemon that listens there?",
  })
}

const WHY: Record<string, string> = {
  ENOENT: "no such file",
  ENOTDIR: "no such file",
  ECONNREFUSED: "nobody is listening",
  ENAMETOOLONG: "the path is too long for a socket",
}

function unreachable(address: DaemonAddress, thrown: unknown): OvlError {
  const where = nameOf(address)
  const { code = "", message } = thrown as NodeJS.ErrnoException
  if (code === "EACCES" || code === "EPERM") {
    return new OvlError("socket_forbidden", `cannot use the daemon's socket at ${where}: permission denied`, {
      kind: "forbidden",
      hint: "become root, or a member of the group `ovl` where it exists",
      cause: thrown,
    })
  }
  if (code === "ECONNRESET") return lost(address, thrown)
  return new OvlError("no_daemon", `cannot reach the daemon at ${where}: ${WHY[code] ?? message}`, {
    kind: "unavailable",
    hint:
      "socket" in address
        ? "start it with `ovl serve` or `ovl join`, or name its socket with --socket"
        : "start it with `ovl serve` or `ovl join`, or check the address",
    cause: thrown,
  })
}

function lost(address: DaemonAddress, cause: unknown): OvlError {
  return new OvlError("connection_lost", `the daemon at ${nameOf(address)} broke off: it may have ended`, {
    kind: "unavailable",
    hint: "whether the request was carried out is not known; ask `ovl status`",
    cause,
  })
}
