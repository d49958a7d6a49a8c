/** Chance that a seed repeats: the plan of faults and what clients ask for come from it, so that a failure can be tried again. */

export class Seeded {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** For another purpose: what one purpose draws does not change what another gets. */
  fork(purpose: string): Seeded {
    let hash = this.#state ^ 0x811c9dc5
    for (const character of purpose) hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193)
    return new Seeded(hash)
  }

  /** 0 up to but not 1. Mulberry32: 32 bits of state are plenty for a test. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }

  /** A whole number from `low` to `high`, both included. */
  whole(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1))
  }

  pick<T>(choices: readonly T[]): T {
    if (choices.length === 0) throw new Error("nothing to pick from")
    return choices[this.whole(0, choices.length - 1)]!
  }

  /** As `pick`, where each choice comes up in proportion to its weight. */
  weighted<T extends string>(weights: Readonly<Partial<Record<T, number>>>): T {
    const entries = Object.entries(weights) as [T, number][]
    let left = this.next() * entries.reduce((sum, [, weight]) => sum + weight, 0)
    for (const [choice, weight] of entries) {
      left -= weight
      if (left < 0) return choice
    }
    return entries.at(-1)![0]
  }

  shuffled<T>(items: readonly T[]): T[] {
    const rest = [...items]
    const out: T[] = []
    while (rest.length > 0) out.push(...rest.splice(this.whole(0, rest.length - 1), 1))
    return out
  }
}
