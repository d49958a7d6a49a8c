/** Every node answers probes, always: to members only, at their own address, and no more than so many a second. */
import type { Clock } from "../base/clock.ts"
import { PROBE_ANSWERS_PER_SECOND_MAX } from "../base/limits.ts"

/** A bucket of tokens: as many at once as a second brings. */
export class AnswerRate {
  readonly #clock: Clock
  #tokens = PROBE_ANSWERS_PER_SECOND_MAX
  #at: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#at = clock.monotonic()
  }

  /** Whether one more may be given now. */
  take(): boolean {
    const now = this.#clock.monotonic()
    const grown = ((now - this.#at) / 1_000) * PROBE_ANSWERS_PER_SECOND_MAX
    this.#tokens = Math.min(PROBE_ANSWERS_PER_SECOND_MAX, this.#tokens + grown)
    this.#at = now
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}

export interface Heard {
  small: boolean
  full: boolean
}

/** What was heard lately, by round and sender; the oldest is forgotten. */
export class HeardProbes {
  readonly #heard = new Map<string, Heard>()
  readonly #max: number

  constructor(max: number) {
    this.#max = max
  }

  note(round: string, from: string, what: Partial<Heard>): void {
    const key = `${round}/${from}`
    const before = this.of(round, from)
    this.#heard.delete(key)
    this.#heard.set(key, { small: before.small || what.small === true, full: before.full || what.full === true })
    if (this.#heard.size > this.#max) this.#heard.delete(this.#heard.keys().next().value!)
  }

  of(round: string, from: string): Heard {
    return this.#heard.get(`${round}/${from}`) ?? { small: false, full: false }
  }
}
