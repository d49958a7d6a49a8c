/**
 * The state machine: keys with values, leases and sessions that hold some of them, one revision for all. It is pure and
 * deterministic: the same commands, in the same order, leave the same bytes in the tables of any member, whatever batches
 * they came in. A command that changes something makes one new revision, and all that it changed carries it; one that
 * changes nothing makes none. Applying a command that `command.ts` let through never fails: what may turn out wrong only
 * here - a compare that does not hold, a lease that is gone - is an outcome.
 */
import { OvlError } from "../base/errors.ts"
import { DELETE_SLICE_KEYS, TOMBSTONES_MAX, WATCH_HISTORY_MAX_EVENTS } from "../base/limits.ts"
import type { Applied, HolderChange, Outcome } from "./applied.ts"
import { encodeEntry, encodeHeader, encodeLease, encodeRevision, encodeSession, type Header, tail } from "./codec.ts"
import type { Command } from "./command.ts"
import { successor } from "./keys.ts"
import { LongTable } from "./longkeys.ts"
import type { Compare, Entry, KvVerb, Operation, Session, SessionSpec, SnapshotInfo, SnapshotScope } from "./port.ts"
import { HEADER_KEY, heldPrefix, Reader, SESSIONS_KEY } from "./reader.ts"
import { restoreSteps } from "./restore.ts"
import { ScratchPieces } from "./scratch-pieces.ts"
import { recheckSnapshot, sourceOf } from "./snapshot-import.ts"
import type { Tables } from "./tables.ts"
import { History } from "./tombstones.ts"
import { evaluate, sameBytes } from "./verbs.ts"

const DONE: Outcome = { type: "done", changed: [] }
const NOTHING: Uint8Array = Uint8Array.of(1)

export interface MachineOptions {
  /** Tests make it small. */
  tombstonesMax?: number
}

/**
 * Runs of commands over one set of tables: `apply` each, then `finish` once; reads in between see all of it. Another run
 * may follow while nobody else writes to the tables.
 */
export class Machine extends Reader {
  readonly #tables: Tables
  readonly #entries: LongTable
  readonly #held: LongTable
  readonly #header: Header
  readonly #history: History
  readonly #pieces: ScratchPieces
  #dirty = false
  #events = new Map<string, Entry | null>()
  #wide = false
  #holders: HolderChange[] = []
  #freed: { key: string; lockDelayMs: number }[] = []

  constructor(tables: Tables, options: MachineOptions = {}) {
    super(tables)
    this.#tables = tables
    this.#entries = new LongTable(tables.entries, tables.far)
    this.#held = new LongTable(tables.held, tables.far)
    this.#pieces = new ScratchPieces(tables.scratch)
    this.#header = this.header()
    this.#history = new History(tables, this.#header, options.tombstonesMax ?? TOMBSTONES_MAX)
  }

  apply(command: Command): Applied {
    const steps = this.steps(command)
    for (;;) {
      const step = steps.next()
      if (step.done) return step.value
    }
  }

