/**
 * What a leader knows about one server's log, and how it feeds it. Three ways of feeding:
 *
 *     probe      it is not known where the logs match: one message, then wait for the answer or a heartbeat's
 *     replicate  it is known: entries are sent ahead of the answers, as far as the window of `Inflights` allows
 *     snapshot   what the server needs is compacted away: nothing is sent until the snapshot's fate is known
 *
 * A rejection or an unreachable server leads back to probe, an acknowledgement on to replicate.
 */
import { assert } from "../../base/assert.ts"
import type { Inflights } from "./inflights.ts"

export type ProgressState = "probe" | "replicate" | "snapshot"

export class Progress {
  /** The log is known to match up to here (`matchIndex` of Figure 2). */
  match = 0
  /** The next entry to send (`nextIndex`); always larger than `match`. What lies between is on its way. */
  next: number
  state: ProgressState = "probe"
  /** The index of the snapshot that is on its way; 0 when none is. */
  pendingSnapshot = 0
  /** Something was heard from the server since the last look at the quorum. */
  recentActive = false
  /** No more entries until an answer comes, to an append or to a heartbeat. */
  paused = false
  isLearner: boolean
  readonly inflights: Inflights
  /** The highest commit index on its way there. */
  private sentCommitIndex = 0

  constructor(next: number, isLearner: boolean, inflights: Inflights) {
    this.next = next
    this.isLearner = isLearner
    this.inflights = inflights
  }

  /** A copy for a configuration change to work on; the window is shared, for only one of the two lives on. */
  copy(): Progress {
    const copy = new Progress(this.next, this.isLearner, this.inflights)
    copy.match = this.match
    copy.state = this.state
    copy.pendingSnapshot = this.pendingSnapshot
    copy.recentActive = this.recentActive
    copy.paused = this.paused
    copy.sentCommitIndex = this.sentCommitIndex
    return copy
  }

  /** In a new term nothing is known (Figure 2: reinitialized after election). */
  reset(match: number, next: number): void {
    this.become("probe")
    this.match = match
    this.next = next
    this.recentActive = false
    this.sentCommitIndex = 0
  }

  private become(state: ProgressState): void {
    this.state = state
    this.paused = false
    this.pendingSnapshot = 0
    this.inflights.reset()
  }

  becomeProbe(): void {
    // After a snapshot that arrived, the first entry behind it is the one to try.
    const next = this.state === "snapshot" ? Math.max(this.match, this.pendingSnapshot) + 1 : this.match + 1
    this.become("probe")
    this.next = next
    this.regressCommit()
  }

  becomeReplicate(): void {
    this.become("replicate")
    this.next = this.match + 1
  }

  becomeSnapshot(index: number): void {
    this.become("snapshot")
    this.pendingSnapshot = index
    this.next = index + 1
    this.sentCommitIndex = index
  }

  isPaused(): boolean {
    return this.state === "snapshot" || this.paused
  }

  /** An append with so many entries went out. */
  sentEntries(count: number, bytes: number): void {
    assert(this.state !== "snapshot", "entries were sent while a snapshot is on its way")
    if (this.state === "probe") {
      if (count > 0) this.paused = true
      return
    }
    if (count > 0) {
      this.next += count
      this.inflights.add(this.next - 1, bytes)
    }
    // An append into a full window is a probe: it is what gets a follower going again that lost the whole window.
    this.paused = this.inflights.full()
  }

  sentCommit(index: number): void {
    this.sentCommitIndex = index
  }

  /** Whether sending a commit index would tell the server anything that is not already on its way. */
  canBumpCommit(index: number): boolean {
    return index > this.sentCommitIndex && this.sentCommitIndex < this.next - 1
  }

  /** The server has everything up to `index`; false when that was known. */
  maybeUpdate(index: number): boolean {
    if (index <= this.match) return false
    this.match = index
    this.next = Math.max(this.next, index + 1)
    this.paused = false
    return true
  }

  /**
   * The server refused an append after entry `rejected` and thinks that the logs may match at `hint`. False when the
   * refusal is an old one, overtaken by what is known since: what is acknowledged cannot be refused any more, nor,
   * while probing, anything but the one probe that is on its way.
   */
  maybeDecrease(rejected: number, hint: number): boolean {
    if (rejected <= this.match) return false
    if (this.state === "replicate") {
      this.next = this.match + 1
    } else {
      if (this.next - 1 !== rejected) return false
      this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1)
      this.paused = false
    }
    this.regressCommit()
    return true
  }

  /** What was sent beyond `next` did probably not arrive, nor did the commit index that came with it. */
  private regressCommit(): void {
    this.sentCommitIndex = Math.min(this.sentCommitIndex, this.next - 1)
  }
}
