/**
 * Lock-delays: keys that a session held when it ended, and until when nobody may lock them, so that a holder who has not
 * noticed yet does no harm. Only the leader of the moment keeps them, by its own clock; they are no part of the state.
 */
import type { Clock } from "../base/clock.ts"
import { LOCK_DELAYS_MAX } from "../base/limits.ts"

export class LockDelays {
  readonly #clock: Clock
  /** The end of each key's delay, on the monotonic clock. */
  readonly #ends = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  start(key: string, delayMs: number): void {
    const now = this.#clock.monotonic()
    this.#ends.delete(key)
    this.#ends.set(key, now + delayMs)
    for (const [oldest, end] of this.#ends) {
      if (end > now && this.#ends.size <= LOCK_DELAYS_MAX) break
      this.#ends.delete(oldest)
    }
  }

  has(key: string): boolean {
    const end = this.#ends.get(key)
    if (end === undefined) return false
    if (end > this.#clock.monotonic()) return true
    this.#ends.delete(key)
    return false
  }
}
