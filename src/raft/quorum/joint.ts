/**
 * Quorums while the cluster passes from one set of voters to another: both sets must agree (section 6 of the paper).
 * Outside of that passage the outgoing set is empty and has no say.
 */
import type { NodeId } from "../types.ts"
import { committedIndex, type VoteResult, type Voters, voteResult } from "./majority.ts"

export interface JointVoters {
  readonly incoming: Voters
  readonly outgoing: Voters
}

export function jointCommittedIndex(voters: JointVoters, acked: (id: NodeId) => number | undefined): number {
  return Math.min(committedIndex(voters.incoming, acked), committedIndex(voters.outgoing, acked))
}

export function jointVoteResult(voters: JointVoters, votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  const incoming = voteResult(voters.incoming, votes)
  const outgoing = voteResult(voters.outgoing, votes)
  if (incoming === outgoing) return incoming
  return incoming === "lost" || outgoing === "lost" ? "lost" : "pending"
}

/** All voters of both sets, each once, in ascending order. */
export function voterIds(voters: JointVoters): NodeId[] {
  return [...new Set([...voters.incoming, ...voters.outgoing])].sort((a, b) => a - b)
}

export function isVoter(voters: JointVoters, id: NodeId): boolean {
  return voters.incoming.has(id) || voters.outgoing.has(id)
}
