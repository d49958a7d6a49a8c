/**
 * The revision that reads show, and those who wait for a later one: on a member that follows, who wrote through the leader
 * waits here until what he wrote has come back.
 */
import type { Clock } from "../base/clock.ts"

interface Waiter {
  revision: number
  settle: (reached: boolean) => void
}

export class Reached {
  readonly #clock: Clock
  #revision: number
  #closed = false
  readonly #waiters = new Set<Waiter>()

  constructor(revision: number, clock: Clock) {
    this.#revision = revision
    this.#clock = clock
  }

  get revision(): number {
    return this.#revision
  }

  set(revision: number): void {
    this.#revision = revision
    for (const waiter of this.#waiters) if (waiter.revision <= revision) waiter.settle(true)
  }

  /** Resolves with whether it was reached within `timeoutMs`. */
  wait(revision: number, timeoutMs: number): Promise<boolean> {
    if (revision <= this.#revision || this.#closed || timeoutMs <= 0) return Promise.resolve(revision <= this.#revision)
    return new Promise((resolve) => {
      const settle = (reached: boolean) => {
        cancel()
        this.#waiters.delete(waiter)
        resolve(reached)
      }
      const waiter = { revision, settle }
      const cancel = this.#clock.after(timeoutMs, () => settle(false))
      this.#waiters.add(waiter)
    })
  }

  close(): void {
    this.#closed = true
    for (const waiter of this.#waiters) waiter.settle(false)
  }
}
