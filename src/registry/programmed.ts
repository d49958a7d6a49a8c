/**
 * Who has programmed what: an attach answers only when the other nodes' kernels know the endpoint, so that the first
 * packet finds its way. Nodes report the revision that their kernel has reached; callers wait for those that have the
 * network. All in memory: what is forgotten at a restart is reported again.
 * Each server remembers what it was told, so that it can tell a new leader.
 */
import type { Clock } from "../base/clock.ts"
import { OvlError } from "../base/errors.ts"
import { DECISION_QUEUE_MAX_CALLS } from "../base/limits.ts"
import type { Change, ChangeBatch } from "../model/catalog.ts"

interface Waiter {
  revision: number
  networkIds: string[]
  /** Nodes that have not reported the revision yet. */
  missing: Set<string>
  settle: () => void
}

export class Programmed {
  readonly #clock: Clock
  readonly #alive = new Set<string>()
  readonly #reported = new Map<string, number>()
  readonly #endpoints = new Map<string, { networkId: string; nodeId: string }>()
  /** For each network, how many endpoints each node has on it. */
  readonly #nodesOf = new Map<string, Map<string, number>>()
  readonly #waitersFor = new Map<string, Set<Waiter>>()
  #waiting = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  take(batch: ChangeBatch): void {
    if (batch.snapshot) {
      this.#alive.clear()
      this.#endpoints.clear()
      this.#nodesOf.clear()
    }
    for (const change of batch.changes) this.#apply(change)
    if (batch.snapshot) for (const nodeId of [...this.#waitersFor.keys()]) this.#review(nodeId)
  }

  report(nodeId: string, revision: number): void {
    if (revision <= (this.#reported.get(nodeId) ?? 0)) return
    this.#reported.set(nodeId, revision)
    this.#review(nodeId)
  }

  /** What each node has reported last. */
  reports(): [nodeId: string, revision: number][] {
    return [...this.#reported]
  }

  /**
   * Resolves with the ids of the nodes that have not programmed `revision` after `timeoutMs`: with none as soon as all
   * have that are alive, have one of the networks and are not the asker. Errors: `cluster_busy`.
   */
  wait(networkIds: string[], revision: number, timeoutMs: number, asker: string): Promise<string[]> {
    const concerned = new Set(networkIds.flatMap((id) => [...(this.#nodesOf.get(id)?.keys() ?? [])]))
    concerned.delete(asker)
    const waiter: Waiter = { revision, networkIds, missing: new Set(), settle: () => {} }
    for (const nodeId of concerned) if (!this.#done(nodeId, waiter)) waiter.missing.add(nodeId)
    if (waiter.missing.size === 0) return Promise.resolve([])
    if (this.#waiting >= DECISION_QUEUE_MAX_CALLS) return Promise.reject(tooManyWaiting())
    return new Promise((resolve) => {
      const cancel = this.#clock.after(timeoutMs, () => waiter.settle())
      waiter.settle = () => {
        cancel()
        this.#waiting--
        for (const nodeId of waiter.missing) this.#unlist(nodeId, waiter)
        resolve([...waiter.missing])
      }
      this.#waiting++
      for (const nodeId of waiter.missing) this.#list(nodeId, waiter)
    })
  }

  /** Whether the waiter need not wait for the node: it has programmed the revision, is dead, or has left the networks. */
  #done(nodeId: string, waiter: Waiter): boolean {
    if ((this.#reported.get(nodeId) ?? 0) >= waiter.revision || !this.#alive.has(nodeId)) return true
    return !waiter.networkIds.some((id) => this.#nodesOf.get(id)?.has(nodeId))
  }

  #review(nodeId: string): void {
    for (const waiter of [...(this.#waitersFor.get(nodeId) ?? [])]) {
      if (!this.#done(nodeId, waiter)) continue
      waiter.missing.delete(nodeId)
      this.#unlist(nodeId, waiter)
      if (waiter.missing.size === 0) waiter.settle()
    }
  }

  #list(nodeId: string, waiter: Waiter): void {
    const waiters = this.#waitersFor.get(nodeId)
    if (waiters) waiters.add(waiter)
    else this.#waitersFor.set(nodeId, new Set([waiter]))
  }

  #unlist(nodeId: string, waiter: Waiter): void {
    const waiters = this.#waitersFor.get(nodeId)
    waiters?.delete(waiter)
    if (waiters?.size === 0) this.#waitersFor.delete(nodeId)
  }

  #apply(change: Change): void {
    if (change.type === "alive") {
      if (change.value) this.#alive.add(change.id)
      else this.#alive.delete(change.id)
      this.#review(change.id)
    }
    if (change.type === "node" && change.value === null) this.#reported.delete(change.id)
    if (change.type !== "endpoint") return
    const before = this.#endpoints.get(change.id)
    if (before && !change.value) this.#leave(change.id, before)
    if (!before && change.value) this.#enter(change.id, change.value)
  }

  /** An endpoint never changes its network or node, so that only its coming and going count. */
  #enter(id: string, { networkId, nodeId }: { networkId: string; nodeId: string }): void {
    this.#endpoints.set(id, { networkId, nodeId })
    const counts = this.#nodesOf.get(networkId) ?? new Map<string, number>()
    counts.set(nodeId, (counts.get(nodeId) ?? 0) + 1)
    this.#nodesOf.set(networkId, counts)
  }

  #leave(id: string, { networkId, nodeId }: { networkId: string; nodeId: string }): void {
    this.#endpoints.delete(id)
    const counts = this.#nodesOf.get(networkId)
    const left = (counts?.get(nodeId) ?? 0) - 1
    if (left > 0) counts?.set(nodeId, left)
    else counts?.delete(nodeId)
    if (counts?.size === 0) this.#nodesOf.delete(networkId)
    if (left <= 0) this.#review(nodeId)
  }
}

function tooManyWaiting(): OvlError {
  return new OvlError("cluster_busy", "waiting for other nodes: too many calls do", {
    kind: "unavailable",
    hint: "the change was made; the nodes will follow",
  })
}
