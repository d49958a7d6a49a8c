/**
 * The servers that keep the store, as the registry shows and changes them: who they are and how far, who leads, and the end
 * of one's vote. What goes on by itself - a new one's way to its vote - is in `members.ts`.
 */
import { OvlError } from "../base/errors.ts"
import type { NodeRecord } from "../model/node.ts"
import type { RaftView } from "../model/raft.ts"
import { read, recordsBelow } from "./codec.ts"
import type { RegistryContext } from "./context.ts"
import { registryRevision } from "./decisions.ts"
import * as keys from "./keys.ts"
import { nodeNotFound, removeNode } from "./nodes.ts"
import { raftView } from "./raft-view.ts"
import { endVote, nodeName, requireLeader } from "./votes.ts"

/** As `Cluster.raft`: what only the leader knows is null elsewhere. */
export function raftHere({ store, replication }: RegistryContext): RaftView {
  const nodes = [...recordsBelow<NodeRecord>(store, keys.NODES_PREFIX)]
  return raftView(replication.status(), nodes, (id) => store.get(keys.aliveKey(id)) !== undefined)
}

/** As `Cluster.transferLeader`. Errors: node_not_found, not_a_voter (conflict), transfer_failed, not_leader (unavailable). */
export async function transferLeader(context: RegistryContext, nodeId: string | null): Promise<{ leader: string }> {
  const { store, replication, log } = context
  const { members, self } = requireLeader(context)
  if (nodeId === self) return { leader: self }
  if (nodeId !== null) {
    const name = nodeName(store, nodeId)
    if (!store.get(keys.nodeKey(nodeId))) throw nodeNotFound(nodeId)
    if (!members.some((member) => member.nodeId === nodeId && member.voter))
      throw new OvlError("not_a_voter", `cannot hand the lead to ${name}: it has no vote`, {
        kind: "conflict",
        hint: "only a server with a vote can lead: ovl raft ls",
      })
  } else if (!members.some(({ voter, leader }) => voter && !leader)) {
    throw new OvlError("not_a_voter", "cannot hand the lead over: no other server has a vote", {
      kind: "conflict",
      hint: "add one with ovl join --server",
    })
  }
  await replication.transfer(nodeId)
  const leader = replication.status().leader ?? nodeId ?? self
  log.info("handed the lead over", { to: nodeName(store, leader) })
  return { leader }
}

/** As `Cluster.removeServer`. */
export async function removeServer(context: RegistryContext, id: string): Promise<{ revision: number }> {
  const { store, replication } = context
  const node = read<NodeRecord>(store, keys.nodeKey(id))
  const isMember = replication.status().members.some(({ nodeId }) => nodeId === id)
  if (!node && !isMember) throw nodeNotFound(id)
  if (node && node.role !== "server" && !isMember)
    throw new OvlError("not_a_server", `cannot take ${node.name} out of the servers: it is a client`, {
      kind: "conflict",
      hint: `ovl node rm ${node.name} ends its membership`,
    })
  if (node) return removeNode(context, id, { leave: false })
  await endVote(context, id)
  return { revision: registryRevision(store) }
}
