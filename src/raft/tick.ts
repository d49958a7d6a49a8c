/** The passing of time, told in ticks: the core has no other clock. */
import { step } from "./step.ts"
import { message } from "./message.ts"
import type { Raft } from "./raft.ts"
import { NONE } from "./types.ts"

export function tick(raft: Raft): void {
  raft.electionElapsed++
  if (raft.role === "leader") tickLeader(raft)
  else tickElection(raft)
}

/** Section 5.2: whoever hears from no leader for its own, random, election timeout stands for election. */
function tickElection(raft: Raft): void {
  if (!raft.promotable() || raft.electionElapsed < raft.randomizedElectionTimeout) return
  raft.electionElapsed = 0
  step(raft, message("MsgHup", raft.id, { from: raft.id }))
}

function tickLeader(raft: Raft): void {
  raft.heartbeatElapsed++
  if (raft.electionElapsed >= raft.config.electionTicks) {
    raft.electionElapsed = 0
    if (raft.config.checkQuorum) step(raft, message("MsgCheckQuorum", raft.id, { from: raft.id }))
    // The other one did not take over: this leader goes on (thesis 3.10).
    raft.leadTransferee = NONE
  }
  if (raft.role !== "leader" || raft.heartbeatElapsed < raft.config.heartbeatTicks) return
  raft.heartbeatElapsed = 0
  step(raft, message("MsgBeat", raft.id, { from: raft.id }))
}
