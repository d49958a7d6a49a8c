/**
 * What the core needs to read back from durable storage. Writing is the driver's business: it writes what `Ready`
 * hands out. All answers are immediate; what is not known yet is still held by the core itself (`unstable.ts`).
 */
import type { ConfState, Entry, HardState, Snapshot } from "../types.ts"

export interface Storage {
  /** What was last written; no hard state when none ever was. */
  initialState(): { hardState: HardState | undefined; confState: ConfState }
  /**
   * Entries from `lo` up to but not including `hi`, as many as `maxBytes` allows but at least one; undefined when the
   * first of them has been compacted away. Asking beyond the last entry is a mistake of the caller.
   */
  entries(lo: number, hi: number, maxBytes: number): readonly Entry[] | undefined
  /** The term of an entry from `firstIndex() - 1` on; undefined when it is compacted away or not there yet. */
  term(index: number): number | undefined
  /** The first entry that is not compacted away; one more than `lastIndex()` when there is none. */
  firstIndex(): number
  lastIndex(): number
  /**
   * A snapshot of what is applied now, or undefined while one is being made: the core asks again later. One from before
   * a member joined is of no use to it, so an old one must not be handed out for ever.
   */
  snapshot(): Snapshot | undefined
}
