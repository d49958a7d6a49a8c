/**
 * The store behind its port: it checks what is asked, has it agreed on, reads the durable state, tells the watches, and
 * keeps the leases' clocks. It stands on a backend, which keeps tables, and on a consensus, which decides what is written
 * to them; neither shows through.
 */
import type { Clock } from "../base/clock.ts"
import { OvlError } from "../base/errors.ts"
import { LEASES_MAX } from "../base/limits.ts"
import type { Log } from "../base/log.ts"
import type { Backend } from "./backend.ts"
import { expireCommand, grantCommand, revokeCommand, type Sized, transactionCommand } from "./command.ts"
import type { Consensus, OnApplied } from "./consensus.ts"
import type { Applied } from "./kv.ts"
import { type Expired, LeaseClocks } from "./leases.ts"
import type {
  Entry,
  Lease,
  Range,
  Store,
  StoreStatus,
  Transaction,
  TransactionResult,
  Watch,
  WatchBatch,
} from "./port.ts"
import { Reader } from "./reader.ts"
import { storeClosed } from "./single.ts"
import { Watchers } from "./watchers.ts"

export interface EngineOptions {
  backend: Backend
  /** Makes the consensus; `revision` is that of the state as it was found. */
  consensus: (revision: number, onApplied: OnApplied) => Consensus
  clock: Clock
  log: Log
}

export class StoreEngine implements Store {
  readonly #backend: Backend
  readonly #consensus: Consensus
  readonly #clock: Clock
  readonly #log: Log
  readonly #reader: Reader
  readonly #watchers: Watchers
  readonly #leases: LeaseClocks
  #revision: number
  #closing: Promise<void> | null = null

  constructor({ backend, consensus, clock, log }: EngineOptions) {
    this.#backend = backend
    this.#clock = clock
    this.#log = log
    this.#reader = new Reader(backend.tables)
    this.#revision = this.#reader.header().revision
    this.#watchers = new Watchers(this.#revision)
    this.#leases = new LeaseClocks(clock, (leases) => void this.#expire(leases))
    this.#consensus = consensus(this.#revision, (batch) => this.#applied(batch))
    for (const { id, ttlMs, grantRevision } of this.#reader.leases()) this.#leases.start(id, ttlMs, grantRevision)
  }

  get revision(): number {
    return this.#revision
  }

  status(): StoreStatus {
    return this.#consensus.status()
  }

  get(key: string): Entry | undefined {
    this.#checkOpen()
    return this.#reader.entry(key)
  }

  range(prefix: string, options: { after?: string; limit?: number } = {}): Range {
    this.#checkOpen()
    const limit = options.limit ?? Number.POSITIVE_INFINITY
    const entries: Entry[] = []
    const from = options.after === undefined ? prefix : `${options.after}\0`
    for (const entry of this.#reader.entries(prefix, from)) {
      if (entries.length >= limit) return { entries, more: true, revision: this.#revision }
      entries.push(entry)
    }
    return { entries, more: false, revision: this.#revision }
  }

  lastChange(prefix: string): number {
    this.#checkOpen()
    return this.#reader.lastChange(prefix)
  }

  barrier(): Promise<void> {
    return this.#consensus.barrier()
  }

  async transact(transaction: Transaction): Promise<TransactionResult> {
    const { revision, outcome } = await this.#consensus.propose(transactionCommand(transaction, this.#now()))
    switch (outcome.type) {
      case "done":
        return { succeeded: true, revision, failed: -1, changed: outcome.changed }
      case "compare_failed":
        return { succeeded: false, revision, failed: outcome.failed, changed: transaction.operations.map(() => 0) }
      case "lease_unknown":
        throw leaseUnknown(outcome.lease)
    }
  }

  watch(
    prefix: string,
    fromRevision: number,
    onBatch: (batch: WatchBatch) => void,
    onEnd: (error: OvlError) => void,
  ): Watch {
    this.#checkOpen()
    return this.#watchers.add(prefix, fromRevision, onBatch, onEnd)
  }

  async grantLease(id: string, ttlMs: number): Promise<Lease> {
    if (this.#leases.size >= LEASES_MAX && !this.#leases.has(id))
      throw new OvlError("store_busy", `grant lease: there are ${LEASES_MAX} leases already`, { kind: "unavailable" })
    await this.#consensus.propose(grantCommand(id, ttlMs, this.#now()))
    return { id, ttlMs }
  }

  async renewLease(id: string): Promise<Lease> {
    this.#checkOpen()
    const lease = this.#leases.renew(id)
    if (!lease) throw leaseUnknown(id)
    return lease
  }

  async revokeLease(id: string): Promise<void> {
    await this.#consensus.propose(revokeCommand(id, this.#now()))
  }

  leases(): Lease[] {
    return this.#leases.list()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#leases.close()
    await this.#consensus.close()
    this.#leases.close()
    this.#watchers.close(storeClosed())
    await this.#backend.close()
  }

  #checkOpen(): void {
    if (this.#closing) throw storeClosed()
  }

  #now(): number {
    return Math.floor(this.#clock.now())
  }

  /** The effects of one commit, which is durable now. */
  #applied(batch: Applied[]): void {
    const last = batch.at(-1)
    if (last) this.#revision = last.revision
    for (const { revision, changed, events, leases } of batch) {
      if (!changed) continue
      for (const { id, lease } of leases) {
        if (lease) this.#leases.start(id, lease.ttlMs, lease.grantRevision)
        else this.#leases.end(id)
      }
      if (events.length > 0) this.#watchers.publish({ revision, events })
    }
  }

  async #expire(leases: Expired): Promise<void> {
    if (this.#closing) return
    const proposal: Sized = expireCommand(leases, this.#now())
    try {
      await this.#consensus.propose(proposal)
      this.#log.info("leases expired", { count: leases.length, first: leases[0]?.id })
    } catch (thrown) {
      if (this.#closing) return
      this.#log.warn("leases expired, but that could not be written", { error: String(thrown), first: leases[0]?.id })
      this.#leases.retry(leases)
    }
  }
}

function leaseUnknown(id: string): OvlError {
  return new OvlError("lease_unknown", `lease ${id}: there is none, or it has expired`, { kind: "not_found" })
}
