/** The server's ear for other nodes: the cluster's calls, and the Consul requests that clients pass on. */
import type { Identity } from "../agent/identity.ts"
import { FORWARD_METHOD } from "../agent/node.ts"
import type { HttpMessage, HttpQuestion } from "../agent/port.ts"
import type { Log } from "../base/log.ts"
import { systemClock } from "../linux/system.ts"
import type { LocalCluster } from "../registry/cluster-on-store.ts"
import { clusterHandler } from "../registry/rpc-handler.ts"
import type { PeerHandler, PeerListener } from "../transport/port.ts"
import { listenTls } from "../transport/tls.ts"

export interface PeersOptions {
  bind: { host: string; port: number }
  identity: Identity
  cluster: LocalCluster
  answer: (question: HttpQuestion) => Promise<HttpMessage>
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

/** The cluster's own calls, and one more: a member's HTTP request, put through this server's application. */
function withForwarding(cluster: LocalCluster, answer: PeersOptions["answer"]): PeerHandler {
  const handler = clusterHandler(cluster)
  return {
    ...handler,
    call: (method, params, context) => {
      const mayForward = context.peer !== null && cluster.isMember(context.peer.nodeId)
      return method === FORWARD_METHOD && mayForward
        ? answer(params as HttpQuestion)
        : handler.call(method, params, context)
    },
  }
}
