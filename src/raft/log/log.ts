/**
 * The log of one server: what storage has, continued by what is not durable yet, and the three marks on it. Between
 * them always holds: applied <= applying <= committed <= last index.
 */
import { assert } from "../../base/assert.ts"
import type { Entry, EntryId, Snapshot } from "../types.ts"
import { entriesBytes, limitBytes } from "./entries.ts"
import type { Storage } from "./storage.ts"
import { Unstable } from "./unstable.ts"

export class RaftLog {
  readonly storage: Storage
  readonly unstable: Unstable
  /** Known to be durable on a quorum (section 5.3). */
  committed: number
  /** Handed to the driver to be applied. */
  applying: number
  /** Applied, as the driver said. */
  applied: number
  private readonly maxApplyingBytes: number
  private applyingBytes = 0
  private applyingPaused = false

  /** `maxApplyingBytes` bounds what is handed out to be applied and not yet acknowledged. */
  constructor(storage: Storage, maxApplyingBytes: number) {
    this.storage = storage
    this.unstable = new Unstable(storage.lastIndex() + 1)
    this.maxApplyingBytes = maxApplyingBytes
    this.committed = storage.firstIndex() - 1
    this.applying = this.committed
    this.applied = this.committed
  }

  firstIndex(): number {
    return this.unstable.firstIndex() ?? this.storage.firstIndex()
  }

  lastIndex(): number {
    return this.unstable.lastIndex() ?? this.storage.lastIndex()
  }

  /** The term of an entry; undefined when it is compacted away or not there yet. */
  term(index: number): number | undefined {
    const term = this.unstable.term(index)
    if (term !== undefined) return term
    // Storage may still have entries that are void by now: it is asked only for what belongs to this log. The entry
    // before the first one is gone, but its term is kept for matching.
    if (index + 1 < this.firstIndex() || index > this.lastIndex()) return undefined
    return this.storage.term(index)
  }

  lastId(): EntryId {
    const index = this.lastIndex()
    const term = this.term(index)
    assert(term !== undefined, `the last entry ${index} has no term`)
    return { term, index }
  }

  matches(id: EntryId): boolean {
    return this.term(id.index) === id.term
  }

  /** Section 5.4.1: a candidate may win only if its log has all that is committed, so ours must not be newer. */
  isUpToDate(theirs: EntryId): boolean {
    const ours = this.lastId()
    return theirs.term > ours.term || (theirs.term === ours.term && theirs.index >= ours.index)
  }

  /**
   * Follows a leader: takes over `entries`, which come after `prev` in its log, and its commit index as far as the
   * logs are known to match. Returns the last index known to match, or undefined when `prev` does not (section 5.3).
   */
  maybeAppend(prev: EntryId, entries: readonly Entry[], commit: number): number | undefined {
    if (!this.matches(prev)) return undefined
    const fresh = entries.findIndex((entry) => !this.matches(entry))
    if (fresh !== -1) this.append(fresh === 0 ? entries : entries.slice(fresh))
    const lastNew = prev.index + entries.length
    this.commitTo(Math.min(commit, lastNew))
    return lastNew
  }

  /** Puts entries at their places; never over committed ones. */
  append(entries: readonly Entry[]): void {
    if (entries.length === 0) return
    const at = entries[0]!.index
    assert(at > this.committed, `entry ${at} conflicts with the log, which is committed up to ${this.committed}`)
    this.unstable.truncateAndAppend(entries)
  }

  /**
   * The largest index, at most `index`, where this log may match another one that has `term` at its `index`: the first
   * one, from there downwards, whose term is not larger. Terms only grow along a log, so that everything between
   * cannot match, and one round trip is enough for each term instead of one for each entry (end of section 5.3).
   * Returns the term as 0 when it is not known.
   */
  findConflictByTerm(index: number, term: number): EntryId {
    for (let at = index; at > 0; at--) {
      const ours = this.term(at)
      if (ours === undefined) return { index: at, term: 0 }
      if (ours <= term) return { index: at, term: ours }
    }
    return { index: 0, term: 0 }
  }

  /** Commits up to `index`, if it is not committed yet. */
  commitTo(index: number): void {
    if (index <= this.committed) return
    const last = this.lastIndex()
    assert(index <= last, `told to commit ${index}, the log ends at ${last}: it was truncated, damaged or lost`)
    this.committed = index
  }

