/** What a candidate does with what it is told, and a pre-candidate. */
import { handleVoteResponse } from "./election.ts"
import { followLeader } from "./follower.ts"
import type { Message } from "./message.ts"
import type { Raft } from "./raft.ts"
import type { Refusal } from "./types.ts"

export function stepCandidate(raft: Raft, m: Message): Refusal | undefined {
  switch (m.type) {
    case "MsgProp":
    case "MsgReadIndex":
    case "MsgTransferLeader":
      return "noLeader"
    case "MsgApp":
    case "MsgHeartbeat":
    case "MsgSnap":
      // Section 5.2: somebody else has won in this very term.
      raft.becomeFollower(m.term, m.from)
      followLeader(raft, m)
      return undefined
    case "MsgVoteResp":
    case "MsgPreVoteResp":
      // An answer to the pre-vote may come when the election itself has begun: it is no vote.
      if (m.type === (raft.role === "preCandidate" ? "MsgPreVoteResp" : "MsgVoteResp")) handleVoteResponse(raft, m)
      return undefined
  }
  return undefined
}
