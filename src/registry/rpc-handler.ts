/**
 * What a server does for its peers: the cluster port's calls, each with the right of the peer that makes it. Who the peer
 * is comes from its certificate and whether it is still a member from the store, never from what it says.
 */
import { OvlError } from "../base/errors.ts"
import { FOLLOW_MESSAGE_MAX_CHANGES } from "../base/limits.ts"
import type { ChangeBatch } from "../model/catalog.ts"
import type { CallContext, PeerHandler, PeerIdentity, Publisher } from "../transport/port.ts"
import { JOIN_METHOD } from "../transport/server-session.ts"
import type { LocalCluster } from "./cluster-on-store.ts"
import { endpointNotFound } from "./endpoints.ts"
import { notMember } from "./nodes.ts"
import { type Answer, FOLLOW_METHOD, followParamsSchema, METHODS, type Method, type Params } from "./rpc-methods.ts"

type Handlers = {
  [M in Exclude<Method, typeof JOIN_METHOD>]: (params: Params<M>, peer: PeerIdentity) => Promise<Answer<M>>
}

/**
 * Networks, tokens and the removal of nodes are any member's: who may ask for them, its daemon's socket has decided.
 * Endpoints, facts, signs of life and reports are each node's own.
 * Errors besides the port's: forbidden, not_member (forbidden), params_invalid (usage), method_unknown (not_found).
 */
export function clusterHandler(cluster: LocalCluster): PeerHandler {
  const handlers = handlersOf(cluster)
  return {
    call: async (method, params, context) => {
      if (method === JOIN_METHOD) return cluster.join(checked(JOIN_METHOD, params))
      if (!isMethod(method)) throw unknownMethod(method)
      const peer = member(cluster, context)
      // The params were checked by the method's own schema, which the table's types tie to its handler.
      const handle = handlers[method] as (params: unknown, peer: PeerIdentity) => Promise<unknown>
      return handle(checked(method, params), peer)
    },
    subscribe: (method, params, context, publisher) => {
      if (method !== FOLLOW_METHOD) throw unknownMethod(method)
      const peer = member(cluster, context)
      const parsed = followParamsSchema.safeParse(params)
      if (!parsed.success) throw paramsInvalid(method, parsed.error.issues[0]?.message)
      publishChanges(cluster, parsed.data.fromRevision, peer, publisher)
    },
  }
}

function handlersOf(cluster: LocalCluster): Handlers {
  return {
    "cluster/info": () => cluster.info(),
    "cluster/createNetwork": (spec) => cluster.createNetwork(spec),
    "cluster/removeNetwork": ({ id, force }) => cluster.removeNetwork(id, { force }),
    "cluster/createEndpoints": async (specs, peer) => {
      for (const spec of specs) own(spec.nodeId, peer, "create an endpoint on")
      return cluster.createEndpoints(specs)
    },
    "cluster/updateEndpoints": async (updates, peer) => {
      for (const { id } of updates) {
        const nodeId = cluster.nodeOfEndpoint(id)
        if (nodeId === undefined) throw endpointNotFound(id)
        own(nodeId, peer, "change an endpoint of")
      }
      return cluster.updateEndpoints(updates)
    },
    "cluster/removeEndpoints": async (ids, peer) => {
      for (const id of ids) own(cluster.nodeOfEndpoint(id) ?? peer.nodeId, peer, "remove an endpoint of")
      return cluster.removeEndpoints(ids)
    },
    "cluster/awaitProgrammed": ({ networkIds, revision, timeoutMs }, peer) =>
      cluster.awaitProgrammed(networkIds, revision, timeoutMs, peer.nodeId),
    "cluster/reportProgrammed": async ({ nodeId, revision }, peer) => {
      own(nodeId, peer, "report for")
      cluster.reportProgrammed(nodeId, revision)
      return null
    },
    "cluster/heartbeat": async ({ nodeId }, peer) => {
      own(nodeId, peer, "give a sign of life for")
      await cluster.heartbeat(nodeId)
      return null
    },
    "cluster/updateNode": async ({ id, facts }, peer) => {
      own(id, peer, "change the facts of")
      return cluster.updateNode(id, facts)
    },
    "cluster/removeNode": async ({ id, leave }, peer) => {
      if (leave) own(id, peer, "leave for")
      return cluster.removeNode(id, { leave })
    },
    "cluster/createToken": (spec) => cluster.createToken(spec),
    "cluster/listTokens": () => cluster.listTokens(),
    "cluster/removeToken": async ({ id }) => {
      await cluster.removeToken(id)
      return null
    },
    "cluster/checkToken": ({ token }) => cluster.checkToken(token),
  }
}

/** The stream of changes to one peer; it ends when the peer is no member any more. */
function publishChanges(cluster: LocalCluster, fromRevision: number, peer: PeerIdentity, publisher: Publisher): void {
  const follower = cluster.follow(
    fromRevision,
    (batch) => {
      for (const message of parts(batch)) publisher.send(message)
      const itself = batch.changes.find((change) => change.type === "node" && change.id === peer.nodeId)
      if (itself && !cluster.isMember(peer.nodeId)) publisher.end(notMember(peer.name))
    },
    (error) => publisher.end(error),
  )
  publisher.onClose(() => follower.close())
}

function* parts(batch: ChangeBatch) {
  const { revision, snapshot, changes } = batch
  let start = 0
  do {
    const end = start + FOLLOW_MESSAGE_MAX_CHANGES
    yield { revision, snapshot, changes: changes.slice(start, end), last: end >= changes.length }
    start = end
  } while (start < changes.length)
}

function member(cluster: LocalCluster, { peer }: CallContext): PeerIdentity {
  if (!peer) {
    throw new OvlError("forbidden", "call: only members of the cluster may make it", {
      kind: "forbidden",
      hint: "join the cluster first: ovl join",
    })
  }
  if (!cluster.isMember(peer.nodeId)) throw notMember(peer.name)
  return peer
}

/** Errors: `forbidden` unless the peer speaks of itself. */
function own(nodeId: string, peer: PeerIdentity, what: string): void {
  if (nodeId === peer.nodeId) return
  throw new OvlError("forbidden", `node ${peer.name}: may not ${what} another node`, {
    kind: "forbidden",
    hint: "ask that node's own daemon",
  })
}

function isMethod(method: string): method is Exclude<Method, typeof JOIN_METHOD> {
  return Object.hasOwn(METHODS, method)
}

function checked<M extends Method>(method: M, params: unknown): Params<M> {
  const parsed = METHODS[method].params.safeParse(params)
  if (parsed.success) return parsed.data as Params<M>
  const issue = parsed.error.issues[0]
  throw paramsInvalid(method, issue && `${issue.path.join(".")}: ${issue.message}`)
}

function paramsInvalid(method: string, why = "malformed"): OvlError {
  return new OvlError("params_invalid", `call ${method}: ${why}`, {
    kind: "usage",
    hint: "do both nodes run the same version?",
  })
}

function unknownMethod(method: string): OvlError {
  return new OvlError("method_unknown", `call ${method}: there is no such call`, {
    kind: "not_found",
    hint: "do both nodes run the same version?",
  })
}
