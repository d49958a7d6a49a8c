/** The cluster port on a connection to a server: what a client has. Where the connection comes from is the caller's business. */
import type { Clock } from "../base/clock.ts"
import { asOvlError, OvlError } from "../base/errors.ts"
import { MEMBER_CHANGE_WAIT_MS, SERVER_CALL_BUDGET_MS } from "../base/limits.ts"
import type { Change, ChangeBatch } from "../model/catalog.ts"
import type { PeerConnection, Subscription } from "../transport/port.ts"
import type { Cluster, Follower } from "./port.ts"
import {
  type Answer,
  FOLLOW_METHOD,
  type FollowWish,
  followMessageSchema,
  METHODS,
  type Method,
  type Params,
} from "./rpc-methods.ts"

const decoder = new TextDecoder()

export interface RemoteClusterOptions {
  /** A connection to any server: the standing one, or a new one. Whoever gives it also reconnects. */
  connection: () => PeerConnection | Promise<PeerConnection>
  /** Told of a connection whose server answers without a leader, or not in time. */
  distrust?: (connection: PeerConnection) => void
  clock: Clock
}

/**
 * Errors besides the server's own: `no_server` (unavailable) when no connection is had within SERVER_CALL_BUDGET_MS;
 * peer_timeout and peer_closed (unavailable), which leave open whether the call was carried out.
 */
export function remoteCluster(options: RemoteClusterOptions): Cluster {
  const call = caller(options)
  return {
    info: () => call("cluster/info", null),
    createNetwork: (spec) => call("cluster/createNetwork", spec),
    removeNetwork: (id, { force }) => call("cluster/removeNetwork", { id, force }),
    createEndpoints: (specs) => call("cluster/createEndpoints", specs),
    updateEndpoints: (updates) => call("cluster/updateEndpoints", updates),
    removeEndpoints: (ids) => call("cluster/removeEndpoints", ids),
    awaitProgrammed: (networkIds, revision, timeoutMs) =>
      call("cluster/awaitProgrammed", { networkIds, revision, timeoutMs }, timeoutMs + SERVER_CALL_BUDGET_MS),
    // Nobody waits for it, and a later report says as much: a lost one costs a waiting attach its time-out at most.
    reportProgrammed: (nodeId, revision) => {
      call("cluster/reportProgrammed", { nodeId, revision }).catch(() => {})
    },
    heartbeat: async (nodeId) => {
      const answer = await call("cluster/heartbeat", { nodeId })
      return answer ?? { probes: [], pings: [] }
    },
    probeRound: async (wish, others, timeoutMs) => {
      const params = { ...wish, others, timeoutMs }
      return (await call("cluster/probeRound", params, timeoutMs + SERVER_CALL_BUDGET_MS)).reports
    },
    reportProbe: async (report) => {
      await call("cluster/reportProbe", report)
    },
    pingRound: async (round) =>
      (await call("cluster/pingRound", round, round.timeoutMs + SERVER_CALL_BUDGET_MS)).reports,
    reportPing: async (report) => {
      await call("cluster/reportPing", report)
    },
    updateNode: (id, facts) => call("cluster/updateNode", { id, facts }),
    removeNode: (id, { leave }) =>
      call("cluster/removeNode", { id, leave }, SERVER_CALL_BUDGET_MS + MEMBER_CHANGE_WAIT_MS),
    raft: () => call("cluster/raft", null),
    transferLeader: (nodeId) =>
      call("cluster/transferLeader", { nodeId }, SERVER_CALL_BUDGET_MS + MEMBER_CHANGE_WAIT_MS),
    removeServer: (id) => call("cluster/removeServer", { id }, SERVER_CALL_BUDGET_MS + MEMBER_CHANGE_WAIT_MS),
    createToken: (spec) => call("cluster/createToken", spec),
    listTokens: () => call("cluster/listTokens", null),
    removeToken: async (id) => {
      await call("cluster/removeToken", { id })
    },
    checkToken: (token) => call("cluster/checkToken", { token }),
    join: async () => {
      throw new OvlError("not_a_server", "join: this node is a client", {
        kind: "forbidden",
        hint: "name a server of the cluster: ovl node ls shows them",
      })
    },
    follow: (fromRevision, onBatch, onEnd, interest) =>
      followRemote(options, { fromRevision, interest }, onBatch, onEnd),
  }
}

/** Calls that come to the same however often they are carried out: one whose server dies meanwhile is made again. */
const REPEATABLE: ReadonlySet<Method> = new Set([
  "cluster/info",
  "cluster/removeEndpoints",
  "cluster/updateEndpoints",
  "cluster/awaitProgrammed",
  "cluster/reportProgrammed",
  "cluster/heartbeat",
  "cluster/reportProbe",
  "cluster/reportPing",
  "cluster/updateNode",
  "cluster/raft",
  "cluster/listTokens",
  "cluster/checkToken",
] satisfies Method[])

