/** The cluster port on a connection to a server: what a client has. Where the connection comes from is the caller's business. */
import type { Clock } from "../base/clock.ts"
import { asOvlError, OvlError } from "../base/errors.ts"
import { PEER_CALL_TIMEOUT_MS } from "../base/limits.ts"
import type { Change, ChangeBatch } from "../model/catalog.ts"
import type { PeerConnection, Subscription } from "../transport/port.ts"
import type { Cluster, Follower } from "./port.ts"
import { type Answer, FOLLOW_METHOD, followMessageSchema, METHODS, type Method, type Params } from "./rpc-methods.ts"

export interface RemoteClusterOptions {
  /** A connection to any server: the standing one, or a new one. Whoever gives it also reconnects. */
  connection: () => PeerConnection | Promise<PeerConnection>
  clock: Clock
}

/**
 * Errors besides the server's own: `no_server` (unavailable) when no connection is had within PEER_CALL_TIMEOUT_MS;
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
      call("cluster/awaitProgrammed", { networkIds, revision, timeoutMs }, timeoutMs + PEER_CALL_TIMEOUT_MS),
    // Nobody waits for it, and a later report says as much: a lost one costs a waiting attach its time-out at most.
    reportProgrammed: (nodeId, revision) => {
      call("cluster/reportProgrammed", { nodeId, revision }).catch(() => {})
    },
    heartbeat: async (nodeId) => {
      await call("cluster/heartbeat", { nodeId })
    },
    updateNode: (id, facts) => call("cluster/updateNode", { id, facts }),
    removeNode: (id, { leave }) => call("cluster/removeNode", { id, leave }),
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
    follow: (fromRevision, onBatch, onEnd) => followRemote(options, fromRevision, onBatch, onEnd),
  }
}

function caller(options: RemoteClusterOptions) {
  return async <M extends Method>(
    method: M,
    params: Params<M>,
    timeoutMs = PEER_CALL_TIMEOUT_MS,
  ): Promise<Answer<M>> => {
    const connection = await connect(options)
    const answer = METHODS[method].answer.safeParse(await connection.call(method, params, { timeoutMs }))
    if (answer.success) return answer.data as Answer<M>
    throw answerInvalid(method, answer.error.issues[0]?.message)
  }
}

/** A provider that takes too long, or fails with something else, comes to the same: no server. */
function connect({ connection, clock }: RemoteClusterOptions): Promise<PeerConnection> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(PEER_CALL_TIMEOUT_MS, () => reject(noServer("none was reached in time")))
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
  fromRevision: number,
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
  connect(options).then((connection) => {
    if (!closed) subscription = connection.subscribe(FOLLOW_METHOD, { fromRevision }, onMessage, onOver)
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
    const part = followMessageSchema.safeParse(message)
    if (!part.success) {
      end(answerInvalid(FOLLOW_METHOD, part.error.issues[0]?.message))
      return
    }
    const { revision, snapshot, last } = part.data
    const here = part.data.changes as Change[]
    changes = changes.length === 0 ? here : changes.concat(here)
    if (!last) return
    const batch = { revision, snapshot, changes }
    changes = []
    onBatch(batch)
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
