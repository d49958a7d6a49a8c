/**
 * The disk of a simulated server. A write takes time, and is one transaction: when the server dies with one on its way,
 * all of it has reached the disk or none of it. What is on the disk outlives the server. Also the room beside the state
 * into which a snapshot is received.
 */
import { assert } from "../../src/base/assert.ts"
import { OvlError } from "../../src/base/errors.ts"
import { limitBytes, entriesBytes } from "../../src/raft/log/entries.ts"
import type { ConfState, Entry, EntryId, HardState, NodeId } from "../../src/raft/types.ts"
import type { Kept, Stage } from "../../src/store/backend.ts"
import type { DiskRound, DurableRaft, Members, RaftDisk } from "../../src/store/replicated/port.ts"
import {
  eachTable,
  MemoryTable,
  type ReadTables,
  type Row,
  type Table,
  type TableName,
  type Tables,
} from "../../src/store/tables.ts"

type Done = (error: OvlError | null) => void

/** How the world takes part in a write. */
export interface DiskHost {
  /** Calls back when the write is over, or never where the server is gone by then. */
  schedule(round: DiskRound, finish: (error: OvlError | null) => void): void
  /** Looks at what is about to change, and at what came of it. */
  before(round: DiskRound): void
  after(): void
}

/** A table that lives on when another state takes its place. */
class SwappedTable implements Table {
  private table = new MemoryTable()

  swap(table: MemoryTable): void {
    this.table = table
  }

  copy(): MemoryTable {
    return this.table.copy()
  }

  get(key: string): Uint8Array | undefined {
    return this.table.get(key)
  }

  page(from: string, to: string | null, limit: number): Row[] {
    return this.table.page(from, to, limit)
  }

  pageKeys(from: string, to: string | null, limit: number): string[] {
    return this.table.pageKeys(from, to, limit)
  }

  put(key: string, value: Uint8Array): void {
    this.table.put(key, value)
  }

  delete(key: string): void {
    this.table.delete(key)
  }
}

/** The state of another server, as it was when it was offered. */
export class SimStage implements Stage {
  readonly tables: Readonly<Record<TableName, MemoryTable>>
  readonly applied: EntryId
  discarded = false

  constructor(from: ReadTables, applied: EntryId) {
    this.tables = eachTable((name) => {
      const table = new MemoryTable()
      for (const { key, value } of from[name].page("", null, Number.POSITIVE_INFINITY)) table.put(key, value)
      return table
    })
    this.applied = applied
  }

  /** It comes filled. */
  async load(work: (tables: Tables) => void): Promise<void> {
    work(this.tables)
  }

  discard(): void {
    this.discarded = true
  }
}

export class SimDisk implements RaftDisk {
  readonly tables: Readonly<Record<TableName, SwappedTable>> = eachTable(() => new SwappedTable())
  readonly hasLeftovers = false
  hardState: HardState | undefined
  confState: ConfState
  members: Members
  applied: EntryId
  /** The entry before the first one that is kept. */
  base: EntryId
  log: Entry[] = []
  isFull = false
  /** The write that is on its way. */
  private writing: { round: DiskRound; done: Done } | null = null
  host: DiskHost | null = null

  /** Begins behind `base`, the entry at which these were the members; an empty one at 0. */
  constructor(base: EntryId, confState: ConfState, nodes: ReadonlyMap<NodeId, string>) {
    this.base = base
    this.applied = base
    this.confState = confState
    this.members = { nodes, removed: new Set() }
    this.hardState = base.index === 0 ? undefined : { term: base.term, vote: 0, commit: base.index }
  }

  /** A server starts on it. */
  attach(host: DiskHost): void {
    assert(this.writing === null, "a server starts on a disk that is still written to")
    this.host = host
  }

  /** The server died. What it was writing is kept, all of it, or lost. Tells the round that was under way. */
  crash(keep: boolean): DiskRound | null {
    const { writing } = this
    if (keep && writing !== null) this.commit(writing.round)
    this.writing = null
    this.host = null
    return writing?.round ?? null
  }

  get isWriting(): boolean {
    return this.writing !== null
  }

  load(): DurableRaft {
    const { hardState, confState, members, applied } = this
    return { hardState, confState, members, applied }
  }

  get logEntries(): number {
    return this.log.length
  }

  get logBytes(): number {
    return entriesBytes(this.log)
  }

  keep(): Kept {
    const { tables } = this
    return { tables: eachTable((name) => tables[name].copy()), release: () => {} }
  }

  refusal(): OvlError | null {
    return this.isFull
      ? new OvlError("store_full", "write to the store: the disk is full", { kind: "unavailable" })
      : null
  }

  entries(lo: number, hi: number, maxBytes: number): readonly Entry[] | undefined {
    if (lo <= this.base.index) return undefined
    assert(hi <= this.lastIndex() + 1, `entries up to ${hi} asked for, the last one is ${this.lastIndex()}`)
    const first = this.firstIndex()
    return limitBytes(this.log.slice(lo - first, hi - first), maxBytes)
  }

  term(index: number): number | undefined {
    return index === this.base.index ? this.base.term : this.log[index - this.base.index - 1]?.term
  }

  firstIndex(): number {
    return this.base.index + 1
  }

  lastIndex(): number {
    return this.base.index + this.log.length
  }

  write(round: DiskRound, done: Done): void {
    assert(this.writing === null, "two writes at once")
    const { host } = this
    assert(host !== null, "a server that is gone writes")
    const writing = { round, done }
    this.writing = writing
    host.schedule(round, (error) => {
      if (this.writing !== writing) return
      if (error === null) this.commit(round)
      this.writing = null
      done(error)
    })
  }

  /** A failed write, of which nobody knows whether it is on the disk: settled when the server is gone. */
  settle(round: DiskRound, keep: boolean): void {
    if (keep) this.commit(round)
  }

  private commit(round: DiskRound): void {
    const { install, startsAt, entries, hardState, flush, heavy, applied, confState, members, compactTo } = round
    this.host?.before(round)
    if (install instanceof SimStage) {
      assert(!install.discarded, "a snapshot is installed that was discarded")
      for (const name in this.tables) this.tables[name as TableName].swap(install.tables[name as TableName])
    }
    if (startsAt !== undefined) {
      this.base = startsAt
      this.log = []
    }
    if (entries.length > 0) this.append(entries)
    if (hardState !== undefined) this.hardState = hardState
    flush?.(this.tables)
    if (heavy !== null) for (const _ of heavy(this.tables));
    if (applied !== undefined) this.applied = applied
    if (confState !== undefined) this.confState = confState
    if (members !== undefined) this.members = members
    if (compactTo > this.base.index) this.compact(compactTo)
    this.host?.after()
  }

  private append(entries: readonly Entry[]): void {
    const at = entries[0]!.index - this.firstIndex()
    assert(at >= 0 && at <= this.log.length, `entries from ${entries[0]!.index} on do not follow ${this.lastIndex()}`)
    this.log.length = at
    for (const entry of entries) this.log.push(entry)
  }

  private compact(index: number): void {
    const term = this.term(index)
    assert(term !== undefined, `compaction at ${index} is beyond the last entry ${this.lastIndex()}`)
    this.log = this.log.slice(index - this.base.index)
    this.base = { term, index }
  }
}
