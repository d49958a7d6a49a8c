/**
 * Going on after a majority of the servers was lost for good: what it would cost, and what follows from it. The servers
 * that are given up must never come back with what they hold: the cluster's recovery epoch, which all nodes compare
 * when they greet each other, goes up, and their memberships end. They join again, as new nodes.
 */
import type { NodeRecord } from "../model/node.ts"
import type { RecoveryPreview } from "../model/raft.ts"
import { put, read, readVersioned, recordsBelow } from "./codec.ts"
import { type ClusterRecord, clusterRecord, type RegistryContext } from "./context.ts"
import type { Decision } from "./decisions.ts"
import * as keys from "./keys.ts"
import { removeNode } from "./nodes.ts"

export function recoveryPreview({ store, replication }: RegistryContext): RecoveryPreview {
  const { self, lastTerm, lastIndex, commit, lastContactMs } = replication.status()
  const servers = [...recordsBelow<NodeRecord>(store, keys.NODES_PREFIX)].filter(isServer)
  return {
    node: read<NodeRecord>(store, keys.nodeKey(self))?.name ?? self,
    lastTerm,
    lastIndex,
    commit,
    undecided: Math.max(0, lastIndex - commit),
    lastContactMs: lastContactMs === null ? null : Math.round(lastContactMs),
    recoveryEpoch: clusterRecord(store).recoveryEpoch,
    removed: servers
      .filter(({ id }) => id !== self)
      .map(({ name }) => name)
      .sort(),
    recovered: false,
  }
}

/**
 * Carried out by the only member, after it has become that; can be repeated, and does nothing where all is done.
 * The epoch goes up first: from then on nobody of before is talked to.
 */
export async function settleRecovery(context: RegistryContext, epoch: number): Promise<void> {
  const { store, decisions, replication, log } = context
  const { self, members } = replication.status()
  await decisions.run(["recovery"], () => decideEpoch(context, epoch))
  const others = [...recordsBelow<NodeRecord>(store, keys.NODES_PREFIX)].filter(
    (node) => isServer(node) && node.id !== self && !members.some(({ nodeId }) => nodeId === node.id),
  )
  for (const node of others) await removeNode(context, node.id, { leave: false })
  log.warn("goes on as the only server; the others must join again", { epoch, removed: others.length })
}

function decideEpoch({ store }: RegistryContext, epoch: number): Decision<null> {
  const { value, modRevision } = readVersioned<ClusterRecord>(store, keys.CLUSTER_KEY)
  if (!value || value.recoveryEpoch >= epoch) return { compare: [], operations: [], result: null }
  const raised: ClusterRecord = { ...value, recoveryEpoch: epoch }
  return {
    compare: [{ key: keys.CLUSTER_KEY, modRevision }],
    operations: [put(keys.CLUSTER_KEY, raised)],
    result: null,
  }
}

function isServer({ role, state }: NodeRecord): boolean {
  return role === "server" && state === "member"
}
