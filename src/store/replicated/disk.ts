/**
 * A member's disk over a backend: a round is one commit. The numbers of the log are kept in memory as of the last commit
 * that is done, and so are its latest entries; older ones are read from the table, and checked.
 */
import { assert } from "../../base/assert.ts"
import type { Clock } from "../../base/clock.ts"
import { asOvlError, type OvlError } from "../../base/errors.ts"
import {
  COMMIT_INLINE_MAX_BYTES,
  COMMIT_INLINE_MAX_MS,
  COMMIT_INLINE_PROBE_ROUNDS,
  RAFT_TAIL_MAX_BYTES,
  RAFT_TAIL_MAX_ENTRIES,
} from "../../base/limits.ts"
import { entryBytes } from "../../raft/log/entries.ts"
import { type ConfState, type Entry, type EntryId, NO_MEMBERS } from "../../raft/types.ts"
import type { Backend, Kept } from "../backend.ts"
import type { CommitTables, ReadTable, ReadTables, Table } from "../tables.ts"
import { LogTail } from "./log-tail.ts"
import type { DiskRound, DurableRaft, Members, RaftDisk } from "./port.ts"
import {
  decodeLogRow,
  decodeMembers,
  decodeNumbers,
  encodeLogRow,
  encodeMembers,
  encodeNumbers,
  logKey,
  MEMBERS_KEY,
  type Numbers,
  NUMBERS_KEY,
} from "./raft-rows.ts"

const NOTHING: EntryId = { term: 0, index: 0 }
const NEVER_STARTED: Numbers = {
  hardState: { term: 0, vote: 0, commit: 0 },
  applied: NOTHING,
  base: NOTHING,
  lastIndex: 0,
  logBytes: 0,
}
const NOBODY: Members = { nodes: new Map(), removed: new Set() }

export class BackendDisk implements RaftDisk {
  readonly #backend: Backend
  readonly #clock: Clock
  readonly #tail = new LogTail(RAFT_TAIL_MAX_BYTES, RAFT_TAIL_MAX_ENTRIES)
  #numbers: Numbers
  #isStarted: boolean
  #confState: ConfState = NO_MEMBERS
  #members: Members = NOBODY
  /** How long a commit on the spot takes of late, and how many were not tried since the last one. */
  #onTheSpotMs = 0
  #notOnTheSpot = 0
  /** Rounds that were written since the start, and how long that took altogether. */
  commits = 0
  totalCommitMs = 0
  #isWriting = false
  #whenIdle: (() => void)[] = []
  /** Called after each write, when whoever wanted it was told. */
  afterWrite: () => void = () => {}

