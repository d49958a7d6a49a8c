/**
 * The store behind its port: it checks what is asked, has it agreed on, reads the durable state, tells the watches, and
 * keeps the leases' clocks. It stands on a backend, which keeps tables, and on a consensus, which decides what is written
 * to them; neither shows through.
 */
import type { Clock } from "../base/clock.ts"
import { assert } from "../base/assert.ts"
import { OvlError } from "../base/errors.ts"
import { LEASES_MAX, SESSIONS_MAX } from "../base/limits.ts"
import type { Log } from "../base/log.ts"
import type { Backend } from "./backend.ts"
import {
  endCommand,
  expireCommand,
  grantCommand,
  invalidateCommand,
  kvCommand,
  openCommand,
  revokeCommand,
  type Sized,
  transactionCommand,
} from "./command.ts"
import { type Consensus, storeClosed } from "./consensus.ts"
import { Holders } from "./holders.ts"
import type { Applied } from "./applied.ts"
import type { Expired } from "./leases.ts"
import type {
  KvOptions,
  KvResult,
  KvVerb,
  Lease,
  Session,
  SessionSpec,
  SnapshotExport,
  SnapshotInfo,
  SnapshotScope,
  Store,
  StoreStatus,
  Transaction,
  TransactionResult,
  View,
  Wait,
  WaitTarget,
  Watch,
  WatchBatch,
} from "./port.ts"
import { Reached } from "./reached.ts"
import { Reader } from "./reader.ts"
import { notLeader } from "./replicated/fates.ts"
import { refused, StateReads, withoutKey } from "./reads.ts"
import { proposeRestore } from "./restore-proposal.ts"
import { exportChunks } from "./snapshot-export.ts"
import { receiveSnapshot } from "./snapshot-import.ts"
import { Views } from "./views.ts"
import { Waits } from "./waits.ts"
import { Watchers } from "./watchers.ts"

export interface EngineOptions {
  backend: Backend
  /** Not begun yet. */
  consensus: Consensus
  clock: Clock
  log: Log
}

export class StoreEngine extends StateReads implements Store {
  readonly #backend: Backend
  readonly #reader: Reader
  readonly #consensus: Consensus
  readonly #clock: Clock
  readonly #log: Log
  readonly #watchers: Watchers
  readonly #waits = new Waits()
  readonly #views: Views
  readonly #holders: Holders
  readonly #state: { revision: number; closing: Promise<void> | null; restoring: boolean }
  readonly #reached: Reached

  constructor({ backend, consensus, clock, log }: EngineOptions) {
    const reader = new Reader(consensus.state.tables)
    const reached = new Reached(reader.header().revision, clock)
    const state = {
      get revision() {
        return reached.revision
      },
      set revision(revision: number) {
        reached.set(revision)
      },
      closing: null,
      restoring: false,
    }
    super(
      reader,
      () => state.revision,
      () => checkOpen(state),
    )
    this.#state = state
    this.#reached = reached
    this.#backend = backend
    this.#reader = reader
    this.#clock = clock
    this.#log = log
    this.#watchers = new Watchers(state.revision)
    this.#views = new Views(consensus.state, clock)
    this.#holders = new Holders(clock, (holders) => void this.#expire(holders))
    this.#consensus = consensus
    this.#findHolders()
    consensus.begin({
      onApplied: (batch) => this.#applied(batch),
      onInstalled: () => this.#installed(),
      onLead: (leads) => this.#holders.lead(leads),
    })
  }

  status(): StoreStatus {
    return this.#consensus.status()
  }

  barrier(): Promise<void> {
    return this.#consensus.barrier()
  }

  reached(revision: number, timeoutMs: number): Promise<boolean> {
    return this.#reached.wait(revision, timeoutMs)
  }

  view(): View {
    checkOpen(this.#state)
    return this.#views.open(this.revision)
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
      default:
        throw unexpected(outcome)
    }
  }

