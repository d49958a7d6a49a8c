/** What a server may say: nothing that it could forget in a crash and then act against (I9, I11, I12, I16). */
import { describeMessage } from "../../../src/raft/describe.ts"
import type { Message } from "../../../src/raft/message.ts"
import type { Raft } from "../../../src/raft/raft.ts"
import { violated } from "../violation.ts"
import { sameMembers } from "./configurations.ts"
import type { Oracle } from "./oracle.ts"
import type { Observed } from "./server.ts"

/** Looks at a message as it leaves. */
export function checkSent(oracle: Oracle, server: Observed, m: Message): void {
  const { raft } = server
  if (raft === null) violated("I11", `${server.id} is down and says ${describeMessage(m)}`)
  if (m.from !== server.id && m.term !== 0) violated("I9", `${server.id} speaks for ${m.from}`)
  switch (m.type) {
    case "MsgPreVote":
    case "MsgPreVoteResp":
      return
    case "MsgVoteResp":
      checkTerm(raft, m)
      if (!m.reject) checkVote(oracle, server, m)
      return
    case "MsgAppResp":
      checkTerm(raft, m)
      checkAttested(server, m)
      if (!m.reject) checkAcknowledged(oracle, server, m)
      return
    case "MsgApp":
    case "MsgHeartbeat":
      checkTerm(raft, m)
      checkLeads(oracle, m)
      return
    case "MsgSnap":
      checkLeads(oracle, m)
      checkSnapshot(oracle, m)
      return
    default:
      checkTerm(raft, m)
  }
}

function checkTerm(raft: Raft, m: Message): void {
  if (m.term > raft.term) violated("I9", `${m.from} is in term ${raft.term} and says ${describeMessage(m)}`)
}

/** I11: whatever was said is not forgotten. */
function checkAttested({ disk }: Observed, m: Message): void {
  const stored = disk.hardState?.term ?? 0
  if (stored < m.term) violated("I11", `the disk of ${m.from} has term ${stored}, it says ${describeMessage(m)}`)
}

function checkVote(oracle: Oracle, server: Observed, m: Message): void {
  const { hardState } = server.disk
  checkAttested(server, m)
  if (hardState?.term === m.term && hardState.vote !== m.to) {
    violated("I11", `the disk of ${m.from} has a vote for ${hardState.vote}, it says ${describeMessage(m)}`)
  }
  oracle.terms.voted(m.from, m.term, m.to)
}

/**
 * I12: an acknowledged entry is on the disk, and it is the leader's. An acknowledgement that a later term has overtaken
 * while it waited for the disk may speak of what was cut off meanwhile: that later leader was elected by a majority that
 * never had it, so that the old one counts it in vain (etcd-io/raft sends it too).
 */
function checkAcknowledged(oracle: Oracle, { disk, raft }: Observed, m: Message): void {
  if (m.term !== raft!.term) return
  if (disk.lastIndex() < m.index)
    violated("I12", `the disk of ${m.from} ends at ${disk.lastIndex()}: ${describeMessage(m)}`)
  // What is compacted away, or replaced by a snapshot, was decided.
  const term = disk.term(m.index)
  if (term === undefined || raft!.log.term(m.index) === undefined) return
  const decided = oracle.decided.term(m.index)
  if (decided !== undefined && m.index <= raft!.log.committed && term !== decided) {
    violated("I12", `the disk of ${m.from} has ${term}/${m.index}, which is not decided: ${describeMessage(m)}`)
  }
  if (raft!.log.term(m.index) !== term) {
    violated("I12", `the disk of ${m.from} has ${term}/${m.index}, its log another: ${describeMessage(m)}`)
  }
}

function checkLeads(oracle: Oracle, m: Message): void {
  const leader = oracle.terms.leaderOf(m.term)
  if (leader !== m.from) violated("I1", `${m.from} does not lead term ${m.term}, ${leader} does: ${describeMessage(m)}`)
}

/** I16: a snapshot is of something decided, with the members of that moment. */
function checkSnapshot({ decided }: Oracle, m: Message): void {
  const { snapshot } = m
  if (snapshot === undefined) violated("I16", `no snapshot in ${describeMessage(m)}`)
  const { index, term, confState } = snapshot
  if (index > decided.index || decided.term(index) !== term) violated("I16", `not decided: ${describeMessage(m)}`)
  if (!sameMembers(decided.configurations.at(index), confState)) violated("I16", `wrong members: ${describeMessage(m)}`)
}
