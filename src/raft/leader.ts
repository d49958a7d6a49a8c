/** What a leader does with what it is told. */
import { releasePendingReads, answerConfirmed, readAsLeader } from "./reads.ts"
import { type Message, message } from "./message.ts"
import { proposeAsLeader } from "./proposals.ts"
import type { Raft } from "./raft.ts"
import { broadcastAppend, broadcastHeartbeat, maybeCommit, maybeSendAppend } from "./replication.ts"
import type { Progress } from "./tracker/progress.ts"
import { NONE, type Refusal } from "./types.ts"

export function stepLeader(raft: Raft, m: Message): Refusal | undefined {
  switch (m.type) {
    case "MsgBeat":
      broadcastHeartbeat(raft)
      return undefined
    case "MsgCheckQuorum":
      checkQuorum(raft)
      return undefined
    case "MsgProp":
      return proposeAsLeader(raft, m.entries)
    case "MsgReadIndex":
      return readAsLeader(raft, m)
  }
  // Everything else is about one member; from others it is stale.
  const progress = raft.tracker.get(m.from)
  if (progress === undefined) return undefined
  switch (m.type) {
    case "MsgAppResp":
      progress.recentActive = true
      if (m.reject) handleRejection(raft, m, progress)
      else handleAcknowledgement(raft, m, progress)
      return undefined
    case "MsgHeartbeatResp":
      handleHeartbeatResponse(raft, m, progress)
      return undefined
    case "MsgSnapStatus":
      handleSnapshotStatus(m, progress)
      return undefined
    case "MsgUnreachable":
      // What was sent ahead is probably lost.
      if (progress.state === "replicate") progress.becomeProbe()
      return undefined
    case "MsgTransferLeader":
      transferLeadership(raft, m, progress)
      return undefined
  }
  return undefined
}

/** A leader without a quorum steps down, so that whoever asks it does not wait for nothing (thesis 6.2). */
function checkQuorum(raft: Raft): void {
  if (!raft.tracker.quorumActive()) {
    raft.say("warn", `${raft.id} heard from no quorum for an election timeout`)
    raft.becomeFollower(raft.term, NONE)
  }
  for (const [id, progress] of raft.tracker.progress) if (id !== raft.id) progress.recentActive = false
}

/**
 * The logs do not match where they were tried. The follower says where its log has a term that is not larger than the
 * one tried; from there on the leader looks back in its own log for a term that is not larger than the follower's.
 * So each round trip skips a whole term on one of the sides (end of section 5.3).
 */
function handleRejection(raft: Raft, m: Message, progress: Progress): void {
  const hint = m.logTerm > 0 ? raft.log.findConflictByTerm(m.rejectHint, m.logTerm).index : m.rejectHint
  if (!progress.maybeDecrease(m.index, hint)) return
  if (progress.state === "replicate") progress.becomeProbe()
  maybeSendAppend(raft, m.from, true)
}

/** The member has the log up to `m.index`, durably; this is also how the leader hears of its own disk. */
function handleAcknowledgement(raft: Raft, m: Message, progress: Progress): void {
  // An answer that tells nothing new still ends probing: an unreachable server is reachable again.
  const probed = progress.state === "probe" && progress.match === m.index
  if (!progress.maybeUpdate(m.index) && !probed) return
  if (progress.state === "probe") {
    progress.becomeReplicate()
  } else if (progress.state === "snapshot") {
    // Wherever the snapshot came from: what counts is that the log can take over from here.
    if (progress.match + 1 >= raft.log.firstIndex()) {
      progress.becomeProbe()
      progress.becomeReplicate()
    }
  } else {
    progress.inflights.freeTo(m.index)
  }
  if (maybeCommit(raft)) {
    releasePendingReads(raft)
    broadcastAppend(raft)
  } else if (m.from !== raft.id && progress.canBumpCommit(raft.log.committed)) {
    maybeSendAppend(raft, m.from, true)
  }
  if (m.from !== raft.id) {
    // As much as the window takes now.
    let sent = true
    while (sent) sent = maybeSendAppend(raft, m.from, false)
  }
  if (m.from === raft.leadTransferee && progress.match === raft.log.lastIndex()) {
    raft.send(message("MsgTimeoutNow", m.from))
  }
}

function handleHeartbeatResponse(raft: Raft, m: Message, progress: Progress): void {
  progress.recentActive = true
  progress.paused = false
  // Behind, or not known where: try. With a full window that is an empty append, which gets a follower going again
  // that lost all of it.
  if (progress.match < raft.log.lastIndex() || progress.state === "probe") maybeSendAppend(raft, m.from, true)
  if (m.context === 0) return
  raft.readOnly.acknowledge(m.from, m.context)
  answerConfirmed(raft)
}

/** The driver tells what became of a snapshot. Then the member's own answer, or a heartbeat, is waited for. */
function handleSnapshotStatus(m: Message, progress: Progress): void {
  if (progress.state !== "snapshot") return
  // One that failed must not count as the place to go on from.
  if (m.reject) progress.pendingSnapshot = 0
  progress.becomeProbe()
  progress.paused = true
}

/**
 * Hands over to `m.from` (thesis 3.10): no more proposals from now on; as soon as the target has the whole log it is
 * told to stand at once. If it has not taken over within an election timeout, the leader goes on (`tick.ts`).
 */
function transferLeadership(raft: Raft, m: Message, progress: Progress): void {
  const target = m.from
  if (progress.isLearner || target === raft.leadTransferee) return
  // To itself: a way of taking back what was asked for.
  raft.leadTransferee = NONE
  if (target === raft.id) return
  raft.say("info", `${raft.id} hands over to ${target}`)
  raft.electionElapsed = 0
  raft.leadTransferee = target
  if (progress.match === raft.log.lastIndex()) raft.send(message("MsgTimeoutNow", target))
  else maybeSendAppend(raft, target, true)
}