  /** As `apply`, but pauses after every DELETE_SLICE_KEYS keys that it removes or restores. */
  *steps(command: Command): Generator<void, Applied> {
    this.#events = new Map()
    this.#wide = false
    this.#holders = []
    this.#freed = []
    const revision = this.#nextRevision(command)
    const outcome = yield* this.#run(command, revision)
    const changed = this.#wide || this.#events.size > 0 || this.#holders.length > 0
    if (changed) {
      this.#header.revision = revision
      this.#header.time = command.at
      if (this.#holders.some((change) => change.session)) this.#tables.meta.put(SESSIONS_KEY, encodeRevision(revision))
      this.#history.settle(revision)
      this.#dirty = true
    }
    const events = this.#wide ? [] : Array.from(this.#events, ([key, entry]) => ({ key, entry }))
    const { revision: last } = this.#header
    return { revision: last, changed, outcome, events, wide: this.#wide, holders: this.#holders, freed: this.#freed }
  }

  /** Writes what is written once for the whole run: the header, and the last change of each folder. */
  finish(): void {
    if (!this.#dirty) return
    this.#history.finish()
    this.#tables.meta.put(HEADER_KEY, encodeHeader(this.#header))
    this.#dirty = false
  }

  /** A restore's is above that of the snapshot too, whose revisions its keys may carry. */
  #nextRevision(command: Command): number {
    const { revision } = this.#header
    return 1 + (command.type === "restore" ? Math.max(revision, command.info.revision) : revision)
  }

  *#run(command: Command, revision: number): Generator<void, Outcome> {
    switch (command.type) {
      case "transaction":
        return yield* this.#transaction(command.compare, command.operations, revision)
      case "kv":
        return yield* this.#verbs(command.verbs, revision)
      case "grant":
        this.#putLease(command.lease, command.ttlMs, revision)
        return DONE
      case "revoke":
        if (this.lease(command.lease)) yield* this.#endLease(command.lease, revision)
        return DONE
      case "expire":
        yield* this.#expire(command.holders, revision)
        return DONE
      case "open":
        return this.#openSession(command.session, revision)
      case "end": {
        const session = this.session(command.session)
        if (session) yield* this.#endSession(session, revision)
        return DONE
      }
      case "invalidate":
        return { type: "done", changed: [yield* this.#invalidate(command.node, revision)] }
      case "piece":
        return (yield* this.#pieces.add(command.id, command.offset, command.bytes)) ? DONE : { type: "pieces_lost" }
      case "restore":
        return yield* this.#restore(command, revision)
      case "discard":
        if (this.#pieces.bytesOf(command.id) > 0) yield* this.#pieces.drop()
        return DONE
    }
  }

  *#transaction(compare: Compare[], operations: Operation[], revision: number): Generator<void, Outcome> {
    const failed = compare.findIndex((condition) => !this.#holds(condition))
    if (failed >= 0) return { type: "compare_failed", failed }
    for (const operation of operations)
      if (operation.op === "put" && typeof operation.lease === "string" && !this.lease(operation.lease))
        return { type: "lease_unknown", lease: operation.lease }
    const changed: number[] = []
    for (const operation of operations) changed.push(yield* this.#operate(operation, revision))
    return { type: "done", changed }
  }

  *#verbs(verbs: KvVerb[], revision: number): Generator<void, Outcome> {
    const { results, problems, staging } = evaluate(this, verbs, revision)
    if (problems.length > 0) return { type: "kv", results: [], problems }
    for (const { prefix, except } of staging.wipes) yield* this.#removePrefix(prefix, except, revision)
    for (const [key, entry] of staging.changes) {
      // Keys differ, so what is carried out changes none that comes later; a wipe may have.
      const before = staging.wipes.length > 0 ? this.entry(key) : staging.below(key)
      if (entry) this.#write(entry, before?.lease ?? null)
      else if (before) this.#remove(before, revision)
    }
    return { type: "kv", results, problems }
  }

  #holds(condition: Compare): boolean {
    if ("lease" in condition) return (this.lease(condition.lease) !== undefined) === condition.exists
    const entry = this.entry(condition.key)
    if ("exists" in condition) return (entry !== undefined) === condition.exists
    return (entry?.modRevision ?? 0) === condition.modRevision
  }

  *#operate(operation: Operation, revision: number): Generator<void, number> {
    switch (operation.op) {
      case "put":
        return this.#put(operation, revision)
      case "delete": {
        const entry = this.entry(operation.key)
        if (entry) this.#remove(entry, revision)
        return entry ? 1 : 0
      }
      case "deletePrefix":
        return yield* this.#removePrefix(operation.prefix, operation.except ?? [], revision)
    }
  }

  #put(operation: Operation & { op: "put" }, revision: number): number {
    const { key, value } = operation
    const before = this.entry(key)
    const lease = operation.lease === undefined ? (before?.lease ?? null) : operation.lease
    const flags = operation.flags ?? 0n
    if (before && before.flags === flags && before.lease === lease && before.lockIndex === 0) {
      if (sameBytes(before.value, value)) return 0
    }
    const createRevision = before?.createRevision ?? revision
    const entry: Entry = { key, value, flags, createRevision, modRevision: revision, lockIndex: 0, lease }
    this.#write(entry, before?.lease ?? null)
    return 1
  }

  #write(entry: Entry, leaseBefore: string | null): void {
    const { key, lease } = entry
    const row = encodeEntry(entry)
    this.#entries.put(key, row)
    if (leaseBefore !== lease) {
      if (leaseBefore !== null) this.#held.delete(heldPrefix(leaseBefore) + key)
      if (lease !== null) this.#held.put(heldPrefix(lease) + key, NOTHING)
    }
    this.#history.touch(key)
    // The caller's bytes may change later; those of the row are ours.
    if (!this.#wide) this.#event(key, { ...entry, value: tail(row, row.length - entry.value.length) })
  }

  #remove(entry: Entry, revision: number): void {
    this.#entries.delete(entry.key)
    if (entry.lease !== null) this.#held.delete(heldPrefix(entry.lease) + entry.key)
    this.#history.bury(entry.key, revision)
    this.#event(entry.key, null)
  }

  #event(key: string, entry: Entry | null): void {
    if (this.#wide) return
    this.#events.set(key, entry)
    if (this.#events.size <= WATCH_HISTORY_MAX_EVENTS) return
    this.#wide = true
    this.#events = new Map()
  }

  *#removePrefix(prefix: string, except: string[], revision: number): Generator<void, number> {
    let count = 0
    let from: string | null = prefix
    while (from !== null) {
      let spared: string | undefined
      for (const entry of this.entries(prefix, from)) {
        spared = except.find((kept) => entry.key.startsWith(kept))
        if (spared !== undefined) break
        this.#remove(entry, revision)
        if (++count % DELETE_SLICE_KEYS === 0) yield
      }
      from = spared === undefined ? null : successor(spared)
    }
    return count
  }

  #putLease(id: string, ttlMs: number, revision: number): void {
    const lease = { ttlMs, grantRevision: revision }
    this.#tables.leases.put(id, encodeLease(lease))
    this.#holders.push({ id, session: false, present: lease })
  }

