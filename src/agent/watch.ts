/**
 * The watch over the kernel: asks in short intervals where something changed, and has just that looked at. Changes that
 * came together are one look, which gives way to everybody else piece by piece; a look is no longer followed at once by
 * another when looks have become costly, so that a host on which much happens is not busy with being watched.
 */
import type { Clock } from "../base/clock.ts"
import { asOvlError } from "../base/errors.ts"
import {
  WATCH_GLANCE_MS,
  WATCH_OWN_DELAY_MS,
  WATCH_PAUSE_FACTOR,
  WATCH_PAUSE_MAX_MS,
  WATCH_POLL_MS,
  WATCH_SLICE_PLACES,
  WATCH_YIELD_MS,
} from "../base/limits.ts"
import type { Log } from "../base/log.ts"
import { isHiddenPath } from "../kernel/namespace-sockets.ts"
import type { Kernel, KernelWatch, Touched } from "../kernel/port.ts"
import { HOST_NAMESPACE, type NamespacePath } from "../model/dataplane.ts"

export interface WatchOptions {
  kernel: Pick<Kernel, "watch">
  clock: Clock
  log: Log
  /** Where to look, beside the host's own namespace. */
  namespaces: () => ReadonlySet<NamespacePath>
  /** Looks at these, and at the host's rules, and sets right what is wrong. */
  check: (namespaces: ReadonlySet<NamespacePath>, rules: boolean) => void
  /** Looks at everything. */
  checkAll: () => void
}

export class Watch {
  readonly #o: WatchOptions
  #kernel: KernelWatch | null = null
  #cancelTimer: () => void = () => {}
  #followed: ReadonlySet<NamespacePath> = new Set()
  #nextGlance = 0
  /** No look before this moment of the clock. */
  #restUntil = 0
  /** What the slices of a look that is not yet at its end have taken. */
  #spentMs = 0
  /** When which namespace is to be looked at. */
  readonly #due = new Map<NamespacePath, number>()
  #rulesDue = Number.POSITIVE_INFINITY
  #everything = false
  #failing = false
  readonly #hostListeners = new Set<() => void>()

  constructor(options: WatchOptions) {
    this.#o = options
  }

  /** What changes from now on is noticed; what was wrong before is for a whole look. */
  start(): void {
    this.#kernel = this.#o.kernel.watch()
    this.#nextGlance = this.#o.clock.monotonic() + WATCH_GLANCE_MS
    this.#again()
  }

  /** Calls back whenever something changed in the host's own namespace, such as its addresses. */
  onHost(listener: () => void): void {
    this.#hostListeners.add(listener)
  }

  close(): void {
    this.#cancelTimer()
    this.#hostListeners.clear()
    this.#kernel?.close()
    this.#kernel = null
  }

  #again(afterMs = WATCH_POLL_MS): void {
    this.#cancelTimer = this.#o.clock.after(afterMs, () => {
      const more = this.#turn()
      if (this.#kernel) this.#again(more ? WATCH_YIELD_MS : WATCH_POLL_MS)
    })
  }

  /** True if there is more to look at as soon as others had their turn. */
  #turn(): boolean {
    try {
      if (this.#spentMs === 0) this.#takeNote()
      const more = this.#lookWhereDue()
      this.#failing = false
      return more
    } catch (error) {
      // The whole look goes on by its own timer.
      if (!this.#failing) this.#o.log.error("cannot watch the kernel", { why: asOvlError(error).message })
      this.#failing = true
      this.#spentMs = 0
      return false
    }
  }

  #takeNote(): void {
    const watch = this.#kernel!
    const now = this.#o.clock.monotonic()
    this.#follow(watch, now)
    this.#note(watch.read(), now)
    if (now < this.#nextGlance) return
    this.#nextGlance = now + WATCH_GLANCE_MS
    this.#note(watch.glance(), now)
  }

  /** What happened in a namespace before it was followed was not told: it is looked at once. */
  #follow(watch: KernelWatch, now: number): void {
    const namespaces = this.#o.namespaces()
    if (namespaces === this.#followed) return
    const added = [...namespaces.difference(this.#followed)]
    if (added.length === 0 && namespaces.size === this.#followed.size) return
    watch.follow(namespaces)
    this.#followed = namespaces
    for (const path of added) this.#lookAt(path, now + WATCH_OWN_DELAY_MS)
    for (const path of this.#due.keys()) if (path !== HOST_NAMESPACE && !namespaces.has(path)) this.#due.delete(path)
  }

  #note({ byOthers, byUs, rules, everything }: Touched, now: number): void {
    for (const path of byOthers) this.#lookAt(path, now)
    for (const path of byUs) this.#lookAt(path, now + WATCH_OWN_DELAY_MS)
    if (rules !== null) this.#rulesDue = Math.min(this.#rulesDue, rules === "us" ? now + WATCH_OWN_DELAY_MS : now)
    this.#everything ||= everything
  }

  /** Never later than was meant before: else a busy namespace would not be looked at at all. */
  #lookAt(path: NamespacePath, when: number): void {
    this.#due.set(path, Math.min(this.#due.get(path) ?? Number.POSITIVE_INFINITY, when))
  }

  #lookWhereDue(): boolean {
    const { clock } = this.#o
    const now = clock.monotonic()
    if (now < this.#restUntil) return false
    const { namespaces, more } = this.#slice(now)
    const rules = this.#rulesDue <= now
    if (!this.#everything && !rules && namespaces.size === 0) return false
    for (const path of namespaces) this.#due.delete(path)
    if (rules) this.#rulesDue = Number.POSITIVE_INFINITY
    if (this.#everything || namespaces.has(HOST_NAMESPACE)) for (const listener of this.#hostListeners) listener()
    if (this.#everything) this.#o.checkAll()
    else this.#o.check(namespaces, rules)
    this.#everything = false
    const end = clock.monotonic()
    this.#spentMs += end - now
    if (more) return true
    this.#restUntil = end + Math.min(this.#spentMs * WATCH_PAUSE_FACTOR, WATCH_PAUSE_MAX_MS)
    this.#spentMs = 0
    return false
  }

  /** What is looked at without others getting a turn: one bridge's namespace, in which many ports may be, and some workloads'. */
  #slice(now: number): { namespaces: Set<NamespacePath>; more: boolean } {
    const namespaces = new Set<NamespacePath>()
    let bridges = 0
    for (const [path, when] of this.#due) {
      if (when > now) continue
      const isBridge = path === HOST_NAMESPACE || isHiddenPath(path)
      if (namespaces.size === WATCH_SLICE_PLACES || (isBridge && bridges > 0)) return { namespaces, more: true }
      namespaces.add(path)
      if (isBridge) bridges++
    }
    return { namespaces, more: false }
  }
}
