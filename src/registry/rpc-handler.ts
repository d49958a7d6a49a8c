/**
 * What a server does for its peers: the cluster port's calls, each with the right of the peer that makes it. Who the peer
 * is comes from its certificate and whether it is still a member from the store, never from what it says.
 */
import { asOvlError, OvlError } from "../base/errors.ts"
import { FOLLOW_MESSAGE_MAX_CHANGES } from "../base/limits.ts"
import type { ChangeBatch } from "../model/catalog.ts"
import type { CallContext, PeerHandler, PeerIdentity, Publisher } from "../transport/port.ts"
import { JOIN_METHOD } from "../transport/server-session.ts"
import type { LocalCluster } from "./cluster-on-store.ts"
import { endpointNotFound } from "./endpoints.ts"
import { notMember } from "./nodes.ts"
import {
  type Answer,
  FOLLOW_METHOD,
  type FollowMessage,
  followParamsSchema,
  type FollowWish,
  METHODS,
  type Method,
  type Params,
} from "./rpc-methods.ts"

type Handlers = {
  [M in Exclude<Method, typeof JOIN_METHOD>]: (params: Params<M>, peer: PeerIdentity) => Promise<Answer<M>>
}

/** What a server says of itself, to another one too: a new one asks any of them who the others are. */
const OF_ITSELF = new Set<string>(["cluster/info", "cluster/raft"] satisfies Method[])

/**
 * Networks, tokens, the removal of nodes and who leads are any member's: who may ask for them, its daemon's socket has decided.
 * Endpoints, facts, signs of life and reports are each node's own.
 * Errors besides the port's: forbidden, not_member (forbidden), params_invalid (usage), method_unknown (not_found).
 */