/** One call has `budgetMs` for everything: the way to a server, the answer, and another server where the first one dies. */
function caller(options: RemoteClusterOptions) {
  return async <M extends Method>(
    method: M,
    params: Params<M>,
    budgetMs = SERVER_CALL_BUDGET_MS,
  ): Promise<Answer<M>> => {
    const end = options.clock.monotonic() + budgetMs
    for (let last = false; ; last = true) {
      const timeoutMs = Math.max(0, Math.round(end - options.clock.monotonic()))
      const answered = await callOnce(options, method, params, timeoutMs, last || !REPEATABLE.has(method))
      if (answered === null) continue
      const answer = METHODS[method].answer.safeParse(answered.value)
      if (answer.success) return answer.data as Answer<M>
      throw answerInvalid(method, answer.error.issues[0]?.message)
    }
  }
}

/** Null: the server died, and it is to be tried once more. */
async function callOnce(
  options: RemoteClusterOptions,
  method: Method,
  params: unknown,
  timeoutMs: number,
  last: boolean,
): Promise<{ value: unknown } | null> {
  const start = options.clock.monotonic()
  const connection = await connect(options, timeoutMs)
  const remainingMs = Math.max(0, Math.round(timeoutMs - (options.clock.monotonic() - start)))
  try {
    return { value: await connection.call(method, params, { timeoutMs: remainingMs }) }
  } catch (thrown) {
    const { code } = asOvlError(thrown)
    if (code === "no_leader" || code === "peer_timeout") options.distrust?.(connection)
    if (code === "peer_closed" && !last) return null
    throw thrown
  }
}

/** A provider that takes too long, or fails with something else, comes to the same: no server. */
function connect({ connection, clock }: RemoteClusterOptions, timeoutMs: number): Promise<PeerConnection> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(timeoutMs, () => reject(noServer("none was reached in time")))
    const settled = <T>(then: (value: T) => void) => {
      return (value: T) => {
        cancel()
        then(value)
      }
    }
    Promise.try(connection).then(
      settled(resolve),
      settled((thrown: unknown) => {
        const error = asOvlError(thrown)
        // A server that refuses this node is there.
        const told = error.code === "no_server" || error.kind === "forbidden"
        reject(told ? error : noServer(error.message, thrown))
      }),
    )
  })
}

function followRemote(
  options: RemoteClusterOptions,
  wish: FollowWish,
  onBatch: (batch: ChangeBatch) => void,
  onEnd: (error: OvlError) => void,
): Follower {
  let closed = false
  let subscription: Subscription | null = null
  const end = (error: OvlError) => {
    if (closed) return
    closed = true
    subscription?.close()
    onEnd(error)
  }
  const assemble = assembler(onBatch, end)
  const onMessage = (message: unknown) => {
    if (!closed) assemble(message)
  }
  const onOver = (error?: OvlError) => end(error ?? noServer("the server ended the stream of changes"))
  connect(options, SERVER_CALL_BUDGET_MS).then((connection) => {
    if (!closed) subscription = connection.subscribe(FOLLOW_METHOD, wish, onMessage, onOver)
  }, end)
  return {
    close: () => {
      closed = true
      subscription?.close()
    },
  }
}

/** Puts the parts of a batch together again: a follower sees it whole or not at all. */
function assembler(onBatch: (batch: ChangeBatch) => void, end: (error: OvlError) => void) {
  let changes: Change[] = []
  return (message: unknown) => {
    const part = followMessageSchema.safeParse(decoded(message))
    if (!part.success) {
      end(answerInvalid(FOLLOW_METHOD, part.error.issues[0]?.message))
      return
    }
    const { revision, snapshot, last, opening } = part.data
    const here = part.data.changes as Change[]
    changes = changes.length === 0 ? here : changes.concat(here)
    if (!last) return
    const batch: ChangeBatch = { revision, snapshot, changes, ...(opening ? { opening } : {}) }
    changes = []
    onBatch(batch)
  }
}

/** Null for what is no JSON in bytes, which the schema then refuses. */
function decoded(message: unknown): unknown {
  try {
    return message instanceof Uint8Array ? JSON.parse(decoder.decode(message)) : null
  } catch {
    return null
  }
}

function noServer(why: string, cause?: unknown): OvlError {
  return new OvlError("no_server", `the cluster: no server answers: ${why}`, {
    kind: "unavailable",
    hint: "check that a server runs and that this node reaches its --bind port",
    cause,
  })
}

function answerInvalid(method: string, why = "malformed"): OvlError {
  return new OvlError("answer_invalid", `answer to ${method}: ${why}`, {
    kind: "unavailable",
    hint: "do both nodes run the same version?",
  })
}
