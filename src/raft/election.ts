/** Elections: who may stand, how votes are asked for, given and counted (section 5.2, 5.4.1; thesis 4.2.3, 9.6). */
import { assert } from "../base/assert.ts"
import { isConfChange } from "./confchange/change.ts"
import { type Message, message } from "./message.ts"
import { appendAsLeader } from "./proposals.ts"
import { voterIds } from "./quorum/joint.ts"
import type { Raft } from "./raft.ts"
import { broadcastAppend } from "./replication.ts"
import { NO_DATA, NONE } from "./types.ts"

/** `transfer`: the leader asked for it, so that its lease does not stand against it. */
export type Campaign = "preElection" | "election" | "transfer"

/** An election timeout has passed, or the leader hands over: stands for election, if this server may. */
export function hup(raft: Raft, campaign: Campaign): void {
  if (raft.role === "leader") return
  if (!raft.promotable()) {
    raft.say("warn", `${raft.id} may not stand for election: no voter, or busy with a snapshot`)
    return
  }
  if (hasUnappliedConfChange(raft)) {
    raft.say("warn", `${raft.id} may not stand for election: a committed change of the configuration is not applied`)
    return
  }
  stand(raft, campaign)
}

/**
 * A change is in force from when it is applied. Who has one committed and unapplied would count votes by a
 * configuration that a majority may have left already.
 */
function hasUnappliedConfChange(raft: Raft): boolean {
  const { log } = raft
  return log.some(log.applied, log.committed, raft.config.maxApplyingBytes, isConfChange)
}

/**
 * Asks all voters. A pre-vote is asked for the term that the election would be in, without entering it, so that a
 * server that cannot win does not drive everybody's term up.
 */
export function stand(raft: Raft, campaign: Campaign): void {
  if (campaign === "preElection") raft.becomePreCandidate()
  else raft.becomeCandidate()
  const type = campaign === "preElection" ? "MsgPreVote" : "MsgVote"
  const term = campaign === "preElection" ? raft.term + 1 : raft.term
  const last = raft.log.lastId()
  for (const id of voterIds(raft.tracker.configuration.voters)) {
    // The own vote comes back as a message once it is durable, and is counted then.
    if (id === raft.id) raft.send(message(responseTo(type), id, { term }))
    else raft.send(message(type, id, { term, index: last.index, logTerm: last.term, force: campaign === "transfer" }))
  }
}

function responseTo(type: "MsgVote" | "MsgPreVote"): "MsgVoteResp" | "MsgPreVoteResp" {
  return type === "MsgVote" ? "MsgVoteResp" : "MsgPreVoteResp"
}

/**
 * Whether this server heard from a leader within the shortest election timeout and so lets nobody disturb it: a server
 * that was removed, or that hears nobody, would otherwise end a leadership that works (thesis 4.2.3).
 */
export function inLease(raft: Raft): boolean {
  return raft.config.checkQuorum && raft.lead !== NONE && raft.electionElapsed < raft.config.electionTicks
}

/** Answers MsgVote and MsgPreVote of the own term, and MsgPreVote of a later one. */
export function handleVoteRequest(raft: Raft, request: Message): void {
  assert(request.type === "MsgVote" || request.type === "MsgPreVote", `${request.type} asks for no vote`)
  const { type, from, term } = request
  const mayVote =
    // Again to the same candidate, whose answer was lost.
    raft.vote === from ||
    // To the first who asks, as long as there is no leader in this term.
    (raft.vote === NONE && raft.lead === NONE) ||
    // A pre-vote binds nobody.
    (type === "MsgPreVote" && term > raft.term)
  // A learner votes too: it may have been promoted and not know it yet, and its vote be needed for it ever to learn
  // (etcd issue 7625). Who counts the votes knows who is a voter.
  if (!mayVote || !raft.log.isUpToDate({ term: request.logTerm, index: request.index })) {
    raft.send(message(responseTo(type), from, { term: raft.term, reject: true }))
    return
  }
  // With the term of the request: the candidate would ignore an answer from a term that is over for it.
  raft.send(message(responseTo(type), from, { term }))
  if (type === "MsgVote") {
    // Only a real vote counts as contact; a pre-vote must not keep this server from campaigning (hashicorp 609).
    raft.electionElapsed = 0
    raft.vote = from
  }
}

/** Counts an answer, and moves on when it decides. */
export function handleVoteResponse(raft: Raft, response: Message): void {
  raft.tracker.recordVote(response.from, !response.reject)
  const result = raft.tracker.tallyVotes()
  if (result === "won") {
    if (raft.role === "preCandidate") stand(raft, "election")
    else if (!raft.config.leadNeedsOwnVote || raft.tracker.votes.has(raft.id)) takeLead(raft)
  } else if (result === "lost") {
    raft.becomeFollower(raft.term, NONE)
  }
}

/**
 * A new leader first puts an empty entry into its log: only by committing an entry of its own term does it commit
 * those of earlier ones (section 5.4.2), and know how far the log is committed (section 8).
 */
function takeLead(raft: Raft): void {
  raft.becomeLeader()
  const accepted = appendAsLeader(raft, [{ type: "EntryNormal", data: NO_DATA }])
  assert(accepted, "an empty entry was refused for its size")
  broadcastAppend(raft)
}