export function clusterHandler(cluster: LocalCluster): PeerHandler {
  const forAnyone = handlersOf(cluster)
  const forServers = handlersOf(cluster.here)
  return {
    call: async (method, params, context) => {
      // What a server passes on was meant for the leader, and goes no further.
      const passedOn = context.peer?.role === "server"
      if (passedOn && !cluster.leads() && !OF_ITSELF.has(method)) throw notLeader(method)
      if (method === JOIN_METHOD) return (passedOn ? cluster.here : cluster).join(checked(JOIN_METHOD, params))
      if (!isMethod(method)) throw unknownMethod(method)
      const peer = await currentMember(cluster, context)
      // The params were checked by the method's own schema, which the table's types tie to its handler.
      const handle = (passedOn ? forServers : forAnyone)[method] as (
        params: unknown,
        peer: PeerIdentity,
      ) => Promise<unknown>
      return handle(checked(method, params), peer)
    },
    subscribe: (method, params, context, publisher) => {
      if (method !== FOLLOW_METHOD) throw unknownMethod(method)
      const parsed = followParamsSchema.safeParse(params)
      if (!parsed.success) throw paramsInvalid(method, parsed.error.issues[0]?.message)
      const wish = parsed.data
      if (isCurrent(cluster, context)) return publishChanges(cluster, wish, member(cluster, context), publisher)
      currentMember(cluster, context).then(
        (peer) => publishChanges(cluster, wish, peer, publisher),
        (error) => publisher.end(asOvlError(error)),
      )
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
        // It may have been made through another server a moment ago.
        if (cluster.nodeOfEndpoint(id) === undefined) await cluster.catchUp()
        const nodeId = cluster.nodeOfEndpoint(id)
        if (nodeId === undefined) throw endpointNotFound(id)
        own(nodeId, peer, "change an endpoint of")
      }
      return cluster.updateEndpoints(updates)
    },
    "cluster/removeEndpoints": async (ids, peer) => {
      if (ids.some((id) => cluster.nodeOfEndpoint(id) === undefined)) await cluster.catchUp()
      for (const id of ids) own(cluster.nodeOfEndpoint(id) ?? peer.nodeId, peer, "remove an endpoint of")
      return cluster.removeEndpoints(ids)
    },
    "cluster/awaitProgrammed": ({ networkIds, revision, timeoutMs, asker }, peer) => {
      const whose = asker ?? peer.nodeId
      own(whose, peer, "wait for others as")
      return cluster.awaitProgrammed(networkIds, revision, timeoutMs, whose)
    },
    "cluster/reportsProgrammed": async ({ reports }, peer) => {
      for (const [nodeId, revision] of reports) {
        own(nodeId, peer, "report for")
        if (cluster.isMember(nodeId)) cluster.reportProgrammed(nodeId, revision)
      }
      return null
    },
    "cluster/reportProgrammed": async ({ nodeId, revision }, peer) => {
      own(nodeId, peer, "report for")
      cluster.reportProgrammed(nodeId, revision)
      return null
    },
    "cluster/heartbeat": async ({ nodeId }, peer) => {
      own(nodeId, peer, "give a sign of life for")
      const wishes = await cluster.heartbeat(nodeId)
      return wishes.probes.length + wishes.pings.length === 0 ? null : wishes
    },
    "cluster/probeRound": async ({ asker, round, others, timeoutMs }, peer) => {
      own(asker, peer, "ask for probes of")
      return { reports: await cluster.probeRound({ asker, round }, others, timeoutMs) }
    },
    "cluster/reportProbe": async (report, peer) => {
      own(report.nodeId, peer, "report for")
      await cluster.reportProbe(report)
      return null
    },
    "cluster/pingRound": async (round, peer) => {
      own(round.asker, peer, "ask for pings of")
      return { reports: await cluster.pingRound(round) }
    },
    "cluster/reportPing": async (report, peer) => {
      own(report.nodeId, peer, "report for")
      await cluster.reportPing(report)
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
    "cluster/raft": () => cluster.raft(),
    "cluster/transferLeader": ({ nodeId }) => cluster.transferLeader(nodeId),
    "cluster/removeServer": ({ id }) => cluster.removeServer(id),
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
function publishChanges(cluster: LocalCluster, wish: FollowWish, peer: PeerIdentity, publisher: Publisher): void {
  const follower = cluster.follow(
    wish.fromRevision,
    (batch) => {
      for (const message of messagesOf(batch)) publisher.send(message)
      const itself = batch.changes.find((change) => change.type === "node" && change.id === peer.nodeId)
      if (itself && !cluster.isMember(peer.nodeId)) publisher.end(notMember(peer.name))
    },
    (error) => publisher.end(error),
    wish.interest,
    peer.nodeId,
  )
  publisher.onClose(() => follower.close())
}

const encoder = new TextEncoder()
const encoded = new WeakMap<ChangeBatch, Uint8Array[]>()

/** A batch as it travels: in bytes, which are the same for all who get the same batch. */
function messagesOf(batch: ChangeBatch): Uint8Array[] {
  const known = encoded.get(batch)
  if (known) return known
  const messages = [...parts(batch)].map((part) => encoder.encode(JSON.stringify(part)))
  encoded.set(batch, messages)
  return messages
}

function* parts(batch: ChangeBatch): Generator<FollowMessage> {
  const { revision, snapshot, changes, opening } = batch
  let start = 0
  do {
    const end = start + FOLLOW_MESSAGE_MAX_CHANGES
    const last = end >= changes.length
    yield { revision, snapshot, changes: changes.slice(start, end), last, ...(last && opening ? { opening } : {}) }
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

/** Who has just joined through another server may not be known here yet. */
async function currentMember(cluster: LocalCluster, context: CallContext): Promise<PeerIdentity> {
  if (!isCurrent(cluster, context)) await cluster.catchUp()
  return member(cluster, context)
}

/** What is known here is enough to judge by. */
function isCurrent(cluster: LocalCluster, { peer }: CallContext): boolean {
  return peer === null || cluster.isMember(peer.nodeId)
}

function notLeader(method: string): OvlError {
  return new OvlError("not_leader", `call ${method}: this server does not lead`, {
    kind: "unavailable",
    hint: "ask the leader: ovl raft ls",
  })
}

/** Errors: `forbidden` unless the peer speaks of itself; a server has checked that of whom it speaks for. */
function own(nodeId: string, peer: PeerIdentity, what: string): void {
  if (nodeId === peer.nodeId || peer.role === "server") return
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