  async kv(verbs: KvVerb[], { root = "" }: KvOptions = {}): Promise<KvResult> {
    const empty = withoutKey(verbs, root)
    if (empty.length > 0) return refused(empty, this.revision, root)
    const proposal = kvCommand(verbs, this.#now())
    // Whether a key may be locked is the leader's to say, before the others hear of it (CONSUL-API, S12).
    if (verbs.some(({ verb }) => verb === "lock")) {
      if (this.#holders.areEnding) await this.#holders.ended()
      const delayed = verbs.flatMap((verb, index) =>
        verb.verb === "lock" && this.#holders.isDelayed(verb.key) ? [{ index, code: "delayed" as const, verb }] : [],
      )
      if (delayed.length > 0) return refused(delayed, this.revision, root)
    }
    const { revision, outcome } = await this.#consensus.propose(proposal)
    if (outcome.type !== "kv") throw unexpected(outcome)
    if (outcome.problems.length > 0) return refused(outcome.problems, revision, root)
    return { ok: true, revision, results: outcome.results }
  }

  watch(
    prefix: string,
    fromRevision: number,
    onBatch: (batch: WatchBatch) => void,
    onEnd: (error: OvlError) => void,
  ): Watch {
    checkOpen(this.#state)
    return this.#watchers.add(prefix, fromRevision, onBatch, onEnd)
  }

  waitFor(target: WaitTarget, wake: () => void): Wait {
    checkOpen(this.#state)
    return this.#waits.add(target, wake)
  }

  async grantLease(id: string, ttlMs: number): Promise<Lease> {
    if (this.session(id))
      throw new OvlError("lease_invalid", `grant lease: ${id} is a session's id`, { kind: "invalid" })
    if (this.#holders.leases >= LEASES_MAX && !this.#holders.hasLease(id))
      throw new OvlError("store_busy", `grant lease: there are ${LEASES_MAX} leases already`, { kind: "unavailable" })
    await this.#consensus.propose(grantCommand(id, ttlMs, this.#now()))
    return { id, ttlMs }
  }

  async renewLease(id: string): Promise<Lease> {
    checkOpen(this.#state)
    await this.#confirmLead()
    const lease = this.#holders.renewLease(id)
    if (!lease) throw leaseUnknown(id)
    return lease
  }

  async revokeLease(id: string): Promise<void> {
    await this.#consensus.propose(revokeCommand(id, this.#now()))
  }

  leases(): Lease[] {
    return this.#holders.listLeases()
  }

  async createSession(spec: SessionSpec): Promise<Session> {
    if (this.#holders.sessions >= SESSIONS_MAX)
      throw new OvlError("store_busy", `open session: there are ${SESSIONS_MAX} already`, { kind: "unavailable" })
    const { outcome } = await this.#consensus.propose(openCommand(spec, this.#now()))
    if (outcome.type === "session") return outcome.session
    throw new OvlError("session_exists", `open session: there is one with the id ${spec.id}`, { kind: "conflict" })
  }

  async destroySession(id: string): Promise<void> {
    if (id !== "") await this.#end(endCommand(id, this.#now()))
  }

  async renewSession(id: string): Promise<Session> {
    await this.#confirmLead()
    const session = this.session(id)
    if (session && this.#holders.renewSession(id)) return session
    throw new OvlError("session_unknown", `session ${id}: there is none, or it has ended`, { kind: "not_found" })
  }

  async invalidateNode(node: string): Promise<number> {
    const { outcome } = await this.#end(invalidateCommand(node, this.#now()))
    return outcome.type === "done" ? outcome.changed[0]! : 0
  }

  exportSnapshot(scope: SnapshotScope): SnapshotExport {
    checkOpen(this.#state)
    const state = this.#views.open(this.revision)
    return { revision: state.revision, chunks: exportChunks(state, scope, this.#now()) }
  }

  async importSnapshot(chunks: AsyncIterable<Uint8Array>, scope: SnapshotScope): Promise<SnapshotInfo> {
    checkOpen(this.#state)
    if (this.#state.restoring)
      throw new OvlError("store_busy", "restore: another one is under way", { kind: "unavailable" })
    this.#state.restoring = true
    const scratch = this.#backend.scratch()
    try {
      const info = await receiveSnapshot(chunks, scope, scratch)
      const propose = (proposal: Sized): Promise<Applied> => this.#consensus.propose(proposal)
      const proposeEnd = (proposal: Sized): Promise<Applied> => this.#end(proposal)
      await proposeRestore({ scratch, info, scope, now: () => this.#now(), propose, proposeEnd })
      return info
    } finally {
      scratch.discard()
      this.#state.restoring = false
    }
  }

  close(): Promise<void> {
    this.#state.closing ??= this.#close()
    return this.#state.closing
  }

  async #close(): Promise<void> {
    this.#holders.close()
    await this.#consensus.close()
    this.#holders.close()
    this.#watchers.close(storeClosed())
    this.#waits.wakeEveryone()
    this.#reached.close()
    this.#views.close()
    await this.#backend.close()
  }

  #now(): number {
    return Math.floor(this.#clock.now())
  }

  /** The effects of one commit, which is durable now. */
  #applied(batch: Applied[]): void {
    const last = batch.at(-1)
    if (last) this.#state.revision = last.revision
    for (const applied of batch) {
      if (!applied.changed) continue
      this.#holders.applied(applied)
      if (applied.wide) {
        this.#watchers.breakOff(applied.revision)
        this.#waits.wakeEveryone()
        continue
      }
      const { revision, events, holders } = applied
      if (events.length > 0) this.#watchers.publish({ revision, events })
      const sessions = holders.filter((change) => change.session).map(({ id }) => id)
      this.#waits.publish(events, sessions)
    }
  }

  /** Another state has taken the place of the present one: whoever follows it looks anew. */
  #installed(): void {
    const { revision } = this.#reader.header()
    this.#state.revision = revision
    this.#findHolders()
    this.#watchers.breakOff(revision)
    this.#waits.wakeEveryone()
  }

  #findHolders(): void {
    this.#holders.forget()
    for (const { id, ttlMs, grantRevision } of this.#reader.leases())
      this.#holders.start(id, { ttlMs, grantRevision }, false)
    for (const { id, ttlMs, createRevision } of this.#reader.sessions())
      this.#holders.start(id, { ttlMs, grantRevision: createRevision }, true)
  }

  /**
   * Only the member that leads keeps clocks. One that was deposed and has not heard of it yet, or that has not carried out
   * what its predecessor decided, must not give anybody more time.
   */
  async #confirmLead(): Promise<void> {
    this.#checkLeads()
    await this.#consensus.barrier()
    this.#checkLeads()
  }

  #checkLeads(): void {
    if (!this.#consensus.status().leader) throw notLeader()
  }

  /** A command that may end sessions: who wants to lock a key meanwhile waits for what it frees. */
  #end(proposal: Sized): Promise<Applied> {
    const proposed = this.#consensus.propose(proposal)
    this.#holders.ending(proposed)
    return proposed
  }

  async #expire(holders: Expired): Promise<void> {
    if (this.#state.closing) return
    const proposal = expireCommand(holders, this.#now())
    const about = { count: holders.length, first: holders[0]?.id }
    try {
      await this.#end(proposal)
      this.#log.info("leases expired", about)
    } catch (thrown) {
      if (this.#state.closing) return
      this.#log.warn("leases expired, but that could not be written", { ...about, error: String(thrown) })
      this.#holders.retry(holders)
    }
  }
}

function checkOpen({ closing }: { closing: Promise<void> | null }): void {
  if (closing) throw storeClosed()
}

function leaseUnknown(id: string): OvlError {
  return new OvlError("lease_unknown", `lease ${id}: there is none, or it has expired`, { kind: "not_found" })
}

/** The state machine answers each kind of command with its own kinds of outcome. */
function unexpected(outcome: Applied["outcome"]): Error {
  assert(false, `an outcome of another command: ${outcome.type}`)
  return new Error(outcome.type)
}
