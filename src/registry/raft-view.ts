/** The view of the servers out of what replication knows and what the nodes' records say. Pure. */
import { MEMBER_LOST_MS } from "../base/limits.ts"
import { isMajority, tooFewLeft } from "./members-plan.ts"
import type { NodeRecord } from "../model/node.ts"
import type { RaftServerView, RaftView } from "../model/raft.ts"
import type { ReplicationMember, ReplicationStatus } from "../store/replication.ts"

/** `isAlive`: whether a node gives signs of life. A member without a record is shown by its id: its removal is under way. */
export function raftView(
  status: ReplicationStatus,
  nodes: readonly NodeRecord[],
  isAlive: (nodeId: string) => boolean,
): RaftView {
  const records = new Map(nodes.map((node) => [node.id, node]))
  const servers = status.members.map((member) => memberView(status, member, records.get(member.nodeId), isAlive))
  for (const node of nodes) {
    const counts = node.role === "server" && node.state === "member"
    if (counts && !status.members.some(({ nodeId }) => nodeId === node.id)) servers.push(waitingView(node))
  }
  servers.sort((a, b) => (a.name < b.name ? -1 : 1))
  const nameOf = (id: string) => records.get(id)?.name ?? id
  const { leader, self, term, commit, applied } = status
  return { source: nameOf(self), leader: leader && nameOf(leader), term, commit, applied, servers }
}

function memberView(
  status: ReplicationStatus,
  { nodeId, voter, progress }: ReplicationMember,
  node: NodeRecord | undefined,
  isAlive: (nodeId: string) => boolean,
): RaftServerView {
  const silent = progress?.lastContactMs != null && progress.lastContactMs > MEMBER_LOST_MS
  const stateOf = (): RaftServerView["state"] => {
    if (node?.state !== "member") return "leaving"
    if (status.leader === null && nodeId !== status.self) return "unknown"
    return silent || !(isAlive(nodeId) || nodeId === status.self) ? "failed" : "alive"
  }
  return {
    id: nodeId,
    name: node?.name ?? nodeId,
    address: node?.peerAddress ?? "",
    role: nodeId === status.leader ? "leader" : voter ? "voter" : "learner",
    state: stateOf(),
    match: progress?.match ?? null,
    lag: progress?.lag ?? null,
    progress: progress?.state ?? null,
    lastContactMs: progress?.lastContactMs == null ? null : Math.round(progress.lastContactMs),
    version: node?.version ?? "",
  }
}

/** One that has joined, and that the leader has not taken in yet. */
function waitingView(node: NodeRecord): RaftServerView {
  const unknown = { match: null, lag: null, progress: null, lastContactMs: null }
  const { id, name, peerAddress, version } = node
  return { id, name, address: peerAddress ?? "", role: "learner", state: "waiting", ...unknown, version }
}

/** Errors: `quorum_would_be_lost` (conflict) unless those that would still vote, and are alive, are a majority of them. */
export function checkServerMayGo({ servers }: RaftView, id: string): void {
  const leaving = servers.find((server) => server.id === id)
  if (!leaving || leaving.role === "learner") return
  const others = servers.filter((server) => server.id !== id)
  const voters = others.filter(({ role }) => role !== "learner")
  const lost = voters.filter(({ state }) => state === "failed")
  if (isMajority(voters.length - lost.length, voters.length)) return
  const names = (some: RaftServerView[]) => some.map(({ name }) => name)
  throw tooFewLeft(leaving.name, names(lost), names(others.filter(({ role }) => role === "learner")))
}
