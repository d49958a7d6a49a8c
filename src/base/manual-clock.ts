/**
 * A clock that moves only when it is told to, and fires each timer at its time. Tests of anything that takes a `Clock`
 * use it, so that none of them waits and none depends on how busy the machine is. No program imports it.
 */
import type { Clock } from "./clock.ts"

interface Timer {
  at: number
  callback: () => void
}

export class ManualClock implements Clock {
  #time: number
  readonly #timers = new Set<Timer>()

  /** Begins at `time`, in milliseconds since the epoch. */
  constructor(time = 1_000_000) {
    this.#time = time
  }

  now(): number {
    return this.#time
  }

  monotonic(): number {
    return this.#time
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#time + ms, callback }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  get timers(): number {
    return this.#timers.size
  }

  /** When the first timer is due; null where none runs. */
  next(): number | null {
    return this.#timers.size === 0 ? null : Math.min(...[...this.#timers].map((timer) => timer.at))
  }

  advance(ms: number): void {
    const end = this.#time + ms
    for (;;) {
      const due = [...this.#timers].filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0]
      if (!due) break
      this.#timers.delete(due)
      this.#time = Math.max(this.#time, due.at)
      due.callback()
    }
    this.#time = end
  }
}
