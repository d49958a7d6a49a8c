/** The server's ear for other nodes: the cluster's calls, and the Consul requests that clients pass on. */
import type { Identity } from "../agent/identity.ts"
import { type AnswerForwarded, FORWARD_METHOD, FORWARD_MORE_METHOD, Forwarded } from "../agent/forward.ts"
import type { Log } from "../base/log.ts"
import { systemClock } from "../linux/system.ts"
import type { LocalCluster } from "../registry/cluster-on-store.ts"
import { clusterHandler } from "../registry/rpc-handler.ts"
import type { CallContext, PeerHandler, PeerListener } from "../transport/port.ts"
import { listenTls } from "../transport/tls.ts"

export interface PeersOptions {
  bind: { host: string; port: number }
  identity: Identity
  cluster: LocalCluster
  answer: AnswerForwarded
  log: Log
}

/** Errors: port_in_use, address_not_local. */
export function listenForPeers(options: PeersOptions): Promise<PeerListener> {
  const { bind, identity, cluster, log } = options
  return listenTls({
    ...bind,
    credentials: { cert: identity.certPem, key: identity.keyPem, ca: identity.caPem },
    cluster: { clusterId: identity.clusterId, recoveryEpoch: identity.recoveryEpoch },
    handler: withForwarding(cluster, options.answer),
    isMember: (nodeId) => cluster.isMember(nodeId),
    clock: systemClock,
    log,
  })
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
