/**
 * What a server is beside a node: a member of those that keep the store. It ties the store's replication to connections,
 * lets the other nodes in, and serves what concerns the whole cluster, at the leader if that is another one.
 */
import type { AnswerForwarded } from "../agent/forward.ts"
import type { Identity } from "../agent/identity.ts"
import type { ServerPart } from "../agent/port.ts"
import type { Audit } from "../api/audit.ts"
import { asOvlError } from "../base/errors.ts"
import { SERVER_HANDOVER_MS } from "../base/limits.ts"
import type { Log } from "../base/log.ts"
import { systemClock, systemRandom } from "../linux/system.ts"
import type { NodeRecord } from "../model/node.ts"
import { type LocalCluster, openCluster } from "../registry/cluster-on-store.ts"
import { recordsBelow } from "../registry/codec.ts"
import { NODES_PREFIX } from "../registry/keys.ts"
import { leaderCluster } from "../registry/leader.ts"
import { leaderLink, serverAddress } from "../registry/leader-link.ts"
import { startMembersKeeper } from "../registry/members.ts"
import type { EmbeddedStore } from "../store/embedded.ts"
import { forwardingStore } from "../store/forwarding.ts"
import { storeHandler } from "../store/forwarding-handler.ts"
import type { Store } from "../store/port.ts"
import type { Replication } from "../store/replication.ts"
import type { ConnectOptions, PeerConnection, PeerListener } from "../transport/port.ts"
import { connectTls } from "../transport/tls.ts"
import { awaitAdmission } from "./admission.ts"
import { clusterIdentity, credentialsOf } from "./credentials.ts"
import { listenForPeers, type PeerRooms } from "./peers.ts"
import { RaftPeers } from "./raft-peers.ts"
import { isUnfinished } from "./recover.ts"
import { openServerPart } from "./server-part.ts"
import { peerMeasures, storeMeasures } from "./server-measures.ts"
import type { Undo } from "./undo.ts"

export interface ServerOptions {
  identity: Identity
  embedded: EmbeddedStore
  bind: { host: string; port: number }
  dataDir: string
  /** Servers that were named on the command line, beside those that the identity knows. */
  named: string[]
  log: Log
  /** The store can no longer be written: this process is of no use any more. */
  onFailure: () => void
  /** Resolves when the daemon is to end. */
  stopped: Promise<unknown>
}

export interface Server {
  /** Forwards what only the leader may decide. */
  store: Store
  cluster: LocalCluster
  part: ServerPart
  /**
   * Resolves when this server knows that it belongs to the cluster, or SERVER_ADMISSION_MS later when nobody could say.
   * Rejects with `not_member` or `wrong_recovery_epoch` (forbidden) when the cluster has gone on without it.
   */
  admitted(): Promise<void>
  /** From now on forwarded HTTP requests are answered too. */
  serve(answer: AnswerForwarded, audit: Audit): void
  /** Cuts off a node that was removed. */
  disconnect(nodeId: string): void
}

/**
 * Resolves when this server knows its cluster: at once where it has been one before, else when the leader has given it
 * what the store holds. Errors: port_in_use, address_not_local; `no_cluster` when it was stopped before.
 */
export async function openServer(options: ServerOptions, undo: Undo): Promise<Server> {
  const { identity, embedded, bind, log, dataDir } = options
  const { replication } = embedded
  const connect = (to: Omit<ConnectOptions, "expect">): Promise<PeerConnection> =>
    connectTls({ ...to, expect: clusterIdentity(identity), credentials: credentialsOf(identity), clock: systemClock })
  undo.add(replication.onChange(() => endOnFailure(options)))
  const peers = new RaftPeers({ ...options, connect })
  undo.add(() => peers.close())
  const rooms: PeerRooms = { raft: peers.transport.inbound, store: null, cluster: null, answer: null, audit: null }
  const listener = await listenForPeers({ bind, identity, rooms, log })
  undo.add(() => listener.close())
  await peers.start(options.stopped)

  const link = leaderLink({
    replication,
    addressOf: (nodeId) => serverAddress(embedded.store, nodeId),
    connect: (address, timeoutMs) => connect({ address, timeoutMs }),
    clock: systemClock,
    log,
  })
  undo.add(() => link.close())
  const store = forwardingStore({ local: embedded.store, replication, leader: link, clock: systemClock })
  const local = openCluster({
    store,
    replication,
    clock: systemClock,
    random: systemRandom,
    log,
    self: identity.nodeId,
  })
  const cluster = leaderCluster({ local, store, replication, leader: link, clock: systemClock })
  undo.add(() => cluster.close())
  const keeper = startMembersKeeper({
    store: embedded.store,
    replication,
    clock: systemClock,
    log,
    removeNode: (id, how) => local.removeNode(id, how),
  })
  undo.add(() => keeper.close())
  rooms.cluster = cluster
  rooms.store = storeHandler({ local: embedded.store, isMember: (id) => cluster.isMember(id), clock: systemClock })
  const part = openServerPart({
    identity,
    dataDir,
    cluster: local,
    replication,
    peers: () => peers.transport.peers(),
    measures: () => [...storeMeasures(embedded.counters(), dataDir), ...peerMeasures(peers.transport.peers())],
    onEpoch: () => cutOffOthers(listener, store, identity.nodeId),
    log,
  })
  undo.add(() => part.close())
  undo.add(() => handOver(replication, log))
  return {
    store,
    cluster,
    part,
    admitted: () =>
      awaitAdmission({
        replication,
        peers: () => peers.transport.peers(),
        isRecovering: () => isUnfinished({ identity, cluster: local }),
        clock: systemClock,
      }),
    serve: (answer, audit) => {
      rooms.answer = answer
      rooms.audit = audit
    },
    disconnect: (nodeId) => listener.disconnect(nodeId),
  }
}

/** Before it goes, while it is still connected: the others need not find out, and what is under way is finished. */
async function handOver(replication: Replication, log: Log): Promise<void> {
  const { role, members } = replication.status()
  if (role !== "leader" || !members.some(({ voter, leader }) => voter && !leader)) return
  const tooLong = new Promise<void>((resolve) => systemClock.after(SERVER_HANDOVER_MS, resolve))
  const transfer = replication.transfer(null)
  await Promise.race([transfer, tooLong]).catch((error) =>
    log.debug("the lead was not handed over", { why: asOvlError(error).message }),
  )
}

function endOnFailure({ embedded, log, onFailure }: ServerOptions): void {
  const { failure } = embedded.replication.status()
  if (failure === null) return
  const { message: why, hint } = failure
  log.error("the store has failed; the daemon ends, the data plane stays as it is", { why, hint })
  onFailure()
}

/** Whoever greeted this server in another epoch greets it anew, if it still may. */
function cutOffOthers(listener: PeerListener, store: Store, self: string): void {
  for (const { id } of recordsBelow<NodeRecord>(store, NODES_PREFIX)) if (id !== self) listener.disconnect(id)
}
