/**
 * Waits: whoever wants to know of the next change of a key, or below a prefix, is woken once. Keys are found in a map and
 * prefixes in a prefix tree, so that a write costs nothing for those who wait for something else, and one who goes away
 * is forgotten at once.
 */
import { OvlError } from "../base/errors.ts"
import { WATCHERS_MAX } from "../base/limits.ts"
import type { Wait, WaitTarget, WatchEvent } from "./port.ts"
import { PrefixTrie } from "./trie.ts"

interface Waiter {
  name: string
  isPrefix: boolean
  /** Null: it was woken, or went away. */
  wake: (() => void) | null
}

/** Sessions wait among the keys, under names that no key, being bytes, can have. */
const SESSIONS = "\u0100"

export class Waits {
  readonly #keys = new Map<string, Set<Waiter>>()
  readonly #prefixes = new PrefixTrie<Waiter>()
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Throws `store_busy`. */
  add(target: WaitTarget, wake: () => void): Wait {
    if (this.#size >= WATCHERS_MAX)
      throw new OvlError("store_busy", `wait: there are ${WATCHERS_MAX} waiting already`, { kind: "unavailable" })
    const waiter: Waiter = { name: nameOf(target), isPrefix: "prefix" in target, wake }
    if (waiter.isPrefix) this.#prefixes.add(waiter.name, waiter)
    else {
      const waiters = this.#keys.get(waiter.name)
      if (waiters) waiters.add(waiter)
      else this.#keys.set(waiter.name, new Set([waiter]))
    }
    this.#size++
    return { cancel: () => this.#take(waiter) }
  }

  /** One revision's changes: of keys, and of sessions. */
  publish(events: WatchEvent[], sessions: string[]): void {
    if (this.#size === 0) return
    const woken = new Set<Waiter>()
    const wakeAll = (waiters: Iterable<Waiter>): void => {
      for (const waiter of waiters) woken.add(waiter)
    }
    for (const { key } of events) {
      const waiters = this.#keys.get(key)
      if (waiters) wakeAll(waiters)
      if (this.#prefixes.size > 0) this.#prefixes.visit(key, wakeAll)
    }
    for (const id of sessions) wakeAll(this.#keys.get(SESSIONS + id) ?? [])
    if (sessions.length > 0) wakeAll(this.#keys.get(SESSIONS) ?? [])
    this.#wake(woken)
  }

  wakeEveryone(): void {
    this.#wake([...[...this.#keys.values()].flatMap((waiters) => [...waiters]), ...this.#prefixes.values()])
  }

  #wake(woken: Iterable<Waiter>): void {
    for (const waiter of woken) {
      const wake = this.#take(waiter)
      try {
        wake?.()
      } catch (mistake) {
        // A callback that throws is a mistake of its owner: it ends the program, but not in the middle of a commit.
        queueMicrotask(() => {
          throw mistake
        })
      }
    }
  }

  #take(waiter: Waiter): (() => void) | null {
    const { wake } = waiter
    if (!wake) return null
    waiter.wake = null
    this.#size--
    if (waiter.isPrefix) this.#prefixes.remove(waiter.name, waiter)
    else {
      const waiters = this.#keys.get(waiter.name)
      waiters?.delete(waiter)
      if (waiters?.size === 0) this.#keys.delete(waiter.name)
    }
    return wake
  }
}

function nameOf(target: WaitTarget): string {
  if ("key" in target) return target.key
  if ("prefix" in target) return target.prefix
  return "session" in target ? SESSIONS + target.session : SESSIONS
}
