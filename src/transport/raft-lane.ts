/**
 * One connection to another server, for as long as that server is a peer: dialled, dialled again when it is gone, and
 * in front of it a bounded queue. What waits goes with the try that fails: Raft says everything again that still
 * matters, and old words to a server that was long away would only be in the way of the new ones.
 */
import type { Clock } from "../base/clock.ts"
import { asOvlError, type OvlError } from "../base/errors.ts"
import {
  RAFT_AHEAD_MAX_BYTES,
  RAFT_QUEUE_MAX_BYTES,
  RAFT_QUEUE_MAX_MESSAGES,
  RAFT_REDIAL_MAX_MS,
  RAFT_REDIAL_MIN_MS,
} from "../base/limits.ts"
import type { Random } from "../base/random.ts"
import type { Message } from "../raft/message.ts"
import type { PeerConnection } from "./port.ts"
import { encodeRaftMessage, raftMessageLength } from "./raft-codec.ts"
import { RAFT_POST_KIND } from "./raft-port.ts"
import { peerClosed } from "./wire-errors.ts"

export interface RaftLaneOptions {
  address: string
  connect: () => Promise<PeerConnection>
  /** It stands. */
  onUp: () => void
  /** It could not be made, or is gone; `stood` tells which. Not called when this side closes the lane. */
  onDown: (error: OvlError, stood: boolean) => void
  /** So many messages will not arrive. */
  onGivenUp: (messages: number) => void
  clock: Clock
  random: Random
}

interface Waiting {
  promise: Promise<PeerConnection>
  resolve: (connection: PeerConnection) => void
  reject: (error: OvlError) => void
}

export class RaftLane {
  readonly #options: RaftLaneOptions
  #connection: PeerConnection | null = null
  #upSince = 0
  #queue: Message[] = []
  #queuedBytes = 0
  /** Tries since the lane last stood for a while. */
  #tries = 0
  #waiting: Waiting | null = null
  #closed = false
  #cancelRedial: () => void = () => {}

  constructor(options: RaftLaneOptions) {
    this.#options = options
    this.#dial()
  }

  get up(): boolean {
    return this.#connection !== null
  }

  /** Bytes that have not gone out yet. */
  get queuedBytes(): number {
    return this.#queuedBytes + (this.#connection?.pendingBytes() ?? 0)
  }

  /** Takes a message, and gives up older ones where it must. */
  push(message: Message): void {
    if (this.#closed) return
    this.#queue.push(message)
    this.#queuedBytes += raftMessageLength(message)
    this.#pump()
    this.#shorten()
  }

  /** What was pushed goes out now: somebody waits for it. */
  flush(): void {
    this.#connection?.flush()
  }

  /** The connection, now or when the try under way has come to its end; rejects with why that failed. */
  whenUp(): Promise<PeerConnection> {
    if (this.#connection) return Promise.resolve(this.#connection)
    if (this.#closed) return Promise.reject(peerClosed(this.#options.address, "it is no peer any more"))
    this.#waiting ??= Promise.withResolvers<PeerConnection>()
    return this.#waiting.promise
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#cancelRedial()
    const connection = this.#connection
    this.#connection = null
    connection?.close()
    this.#queue = []
    this.#queuedBytes = 0
    this.#settle((waiting) => waiting.reject(peerClosed(this.#options.address, "it is no peer any more")))
  }

  async #dial(): Promise<void> {
    try {
      this.#begin(await this.#options.connect())
    } catch (thrown) {
      if (!this.#closed) this.#failed(asOvlError(thrown, `connecting to ${this.#options.address}`), false)
    }
  }

  #begin(connection: PeerConnection): void {
    if (this.#closed) return connection.close()
    this.#connection = connection
    this.#upSince = this.#options.clock.monotonic()
    this.#options.onUp()
    connection.onDrain(() => this.#pump())
    connection.onClose((error) => this.#ended(connection, error))
    this.#settle((waiting) => waiting.resolve(connection))
    this.#pump()
  }

  #ended(connection: PeerConnection, error?: OvlError): void {
    if (this.#connection !== connection) return
    this.#connection = null
    if (this.#options.clock.monotonic() - this.#upSince >= RAFT_REDIAL_MAX_MS) this.#tries = 0
    this.#failed(error ?? peerClosed(this.#options.address), true)
  }

  #failed(error: OvlError, stood: boolean): void {
    const lost = this.#queue.length
    this.#queue = []
    this.#queuedBytes = 0
    this.#cancelRedial = this.#options.clock.after(this.#redialMs(), () => void this.#dial())
    this.#tries++
    this.#settle((waiting) => waiting.reject(error))
    // What had gone out already may be lost too; who sent it is told either way.
    this.#options.onGivenUp(lost)
    this.#options.onDown(error, stood)
  }

  #redialMs(): number {
    const most = Math.min(RAFT_REDIAL_MIN_MS * 2 ** Math.min(this.#tries, 16), RAFT_REDIAL_MAX_MS)
    const [chance = 0] = this.#options.random.bytes(1)
    return Math.max(RAFT_REDIAL_MIN_MS, Math.round(most * (0.5 + chance / 512)))
  }

  /** Hands over what the socket may have. More follows when that has gone out. */
  #pump(): void {
    const connection = this.#connection
    let sent = 0
    while (connection && this.#connection === connection && connection.pendingBytes() < RAFT_AHEAD_MAX_BYTES) {
      const message = this.#queue[sent]
      if (message === undefined) break
      sent++
      const bytes = encodeRaftMessage(message)
      this.#queuedBytes -= bytes.length
      connection.post(RAFT_POST_KIND, bytes)
    }
    // If posting has ended the connection, the queue is another one by now.
    if (sent > 0 && this.#connection === connection) this.#queue.splice(0, sent)
  }

  /** Gives up the oldest appends until the queue is within its bounds; other messages only where there are none. */
  #shorten(): void {
    let givenUp = 0
    while (this.#queue.length > RAFT_QUEUE_MAX_MESSAGES || this.#queuedBytes > RAFT_QUEUE_MAX_BYTES) {
      const oldest = this.#queue.findIndex(({ type }) => type === "MsgApp")
      const [dropped] = this.#queue.splice(Math.max(oldest, 0), 1)
      if (dropped === undefined) break
      this.#queuedBytes -= raftMessageLength(dropped)
      givenUp++
    }
    if (givenUp > 0) this.#options.onGivenUp(givenUp)
  }

  #settle(how: (waiting: Waiting) => void): void {
    const waiting = this.#waiting
    this.#waiting = null
    if (waiting) how(waiting)
  }
}
