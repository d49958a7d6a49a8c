/** How a leader brings its log to the others: appends, snapshots, heartbeats, and what follows from their answers. */
import { assert } from "../base/assert.ts"
import { payloadBytes } from "./log/entries.ts"
import { message } from "./message.ts"
import type { Raft } from "./raft.ts"
import type { Progress } from "./tracker/progress.ts"
import type { ConfState, NodeId } from "./types.ts"

/**
 * Sends one append, or a snapshot when what the follower needs is compacted away. Without `sendIfEmpty` only when there
 * are entries to send; an append without entries still brings the commit index, or probes. False when nothing went.
 */
export function maybeSendAppend(raft: Raft, to: NodeId, sendIfEmpty: boolean): boolean {
  const progress = raft.tracker.get(to)
  assert(progress !== undefined, `an append to ${to}, which is no member`)
  if (progress.isPaused()) return false
  const prev = progress.next - 1
  const logTerm = raft.log.term(prev)
  if (logTerm === undefined) return maybeSendSnapshot(raft, to, progress)
  // Into a full window goes an empty append: if all that fills the window was lost, its answer will tell.
  const full = progress.state === "replicate" && progress.inflights.full()
  const entries = full ? [] : raft.log.entries(progress.next, raft.config.maxBytesPerMessage)
  if (entries === undefined) return maybeSendSnapshot(raft, to, progress)
  if (entries.length === 0 && !sendIfEmpty) return false
  const commit = raft.log.committed
  raft.send(message("MsgApp", to, { index: prev, logTerm, entries, commit }))
  progress.sentEntries(entries.length, payloadBytes(entries))
  progress.sentCommit(commit)
  return true
}

/**
 * Section 7. Not to a server that is silent: a snapshot is expensive, and it may be gone for good. Not one from before
 * the server became a member either: it would not take it, and wait.
 */
function maybeSendSnapshot(raft: Raft, to: NodeId, progress: Progress): boolean {
  if (!progress.recentActive) return false
  const snapshot = raft.log.snapshot()
  if (snapshot === undefined) return false
  assert(snapshot.index > 0, "the log is compacted but there is no snapshot")
  if (!isMember(snapshot.confState, to)) return false
  progress.becomeSnapshot(snapshot.index)
  raft.say("info", `${raft.id} sends ${to} the snapshot at ${snapshot.index}`)
  raft.send(message("MsgSnap", to, { snapshot }))
  return true
}

/** Who is to become a learner (`learnersNext`) is an outgoing voter. */
export function isMember({ voters, votersOutgoing, learners }: ConfState, id: NodeId): boolean {
  return voters.includes(id) || votersOutgoing.includes(id) || learners.includes(id)
}

/** To every other member, learners included. */
export function broadcastAppend(raft: Raft): void {
  for (const id of raft.tracker.ids) if (id !== raft.id) maybeSendAppend(raft, id, true)
}

/**
 * Heartbeats carry the commit index only as far as the follower's log is known to match: what it has beyond may be
 * another leader's.
 */
export function broadcastHeartbeat(raft: Raft): void {
  const context = raft.readOnly.context()
  for (const id of raft.tracker.ids) {
    if (id === raft.id) continue
    const progress = raft.tracker.get(id)!
    const commit = Math.min(progress.match, raft.log.committed)
    raft.send(message("MsgHeartbeat", id, { commit, context }))
    progress.sentCommit(commit)
  }
}

/** Section 5.4.2: commits what a quorum has, if it is of the leader's own term. Returns whether that is news. */
export function maybeCommit(raft: Raft): boolean {
  return raft.log.maybeCommit(raft.tracker.committed(), raft.term)
}

/** Whether an entry of this leader's term is committed: only then does it know how far the log is (thesis 6.4). */
export function committedInOwnTerm(raft: Raft): boolean {
  return raft.log.term(raft.log.committed) === raft.term
}