  /** Throws `data_corrupt` and `log_too_new`. */
  constructor(backend: Backend, clock: Clock) {
    this.#backend = backend
    this.#clock = clock
    const { raft } = backend.tables
    const numbers = raft.get(NUMBERS_KEY)
    this.#isStarted = numbers !== undefined
    this.#numbers = numbers ? decodeNumbers(numbers) : NEVER_STARTED
    const members = raft.get(MEMBERS_KEY)
    if (members) ({ confState: this.#confState, members: this.#members } = decodeMembers(members))
    // What the numbers promise must be there; the rest is checked when it is read.
    if (this.logEntries > 0) this.#entry(this.lastIndex())
  }

  get tables(): ReadTables {
    return this.#backend.tables
  }

  keep(): Kept {
    return this.#backend.keep()
  }

  refusal(): OvlError | null {
    return this.#backend.refusal()
  }

  get hasLeftovers(): boolean {
    return this.#backend.hasLeftovers
  }

  load(): DurableRaft {
    const { hardState, applied } = this.#numbers
    return {
      hardState: this.#isStarted ? hardState : undefined,
      applied,
      confState: this.#confState,
      members: this.#members,
    }
  }

  get logEntries(): number {
    return this.#numbers.lastIndex - this.#numbers.base.index
  }

  get logBytes(): number {
    return this.#numbers.logBytes
  }

  firstIndex(): number {
    return this.#numbers.base.index + 1
  }

  lastIndex(): number {
    return this.#numbers.lastIndex
  }

  term(index: number): number | undefined {
    const { base, lastIndex } = this.#numbers
    if (index === base.index) return base.term
    return index < base.index || index > lastIndex ? undefined : this.#entry(index).term
  }

  entries(lo: number, hi: number, maxBytes: number): readonly Entry[] | undefined {
    if (lo < this.firstIndex()) return undefined
    assert(hi <= this.lastIndex() + 1, `entries up to ${hi} asked for, the last one is ${this.lastIndex()}`)
    const entries: Entry[] = []
    let bytes = 0
    for (let index = lo; index < hi; index++) {
      const entry = this.#entry(index)
      bytes += entryBytes(entry)
      if (bytes > maxBytes && entries.length > 0) break
      entries.push(entry)
    }
    return entries
  }

  write(round: DiskRound, done: (error: OvlError | null) => void): void {
    assert(!this.#isWriting, "a round is being written already")
    this.#isWriting = true
    const begun = this.#clock.monotonic()
    const numbers = this.#after(round)
    const end = (error: OvlError | null): void => {
      this.#isWriting = false
      const tookMs = this.#clock.monotonic() - begun
      this.commits++
      this.totalCommitMs += tookMs
      if (error === null) this.#written(round, numbers)
      done(error)
      this.afterWrite()
      if (!this.#isWriting) for (const resolve of this.#whenIdle.splice(0)) resolve()
    }
    if (this.#isQuick(round)) return end(this.#putNow(round, numbers))
    this.#backend
      .commit((tables, pause) => this.#putAll(tables, round, numbers, pause), round.install ?? undefined)
      .then(
        () => end(null),
        (thrown: unknown) => end(asOvlError(thrown, "write to the store")),
      )
  }

  /** Resolves when nothing is being written. */
  async idle(): Promise<void> {
    if (this.#isWriting) await new Promise<void>((resolve) => this.#whenIdle.push(resolve))
  }

  /** Whether somebody waits for no more than a small commit, and the disk is quick enough to wait for it here and now. */
  #isQuick({ urgent, heavy, install, entries }: DiskRound): boolean {
    if (!urgent || heavy || install || this.#backend.isBusy) return false
    if (!entries.every(({ data }) => data.length <= COMMIT_INLINE_MAX_BYTES)) return false
    if (this.#onTheSpotMs <= COMMIT_INLINE_MAX_MS) return true
    return ++this.#notOnTheSpot >= COMMIT_INLINE_PROBE_ROUNDS
  }

  #putNow(round: DiskRound, numbers: Numbers): OvlError | null {
    const begun = this.#clock.monotonic()
    try {
      this.#backend.commitNow((tables) => this.#put(tables, round, numbers))
      return null
    } catch (thrown) {
      return asOvlError(thrown, "write to the store")
    } finally {
      this.#tookOnTheSpot(this.#clock.monotonic() - begun)
    }
  }

  /** A single hiccup proves nothing, however long it was. */
  #tookOnTheSpot(ms: number): void {
    this.#onTheSpotMs += (Math.min(ms, 4 * COMMIT_INLINE_MAX_MS) - this.#onTheSpotMs) / 8
    this.#notOnTheSpot = 0
  }

  #putAll(tables: CommitTables, round: DiskRound, numbers: Numbers, pause: () => Promise<void>): void | Promise<void> {
    this.#put(tables, round, numbers)
    const steps = round.heavy?.(tables)
    if (steps === undefined || steps.next().done) return undefined
    return (async () => {
      do await pause()
      while (!steps.next().done)
    })()
  }

  #put(tables: CommitTables, round: DiskRound, numbers: Numbers): void {
    const { raft, log } = tables
    const { base, lastIndex } = this.#numbers
    const kept = round.startsAt ? base.index : Math.min(lastIndex, (round.entries[0]?.index ?? lastIndex + 1) - 1)
    deleteEntries(log, kept + 1, lastIndex)
    deleteEntries(log, base.index + 1, Math.min(kept, numbers.base.index))
    for (const entry of round.entries) log.put(logKey(entry.index), encodeLogRow(entry))
    raft.put(NUMBERS_KEY, encodeNumbers(numbers))
    if (round.confState && round.members) raft.put(MEMBERS_KEY, encodeMembers(round.confState, round.members))
    round.flush?.(tables)
  }

  /** The numbers as the round leaves them. */
  #after({ startsAt, entries, hardState, applied, compactTo }: DiskRound): Numbers {
    let { base, lastIndex, logBytes } = this.#numbers
    if (startsAt) {
      base = startsAt
      lastIndex = startsAt.index
      logBytes = 0
    }
    const [first] = entries
    if (first !== undefined) {
      assert(first.index <= lastIndex + 1, `entries from ${first.index} on would leave a gap after ${lastIndex}`)
      assert(first.index > base.index, `entry ${first.index} is compacted away`)
      for (let index = first.index; index <= lastIndex; index++) logBytes -= this.#entry(index).data.length
      for (const { data } of entries) logBytes += data.length
      lastIndex = entries.at(-1)!.index
    }
    if (compactTo > base.index) {
      const term = this.term(compactTo)
      assert(term !== undefined, `compaction at ${compactTo} is outside of the log`)
      // Reading all of them again would cost more than to know it exactly is worth.
      logBytes -= Math.floor((logBytes * (compactTo - base.index)) / (lastIndex - base.index))
      base = { index: compactTo, term }
    }
    const { hardState: hardStateBefore, applied: appliedBefore } = this.#numbers
    return {
      hardState: hardState ?? hardStateBefore,
      applied: applied ?? appliedBefore,
      base,
      lastIndex,
      logBytes,
    }
  }

  #written(round: DiskRound, numbers: Numbers): void {
    this.#numbers = numbers
    this.#isStarted = true
    if (round.startsAt) this.#tail.clear()
    this.#tail.append(round.entries)
    if (round.confState) this.#confState = round.confState
    if (round.members) this.#members = round.members
  }

  #entry(index: number): Entry {
    return this.#tail.get(index) ?? decodeLogRow(index, this.#log.get(logKey(index)))
  }

  get #log(): ReadTable {
    return this.#backend.tables.log
  }
}

function deleteEntries(log: Table, from: number, to: number): void {
  for (let index = from; index <= to; index++) log.delete(logKey(index))
}
