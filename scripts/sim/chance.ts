/**
 * All the chance there is in a simulated life: one seed, one sequence. Parts of the world draw from streams of their own,
 * so that one more event in one of them does not change what the others do.
 */

/** sfc32 (Doty-Humphrey, PractRand): small, quick, and good enough to draw lots with. */
export class Chance {
  private a: number
  private b: number
  private c: number
  private d = 1

  constructor(seed: number) {
    this.a = (seed ^ 0x9e3779b9) | 0
    this.b = Math.imul(seed, 0x85ebca6b) | 0
    this.c = (seed >>> 7) ^ 0xc2b2ae35
    for (let i = 0; i < 15; i++) this.next()
  }

  private next(): number {
    const sum = (((this.a + this.b) | 0) + this.d) | 0
    this.d = (this.d + 1) | 0
    this.a = this.b ^ (this.b >>> 9)
    this.b = (this.c + (this.c << 3)) | 0
    this.c = (this.c << 21) | (this.c >>> 11)
    this.c = (this.c + sum) | 0
    return sum >>> 0
  }

  /** A stream that goes its own way from here on. */
  fork(): Chance {
    return new Chance(this.next())
  }

  /** From 0 up to but not including 1. */
  unit(): number {
    return this.next() / 4_294_967_296
  }

  /** An integer from 0 up to but not including `bound`. */
  below(bound: number): number {
    return Math.floor(this.unit() * bound)
  }

  /** A number from `low` up to but not including `high`. */
  between(low: number, high: number): number {
    return low + this.unit() * (high - low)
  }

  /** True in so many cases of 1. */
  happens(rate: number): boolean {
    return rate > 0 && this.unit() < rate
  }

  /** Mostly short, sometimes long: the distances between independent events. */
  exponential(mean: number): number {
    return -Math.log(1 - this.unit()) * mean
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!
  }

  /** Some of them, in an order of its own. */
  sample<T>(from: readonly T[], count: number): T[] {
    const rest = [...from]
    return Array.from({ length: Math.min(count, rest.length) }, () => rest.splice(this.below(rest.length), 1)[0]!)
  }
}
