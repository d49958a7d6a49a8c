/**
 * The store's replication over connections: who the other servers are and where, messages to and from them, pieces of
 * snapshots. Where they are, the store's own records say. A server that has only just joined has none yet: it asks one
 * that knows, until the leader has given it the store.
 */
import type { Identity } from "../agent/identity.ts"
import { ServerLink } from "../agent/server-link.ts"
import { asOvlError } from "../base/errors.ts"
import { RAFT_INTRODUCTION_MS } from "../base/limits.ts"
import type { Log } from "../base/log.ts"
import { systemClock, systemRandom } from "../linux/system.ts"
import { type NodeRecord, raftIdOf } from "../model/node.ts"
import type { NodeId } from "../raft/types.ts"
import { recordsBelow } from "../registry/codec.ts"
import { CLUSTER_KEY, NODES_PREFIX } from "../registry/keys.ts"
import { serverAddress } from "../registry/leader-link.ts"
import { remoteCluster } from "../registry/rpc-remote.ts"
import type { EmbeddedStore } from "../store/embedded.ts"
import type { ConnectOptions, PeerConnection } from "../transport/port.ts"
import type { RaftPeer, RaftTransport } from "../transport/raft-port.ts"
import { raftTransport } from "../transport/raft-transport.ts"
import { clusterIdentity, credentialsOf } from "./credentials.ts"

export interface RaftPeersOptions {
  identity: Identity
  embedded: EmbeddedStore
  /** Servers that were named on the command line, beside those that the identity knows. */
  named: string[]
  connect: (to: ConnectOptions) => Promise<PeerConnection>
  log: Log
}

export class RaftPeers {
  readonly transport: RaftTransport
  readonly #options: RaftPeersOptions
  readonly #unlisten: () => void
  #cancelWait = () => {}
  #introduced: ReadonlyMap<NodeId, RaftPeer> = new Map()
  #closed = false

  constructor(options: RaftPeersOptions) {
    const { identity, embedded, connect, log } = options
    const { replication, transport } = embedded
    this.#options = options
    this.transport = raftTransport({
      self: { raftId: transport.self, nodeId: identity.nodeId },
      cluster: clusterIdentity(identity),
      connect,
      onMessage: (message) => transport.receive(message),
      onUnreachable: (raftId) => transport.unreachable(raftId),
      onLost: (_, nodeId) => {
        if (replication.status().leader === nodeId) transport.leaderReset()
      },
      servePiece: ({ snapshotIndex, cursor }) => {
        const { bytes, next } = transport.snapshotPiece(snapshotIndex, cursor ?? "")
        return { rows: bytes, next }
      },
      clock: systemClock,
      random: systemRandom,
      log,
    })
    transport.setSend((messages) => this.transport.send(messages))
    transport.setFetch(async (from, index, cursor) => {
      const request = { snapshotIndex: index, snapshotTerm: 0, cursor: cursor === "" ? null : cursor }
      const { rows, next } = await this.transport.fetchPiece(from, request)
      return { bytes: rows, next }
    })
    this.#unlisten = replication.onChange(() => this.#look())
    this.#follow()
  }

  /** Resolves when the store holds the cluster, or when `stopped` does. */
  async start(stopped: Promise<unknown>): Promise<void> {
    const { store } = this.#options.embedded
    this.#look()
    if (store.get(CLUSTER_KEY)) return
    const introduced = this.#introduce()
    let isStopped = false
    const end = stopped.then(() => {
      isStopped = true
    })
    while (!isStopped && !store.get(CLUSTER_KEY)) await Promise.race([end, this.#changed(CLUSTER_KEY)])
    introduced()
    this.#look()
  }

  #changed(key: string): Promise<void> {
    return new Promise((wake) => this.#options.embedded.store.waitFor({ key }, wake))
  }

  close(): void {
    this.#closed = true
    this.#cancelWait()
    this.#unlisten()
    this.transport.close()
  }

  /** A node's record tells where it is; a change of the members, who they are. */
  #follow(): void {
    if (this.#closed) return
    const wait = this.#options.embedded.store.waitFor({ prefix: NODES_PREFIX }, () => {
      this.#look()
      this.#follow()
    })
    this.#cancelWait = () => wait.cancel()
  }

  #look(): void {
    const { embedded } = this.#options
    const peers = new Map(this.#introduced)
    const note = (nodeId: string, address: string | null) => {
      if (address !== null) peers.set(raftIdOf(nodeId), { nodeId, address })
    }
    for (const { nodeId } of embedded.replication.status().members) note(nodeId, serverAddress(embedded.store, nodeId))
    // Who has joined is dialled before it is one of them: the first word to it is not to wait for a connection.
    for (const { id, role, state, peerAddress } of recordsBelow<NodeRecord>(embedded.store, NODES_PREFIX))
      if (role === "server" && state === "member") note(id, peerAddress)
    this.transport.setPeers(peers)
  }

  /** Asks the servers that are known by address who they are, again and again; returns what ends that. */
  #introduce(): () => void {
    const { identity, named, log } = this.#options
    const link = new ServerLink({
      servers: () => [...new Set([...identity.servers, ...named])],
      credentials: credentialsOf(identity),
      expect: () => clusterIdentity(identity),
      onEpoch: () => {},
      start: 0,
      clock: systemClock,
      log,
    })
    const cluster = remoteCluster({ connection: () => link.connection(), clock: systemClock })
    let cancel = () => {}
    const ask = async () => {
      try {
        const { servers } = await cluster.raft()
        const known = servers.filter(({ id, address }) => id !== identity.nodeId && address !== "")
        this.#introduced = new Map(known.map(({ id, address }) => [raftIdOf(id), { nodeId: id, address }]))
        this.#look()
      } catch (error) {
        log.debug("no server has introduced the others yet", { why: asOvlError(error).message })
      }
      cancel = systemClock.after(RAFT_INTRODUCTION_MS, () => void ask())
    }
    log.info("waiting for the leader to give this server the store")
    void ask()
    return () => {
      cancel()
      link.close()
      this.#introduced = new Map()
    }
  }
}
