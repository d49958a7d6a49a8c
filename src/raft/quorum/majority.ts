/** What a majority of a set of voters has decided: how far the log is committed, and how an election stands. */
import type { NodeId } from "../types.ts"

export type Voters = ReadonlySet<NodeId>
export type VoteResult = "pending" | "lost" | "won"

/**
 * The largest index that a majority has acknowledged (section 5.3: "stored on a majority of the servers"). A voter of
 * whom nothing is known has acknowledged nothing. No voters at all set no limit, so that half a joint quorum that is
 * empty leaves the decision to the other half.
 */
export function committedIndex(voters: Voters, acked: (id: NodeId) => number | undefined): number {
  if (voters.size === 0) return Infinity
  if (voters.size === 1) for (const id of voters) return acked(id) ?? 0
  const indexes: number[] = []
  for (const id of voters) indexes.push(acked(id) ?? 0)
  indexes.sort((a, b) => a - b)
  return indexes[indexes.length - (Math.floor(indexes.length / 2) + 1)]!
}

/** Won with a majority of votes, lost when one can no longer be reached. Without voters, won: see above. */
export function voteResult(voters: Voters, votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  if (voters.size === 0) return "won"
  let granted = 0
  let missing = 0
  for (const id of voters) {
    const vote = votes.get(id)
    if (vote === undefined) missing++
    else if (vote) granted++
  }
  const majority = Math.floor(voters.size / 2) + 1
  if (granted >= majority) return "won"
  return granted + missing >= majority ? "pending" : "lost"
}
