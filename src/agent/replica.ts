/**
 * This node's copy of the catalog, kept up to date by following the cluster: each revision once, in order. A break is
 * mended by following again from the last revision seen; whoever wrote something waits here until it can be read.
 *
 * A server follows everything in its own store. A client wants the endpoints of those networks only that it takes part
 * in: the first attach on a network widens what it follows, and some time after the last detach it is narrowed again.
 */
import type { Clock } from "../base/clock.ts"
import { OvlError } from "../base/errors.ts"
import {
  INTEREST_LINGER_MS,
  INTEREST_MAX_NETWORKS,
  REPLICA_RETRY_MAX_MS,
  REPLICA_RETRY_MIN_MS,
  REPLICA_WAIT_MS,
  SERVER_CALL_BUDGET_MS,
} from "../base/limits.ts"
import type { Log } from "../base/log.ts"
import { Catalog, type Change, type ChangeBatch } from "../model/catalog.ts"
import { snapshotOf } from "../registry/interest.ts"
import type { Cluster, Follower, Interest } from "../registry/port.ts"
import { readCatalog } from "./read-catalog.ts"

interface Waiter {
  isDone: () => boolean
  /** Failures to follow the cluster that it still puts up with. */
  patience: number
  resolve: () => void
  reject: (error: OvlError) => void
  cancel: () => void
}

/** Where a change comes from: the cluster, what this node had kept on disk, or this node itself, which knows better. */
export type BatchSource = "cluster" | "disk" | "here"

/** What a node knows of the cluster at one revision. */
export interface KnownCatalog {
  revision: number
  /** The cluster's recovery epoch: revisions of another one mean something else. */
  epoch: number
  /** The networks whose endpoints are known, all of them; null: every network's. */
  networks: string[] | null
  changes: Change[]
}

export interface ReplicaOptions {
  cluster: Cluster
  clock: Clock
  log: Log
  /** Called after each batch was applied, synchronously: the kernel follows before anybody is told. */
  onBatch: (batch: ChangeBatch, source: BatchSource) => void
  /** A client's own id. Left out on a server, which follows everything. */
  nodeId?: string
  /** Endpoints that are gone, whatever the cluster still says of them. */
  isWithdrawn?: (id: string) => boolean
  /** The cluster's recovery epoch, as last heard. */
  epoch?: () => number
}

export class Replica {
  readonly catalog = new Catalog()
  /** The stream stands: what is read here is at most a moment old. */
  following = false
  /** Resolves when the cluster was heard for the first time, and everything up to then is known. */
  readonly synced: Promise<void>
  readonly #options: ReplicaOptions
  readonly #synced = Promise.withResolvers<void>()
  #follower: Follower | null = null
  #cancelRetry: (() => void) | null = null
  #cancelNarrowing: (() => void) | null = null
  #retryMs = REPLICA_RETRY_MIN_MS
  #closed = false
  #lastError: OvlError | null = null
  /** Networks whose endpoints the catalog has, all of them; null: every network's. */
  #covered: Set<string> | null
  /** Networks that attaches under way need. */
  readonly #held = new Map<string, number>()
  /** Networks that the stream was asked for; null: all. */
  #asked: Set<string> | null = null
  #head = 0
  /** In which life of the cluster the catalog was true, and which one the stream was asked for. */
  #epoch: number | null = null
  #epochAsked = 0
  readonly #waiters = new Set<Waiter>()

  constructor(options: ReplicaOptions) {
    this.#options = options
    this.#covered = options.nodeId === undefined ? null : new Set()
    this.synced = this.#synced.promise
  }

  start(): void {
    this.#follow()
  }

