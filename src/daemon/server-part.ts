/** A server's own part in keeping the store, as the API and `status` see it, whether or not a leader can be reached. */
import type { ServerPart } from "../agent/port.ts"
import { asOvlError, OvlError } from "../base/errors.ts"
import type { Log } from "../base/log.ts"
import type { Measure } from "../base/measures.ts"
import type { LocalCluster } from "../registry/cluster-on-store.ts"
import type { RaftView } from "../model/raft.ts"
import type { Replication } from "../store/replication.ts"
import type { RaftPeerState } from "../transport/raft-port.ts"
import { finishRecovery, isUnfinished, type Recovering, recoverAlone } from "./recover.ts"

export interface ServerPartOptions extends Recovering {
  cluster: LocalCluster
  replication: Replication
  /** The other servers, as the transport reaches them. */
  peers(): RaftPeerState[]
  /** Numbers of the store, of replication and of the transport. */
  measures(): Measure[]
  log: Log
}

/** `close` ends what it does by itself: finishing a recovery that was cut off. */
export function openServerPart(options: ServerPartOptions): ServerPart & { close(): void } {
  const { cluster, replication, log } = options
  const finish = () =>
    void finishRecovery(options).catch((error) =>
      log.warn("cannot finish the recovery yet", { why: asOvlError(error).message }),
    )
  const unlisten = replication.onChange(finish)
  finish()
  return {
    status: () => replication.status(),
    view: () => viewOf(cluster.raftHere(), options.peers()),
    refusal: () => refusalOf(options.peers()),
    measures: () => options.measures(),
    recoveryPreview: () => cluster.recoveryPreview(),
    recover: async () => {
      const refusal = refusalOf(options.peers())
      if (refusal && !isUnfinished(options)) throw superseded(refusal)
      return recoverAlone(options)
    },
    close: unlisten,
  }
}

/** While nobody leads, who is there is known by the connections alone. */
function viewOf(view: RaftView, peers: readonly RaftPeerState[]): RaftView {
  if (view.leader !== null) return view
  const servers = view.servers.map((server) => {
    const peer = peers.find(({ nodeId }) => nodeId === server.id)
    return peer ? { ...server, state: peer.connected ? ("alive" as const) : ("failed" as const) } : server
  })
  return { ...view, servers }
}

/** The words of a cluster that has gone on: this server was removed, or left behind by a recovery. */
export const GONE_ON = new Set(["not_member", "wrong_recovery_epoch"])

function refusalOf(peers: readonly RaftPeerState[]): OvlError | null {
  return peers.find(({ lastError }) => lastError && GONE_ON.has(lastError.code))?.lastError ?? null
}

function superseded(refusal: OvlError): OvlError {
  return new OvlError("superseded", `cannot recover: the others have gone on without this server: ${refusal.message}`, {
    kind: "conflict",
    hint: "`ovl down --all` clears it, then `ovl join --server` with a new token",
  })
}
