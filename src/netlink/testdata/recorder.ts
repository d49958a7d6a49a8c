/** A request target that keeps what was encoded, for tests. */
import { NLM_F_REQUEST } from "../constants.ts"
import { MessageWriter } from "../message.ts"
import type { RequestTarget } from "../socket.ts"

export class Recorder implements RequestTarget {
  readonly writer = new MessageWriter(0)
  private ends = 0

  begin(type: number, flags: number): MessageWriter {
    this.writer.begin(type, flags | NLM_F_REQUEST, 0)
    return this.writer
  }

  end(): void {
    this.writer.end()
    this.ends++
  }

  /** The bytes of the one request that was made. */
  only(): Uint8Array {
    if (this.ends !== 1) throw new Error(`${this.ends} requests instead of one`)
    return this.writer.bytes.subarray(0, this.writer.position)
  }
}
