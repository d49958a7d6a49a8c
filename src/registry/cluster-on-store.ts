/** The cluster port on a store: what a server answers from. The parts are in the files beside it; this ties them together. */
import type { Clock } from "../base/clock.ts"
import type { Log } from "../base/log.ts"
import type { Random } from "../base/random.ts"
import type { EndpointRecord } from "../model/endpoint.ts"
import type { NodeRecord } from "../model/node.ts"
import type { Store } from "../store/port.ts"
import { read } from "./codec.ts"
import { type ClusterRecord, clusterRecord, type RegistryContext } from "./context.ts"
import { Decisions } from "./decisions.ts"
import { createEndpoints, removeEndpoints, updateEndpoints } from "./endpoints.ts"
import { Feed } from "./follow.ts"
import { join, serverAddresses } from "./join.ts"
import { endpointKey, nodeKey } from "./keys.ts"
import { createNetwork, removeNetwork } from "./networks.ts"
import { NodeSessions } from "./node-sessions.ts"
import { heartbeat, isMember, removeNode, updateNode } from "./nodes.ts"
import type { Cluster, ClusterInfo } from "./port.ts"
import { Programmed } from "./programmed.ts"
import { createToken, listTokens, removeToken, validToken } from "./tokens.ts"

export interface OpenClusterOptions {
  store: Store
  clock: Clock
  random: Random
  log: Log
  /** This server's node id. */
  self: string
}

/** The cluster port as a server has it, with what its peers' handler and its listener need besides. */
export interface LocalCluster extends Cluster {
  readonly record: ClusterRecord
  /** Whether a node may still speak: for the listener's `isMember`. */
  isMember(nodeId: string): boolean
  /** The node that an endpoint lives on; undefined when there is no such endpoint. */
  nodeOfEndpoint(endpointId: string): string | undefined
  /** As the port's; `asker` is not waited for: this server, unless a peer asks through it. */
  awaitProgrammed(
    networkIds: string[],
    revision: number,
    timeoutMs: number,
    asker?: string,
  ): Promise<{ lagging: string[] }>
  /** Stops following the store. */
  close(): void
}

/** Errors: `no_cluster` (unavailable) when the store holds none: see createClusterIfNew. */
export function openCluster({ store, clock, random, log, self }: OpenClusterOptions): LocalCluster {
  const context: RegistryContext = { store, clock, random, log, decisions: new Decisions(store) }
  const record = clusterRecord(store)
  const feed = new Feed(store)
  const programmed = new Programmed(clock)
  const sessions = new NodeSessions(store, log)
  const following = feed.follow(
    0,
    (batch) => {
      programmed.take(batch)
      sessions.take(batch)
    },
    (error) => log.error("the store's changes can no longer be followed", { why: error.message }),
  )
  const nameOf = (nodeId: string) => read<NodeRecord>(store, nodeKey(nodeId))?.name ?? nodeId
  return {
    record,
    info: async () => clusterInfo(store, record, self),
    createNetwork: (spec) => createNetwork(context, spec),
    removeNetwork: (id, options) => removeNetwork(context, id, options),
    createEndpoints: (specs) => createEndpoints(context, specs),
    updateEndpoints: (updates) => updateEndpoints(context, updates),
    removeEndpoints: (ids) => removeEndpoints(context, ids),
    awaitProgrammed: async (networkIds, revision, timeoutMs, asker = self) => {
      const lagging = await programmed.wait(networkIds, revision, timeoutMs, asker)
      return { lagging: lagging.map(nameOf) }
    },
    reportProgrammed: (nodeId, revision) => programmed.report(nodeId, revision),
    heartbeat: (nodeId) => heartbeat(context, nodeId),
    updateNode: (id, facts) => updateNode(context, id, facts),
    removeNode: (id, options) => removeNode(context, id, options),
    createToken: (spec) => createToken(context, spec),
    listTokens: async () => listTokens(context),
    removeToken: (id) => removeToken(context, id),
    checkToken: async (token) => ({ role: validToken(context, token).token.role }),
    join: (request) => join(context, request),
    follow: (fromRevision, onBatch, onEnd) => feed.follow(fromRevision, onBatch, onEnd),
    isMember: (nodeId) => isMember(store, nodeId),
    nodeOfEndpoint: (endpointId) => read<EndpointRecord>(store, endpointKey(endpointId))?.nodeId,
    close: () => following.close(),
  }
}

function clusterInfo(store: Store, record: ClusterRecord, self: string): ClusterInfo {
  const { leader, term, index } = store.status()
  const servers = serverAddresses(store)
  return { id: record.id, kvPrefix: record.kvPrefix, leader: leader ? self : null, term, index, servers }
}
