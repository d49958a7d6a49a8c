/**
 * This node's copy of the catalog, kept up to date by following the cluster: each revision once, in order. A break is
 * mended by following again from the last revision seen; whoever wrote something waits here until it can be read.
 */
import type { Clock } from "../base/clock.ts"
import { OvlError } from "../base/errors.ts"
import { REPLICA_RETRY_MAX_MS, REPLICA_RETRY_MIN_MS, REPLICA_WAIT_MS } from "../base/limits.ts"
import type { Log } from "../base/log.ts"
import { Catalog, type ChangeBatch } from "../model/catalog.ts"
import type { Cluster, Follower } from "../registry/port.ts"

interface Waiter {
  revision: number
  resolve: () => void
  reject: (error: OvlError) => void
  cancel: () => void
}

export interface ReplicaOptions {
  cluster: Cluster
  clock: Clock
  log: Log
  /** Called after each batch was applied, synchronously: the kernel follows before anybody is told. */
  onBatch: (batch: ChangeBatch) => void
}

export class Replica {
  readonly catalog = new Catalog()
  /** The stream stands: what is read here is at most a moment old. */
  following = false
  readonly #options: ReplicaOptions
  #follower: Follower | null = null
  #cancelRetry: (() => void) | null = null
  #retryMs = REPLICA_RETRY_MIN_MS
  #closed = false
  readonly #waiters = new Set<Waiter>()

  constructor(options: ReplicaOptions) {
    this.#options = options
  }

  start(): void {
    this.#follow()
  }

  close(): void {
    this.#closed = true
    this.#follower?.close()
    this.#cancelRetry?.()
    const error = new OvlError("daemon_stopping", "cannot wait: the daemon is stopping", { kind: "unavailable" })
    for (const waiter of [...this.#waiters]) this.#settle(waiter, error)
  }

  /** Resolves when the catalog has reached `revision`; rejects with `replica_behind` (unavailable) after REPLICA_WAIT_MS. */
  waitFor(revision: number): Promise<void> {
    if (this.catalog.revision >= revision) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { revision, resolve, reject, cancel: () => {} }
      const late = () =>
        this.#settle(
          waiter,
          new OvlError(
            "replica_behind",
            `cannot read revision ${revision}: this node has only ${this.catalog.revision}`,
            {
              kind: "unavailable",
              hint: "the change was made; see `ovl status` for this node's connection to the servers",
            },
          ),
        )
      waiter.cancel = this.#options.clock.after(REPLICA_WAIT_MS, late)
      this.#waiters.add(waiter)
    })
  }

  #follow(): void {
    this.#cancelRetry = null
    this.#follower = this.#options.cluster.follow(
      this.catalog.revision,
      (batch) => this.#take(batch),
      (error) => this.#retry(error),
    )
  }

  #take(batch: ChangeBatch): void {
    if (this.#closed) return
    this.following = true
    this.#retryMs = REPLICA_RETRY_MIN_MS
    this.catalog.apply(batch)
    this.#options.onBatch(batch)
    for (const waiter of [...this.#waiters]) if (waiter.revision <= this.catalog.revision) this.#settle(waiter)
  }

  #retry(error: OvlError): void {
    if (this.#closed) return
    if (this.following) this.#options.log.warn("lost the servers' stream of changes", { why: error.message })
    this.following = false
    this.#follower = null
    this.#cancelRetry = this.#options.clock.after(this.#retryMs, () => this.#follow())
    this.#retryMs = Math.min(this.#retryMs * 2, REPLICA_RETRY_MAX_MS)
  }

  #settle(waiter: Waiter, error?: OvlError): void {
    if (!this.#waiters.delete(waiter)) return
    waiter.cancel()
    if (error) waiter.reject(error)
    else waiter.resolve()
  }
}
