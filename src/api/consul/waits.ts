/**
 * Blocking queries: reads that wait until their index has passed the one that the caller knows, or until their wait is
 * over (CONSUL-API section 2.2). All who wait for the same thing share one place in the store and, once it has changed,
 * one rendering of the answer, so that ten thousand readers of a key cost a write little more than one.
 */
import { OvlError } from "../../base/errors.ts"
import { HTTP_WAITERS_MAX, SHARED_ANSWERS_MAX_BYTES } from "../../base/limits.ts"
import type { Store, Wait, WaitTarget } from "../../store/port.ts"
import type { ReadOptions } from "./read-options.ts"

/** Up to this part of the wait is added, so that waiters who came together do not all come back together (B1). */
const JITTER_PART = 16

/** Who waits for one target. */
interface Group {
  wait: Wait
  waiters: Set<() => void>
}

export interface Waiting {
  target: WaitTarget
  options: ReadOptions
  /** The index of what would be answered now. */
  index: () => number
  signal: AbortSignal
}

export interface SharedAnswer {
  body: string | Uint8Array<ArrayBuffer>
  headers: Headers | Record<string, string>
  status: number
}

export class Waits {
  readonly #groups = new Map<string, Group>()
  #waiting = 0
  #answers = new Map<string, SharedAnswer>()
  #answersOf = 0
  #answersBytes = 0

  /** How many wait. */
  get size(): number {
    return this.#waiting
  }

  /**
   * Resolves at once where the present index is above the caller's, else at the first change of the target, or after the
   * wait. A caller whose index is ahead of the store - of another cluster, or from before a restore - is not left waiting
   * and so starts afresh. Throws `store_busy` (unavailable) where too many wait already.
   */
  until(store: Store, { target, options, index, signal }: Waiting): Promise<void> | undefined {
    const known = options.index
    if (known === 0n || signal.aborted || BigInt(index()) > known || known > BigInt(store.revision)) return
    if (this.#waiting >= HTTP_WAITERS_MAX)
      throw new OvlError("store_busy", `wait for a change: ${HTTP_WAITERS_MAX} requests wait already`, {
        kind: "unavailable",
      })
    const name = JSON.stringify(target)
    const { promise, resolve } = Promise.withResolvers<void>()
    const leave = () => {
      signal.removeEventListener("abort", leave)
      clearTimeout(timer)
      this.#waiting--
      this.#leave(name, leave)
      resolve()
    }
    const timer = setTimeout(leave, options.waitMs * (1 + Math.random() / JITTER_PART))
    signal.addEventListener("abort", leave)
    this.#waiting++
    try {
      this.#join(store, name, target, leave)
    } catch (error) {
      leave()
      throw error
    }
    return promise
  }

  /** What was made for this query at this revision, or is made now and kept for the others who woke with it. */
  shared(query: string, revision: number, make: () => SharedAnswer | null): SharedAnswer | null {
    if (this.#answersOf !== revision) {
      this.#answers.clear()
      this.#answersBytes = 0
      this.#answersOf = revision
    }
    const known = this.#answers.get(query)
    if (known) return known
    const answer = make()
    const bytes = answer ? answer.body.length : 0
    if (answer && this.#answersBytes + bytes <= SHARED_ANSWERS_MAX_BYTES) {
      this.#answers.set(query, answer)
      this.#answersBytes += bytes
    }
    return answer
  }

  #join(store: Store, name: string, target: WaitTarget, waiter: () => void): void {
    let group = this.#groups.get(name)
    if (!group) {
      group = { wait: store.waitFor(target, () => this.#wake(name)), waiters: new Set() }
      this.#groups.set(name, group)
    }
    group.waiters.add(waiter)
  }

  #wake(name: string): void {
    const group = this.#groups.get(name)
    this.#groups.delete(name)
    for (const waiter of group?.waiters ?? []) waiter()
  }

  #leave(name: string, waiter: () => void): void {
    const group = this.#groups.get(name)
    if (!group?.waiters.delete(waiter) || group.waiters.size > 0) return
    group.wait.cancel()
    this.#groups.delete(name)
  }
}
