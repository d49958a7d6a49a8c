/**
 * The end of the log that is not known to be durable yet, and a snapshot in the same state. They are kept here until
 * the driver has said that they are written, also while it writes them: only then does storage give them back.
 */
import { assert } from "../../base/assert.ts"
import type { Entry, EntryId, Snapshot } from "../types.ts"

export class Unstable {
  snapshot: Snapshot | undefined
  snapshotInProgress = false
  /** `entries[i]` has index `offset + i`. Storage may still hold other entries from `offset` on: they are void. */
  entries: Entry[] = []
  offset: number
  /** Entries before this index have been handed to the driver. */
  offsetInProgress: number

  constructor(offset: number) {
    this.offset = offset
    this.offsetInProgress = offset
  }

  firstIndex(): number | undefined {
    return this.snapshot === undefined ? undefined : this.snapshot.index + 1
  }

  lastIndex(): number | undefined {
    return this.entries.length > 0 ? this.offset + this.entries.length - 1 : this.snapshot?.index
  }

  term(index: number): number | undefined {
    if (index >= this.offset) return this.entries[index - this.offset]?.term
    return this.snapshot?.index === index ? this.snapshot.term : undefined
  }

  /** What the driver has not been given yet. */
  nextEntries(): readonly Entry[] {
    return this.entries.slice(this.offsetInProgress - this.offset)
  }

  hasNextEntries(): boolean {
    return this.offsetInProgress - this.offset < this.entries.length
  }

  nextSnapshot(): Snapshot | undefined {
    return this.snapshotInProgress ? undefined : this.snapshot
  }

  /** The driver took all there is. */
  acceptInProgress(): void {
    this.offsetInProgress = this.offset + this.entries.length
    if (this.snapshot !== undefined) this.snapshotInProgress = true
  }

  /**
   * Entries up to `id` are durable. They stay when another term has taken their place meanwhile: what was written is
   * then not what is meant. That no write in progress may still overwrite them is for the caller to know (`Ready`'s
   * acknowledgements carry the term for that).
   */
  stableTo(id: EntryId): void {
    if (id.index < this.offset || this.term(id.index) !== id.term) return
    this.entries.splice(0, id.index + 1 - this.offset)
    this.offset = id.index + 1
    this.offsetInProgress = Math.max(this.offsetInProgress, this.offset)
  }

  stableSnapTo(index: number): void {
    if (this.snapshot?.index !== index) return
    this.snapshot = undefined
    this.snapshotInProgress = false
  }

  /** Everything is replaced by a snapshot. */
  restore(snapshot: Snapshot): void {
    this.offset = snapshot.index + 1
    this.offsetInProgress = this.offset
    this.entries = []
    this.snapshot = snapshot
    this.snapshotInProgress = false
  }

  /** Puts entries at their places; whatever was there and after is void, and must be written anew if it was. */
  truncateAndAppend(entries: readonly Entry[]): void {
    const from = entries[0]!.index
    if (from <= this.offset) {
      this.entries = [...entries]
      this.offset = from
      this.offsetInProgress = from
      return
    }
    assert(from <= this.offset + this.entries.length, `entries from ${from} on would leave a gap in the log`)
    this.entries.length = from - this.offset
    for (const entry of entries) this.entries.push(entry)
    this.offsetInProgress = Math.min(this.offsetInProgress, from)
  }

  /** Entries from `lo` up to but not including `hi`; all must be here. */
  slice(lo: number, hi: number): readonly Entry[] {
    const end = this.offset + this.entries.length
    assert(this.offset <= lo && lo <= hi && hi <= end, `[${lo}, ${hi}) is outside of [${this.offset}, ${end})`)
    return this.entries.slice(lo - this.offset, hi - this.offset)
  }
}
