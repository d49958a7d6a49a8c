/** Many requests in as few sends as possible: what makes ten thousand peers a matter of milliseconds. */
import { assert } from "../base/assert.ts"
import { NETLINK_REQUEST_MAX_BYTES } from "../base/limits.ts"
import { writeTogether } from "../linux/parallel-write.ts"
import { NLM_F_REQUEST } from "./constants.ts"
import type { NetlinkError } from "./errors.ts"
import { MessageWriter } from "./message.ts"
import type { NetlinkSocket, RequestTarget } from "./socket.ts"

export interface BatchResult {
  /** How many requests were sent: all of them, since the kernel goes on after a refusal. */
  readonly sent: number
  /** Those that were refused, in order; each knows its `index` in the batch. */
  readonly failures: readonly NetlinkError[]
}

/**
 * Sends batches of different sockets at the same time, and learns the outcome of every request: for those on which the
 * kernel waits more than it works. Their order is not defined. Each has one send's worth of requests at most.
 */
export function sendTogether(batches: readonly Batch[]): (readonly NetlinkError[])[] {
  return Batch.sendTogether(batches)
}

/** Collects requests for one socket. Not a transaction: a refused request does not stop the ones behind it. */
export class Batch implements RequestTarget {
  private readonly writer = new MessageWriter(NETLINK_REQUEST_MAX_BYTES)
  private count = 0

  constructor(private readonly socket: NetlinkSocket) {}

  /** How many requests wait to be sent. */
  get length(): number {
    return this.count
  }

  begin(type: number, flags: number): MessageWriter {
    this.writer.begin(type, flags | NLM_F_REQUEST, 0)
    return this.writer
  }

  end(): void {
    this.writer.end()
    this.count++
  }

  /** Sends everything and learns the outcome of every request. The batch is empty afterwards and may be refilled. */
  send(): BatchResult {
    const sent = this.count
    try {
      return { sent, failures: this.socket.transact(this.writer) }
    } finally {
      this.clear()
    }
  }

  /** See the function of that name. */
  static sendTogether(batches: readonly Batch[]): (readonly NetlinkError[])[] {
    const pieces = batches.map((batch) => {
      const piece = batch.socket.piece(batch.writer, { at: 0, index: 0 })
      assert(piece !== null && piece.count === batch.count, "netlink: a batch for one send is empty, or too large")
      return { fd: batch.socket.fd, bytes: piece.requests, batch, piece }
    })
    try {
      writeTogether(pieces)
      return pieces.map(({ batch, piece }) => batch.socket.answers(piece))
    } finally {
      for (const { batch } of pieces) batch.clear()
    }
  }

  private clear(): void {
    this.writer.reset()
    this.count = 0
  }

  /**
   * As `send`, but throws the first refusal. `except` names errors that count as done, such as ENOENT and ENODEV for
   * deletions.
   */
  commit(except: readonly string[] = []): void {
    const failure = this.send().failures.find((one) => !except.includes(one.errnoName))
    if (failure !== undefined) throw failure
  }
}