  close(): void {
    this.#closed = true
    this.#follower?.close()
    this.#cancelRetry?.()
    this.#cancelNarrowing?.()
    const error = new OvlError("daemon_stopping", "cannot wait: the daemon is stopping", { kind: "unavailable" })
    for (const waiter of [...this.#waiters]) this.#settle(waiter, error)
  }

  /** Begins with what was kept on disk, before any server is heard. */
  restore(known: KnownCatalog): void {
    const { revision, networks, epoch } = known
    const batch = this.#withoutWithdrawn({ revision, snapshot: true, changes: known.changes })
    this.catalog.apply(batch)
    this.#covered = this.#options.nodeId === undefined || networks === null ? null : new Set(networks)
    this.#epoch = epoch
    this.#options.onBatch(batch, "disk")
  }

  /** What is to be kept on disk; null while there is nothing. */
  known(): KnownCatalog | null {
    if (this.#epoch === null || this.catalog.revision === 0) return null
    const networks = this.#covered && [...this.#covered]
    const { revision, changes } = snapshotOf(this.catalog, null)
    return { revision, epoch: this.#epoch, networks, changes }
  }

  /** Whether every endpoint of the network is known here. */
  covers(networkId: string): boolean {
    return this.#covered === null || this.#covered.has(networkId)
  }

  /** Resolves when the catalog has reached `revision`; rejects with `replica_behind` (unavailable) after REPLICA_WAIT_MS. */
  waitFor(revision: number): Promise<void> {
    return this.#wait(
      { isDone: () => this.catalog.revision >= revision, patience: Number.POSITIVE_INFINITY },
      REPLICA_WAIT_MS,
      () => behind(revision, this.catalog.revision),
    )
  }

  /**
   * Resolves when every endpoint of these networks is known here, and will be until what it gives is called.
   * Rejects with the reason why the cluster cannot be followed, or `no_server` (unavailable), after SERVER_CALL_BUDGET_MS
   * at the latest.
   */
  async hold(networkIds: readonly string[]): Promise<() => void> {
    if (this.#options.nodeId === undefined) return () => {}
    for (const id of networkIds) this.#held.set(id, (this.#held.get(id) ?? 0) + 1)
    const isCovered = () => networkIds.every((id) => this.covers(id))
    try {
      // A stream that just breaks is taken up again; where there is none, one more try tells.
      const covered = this.#wait(
        { isDone: isCovered, patience: this.following ? 1 : 0 },
        SERVER_CALL_BUDGET_MS,
        () => this.#lastError ?? unheard(),
      )
      if (!isCovered()) this.#followAnew()
      await covered
    } catch (error) {
      this.#release(networkIds)
      throw error
    }
    return () => this.#release(networkIds)
  }

  /**
   * A catalog with all endpoints of these networks, or of all: this one where it has them, else a server is asked.
   * Rejects with `no_server` and what else a stream may end with.
   */
  async look(networkIds: readonly string[] | null): Promise<Catalog> {
    if ([...(networkIds ?? this.catalog.networks.keys())].every((id) => this.covers(id))) return this.catalog
    const late = () => this.#lastError ?? unheard()
    return readCatalog({ ...this.#options, networkIds, late, adjust: (batch) => this.#withoutWithdrawn(batch) })
  }

  /** These endpoints have been withdrawn: they are gone from here, before the cluster says so. */
  forget(ids: readonly string[]): void {
    const known = ids.filter((id) => this.catalog.endpoints.has(id))
    this.#amend(known.map((id): Change => ({ type: "endpoint", id, value: null })))
    this.#narrowSoon()
  }

  #follow(): void {
    this.#cancelRetry = null
    const interest = this.#interest()
    this.#asked = interest ? new Set(interest.networks) : null
    this.#epochAsked = this.#options.epoch?.() ?? 0
    const sameLife = this.#epoch === null || this.#epoch === this.#epochAsked
    const complete = interest !== undefined || this.#covered === null
    this.#follower = this.#options.cluster.follow(
      sameLife && complete ? this.catalog.revision : 0,
      (batch) => this.#take(batch),
      (error) => this.#retry(error),
      interest,
    )
  }

  #followAnew(): void {
    this.#cancelRetry?.()
    this.#follower?.close()
    this.#follow()
  }

  /** Undefined: everything. */
  #interest(): Interest | undefined {
    if (this.#options.nodeId === undefined) return undefined
    const wanted = new Set([...(this.#covered ?? []), ...this.#wanted()])
    if (wanted.size > INTEREST_MAX_NETWORKS) return undefined
    return { networks: [...wanted], fresh: [...wanted].filter((id) => !this.covers(id)) }
  }

  /** The networks that this node takes part in, or is about to. */
  #wanted(): Set<string> {
    const own = this.catalog.endpointsOfNode(this.#options.nodeId ?? "")
    return new Set([...own.map((endpoint) => endpoint.networkId), ...this.#held.keys()])
  }

  #take(received: ChangeBatch): void {
    if (this.#closed) return
    this.following = true
    this.#retryMs = REPLICA_RETRY_MIN_MS
    this.#lastError = null
    if (received.opening && !this.#isOfThisLife(received)) return this.#followAnew()
    const batch = this.#withoutWithdrawn(received)
    const { opening } = batch
    if (opening) {
      this.#head = opening.head
      this.#covered = opening.networks === null ? null : new Set(opening.networks)
    }
    // Endpoints of networks that are new here belong to the revision that is known already.
    if (opening && !batch.snapshot) this.catalog.amend(batch.changes)
    this.catalog.apply(batch)
    this.#options.onBatch(batch, "cluster")
    const misses = this.#misses()
    if (!misses && this.catalog.revision >= this.#head) this.#synced.resolve()
    for (const waiter of [...this.#waiters]) if (waiter.isDone()) this.#settle(waiter)
    if (opening || batch.changes.some((change) => change.type === "endpoint" && !change.value)) this.#narrowSoon()
    if (misses) this.#cancelRetry ??= this.#options.clock.after(0, () => this.#followAnew())
  }

  /**
   * An endpoint of this node turned up on a network that the stream does not bring: it was made just before a restart, and
   * what was kept on disk is older. Until that network is known, nothing may be concluded from what is missing in it.
   */
  #misses(): boolean {
    if (this.#covered === null || this.#asked === null) return false
    const { catalog } = this
    const own = catalog.endpointsOfNode(this.#options.nodeId ?? "")
    return own.some(({ networkId: id }) => catalog.networks.has(id) && !this.covers(id) && !this.#asked!.has(id))
  }

  /** The cluster may turn out to be in another life than it was asked in: then what is known says nothing of it. */
  #isOfThisLife(opening: ChangeBatch): boolean {
    const epoch = this.#options.epoch?.() ?? 0
    if (epoch !== this.#epochAsked && !opening.snapshot) return false
    this.#epoch = epoch
    return true
  }

  #retry(error: OvlError): void {
    if (this.#closed) return
    if (this.following) this.#options.log.warn("lost the servers' stream of changes", { why: error.message })
    this.following = false
    this.#lastError = error
    this.#follower = null
    this.#cancelRetry = this.#options.clock.after(this.#retryMs, () => this.#follow())
    this.#retryMs = Math.min(this.#retryMs * 2, REPLICA_RETRY_MAX_MS)
    for (const waiter of [...this.#waiters]) if (waiter.patience-- <= 0) this.#settle(waiter, error)
  }

  #withoutWithdrawn(batch: ChangeBatch): ChangeBatch {
    const isWithdrawn = this.#options.isWithdrawn ?? (() => false)
    const unwanted = (change: Change) => change.type === "endpoint" && change.value !== null && isWithdrawn(change.id)
    if (!batch.changes.some(unwanted)) return batch
    return { ...batch, changes: batch.changes.filter((change) => !unwanted(change)) }
  }

  /** Changes that have no revision of their own. */
  #amend(changes: Change[]): void {
    if (changes.length === 0) return
    this.catalog.amend(changes)
    this.#options.onBatch({ revision: this.catalog.revision, snapshot: false, changes }, "here")
  }

  #release(networkIds: readonly string[]): void {
    for (const id of networkIds) {
      const count = this.#held.get(id) ?? 0
      if (count > 1) this.#held.set(id, count - 1)
      else this.#held.delete(id)
    }
    this.#narrowSoon()
  }

  #narrowSoon(): void {
    if (this.#closed || this.#cancelNarrowing !== null || this.#unwanted().length === 0) return
    this.#cancelNarrowing = this.#options.clock.after(INTEREST_LINGER_MS, () => {
      this.#cancelNarrowing = null
      this.#narrow()
    })
  }

  #unwanted(): string[] {
    if (this.#options.nodeId === undefined) return []
    const wanted = this.#wanted()
    if (this.#covered === null && wanted.size > INTEREST_MAX_NETWORKS) return []
    return [...(this.#covered ?? this.catalog.networks.keys())].filter((id) => !wanted.has(id))
  }

  /** Gives up the networks that this node takes no part in any more. */
  #narrow(): void {
    const unwanted = this.#unwanted()
    if (this.#closed || unwanted.length === 0) return
    this.#covered = this.#wanted()
    const endpoints = unwanted.flatMap((id) => [...this.catalog.endpointsOf(id)])
    this.#amend(endpoints.map(({ id }): Change => ({ type: "endpoint", id, value: null })))
    if (this.#follower) this.#followAnew()
  }

  #wait(until: Pick<Waiter, "isDone" | "patience">, timeoutMs: number, late: () => OvlError): Promise<void> {
    if (until.isDone()) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { ...until, resolve, reject, cancel: () => {} }
      waiter.cancel = this.#options.clock.after(timeoutMs, () => this.#settle(waiter, late()))
      this.#waiters.add(waiter)
    })
  }

  #settle(waiter: Waiter, error?: OvlError): void {
    if (!this.#waiters.delete(waiter)) return
    waiter.cancel()
    if (error) waiter.reject(error)
    else waiter.resolve()
  }
}

function behind(revision: number, present: number): OvlError {
  return new OvlError("replica_behind", `cannot read revision ${revision}: this node has only ${present}`, {
    kind: "unavailable",
    hint: "the change was made; see `ovl status` for this node's connection to the servers",
  })
}

function unheard(): OvlError {
  return new OvlError("no_server", "no server of the cluster answers: none tells what is on the network", {
    kind: "unavailable",
    hint: "check that a server runs and that this node reaches its --bind port",
  })
}
