/** What a leader puts into its log, and what it refuses. */
import { changeMembership } from "./confchange/changer.ts"
import { type ConfChange, decodeConfChange, isConfChange, leavesJoint } from "./confchange/change.ts"
import { payloadBytes } from "./log/entries.ts"
import { message } from "./message.ts"
import type { Raft } from "./raft.ts"
import { broadcastAppend, committedInOwnTerm } from "./replication.ts"
import { isJoint } from "./tracker/tracker.ts"
import { type Entry, NO_DATA, NONE, type Proposal, type Refusal } from "./types.ts"

/**
 * Appends proposals to the leader's log and sends them out. A change of the configuration that is not possible now goes
 * in as an empty entry in its place, so that what is proposed together stays together.
 */
export function proposeAsLeader(raft: Raft, proposals: readonly Proposal[]): Refusal | undefined {
  if (raft.tracker.get(raft.id) === undefined) return "notMember"
  if (raft.leadTransferee !== NONE) return "transferring"
  if (!proposals.some(isConfChange)) {
    if (!appendAsLeader(raft, proposals)) return "uncommittedFull"
    broadcastAppend(raft)
    return undefined
  }
  const changes = proposals.map((proposal) => (isConfChange(proposal) ? decodeConfChange(proposal.data) : undefined))
  if (proposals.some((proposal, i) => isConfChange(proposal) && changes[i] === undefined)) return "malformed"
  const pendingBefore = raft.pendingConfIndex
  const accepted = proposals.map((proposal, i) => {
    const change = changes[i]
    if (change === undefined) return proposal
    const why = raft.config.disableConfChangeValidation ? undefined : whyNotConfChange(raft, change)
    if (why !== undefined) {
      raft.say("info", `${raft.id} ignores a change of the configuration: ${why}`)
      return { type: "EntryNormal", data: NO_DATA } as const
    }
    raft.pendingConfIndex = raft.log.lastIndex() + i + 1
    return proposal
  })
  if (!appendAsLeader(raft, accepted)) {
    raft.pendingConfIndex = pendingBefore
    return "uncommittedFull"
  }
  broadcastAppend(raft)
  return undefined
}

/**
 * Why the leader would not take this change now, if so. All of these must hold, or two majorities that do not overlap
 * could decide (REPLICATION 3.6):
 * the change before is applied (`pendingConfIndex`), an entry of this term is committed (Ongaro, "bug in single-server
 * membership changes", raft-dev 2015), and the change itself is possible: nothing unapplied stands between the
 * configuration in force and this change, so that a trial decides, and applying it later cannot fail.
 */
export function whyNotConfChange(raft: Raft, change: ConfChange): string | undefined {
  const { applied } = raft.log
  if (raft.pendingConfIndex > applied) {
    return `one may be pending at ${raft.pendingConfIndex}, applied is ${applied}`
  }
  const joint = isJoint(raft.tracker.configuration)
  if (joint && !leavesJoint(change)) return "the joint configuration must be left first"
  if (!joint && leavesJoint(change)) return "there is no joint configuration to leave"
  if (raft.config.confChangeNeedsOwnCommit && !committedInOwnTerm(raft)) {
    return "no entry of this leader's term is committed yet"
  }
  const trial = changeMembership(raft.tracker, change, newcomerOf(raft))
  if (typeof trial === "string") return trial
  // Who lost its vote by entering a joint configuration must still be able to end it.
  const ends = !leavesJoint(change) && !trial.configuration.voters.incoming.has(raft.id)
  if (raft.config.confChangeKeepsLeader && ends) return "a leader does not remove itself: it must hand over first"
  return undefined
}

/** What a member that joins now begins with. */
export function newcomerOf(raft: Raft): { lastIndex: number; maxInflightMessages: number; maxInflightBytes: number } {
  const { maxInflightMessages, maxInflightBytes } = raft.config
  return { lastIndex: raft.log.lastIndex(), maxInflightMessages, maxInflightBytes }
}

/** Gives proposals their places in the log. False when too much is uncommitted, and then nothing is done. */
export function appendAsLeader(raft: Raft, proposals: readonly Proposal[]): boolean {
  if (!increaseUncommitted(raft, payloadBytes(proposals))) return false
  const first = raft.log.lastIndex() + 1
  const entries = proposals.map(({ type, data }, i): Entry => ({ term: raft.term, index: first + i, type, data }))
  raft.log.append(entries)
  // The leader's own copy counts like any other once it is durable: it acknowledges it to itself, and this message too
  // waits for the disk (etcd issue 14370).
  raft.send(message("MsgAppResp", raft.id, { index: raft.log.lastIndex() }))
  return true
}

/**
 * Refuses what exceeds the bound, unless nothing is uncommitted: else a large entry could never get through. Entries
 * without payload are never refused: a new leader's first one, and the end of a joint configuration.
 */
function increaseUncommitted(raft: Raft, bytes: number): boolean {
  const sum = raft.uncommittedBytes + bytes
  if (raft.uncommittedBytes > 0 && bytes > 0 && sum > raft.config.maxUncommittedBytes) return false
  raft.uncommittedBytes = sum
  return true
}

/** Entries were applied. A leader that took over counts only its own, so the sum may fall short. */
export function reduceUncommitted(raft: Raft, bytes: number): void {
  raft.uncommittedBytes = Math.max(0, raft.uncommittedBytes - bytes)
}
