/**
 * Puts configurations in force. As in etcd, a change counts from when it is applied, not from when it is in the log:
 * simpler, at the known cost that going from two voters to one needs both alive (etcd-io/raft doc.go).
 */
import { assert } from "../base/assert.ts"
import { changeMembership, type Membership } from "./confchange/changer.ts"
import { type ConfChange, LEAVE_JOINT } from "./confchange/change.ts"
import { restoreMembership } from "./confchange/restore.ts"
import { newcomerOf, proposeAsLeader, whyNotConfChange } from "./proposals.ts"
import { isVoter } from "./quorum/joint.ts"
import type { Raft } from "./raft.ts"
import { answerConfirmed, releasePendingReads } from "./reads.ts"
import { broadcastAppend, maybeCommit, maybeSendAppend } from "./replication.ts"
import { confStateOf } from "./tracker/tracker.ts"
import { type ConfState, NO_DATA, NONE } from "./types.ts"

/** A committed change is applied. Returns the configuration that is in force from here on. */
export function applyConfChange(raft: Raft, change: ConfChange): ConfState {
  const outcome = changeMembership(raft.tracker, change, newcomerOf(raft))
  assert(typeof outcome !== "string", `a committed change of the configuration is impossible: ${outcome}`)
  return switchTo(raft, outcome)
}

/** Takes over a stored configuration, from before a restart or out of a snapshot. */
export function restoreConfiguration(raft: Raft, state: ConfState): void {
  const restored = switchTo(raft, restoreMembership(state, newcomerOf(raft)))
  assert(sameMembers(restored, state), `the configuration ${JSON.stringify(state)} was not restored`)
}

function sameMembers(a: ConfState, b: ConfState): boolean {
  const key = (s: ConfState) =>
    [s.voters, s.votersOutgoing, s.learners, s.learnersNext]
      .map((ids) => [...ids].sort((x, y) => x - y).join())
      .join(";")
  return key(a) === key(b) && a.autoLeave === b.autoLeave
}

function switchTo(raft: Raft, { configuration, progress }: Membership): ConfState {
  raft.tracker.set(configuration, progress)
  const state = confStateOf(configuration)
  const own = raft.tracker.get(raft.id)
  raft.isLearner = own?.isLearner === true
  raft.say("info", `${raft.id} has the configuration ${JSON.stringify(state)}`)
  if (raft.role !== "leader") return state
  if (own === undefined || own.isLearner) {
    // It may go on leading for a while without counting itself (thesis 4.2.2), but it takes no more proposals.
    if (raft.config.stepDownOnRemoval) raft.becomeFollower(raft.term, NONE)
    return state
  }
  if (maybeCommit(raft)) {
    // Fewer are needed for a quorum now.
    releasePendingReads(raft)
    broadcastAppend(raft)
  } else {
    // Newcomers need not wait for the next heartbeat.
    for (const id of raft.tracker.ids) if (id !== raft.id) maybeSendAppend(raft, id, false)
  }
  answerConfirmed(raft)
  if (raft.leadTransferee !== NONE && !isVoter(configuration.voters, raft.leadTransferee)) raft.leadTransferee = NONE
  return state
}

/**
 * Everything up to `index` is applied. If that includes the change into a joint configuration that is to end by itself,
 * the leader proposes its end; again at each further entry, until it gets through.
 */
export function leaveJointWhenApplied(raft: Raft): void {
  const { configuration } = raft.tracker
  if (!configuration.autoLeave || raft.role !== "leader" || raft.log.applied < raft.pendingConfIndex) return
  if (whyNotConfChange(raft, LEAVE_JOINT) !== undefined) return
  proposeAsLeader(raft, [{ type: "EntryConfChangeV2", data: NO_DATA }])
}
