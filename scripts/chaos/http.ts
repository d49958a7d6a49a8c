/**
 * One kept HTTP connection, written by hand because of the one thing that matters here: whether a request that failed
 * may have been carried out. It was not when it never left; in every other case nobody knows.
 *
 * A connection belongs to the network namespace it was opened in, so that one process asks every node over loopback.
 */
import { withNamespace } from "../../src/linux/namespaces.ts"

/** Where a server listens. */
export type Place = { namespace: string | null; port: number } | { unix: string }

export interface HttpRequest {
  method: string
  target: string
  body: string
}

export interface HttpAnswer {
  status: number
  /** Names in lower case. */
  headers: Map<string, string>
  body: string
}

/** No answer came. */
export class NoAnswer extends Error {
  /** False where the request certainly never left. */
  readonly mayHaveHappened: boolean

  constructor(why: string, mayHaveHappened: boolean) {
    super(why)
    this.mayHaveHappened = mayHaveHappened
  }
}

const HEAD_END = "\r\n\r\n"
const CONNECT_TIMEOUT_MS = 1_000

interface Waiting {
  resolve: (answer: HttpAnswer) => void
  reject: (error: NoAnswer) => void
  timer: Timer
}

export class HttpConnection {
  readonly #place: Place
  #socket: Bun.Socket<undefined> | null = null
  #received = Buffer.alloc(0)
  #unsent = Buffer.alloc(0)
  #waiting: Waiting | null = null

  constructor(place: Place) {
    this.#place = place
  }

  /** One at a time. Connects when it has to. Rejects with NoAnswer and nothing else. */
  async request(request: HttpRequest, timeoutMs: number): Promise<HttpAnswer> {
    if (this.#waiting !== null) throw new Error("a connection takes one request at a time")
    const socket = this.#socket ?? (await this.#connect())
    const length = Buffer.byteLength(request.body)
    const head = `${request.method} ${request.target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${length}${HEAD_END}`
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#fail(`no answer within ${timeoutMs} ms`), timeoutMs)
      this.#waiting = { resolve, reject, timer }
      this.#unsent = Buffer.from(head + request.body)
      this.#flush(socket)
    })
  }

  close(): void {
    this.#fail("closed from this side")
  }

  async #connect(): Promise<Bun.Socket<undefined>> {
    let socket: Bun.Socket<undefined> | null = null
    let isLate = false
    const opening = this.#open().then((opened) => {
      if (isLate) opened.terminate()
      else socket = opened
    })
    const timeout = Promise.withResolvers<never>()
    const timer = setTimeout(() => timeout.reject(new Error("connecting took too long")), CONNECT_TIMEOUT_MS)
    try {
      await Promise.race([opening, timeout.promise])
    } catch (error) {
      isLate = true
      opening.catch(() => {})
      throw new NoAnswer(`connect: ${(error as Error).message}`, false)
    } finally {
      clearTimeout(timer)
    }
    this.#socket = socket
    return socket!
  }

  async #open(): Promise<Bun.Socket<undefined>> {
    const handlers: Bun.SocketHandler<undefined> = {
      data: (socket, bytes) => this.#take(socket, bytes),
      drain: (socket) => this.#flush(socket),
      close: (socket) => this.#lost(socket, "the connection was closed"),
      error: (socket, error) => this.#lost(socket, error.message),
    }
    if ("unix" in this.#place) return Bun.connect({ unix: this.#place.unix, socket: handlers })
    const { namespace, port } = this.#place
    const connect = () => Bun.connect({ hostname: "127.0.0.1", port, socket: handlers })
    // The socket is made before Bun.connect returns, and stays where it was made.
    return namespace === null ? connect() : withNamespace(namespace, connect)
  }

  #flush(socket: Bun.Socket<undefined>): void {
    if (this.#unsent.length === 0) return
    const sent = socket.write(this.#unsent)
    this.#unsent = this.#unsent.subarray(Math.max(sent, 0))
  }

  #take(socket: Bun.Socket<undefined>, bytes: Buffer): void {
    if (socket !== this.#socket) return
    this.#received = this.#received.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#received, bytes])
    const answer = readAnswer(this.#received)
    if (answer === null) return
    this.#received = Buffer.alloc(0)
    const waiting = this.#waiting
    this.#waiting = null
    if (waiting === null) return
    clearTimeout(waiting.timer)
    waiting.resolve(answer)
  }

  #lost(socket: Bun.Socket<undefined>, why: string): void {
    if (socket === this.#socket) this.#fail(why)
  }

  #fail(why: string): void {
    const [socket, waiting] = [this.#socket, this.#waiting]
    this.#socket = null
    this.#waiting = null
    this.#received = Buffer.alloc(0)
    this.#unsent = Buffer.alloc(0)
    socket?.terminate()
    if (waiting === null) return
    clearTimeout(waiting.timer)
    waiting.reject(new NoAnswer(why, true))
  }
}

/** The answer if all of it is there, else null (RFC 9112, sections 6 and 7). */
export function readAnswer(received: Buffer): HttpAnswer | null {
  const headEnd = received.indexOf(HEAD_END)
  if (headEnd < 0) return null
  const [first = "", ...lines] = received.toString("latin1", 0, headEnd).split("\r\n")
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(":")
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const
    }),
  )
  const rest = received.subarray(headEnd + HEAD_END.length)
  const body = headers.get("transfer-encoding") === "chunked" ? readChunks(rest) : readLength(rest, headers)
  if (body === null) return null
  return { status: Number(first.slice(9, 12)), headers, body: body.toString() }
}

function readLength(rest: Buffer, headers: Map<string, string>): Buffer | null {
  const length = Number(headers.get("content-length") ?? 0)
  return rest.length < length ? null : rest.subarray(0, length)
}

function readChunks(rest: Buffer): Buffer | null {
  const chunks: Buffer[] = []
  for (let at = 0; ; ) {
    const lineEnd = rest.indexOf("\r\n", at)
    if (lineEnd < 0) return null
    const length = Number.parseInt(rest.toString("latin1", at, lineEnd), 16)
    const start = lineEnd + 2
    if (rest.length < start + length + 2) return null
    if (length === 0) return Buffer.concat(chunks)
    chunks.push(rest.subarray(start, start + length))
    at = start + length + 2
  }
}