  /** For a leader: commits only what is of its own `term` (section 5.4.2, Figure 8). */
  maybeCommit(index: number, term: number): boolean {
    if (index <= this.committed || !this.matches({ index, term })) return false
    this.commitTo(index)
    return true
  }

  /**
   * Committed entries that the driver has not been given yet. Unless `allowUnstable`, only those that are durable on
   * this very server.
   */
  nextCommitted(allowUnstable: boolean): readonly Entry[] {
    if (!this.hasNextCommitted(allowUnstable)) return []
    const room = this.maxApplyingBytes - this.applyingBytes
    const entries = this.slice(this.applying + 1, this.maxAppliable(allowUnstable) + 1, room)
    assert(entries !== undefined, `entry ${this.applying + 1} was compacted before it was applied`)
    return entries
  }

  hasNextCommitted(allowUnstable: boolean): boolean {
    // While a snapshot waits to be applied, nothing else is: it comes first.
    if (this.applyingPaused || this.unstable.snapshot !== undefined) return false
    return this.applying < this.maxAppliable(allowUnstable)
  }

  private maxAppliable(allowUnstable: boolean): number {
    return allowUnstable ? this.committed : Math.min(this.committed, this.unstable.offset - 1)
  }

  /** The driver took committed entries up to `index`. */
  acceptApplying(index: number, bytes: number, allowUnstable: boolean): void {
    assert(index <= this.committed, `entry ${index} is handed out but committed is only ${this.committed}`)
    this.applying = index
    this.applyingBytes += bytes
    // Either the bound is reached, or the next entry would exceed it, which is why fewer were handed out than are.
    this.applyingPaused = this.applyingBytes >= this.maxApplyingBytes || index < this.maxAppliable(allowUnstable)
  }

  /** The driver applied entries up to `index`, which took `bytes`. */
  appliedTo(index: number, bytes: number): void {
    const { applied, committed } = this
    assert(applied <= index && index <= committed, `applied ${index} is outside of [${applied}, ${committed}]`)
    this.applied = index
    this.applying = Math.max(this.applying, index)
    this.applyingBytes = Math.max(0, this.applyingBytes - bytes)
    this.applyingPaused = this.applyingBytes >= this.maxApplyingBytes
  }

  snapshot(): Snapshot | undefined {
    return this.unstable.snapshot ?? this.storage.snapshot()
  }

  /** Everything up to the snapshot is replaced by it. */
  restore(snapshot: Snapshot): void {
    this.committed = snapshot.index
    this.unstable.restore(snapshot)
  }

  /** Entries from `index` on, as many as `maxBytes` allows but at least one; undefined when it is compacted away. */
  entries(index: number, maxBytes: number): readonly Entry[] | undefined {
    const last = this.lastIndex()
    return index > last ? [] : this.slice(index, last + 1, maxBytes)
  }

  /** The same for the entries from `lo` up to but not including `hi`. */
  slice(lo: number, hi: number, maxBytes: number): readonly Entry[] | undefined {
    assert(
      lo <= hi && hi <= this.lastIndex() + 1,
      `[${lo}, ${hi}) is outside of a log that ends at ${this.lastIndex()}`,
    )
    if (lo < this.firstIndex()) return undefined
    if (lo === hi) return []
    const { offset } = this.unstable
    if (lo >= offset) return limitBytes(this.unstable.slice(lo, hi), maxBytes)
    const cut = Math.min(hi, offset)
    const stored = this.storage.entries(lo, cut, maxBytes)
    // Fewer than asked for means that the next one did not fit.
    if (stored === undefined || hi <= offset || stored.length < cut - lo) return stored
    const room = maxBytes - entriesBytes(stored)
    if (room <= 0) return stored
    const more = limitBytes(this.unstable.slice(offset, hi), room)
    return more.length === 1 && entriesBytes(more) > room ? stored : [...stored, ...more]
  }

  /** Whether an entry in (`from`, `to`] satisfies `test`; read in pages, for there may be many. */
  some(from: number, to: number, pageBytes: number, test: (entry: Entry) => boolean): boolean {
    for (let at = from + 1; at <= to; ) {
      const page = this.slice(at, to + 1, pageBytes)
      assert(page !== undefined && page.length > 0, `entry ${at} is not there though it was never applied`)
      if (page.some(test)) return true
      at += page.length
    }
    return false
  }
}
