/**
 * Going on as the only server after the majority was lost, from inside the daemon or on its data directory. The order
 * keeps ghosts out whatever is cut off: this node's epoch goes up first, so that nobody of before talks to it any more;
 * then it becomes the only member; then the cluster's record says so, and the others' memberships end.
 */
import { type Identity, saveIdentity } from "../agent/identity.ts"
import { OvlError } from "../base/errors.ts"
import type { RecoveryPreview } from "../model/raft.ts"
import type { LocalCluster } from "../registry/cluster-on-store.ts"
import type { Replication } from "../store/replication.ts"

export interface Recovering {
  identity: Identity
  dataDir: string
  cluster: Pick<LocalCluster, "recoveryPreview" | "settleRecovery">
  replication: Pick<Replication, "status" | "recoverAlone">
  /** The epoch has changed: whoever greets other nodes must greet them with the new one, and end what was greeted before. */
  onEpoch(epoch: number): void
}

/**
 * Rejects with `quorum_not_lost` (conflict) while a leader is known, and with the errors of the store. Where it is cut off,
 * the same call again does the rest.
 */
export async function recoverAlone({
  identity,
  dataDir,
  cluster,
  replication,
  onEpoch,
}: Recovering): Promise<RecoveryPreview> {
  const { leader, self } = replication.status()
  if (leader !== null && !isUnfinished({ identity, cluster })) throw quorumNotLost(leader === self)
  const preview = cluster.recoveryPreview()
  const before = identity.recoveryEpoch
  const epoch = Math.max(before, preview.recoveryEpoch + 1)
  const setEpoch = (to: number) => {
    identity.recoveryEpoch = to
    saveIdentity(dataDir, identity)
    onEpoch(to)
  }
  if (epoch !== before) setEpoch(epoch)
  try {
    if (leader === null) await replication.recoverAlone()
  } catch (thrown) {
    if (epoch !== before) setEpoch(before)
    throw thrown
  }
  await cluster.settleRecovery(epoch)
  return { ...preview, recovered: true }
}

/**
 * At the start, and whenever this server comes to lead: does what is left of a recovery that was cut off after this server
 * had become the only member. Idempotent.
 */
export async function finishRecovery({
  identity,
  cluster,
  replication,
}: Omit<Recovering, "onEpoch" | "dataDir">): Promise<void> {
  const { role, members } = replication.status()
  const alone = role === "leader" && members.length === 1
  if (alone && isUnfinished({ identity, cluster })) await cluster.settleRecovery(identity.recoveryEpoch)
}

/** The node's own epoch is above the cluster's: it has begun to go on alone. */
export function isUnfinished({ identity, cluster }: Pick<Recovering, "identity" | "cluster">): boolean {
  return identity.recoveryEpoch > cluster.recoveryPreview().recoveryEpoch
}

function quorumNotLost(self: boolean): OvlError {
  return new OvlError(
    "quorum_not_lost",
    `cannot recover: ${self ? "this server leads" : "a server leads"}: nothing is lost`,
    {
      kind: "conflict",
      hint: "a single server that is gone is taken out with `ovl raft rm`; `ovl raft ls` shows all",
    },
  )
}