  *#expire(holders: { id: string; grantRevision: number }[], revision: number): Generator<void, void> {
    for (const { id, grantRevision } of holders) {
      if (this.lease(id)?.grantRevision === grantRevision) yield* this.#endLease(id, revision)
      const session = this.session(id)
      if (session?.createRevision === grantRevision) yield* this.#endSession(session, revision)
    }
  }

  /** Removes a lease, and the keys that it holds with it. */
  *#endLease(id: string, revision: number): Generator<void, void> {
    yield* this.#letGo(id, (entry) => this.#remove(entry, revision))
    this.#tables.leases.delete(id)
    this.#holders.push({ id, session: false, present: null })
  }

  #openSession(spec: SessionSpec, revision: number): Outcome {
    if (this.tables.leases.get(spec.id)) return { type: "session_exists" }
    const session: Session = { ...spec, createRevision: revision, modRevision: revision }
    this.#putSession(session)
    return { type: "session", session }
  }

  #putSession(session: Session): void {
    const { id, ttlMs, createRevision } = session
    this.#tables.leases.put(id, encodeSession(session))
    this.#holders.push({ id, session: true, present: { ttlMs, grantRevision: createRevision } })
  }

  *#endSession({ id, behavior, lockDelayMs }: Session, revision: number): Generator<void, void> {
    yield* this.#letGo(id, (entry) => {
      if (behavior === "delete") this.#remove(entry, revision)
      else this.#write({ ...entry, lease: null, modRevision: revision }, id)
      if (lockDelayMs > 0) this.#freed.push({ key: entry.key, lockDelayMs })
    })
    this.#tables.leases.delete(id)
    this.#holders.push({ id, session: true, present: null })
  }

  *#letGo(id: string, letGo: (entry: Entry) => void): Generator<void, void> {
    let count = 0
    for (const key of this.heldBy(id)) {
      const entry = this.entry(key)
      if (entry) letGo(entry)
      if (++count % DELETE_SLICE_KEYS === 0) yield
    }
  }

  *#invalidate(node: string, revision: number): Generator<void, number> {
    let count = 0
    for (const session of this.sessions()) {
      if (session.node !== node || !session.checks.includes("serfHealth")) continue
      yield* this.#endSession(session, revision)
      count++
    }
    return count
  }

  /** Makes what lies in the scope, and the sessions, what they were in the snapshot. */
  *#restore({ id, info, scope }: Command & { type: "restore" }, revision: number): Generator<void, Outcome> {
    if (this.#pieces.bytesOf(id) !== info.bytes) return { type: "pieces_lost" }
    const why = yield* this.#faultOf(info, scope)
    if (why === null) {
      // Whoever watches or waits looks anew, and a revision is made even where nothing differs.
      this.#wide = true
      // Whether an area ever held a key is read from the marks, those of this run included.
      this.#history.finish()
      const source = sourceOf(() => this.#pieces.read(), scope)
      yield* restoreSteps(this, source, revision, {
        write: (entry, before) => this.#write(entry, before?.lease ?? null),
        remove: (entry) => this.#remove(entry, revision),
        putSession: (session) => this.#putSession(session),
        endSession: (session) => this.#endSession(session, revision),
      })
      for (const area of scope.areas) this.#history.raise(area, revision)
      this.#tables.meta.put(SESSIONS_KEY, encodeRevision(revision))
    }
    yield* this.#pieces.drop()
    return why === null ? DONE : { type: "snapshot_invalid", why }
  }

  /** What is wrong with the snapshot in the pieces; null where nothing is. */
  *#faultOf(info: SnapshotInfo, scope: SnapshotScope): Generator<void, string | null> {
    try {
      const found = yield* recheckSnapshot(this.#pieces.read(), scope)
      return found.revision === info.revision ? null : "it is not of the revision that was told"
    } catch (thrown) {
      if (thrown instanceof OvlError) return thrown.message
      throw thrown
    }
  }
}
