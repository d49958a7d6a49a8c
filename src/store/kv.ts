/**
 * The state machine: keys with values, leases that hold some of them, one revision for all. It is pure and deterministic:
 * the same commands, in the same order, leave the same bytes in the tables of any member, whatever batches they came in.
 * A command that changes something makes one new revision, and all that it changed carries it; one that changes nothing
 * makes none. Applying a command that `command.ts` let through never fails: what may turn out wrong only here - a compare
 * that does not hold, a lease that is gone - is an outcome.
 */
import { TOMBSTONES_MAX } from "../base/limits.ts"
import { encodeEntry, encodeHeader, encodeLease, type Header } from "./codec.ts"
import type { Command } from "./command.ts"
import { History } from "./tombstones.ts"
import { heldPrefix, HEADER_KEY, Reader } from "./reader.ts"
import { successor } from "./keys.ts"
import { LongTable } from "./longkeys.ts"
import type { Compare, Entry, Operation, WatchEvent } from "./port.ts"
import type { Tables } from "./tables.ts"

/** What became of a command. Compares are all checked first, then the leases that its puts name, then it is done. */
export type Outcome =
  | { type: "done"; changed: number[] }
  | { type: "compare_failed"; failed: number }
  | { type: "lease_unknown"; lease: string }

export interface LeaseChange {
  id: string
  /** Null: the lease is gone. */
  lease: { ttlMs: number; grantRevision: number } | null
}

/** The effect of one command. */
export interface Applied {
  /** The revision that it made; where nothing changed, the last one. */
  revision: number
  changed: boolean
  outcome: Outcome
  /** The keys that it changed, each once, as they are after it. */
  events: WatchEvent[]
  leases: LeaseChange[]
}

const DONE: Outcome = { type: "done", changed: [] }
const NOTHING: Uint8Array = Uint8Array.of(1)

export interface MachineOptions {
  /** Tests make it small. */
  tombstonesMax?: number
}

/** One run of commands over one set of tables: `apply` each, then `finish` once. Reads in between see all of it. */
export class Machine extends Reader {
  readonly #tables: Tables
  readonly #entries: LongTable
  readonly #held: LongTable
  readonly #header: Header
  readonly #history: History
  #dirty = false
  #events = new Map<string, Entry | null>()
  #leases: LeaseChange[] = []

  constructor(tables: Tables, options: MachineOptions = {}) {
    super(tables)
    this.#tables = tables
    this.#entries = new LongTable(tables.entries, tables.far)
    this.#held = new LongTable(tables.held, tables.far)
    this.#header = this.header()
    this.#history = new History(tables, this.#header, options.tombstonesMax ?? TOMBSTONES_MAX)
  }

  apply(command: Command): Applied {
    const revision = this.#header.revision + 1
    this.#events = new Map()
    this.#leases = []
    const outcome = this.#run(command, revision)
    const changed = this.#events.size > 0 || this.#leases.length > 0
    if (changed) {
      this.#header.revision = revision
      this.#header.time = command.at
      this.#history.settle(revision)
      this.#dirty = true
    }
    const events = [...this.#events].map(([key, entry]) => ({ key, entry }))
    return { revision: this.#header.revision, changed, outcome, events, leases: this.#leases }
  }

  /** Writes what is written once for the whole run: the header, and the last change of each folder. */
  finish(): void {
    if (!this.#dirty) return
    this.#history.finish()
    this.#tables.meta.put(HEADER_KEY, encodeHeader(this.#header))
    this.#dirty = false
  }

  #run(command: Command, revision: number): Outcome {
    switch (command.type) {
      case "transaction":
        return this.#transaction(command.compare, command.operations, revision)
      case "grant":
        this.#putLease(command.lease, command.ttlMs, revision)
        return DONE
      case "revoke":
        if (this.lease(command.lease)) this.#endLease(command.lease, revision)
        return DONE
      case "expire":
        for (const { id, grantRevision } of command.leases)
          if (this.lease(id)?.grantRevision === grantRevision) this.#endLease(id, revision)
        return DONE
    }
  }

  #transaction(compare: Compare[], operations: Operation[], revision: number): Outcome {
    const failed = compare.findIndex((condition) => !this.#holds(condition))
    if (failed >= 0) return { type: "compare_failed", failed }
    for (const operation of operations)
      if (operation.op === "put" && typeof operation.lease === "string" && !this.lease(operation.lease))
        return { type: "lease_unknown", lease: operation.lease }
    return { type: "done", changed: operations.map((operation) => this.#operate(operation, revision)) }
  }

  #holds(condition: Compare): boolean {
    if ("lease" in condition) return (this.lease(condition.lease) !== undefined) === condition.exists
    const entry = this.entry(condition.key)
    if ("exists" in condition) return (entry !== undefined) === condition.exists
    return (entry?.modRevision ?? 0) === condition.modRevision
  }

  #operate(operation: Operation, revision: number): number {
    switch (operation.op) {
      case "put":
        return this.#put(operation, revision)
      case "delete": {
        const entry = this.entry(operation.key)
        if (entry) this.#remove(entry, revision)
        return entry ? 1 : 0
      }
      case "deletePrefix":
        return this.#removePrefix(operation.prefix, operation.except ?? [], revision)
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
    this.#events.set(key, { ...entry, value: row.subarray(row.length - entry.value.length) })
  }

  #remove(entry: Entry, revision: number): void {
    this.#entries.delete(entry.key)
    if (entry.lease !== null) this.#held.delete(heldPrefix(entry.lease) + entry.key)
    this.#history.bury(entry.key, revision)
    this.#events.set(entry.key, null)
  }

  #removePrefix(prefix: string, except: string[], revision: number): number {
    let count = 0
    let from: string | null = prefix
    while (from !== null) {
      let spared: string | undefined
      for (const entry of this.entries(prefix, from)) {
        spared = except.find((kept) => entry.key.startsWith(kept))
        if (spared !== undefined) break
        this.#remove(entry, revision)
        count++
      }
      from = spared === undefined ? null : successor(spared)
    }
    return count
  }

  #putLease(id: string, ttlMs: number, revision: number): void {
    const lease = { ttlMs, grantRevision: revision }
    this.#tables.leases.put(id, encodeLease(lease))
    this.#leases.push({ id, lease })
  }

  /** Removes a lease, and the keys that it holds with it. */
  #endLease(id: string, revision: number): void {
    const prefix = heldPrefix(id)
    for (const row of this.#held.rows(prefix, successor(prefix))) {
      const entry = this.entry(row.key.slice(prefix.length))
      if (entry) this.#remove(entry, revision)
    }
    this.#tables.leases.delete(id)
    this.#leases.push({ id, lease: null })
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
