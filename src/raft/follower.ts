/** What a follower does with what it is told, and how it follows a leader's log. */
import { hup } from "./election.ts"
import { type Message, message } from "./message.ts"
import { restoreConfiguration } from "./membership.ts"
import type { Raft } from "./raft.ts"
import { isMember } from "./replication.ts"
import { NONE, type Refusal, type Snapshot } from "./types.ts"

export function stepFollower(raft: Raft, m: Message): Refusal | undefined {
  switch (m.type) {
    case "MsgProp":
      if (raft.lead === NONE) return "noLeader"
      if (raft.config.disableProposalForwarding) return "notForwarding"
      raft.send({ ...m, to: raft.lead })
      return undefined
    case "MsgReadIndex":
    case "MsgTransferLeader":
      if (raft.lead === NONE) return "noLeader"
      raft.send({ ...m, to: raft.lead })
      return undefined
    case "MsgReadIndexResp":
      raft.readStates.push({ index: m.index, context: m.context })
      return undefined
    case "MsgApp":
    case "MsgHeartbeat":
    case "MsgSnap":
      raft.electionElapsed = 0
      raft.lead = m.from
      followLeader(raft, m)
      return undefined
    case "MsgTimeoutNow":
      // No pre-vote: the leader itself wants it, so there is nobody to be protected from it.
      hup(raft, "transfer")
      return undefined
    case "MsgForgetLeader":
      forgetLeader(raft)
      return undefined
  }
  return undefined
}

/**
 * The driver knows that the leader is gone, so its lease need not be waited for. Not where reads rest on that lease:
 * the leader may be alive and serving them.
 */
function forgetLeader(raft: Raft): void {
  if (raft.config.readOnly === "leaseBased") raft.say("error", "ignoring MsgForgetLeader due to ReadOnlyLeaseBased")
  else raft.lead = NONE
}

/** MsgApp, MsgHeartbeat or MsgSnap from the leader of this term. */
export function followLeader(raft: Raft, m: Message): void {
  if (m.type === "MsgApp") {
    handleAppend(raft, m)
  } else if (m.type === "MsgHeartbeat") {
    raft.log.commitTo(m.commit)
    raft.send(message("MsgHeartbeatResp", m.from, { context: m.context }))
  } else {
    // Ignored or not: the answer says how far this log is.
    const index = m.snapshot !== undefined && restore(raft, m.snapshot) ? raft.log.lastIndex() : raft.log.committed
    raft.send(message("MsgAppResp", m.from, { index }))
  }
}

/** AppendEntries of Figure 2. */
function handleAppend(raft: Raft, m: Message): void {
  const { log } = raft
  if (m.index < log.committed) {
    // An old message: what is committed matches anyhow.
    raft.send(message("MsgAppResp", m.from, { index: log.committed }))
    return
  }
  const matched = log.maybeAppend({ term: m.logTerm, index: m.index }, m.entries, m.commit)
  if (matched !== undefined) {
    raft.send(message("MsgAppResp", m.from, { index: matched }))
    return
  }
  const hint = log.findConflictByTerm(Math.min(m.index, log.lastIndex()), m.logTerm)
  const { index, term: logTerm } = hint
  raft.send(message("MsgAppResp", m.from, { index: m.index, reject: true, rejectHint: index, logTerm }))
}

/** InstallSnapshot of Figure 13. False when the snapshot is not needed, or not for this server. */
function restore(raft: Raft, snapshot: Snapshot): boolean {
  const { log } = raft
  if (snapshot.index <= log.committed) return false
  if (!isMember(snapshot.confState, raft.id)) {
    raft.say("warn", `${raft.id} got a snapshot of a cluster that it does not belong to`)
    return false
  }
  if (log.matches(snapshot)) {
    // All of it is in the log already: only how far that is committed was not known.
    log.commitTo(snapshot.index)
    return false
  }
  log.restore(snapshot)
  restoreConfiguration(raft, snapshot.confState)
  raft.say("info", `${raft.id} restores the snapshot at ${snapshot.index}`)
  return true
}
