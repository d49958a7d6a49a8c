/**
 * An HTTP request on its way from a client to a server, and the answer on its way back. The request is a subscription, so
 * that a caller who goes away ends it at the server at once. Its first message is the answer with the first piece of its
 * body; further pieces are called for one by one, as fast as the caller takes them, so that neither side ever holds more
 * than one.
 */
import type { Clock } from "../base/clock.ts"
import { OvlError } from "../base/errors.ts"
import { FORWARD_CHUNK_BYTES, KV_WAIT_LONGEST_MS, PEER_CALL_TIMEOUT_MS } from "../base/limits.ts"
import type { CallContext, PeerConnection, Publisher } from "../transport/port.ts"
import type { HttpMessage, HttpQuestion } from "./port.ts"

/** The subscription by which a client hands an HTTP request to a server, and the call for the next piece of the answer. */
export const FORWARD_METHOD = "api/forward"
export const FORWARD_MORE_METHOD = "api/forward/more"

interface Asked {
  id: string
  question: HttpQuestion
}

interface Piece {
  body: Uint8Array
  /** Another one follows. */
  more: boolean
}

interface Head extends Piece {
  status: number
  headers: [string, string][]
}

/** Unlike those of the same node in another life. */
const LIFE = crypto.randomUUID()
let asked = 0

/**
 * Asks over a connection to a server. Rejects with the connection's error, with `peer_timeout` (unavailable), and with
 * `caller_gone` once `signal` is aborted; a body that is cut off later errors its stream. An answer that is not meant to rest is waited for as long as `budgetMs`.
 */
export function ask(
  connection: PeerConnection,
  question: HttpQuestion,
  { signal, clock, budgetMs = PEER_CALL_TIMEOUT_MS }: { signal: AbortSignal; clock: Clock; budgetMs?: number },
): Promise<HttpMessage> {
  const id = `${LIFE}.${asked++}`
  // A blocking query may rest for as long as Consul lets it; anything else is answered soon or not at all.
  const blocking = /[?&]index=/.test(question.target)
  const timeoutMs = budgetMs + (blocking ? KV_WAIT_LONGEST_MS : 0)
  return new Promise((resolve, reject) => {
    const params: Asked = { id, question }
    const over = (error?: OvlError) => {
      cancelTimer()
      signal.removeEventListener("abort", gone)
      subscription.close()
      if (error) reject(error)
    }
    const gone = () => over(new OvlError("caller_gone", "forward a request: the caller is gone"))
    const onHead = (message: unknown) => {
      const { status, headers, body, more } = message as Head
      if (!more) over()
      else cancelTimer()
      resolve({ status, headers, body: more ? pieces(connection, id, body, over) : body })
    }
    const cancelTimer = clock.after(timeoutMs, () => over(timedOut(connection, question)))
    const subscription = connection.subscribe(FORWARD_METHOD, params, onHead, (error) => over(error ?? endedEarly()))
    signal.addEventListener("abort", gone)
    if (signal.aborted) gone()
  })
}

function pieces(connection: PeerConnection, id: string, first: Uint8Array, over: () => void) {
  let next: Uint8Array | null = first
  return new ReadableStream<Uint8Array>({
    async pull(stream) {
      if (next !== null) {
        stream.enqueue(next)
        next = null
        return
      }
      const { body, more } = (await connection.call(FORWARD_MORE_METHOD, { id })) as Piece
      if (body.length > 0) stream.enqueue(body)
      if (more) return
      over()
      stream.close()
    },
    cancel: over,
  })
}

/** Answers what the member `asker`, by its name, has forwarded; `signal` is aborted when nobody waits for it any more. */
export type AnswerForwarded = (
  question: HttpQuestion,
  about: { asker: string; signal: AbortSignal },
) => Promise<HttpMessage>

/** The server's side: what members ask, answered by `answer`; each of them can only go on with what it asked itself. */
export class Forwarded {
  readonly #answer: AnswerForwarded
  readonly #open = new Map<string, PieceReader>()

  constructor(answer: AnswerForwarded) {
    this.#answer = answer
  }

  /** Answers whose pieces have not all been called for. */
  get size(): number {
    return this.#open.size
  }

  subscribe(params: unknown, { peer }: CallContext, publisher: Publisher): void {
    const { id, question } = params as Asked
    const key = `${peer?.nodeId}/${id}`
    const stop = new AbortController()
    publisher.onClose(() => {
      stop.abort()
      void this.#open.get(key)?.cancel()
      this.#open.delete(key)
    })
    const send = async () => {
      const asker = peer?.name ?? ""
      const { status, headers, body } = await this.#answer(question, { asker, signal: stop.signal })
      const reader = body instanceof Uint8Array ? null : new PieceReader(body)
      const piece = reader ? await reader.next() : { body: body as Uint8Array, more: false }
      if (stop.signal.aborted) return void reader?.cancel()
      if (reader && piece.more) this.#open.set(key, reader)
      const head: Head = { status, headers, ...piece }
      publisher.send(head)
    }
    send().catch((error) => publisher.end(error instanceof OvlError ? error : new OvlError("internal", String(error))))
  }

  async more(params: unknown, { peer }: CallContext): Promise<Piece> {
    const reader = this.#open.get(`${peer?.nodeId}/${(params as Asked).id}`)
    if (!reader) throw new OvlError("answer_gone", "go on with an answer: there is none, or it is over")
    return reader.next()
  }
}

/** A stream in pieces of about FORWARD_CHUNK_BYTES. */
class PieceReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>

  constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader()
  }

  async next(): Promise<Piece> {
    const chunks: Uint8Array[] = []
    let length = 0
    while (length < FORWARD_CHUNK_BYTES) {
      const { done, value } = await this.#reader.read()
      if (done) return { body: Buffer.concat(chunks), more: false }
      chunks.push(value)
      length += value.length
    }
    return { body: Buffer.concat(chunks), more: true }
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel().catch(() => {})
  }
}

function timedOut(connection: PeerConnection, { method, target }: HttpQuestion): OvlError {
  // Its query may hold a token.
  const path = target.split("?", 1)[0]
  return new OvlError("peer_timeout", `${method} ${path} at ${connection.remote.address}: no answer in time`, {
    kind: "unavailable",
    hint: "it may still be carried out; look first",
  })
}

function endedEarly(): OvlError {
  return new OvlError("peer_closed", "forward a request: the server ended it without an answer", {
    kind: "unavailable",
  })
}
