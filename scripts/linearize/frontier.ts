/**
 * What may be the case at one moment of a history: possibilities, each a state and which of the pending operations were
 * done to come to it. Of two possibilities with the same state only the better one is kept: what it leaves open
 * includes all that the other does.
 */
import { isPartOf, type Numbers } from "./numbers.ts"

/** An order of operations, from the last one back. */
export interface Trail {
  index: number
  before: Trail | null
}

/** Operations are known by their index in the order of invocation. */
export interface Possibility<State> {
  state: State
  /** Equal for equal states only. */
  key: string
  /** Answered operations that are done, and of which the answer is still to come. */
  done: Numbers
  /** Answered operations that may be counted as done, or be done later instead: it makes no difference so far. */
  free: Numbers
  /** Operations of unknown outcome that are done; the others are free. */
  used: Numbers
  trail: Trail | null
  /** The state before the operations at the end of the trail that were free; undefined where the last one was not. */
  base: State | undefined
  /** False once a better one was found. */
  kept: boolean
}

export class Frontier<State> {
  private readonly byState = new Map<string, Possibility<State>[]>()
  private count = 0

  get size(): number {
    return this.count
  }

  /** False where one that is as good is there already; those that are worse go. */
  add(possibility: Possibility<State>): boolean {
    const same = this.byState.get(possibility.key)
    if (same === undefined) this.byState.set(possibility.key, [possibility])
    else {
      if (same.some((other) => isAsGood(other, possibility))) return false
      const rest = same.filter((other) => !isAsGood(possibility, other))
      if (rest.length < same.length) for (const other of same) other.kept = rest.includes(other)
      this.count += rest.length - same.length
      rest.push(possibility)
      this.byState.set(possibility.key, rest)
    }
    this.count += 1
    return true
  }

  *[Symbol.iterator](): Iterator<Possibility<State>> {
    for (const same of this.byState.values()) yield* same
  }
}

/** Each operation is, in the first, either as it is in the second or free. Their states are equal. */
function isAsGood<State>(one: Possibility<State>, other: Possibility<State>): boolean {
  return (
    isPartOf(one.used, other.used) &&
    isPartOf(one.done, other.done) &&
    isPartOf(other.free, one.free) &&
    other.done.every((index) => one.done.includes(index) || one.free.includes(index))
  )
}
