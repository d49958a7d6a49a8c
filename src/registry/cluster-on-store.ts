/** The cluster port on a store: what a server answers from. The parts are in the files beside it; this ties them together. */
import type { Clock } from "../base/clock.ts"
import type { OvlError } from "../base/errors.ts"
import { REMOVED_NODES_MAX } from "../base/limits.ts"
import type { Log } from "../base/log.ts"
import type { Random } from "../base/random.ts"
import type { EndpointRecord } from "../model/endpoint.ts"
import type { NodeRecord } from "../model/node.ts"
import type { ChangeBatch } from "../model/catalog.ts"
import type { RaftView, RecoveryPreview } from "../model/raft.ts"
import type { Store } from "../store/port.ts"
import type { Replication } from "../store/replication.ts"
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
import type { Cluster, ClusterInfo, Follower, Interest } from "./port.ts"
import { PingRounds } from "./ping-rounds.ts"
import { ProbeRounds } from "./probe-rounds.ts"
import { Programmed } from "./programmed.ts"
import { recoveryPreview, settleRecovery } from "./recovery.ts"
import { raftHere, removeServer, transferLeader } from "./servers.ts"
import { createToken, listTokens, removeToken, validToken } from "./tokens.ts"

export interface OpenClusterOptions {
  store: Store
  /** The servers that keep the store. */
  replication: Replication
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
  /**
   * Whether a node may connect: for the listener. One that is not known on a server that follows may have joined through
   * another a moment ago; what it asks for is judged with a second look.
   */
  mayConnect(nodeId: string): boolean
  /** The node that an endpoint lives on; undefined when there is no such endpoint. */
  nodeOfEndpoint(endpointId: string): string | undefined
  /** As the port's; `asker` is not waited for: this server, unless a peer asks through it. */
  awaitProgrammed(
    networkIds: string[],
    revision: number,
    timeoutMs: number,
    asker?: string,
  ): Promise<{ lagging: string[] }>
  /** As the port's; `nodeId` is whose endpoints come whatever the interest: this server's, unless a peer follows. */
  follow(
    fromRevision: number,
    onBatch: (batch: ChangeBatch) => void,
    onEnd: (error: OvlError) => void,
    interest?: Interest,
    nodeId?: string,
  ): Follower
  /** The servers as this one sees them by itself, whether or not there is a leader. */
  raftHere(): RaftView
  /** What going on alone would cost, here and now. */
  recoveryPreview(): RecoveryPreview
  /** After `Replication.recoverAlone`: raises the cluster's epoch to this one, and ends all other servers' memberships. */
  settleRecovery(epoch: number): Promise<void>
  /** What nodes have reported here, or were reported to have programmed. */
  reports(): [nodeId: string, revision: number][]
  /** Whether this server leads, as far as it knows. */
  leads(): boolean
  /** Resolves when what is read here shows all that was acknowledged anywhere before. Errors: `no_leader` (unavailable). */
  catchUp(): Promise<void>
  /** The same, but nothing is passed on to another server: what others' calls are carried out on. */
  readonly here: LocalCluster
  /** Stops following the store. */
  close(): void
}

/** Errors: `no_cluster` (unavailable) when the store holds none: see createClusterIfNew. */
export function openCluster(options: OpenClusterOptions): LocalCluster {
  const { store, replication, clock, random, log, self } = options
  const context: RegistryContext = { store, replication, clock, random, log, decisions: new Decisions(store) }
  const record = clusterRecord(store)
  const feed = new Feed(store)
  const programmed = new Programmed(clock)
  const probes = new ProbeRounds(clock)
  const pings = new PingRounds(clock)
  const removed = new Set<string>()
  const sessions = new NodeSessions({ store, replication, clock, log })
  const following = feed.follow(
    0,
    (batch) => {
      programmed.take(batch)
      noteRemoved(removed, batch)
      sessions.take(batch)
    },
    (error) => log.error("the store's changes can no longer be followed", { why: error.message }),
  )
  const nameOf = (nodeId: string) => read<NodeRecord>(store, nodeKey(nodeId))?.name ?? nodeId
  const cluster: LocalCluster = {
    record,
    info: async () => clusterInfo(context, record, feed),
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
    heartbeat: async (nodeId) => {
      await heartbeat(context, nodeId)
      return { probes: probes.wishesOf(nodeId), pings: pings.ordersFor(nodeId) }
    },
    probeRound: (wish, others, timeoutMs) => probes.ask(wish, others, timeoutMs),
    reportProbe: async (report) => probes.report(report),
    pingRound: (round) => pings.ask(round),
    reportPing: async (report) => pings.report(report),
    updateNode: (id, facts) => updateNode(context, id, facts),
    removeNode: (id, options) => removeNode(context, id, options),
    raft: async () => raftHere(context),
    transferLeader: (nodeId) => transferLeader(context, nodeId),
    removeServer: (id) => removeServer(context, id),
    raftHere: () => raftHere(context),
    recoveryPreview: () => recoveryPreview(context),
    settleRecovery: (epoch) => settleRecovery(context, epoch),
    createToken: (spec) => createToken(context, spec),
    listTokens: async () => listTokens(context),
    removeToken: (id) => removeToken(context, id),
    checkToken: async (token) => ({ role: validToken(context, token).token.role }),
    join: (request) => join(context, request),
    follow: (fromRevision, onBatch, onEnd, interest, nodeId = self) =>
      feed.follow(fromRevision, onBatch, onEnd, interest ? { interest, nodeId } : null),
    isMember: (nodeId) => isMember(store, nodeId),
    mayConnect: (nodeId) => {
      const node = read<NodeRecord>(store, nodeKey(nodeId))
      return node ? node.state === "member" : !cluster.leads() && !removed.has(nodeId)
    },
    nodeOfEndpoint: (endpointId) => read<EndpointRecord>(store, endpointKey(endpointId))?.nodeId,
    reports: () => programmed.reports(),
    leads: () => replication.status().role === "leader",
    catchUp: () => store.barrier(),
    get here() {
      return cluster
    },
    close: () => {
      following.close()
      sessions.close()
      probes.close()
      pings.close()
    },
  }
  return cluster
}

/** Ids are never used twice, so that it does no harm to remember them; the oldest are forgotten. */
function noteRemoved(removed: Set<string>, { changes }: ChangeBatch): void {
  for (const change of changes) if (change.type === "node" && change.value === null) removed.add(change.id)
  for (const id of removed) {
    if (removed.size <= REMOVED_NODES_MAX) return
    removed.delete(id)
  }
}

function clusterInfo({ store, replication }: RegistryContext, record: ClusterRecord, feed: Feed): ClusterInfo {
  const { leader, term } = replication.status()
  const servers = serverAddresses(store)
  const { id, kvPrefix } = record
  return { id, kvPrefix, leader, term, index: store.status().index, servers, endpoints: feed.endpoints }
}
