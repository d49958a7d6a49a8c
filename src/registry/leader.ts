/**
 * The cluster port on a server that may not lead: decisions are made at the leader, whoever that is, so that callers who
 * want the same at the same moment wait for each other in one place; what is followed and what this server is, comes from
 * itself. Peers' calls come through it too: their rights are checked here, then this server speaks for them.
 */
import type { Clock } from "../base/clock.ts"
import { OvlError } from "../base/errors.ts"
import { FORWARD_READ_BACK_MS, JOIN_TIMEOUT_MS, PEER_CALL_TIMEOUT_MS } from "../base/limits.ts"
import type { LeaderLink } from "../store/forwarding-port.ts"
import { LeaderRoute } from "../store/forwarding-route.ts"
import type { Store } from "../store/port.ts"
import type { Replication } from "../store/replication.ts"
import type { PeerConnection } from "../transport/port.ts"
import { JOIN_METHOD } from "../transport/server-session.ts"
import type { LocalCluster } from "./cluster-on-store.ts"
import { LeaderReports } from "./leader-reports.ts"
import type { Cluster, JoinAnswer, JoinRequest } from "./port.ts"
import { remoteCluster } from "./rpc-remote.ts"
import { joinAnswerSchema } from "./rpc-methods.ts"

export interface LeaderClusterOptions {
  /** As `openCluster` gives it, on a store that forwards. */
  local: LocalCluster
  store: Store
  replication: Replication
  leader: LeaderLink
  clock: Clock
}

/**
 * The calls that are carried out at the leader, and whether one that may have been carried out is made again: those that
 * only read, or that say once more what a node says of itself, or take away what has an id that never comes back.
 */
const AT_LEADER: Record<AtLeader, boolean> = {
  createNetwork: false,
  removeNetwork: false,
  createEndpoints: false,
  updateEndpoints: true,
  removeEndpoints: true,
  heartbeat: true,
  probeRound: false,
  reportProbe: true,
  pingRound: false,
  reportPing: true,
  updateNode: true,
  removeNode: false,
  raft: true,
  transferLeader: false,
  removeServer: false,
  createToken: false,
  listTokens: true,
  removeToken: false,
  checkToken: true,
}

type AtLeader = Exclude<keyof Cluster, "info" | "follow" | "reportProgrammed" | "awaitProgrammed" | "join">
type AnyCall = (...args: unknown[]) => Promise<unknown>

/**
 * Errors besides the port's, both of kind unavailable: `no_leader` after LEADER_WAIT_MS without one, and nothing was done;
 * `outcome_unknown` where the leader was lost while it was at it.
 */
export function leaderCluster({ local, store, replication, leader, clock }: LeaderClusterOptions): LocalCluster {
  const route = new LeaderRoute({ leads: local.leads, replication, leader, clock })
  const reports = new LeaderReports({ local, replication, leader, clock })
  const { self } = replication.status()
  const readBack = async <T>(answer: T): Promise<T> => {
    const revision = revisionOf(answer)
    if (revision > store.revision) await store.reached(revision, FORWARD_READ_BACK_MS)
    return answer
  }
  // A server that was taken out gets nothing more: it would wait in vain to read that.
  const isOwnEnd = (name: AtLeader, [nodeId]: unknown[]) =>
    (name === "removeNode" || name === "removeServer") && nodeId === self
  const routed = (name: AtLeader): AnyCall => {
    const on = (cluster: Cluster, args: unknown[]) => (cluster[name] as AnyCall)(...args)
    return (...args) =>
      route
        .run({
          what: "ask the cluster",
          again: AT_LEADER[name],
          here: () => on(local, args),
          there: (connection) => on(remoteCluster({ connection: () => connection, clock }), args),
        })
        .then((answer) => (isOwnEnd(name, args) ? answer : readBack(answer)))
  }
  const names = Object.keys(AT_LEADER) as AtLeader[]
  const calls = Object.fromEntries(names.map((name) => [name, routed(name)])) as unknown as Pick<Cluster, AtLeader>
  return {
    ...local,
    ...calls,
    // With nobody to ask, what was known here last counts: else nothing could be read while there is no leader.
    checkToken: async (token) => {
      if (replication.status().leader === null) return local.checkToken(token)
      return calls.checkToken(token).catch((error) => {
        if (error instanceof OvlError && error.kind === "unavailable") return local.checkToken(token)
        throw error
      })
    },
    awaitProgrammed: (networkIds, revision, timeoutMs, asker = self) => {
      const end = clock.monotonic() + timeoutMs
      const leftMs = () => Math.max(0, end - clock.monotonic())
      return route.run({
        what: "wait for other nodes",
        again: true,
        here: () => route.watched(self, local.awaitProgrammed(networkIds, revision, leftMs(), asker)),
        there: async (connection) => {
          const params = { networkIds, revision, timeoutMs: leftMs(), asker }
          const answer = connection.call("cluster/awaitProgrammed", params, {
            timeoutMs: leftMs() + PEER_CALL_TIMEOUT_MS,
          })
          return (await answer) as { lagging: string[] }
        },
      })
    },
    reportProgrammed: (nodeId, revision) => reports.report(nodeId, revision),
    join: (request) =>
      route
        .run({
          what: "join",
          // The same request again has the same answer.
          again: true,
          here: () => local.join(request),
          there: (connection) => joinThere(connection, request),
        })
        .then(async (answer) => {
          // The new node is known here before it comes back.
          await store.barrier().catch(() => {})
          return answer
        }),
    here: local,
    close: () => {
      route.close()
      reports.close()
      local.close()
    },
  }
}

async function joinThere(connection: PeerConnection, request: JoinRequest): Promise<JoinAnswer> {
  const answer = joinAnswerSchema.safeParse(await connection.call(JOIN_METHOD, request, { timeoutMs: JOIN_TIMEOUT_MS }))
  if (answer.success) return answer.data
  throw new OvlError("answer_invalid", "join: the leader's answer is malformed", {
    kind: "unavailable",
    hint: "do all servers run the same version of ovl?",
  })
}

function revisionOf(answer: unknown): number {
  const revision = (answer as { revision?: unknown } | null | undefined)?.revision
  return typeof revision === "number" ? revision : 0
}
