/**
 * Storage in memory: for simulations, transcripts and tests. It keeps the rules of the real one, so that a driver that
 * misuses it fails here.
 */
import { assert } from "../../base/assert.ts"
import {
  NO_DATA,
  NO_MEMBERS,
  type ConfState,
  type Entry,
  type EntryId,
  type HardState,
  type Snapshot,
} from "../types.ts"
import { limitBytes } from "./entries.ts"
import type { Storage } from "./storage.ts"

export class MemoryStorage implements Storage {
  private hardState: HardState | undefined
  private lastSnapshot: Snapshot = { index: 0, term: 0, confState: NO_MEMBERS, data: NO_DATA }
  /** The entry before the first one kept: compacted away, but its term is needed to match logs (section 7). */
  private base: EntryId = { term: 0, index: 0 }
  private kept: Entry[] = []

  initialState(): { hardState: HardState | undefined; confState: ConfState } {
    return { hardState: this.hardState, confState: this.lastSnapshot.confState }
  }

  setHardState(hardState: HardState): void {
    this.hardState = hardState
  }

  entries(lo: number, hi: number, maxBytes: number): readonly Entry[] | undefined {
    if (lo <= this.base.index) return undefined
    assert(hi <= this.lastIndex() + 1, `entries up to ${hi} asked for, the last one is ${this.lastIndex()}`)
    const first = this.firstIndex()
    return limitBytes(this.kept.slice(lo - first, hi - first), maxBytes)
  }

  term(index: number): number | undefined {
    if (index === this.base.index) return this.base.term
    return this.kept[index - this.firstIndex()]?.term
  }

  firstIndex(): number {
    return this.base.index + 1
  }

  lastIndex(): number {
    return this.base.index + this.kept.length
  }

  snapshot(): Snapshot | undefined {
    return this.lastSnapshot
  }

  /** Replaces everything by a snapshot; false, and nothing done, when it is no newer than the one that is there. */
  applySnapshot(snapshot: Snapshot): boolean {
    // Index 0 is a snapshot that only says who the first members are.
    if (this.lastSnapshot.index !== 0 && this.lastSnapshot.index >= snapshot.index) return false
    this.lastSnapshot = snapshot
    this.base = { term: snapshot.term, index: snapshot.index }
    this.kept = []
    return true
  }

  /** Makes a snapshot at an applied index; undefined when a newer one is there. */
  createSnapshot(index: number, confState: ConfState | undefined, data: Uint8Array): Snapshot | undefined {
    if (index <= this.lastSnapshot.index) return undefined
    const term = this.term(index)
    assert(term !== undefined, `a snapshot at ${index} is outside of the log, which ends at ${this.lastIndex()}`)
    this.lastSnapshot = { index, term, confState: confState ?? this.lastSnapshot.confState, data }
    return this.lastSnapshot
  }

  /** Drops all entries up to and including `index`, which must be applied; false when they are gone already. */
  compact(index: number): boolean {
    if (index <= this.base.index) return false
    const term = this.term(index)
    assert(term !== undefined, `compaction at ${index} is beyond the last entry ${this.lastIndex()}`)
    this.kept = this.kept.slice(index - this.base.index)
    this.base = { term, index }
    return true
  }

  /** Writes entries over whatever was at their places and after: a conflicting end of the log goes (section 5.3). */
  append(entries: readonly Entry[]): void {
    const first = this.firstIndex()
    const fresh = entries.filter((entry) => entry.index >= first)
    if (fresh.length === 0) return
    const at = fresh[0]!.index
    assert(at <= this.lastIndex() + 1, `entries from ${at} on would leave a gap after ${this.lastIndex()}`)
    this.kept.length = at - first
    for (const entry of fresh) this.kept.push(entry)
  }
}
