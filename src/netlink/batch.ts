/** Many requests in as few sends as possible: what makes ten thousand peers a matter of milliseconds. */
import { NETLINK_REQUEST_MAX_BYTES } from "../base/limits.ts"
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
      this.writer.reset()
      this.count = 0
    }
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
