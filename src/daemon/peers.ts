/** The server's ear for other nodes: Raft's messages, the store's and the cluster's calls, and HTTP that clients pass on. */
import type { Identity } from "../agent/identity.ts"
import { type AnswerForwarded, FORWARD_METHOD, FORWARD_MORE_METHOD, Forwarded } from "../agent/forward.ts"
import type { Audit } from "../api/audit.ts"
import { OvlError } from "../base/errors.ts"
import type { Log } from "../base/log.ts"
import { systemClock } from "../linux/system.ts"
import type { Role } from "../model/node.ts"
import type { LocalCluster } from "../registry/cluster-on-store.ts"
import { clusterHandler } from "../registry/rpc-handler.ts"
import type { StoreHandler } from "../store/forwarding-handler.ts"
import type { CallContext, PeerHandler, PeerListener } from "../transport/port.ts"
import { type RaftInbound, withRaft } from "../transport/raft-port.ts"
import { listenTls } from "../transport/tls.ts"
import { auditedPeers } from "./audit.ts"
import { clusterIdentity, credentialsOf } from "./credentials.ts"

/** What is there to answer with: a server that is just coming up has Raft only, by which it gets the rest. */
export interface PeerRooms {
  raft: RaftInbound
  store: StoreHandler | null
  cluster: LocalCluster | null
  answer: AnswerForwarded | null
  /** Is told what other nodes change. */
  audit: Audit | null
}

export interface PeersOptions {
  bind: { host: string; port: number }
  identity: Identity
  rooms: PeerRooms
  log: Log
}

/** Errors: port_in_use, address_not_local. */
export function listenForPeers({ bind, identity, rooms, log }: PeersOptions): Promise<PeerListener> {
  return listenTls({
    ...bind,
    credentials: credentialsOf(identity),
    cluster: clusterIdentity(identity),
    handler: withRaft(handlerOf(rooms), rooms.raft),
    isMember: (nodeId, role) => isMember(rooms, nodeId, role),
    clock: systemClock,
    log,
  })
}

/** Who has no store yet knows nobody: it lets servers in, whose certificates its cluster's authority has signed. */
function isMember({ cluster }: PeerRooms, nodeId: string, role: Role): boolean {
  return cluster ? cluster.mayConnect(nodeId) : role === "server"
}

function handlerOf(rooms: PeerRooms): PeerHandler {
  let handler: PeerHandler | null = null
  const ready = (): PeerHandler => {
    const { cluster, answer, audit } = rooms
    if (cluster === null || answer === null || audit === null) throw comingUp()
    handler ??= auditedPeers(withForwarding(cluster, answer), audit)
    return handler
  }
  return {
    call: async (method, params, context) => {
      if (rooms.store?.has(method)) return rooms.store.call(method, params, context)
      return ready().call(method, params, context)
    },
    subscribe: (method, params, context, publisher) => ready().subscribe(method, params, context, publisher),
  }
}

/** The cluster's own calls, and a member's HTTP requests, put through this server's application. */
export function withForwarding(cluster: LocalCluster, answer: AnswerForwarded): PeerHandler {
  const handler = clusterHandler(cluster)
  const forwarded = new Forwarded(answer)
  const isMember = ({ peer }: CallContext) => peer !== null && cluster.isMember(peer.nodeId)
  return {
    ...handler,
    call: (method, params, context) =>
      method === FORWARD_MORE_METHOD && isMember(context)
        ? forwarded.more(params, context)
        : handler.call(method, params, context),
    subscribe: (method, params, context, publisher) =>
      method === FORWARD_METHOD && isMember(context)
        ? forwarded.subscribe(params, context, publisher)
        : handler.subscribe(method, params, context, publisher),
  }
}

function comingUp(): OvlError {
  return new OvlError("server_starting", "ask this server: it is still starting", {
    kind: "unavailable",
    hint: "try another server, or again in a moment",
  })
}
