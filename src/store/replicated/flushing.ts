/** When what is applied in memory only is to be written out: while nothing else goes on, or when it has become much. */
import {
  RAFT_LAZY_APPLY_TICKS,
  RAFT_OVERLAY_MAX_BYTES,
  RAFT_OVERLAY_MAX_ENTRIES,
  RAFT_OVERLAY_MAX_ROWS,
} from "../../base/limits.ts"
import type { AppliedState } from "./applied-state.ts"

export class Flushing {
  #appliedAt = 0
  #isWanted = false

  /** As soon as it may be. */
  wanted(): void {
    this.#isWanted = true
  }

  applied(tick: number): void {
    this.#appliedAt = tick
  }

  /** All that is applied is on its way to the disk. */
  begun(): void {
    this.#isWanted = false
  }

  /** A log of which much is applied in memory only takes long to be read after a crash, and cannot be cut. */
  isDue({ overlay, isAhead, applied, durable }: AppliedState, tick: number): boolean {
    if (!isAhead) return false
    const large =
      overlay.rows >= RAFT_OVERLAY_MAX_ROWS ||
      overlay.bytes >= RAFT_OVERLAY_MAX_BYTES ||
      applied.index - durable.index >= RAFT_OVERLAY_MAX_ENTRIES
    return large || this.#isWanted || tick - this.#appliedAt >= RAFT_LAZY_APPLY_TICKS
  }
}
