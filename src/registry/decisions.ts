/**
 * How the registry decides: read the store, refuse or work out the changes, and commit them only if what was read still
 * holds; otherwise once more. Decisions about the same thing wait for each other within this process, so that callers
 * who want an address at the same moment do not undo each other's work; between servers the compares alone keep order.
 */
import { assert } from "../base/assert.ts"
import { OvlError } from "../base/errors.ts"
import { DECISION_ATTEMPTS_MAX, DECISION_QUEUE_MAX_CALLS } from "../base/limits.ts"
import type { Compare, Operation, Store } from "../store/port.ts"
import { OVL_PREFIX } from "./keys.ts"

export interface Decision<T> {
  /** Everything that was read and that the decision rests on. */
  compare: Compare[]
  /** What is to be changed; nothing: the decision is that all is well as it is. */
  operations: Operation[]
  result: T
}

export class Decisions {
  readonly #store: Store
  readonly #tails = new Map<string, Promise<void>>()
  #waiting = 0

  constructor(store: Store) {
    this.#store = store
  }

  /**
   * Runs `attempt` until its decision was committed or it throws. `about` names what the decision is about: of two calls
   * with a word in common, the later one waits. The answer's revision is that of the commit.
   * Errors: what `attempt` throws, once it is sure that it read the newest state; `cluster_busy` (unavailable).
   */
  run<T>(about: string[], attempt: () => Decision<T>): Promise<{ result: T; revision: number }> {
    return this.#inTurn(about, () => this.#decide(attempt))
  }

  /** Runs a task that is no decision, but must not meet one about the same thing. Errors: `cluster_busy`. */
  exclusively<T>(about: string, task: () => Promise<T>): Promise<T> {
    return this.#inTurn([about], task)
  }

  async #decide<T>(attempt: () => Decision<T>): Promise<{ result: T; revision: number }> {
    for (let tries = 0; tries < DECISION_ATTEMPTS_MAX; tries++) {
      const decision = await this.#current(attempt)
      if (decision.operations.length === 0) return { result: decision.result, revision: registryRevision(this.#store) }
      const { succeeded, revision } = await this.#store.transact(decision)
      if (succeeded) return { result: decision.result, revision }
    }
    throw busy("too many changes at once")
  }

  /** A refusal counts only if it was not made on old state: a server that follows may be a moment behind. */
  async #current<T>(attempt: () => Decision<T>): Promise<Decision<T>> {
    const revision = this.#store.revision
    try {
      return attempt()
    } catch (refusal) {
      await this.#store.barrier()
      if (this.#store.revision === revision) throw refusal
      return attempt()
    }
  }

  async #inTurn<T>(about: string[], task: () => Promise<T>): Promise<T> {
    if (this.#waiting >= DECISION_QUEUE_MAX_CALLS) throw busy("too many calls are waiting")
    assert(
      about.every((word) => word !== ""),
      "a decision must be about something",
    )
    const before = about.map((word) => this.#tails.get(word)).filter((tail) => tail !== undefined)
    const { promise: tail, resolve: leave } = Promise.withResolvers<void>()
    for (const word of about) this.#tails.set(word, tail)
    this.#waiting++
    try {
      await Promise.all(before)
      return await task()
    } finally {
      this.#waiting--
      for (const word of about) if (this.#tails.get(word) === tail) this.#tails.delete(word)
      leave()
    }
  }
}

/**
 * The revision of the registry's last change. Followers see no other revisions, so that the store's own, which a write to
 * the Consul-compatible KV moves on too, is none that anybody could wait for.
 */
export function registryRevision(store: Store): number {
  return store.lastChange(OVL_PREFIX)
}

function busy(why: string): OvlError {
  return new OvlError("cluster_busy", `the cluster: ${why}`, { kind: "unavailable", hint: "try again in a moment" })
}
