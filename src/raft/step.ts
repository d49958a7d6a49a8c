/**
 * The one door for messages: first the rules about terms that hold for every role (section 5.1), then what each role
 * does with a message of its own term.
 */
import { stepCandidate } from "./candidate.ts"
import { handleVoteRequest, hup, inLease } from "./election.ts"
import { stepFollower } from "./follower.ts"
import { stepLeader } from "./leader.ts"
import { entriesBytes, isLogSlice, payloadBytes } from "./log/entries.ts"
import { leaveJointWhenApplied } from "./membership.ts"
import { type Message, message } from "./message.ts"
import { reduceUncommitted } from "./proposals.ts"
import type { Raft } from "./raft.ts"
import { NONE, type Refusal } from "./types.ts"

export function step(raft: Raft, m: Message): Refusal | undefined {
  if (m.type === "MsgApp" && !isLogSlice(m.logTerm, m.index, m.entries, m.term)) return "malformed"
  // Term 0: from this server's own driver, or sent on by a follower.
  if (m.term > raft.term && !entersTerm(raft, m)) return undefined
  if (m.term !== 0 && m.term < raft.term) {
    handleStale(raft, m)
    return undefined
  }
  switch (m.type) {
    case "MsgHup":
      hup(raft, raft.config.preVote ? "preElection" : "election")
      return undefined
    case "MsgStorageAppendResp":
      if (m.index !== 0) raft.log.unstable.stableTo({ term: m.logTerm, index: m.index })
      handleSnapshotApplied(raft, m)
      return undefined
    case "MsgStorageApplyResp":
      handleApplied(raft, m)
      return undefined
    case "MsgVote":
    case "MsgPreVote":
      handleVoteRequest(raft, m)
      return undefined
  }
  switch (raft.role) {
    case "leader":
      return stepLeader(raft, m)
    case "follower":
      return stepFollower(raft, m)
    default:
      return stepCandidate(raft, m)
  }
}

/** Section 5.1: a later term is entered at once. With the exceptions; false when the message is to be ignored. */
function entersTerm(raft: Raft, m: Message): boolean {
  const asksForVote = m.type === "MsgVote" || m.type === "MsgPreVote"
  if (asksForVote && !m.force && inLease(raft)) return false
  // A pre-vote asks about a term that nobody is in yet, and so does its answer if it is a yes.
  if (m.type === "MsgPreVote" || (m.type === "MsgPreVoteResp" && !m.reject)) return true
  const fromLeader = m.type === "MsgApp" || m.type === "MsgHeartbeat" || m.type === "MsgSnap"
  raft.becomeFollower(m.term, fromLeader ? m.from : NONE)
  return true
}

/** Messages of an earlier term: ignored, but for those whose sender must be told, and news of this server's disk. */
function handleStale(raft: Raft, m: Message): void {
  if ((m.type === "MsgHeartbeat" || m.type === "MsgApp") && (raft.config.checkQuorum || raft.config.preVote)) {
    // That leader goes on while this server, cut off meanwhile, has a later term. It can neither win, as the others
    // keep their lease, nor follow. The answer makes the leader step down, and a new election takes both along.
    raft.send(message("MsgAppResp", m.from))
  } else if (m.type === "MsgPreVote") {
    // The answer tells the term: candidates of old and new versions would otherwise wait for each other for ever
    // (canonical/raft 279).
    raft.send(message("MsgPreVoteResp", m.from, { term: raft.term, reject: true }))
  } else if (m.type === "MsgStorageAppendResp") {
    // The entries may have been overwritten in memory, and the write that does it on disk still be on its way: what was
    // written in an earlier term does not count as stable (etcd-io/raft 76f1249). A snapshot holds only what is
    // committed, and is good in every term.
    handleSnapshotApplied(raft, m)
  }
}

function handleSnapshotApplied(raft: Raft, m: Message): void {
  if (m.snapshot === undefined) return
  raft.log.unstable.stableSnapTo(m.snapshot.index)
  appliedTo(raft, m.snapshot.index, 0)
}

function handleApplied(raft: Raft, m: Message): void {
  const last = m.entries.at(-1)
  if (last === undefined) return
  appliedTo(raft, last.index, entriesBytes(m.entries))
  reduceUncommitted(raft, payloadBytes(m.entries))
}

function appliedTo(raft: Raft, index: number, bytes: number): void {
  raft.log.appliedTo(Math.max(index, raft.log.applied), bytes)
  leaveJointWhenApplied(raft)
}
