/** `ovl raft recover` where no daemon runs: the same, on the data directory of a server. */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { loadIdentity } from "../agent/identity.ts"
import { OvlError } from "../base/errors.ts"
import { type Log, silentLog } from "../base/log.ts"
import { systemClock, systemRandom } from "../linux/system.ts"
import type { RecoveryPreview } from "../model/raft.ts"
import { openCluster } from "../registry/cluster-on-store.ts"
import { openEmbeddedStore } from "../store/embedded.ts"
import { recoverAlone } from "./recover.ts"

export interface OfflineOptions {
  dataDir: string
  /** False: only says what it would cost. */
  confirm: boolean
  log?: Log
}

/** Errors: data_missing, store_missing (not_found), not_a_server, data_in_use (conflict), and those of the store. */
export async function recoverOffline({ dataDir, confirm, log = silentLog }: OfflineOptions): Promise<RecoveryPreview> {
  const identity = loadIdentity(dataDir)
  if (!identity)
    throw new OvlError("data_missing", `cannot recover: ${dataDir} is no node's data directory`, {
      kind: "not_found",
      hint: "name it with --data-dir",
    })
  if (identity.role !== "server")
    throw new OvlError("not_a_server", `cannot recover: ${identity.name} is a client and has no copy of the store`, {
      kind: "conflict",
      hint: "use the data directory of a server that is left",
    })
  const self = identity.nodeId
  if (!existsSync(join(dataDir, "store")))
    throw new OvlError("store_missing", `cannot recover: ${dataDir} holds no store`, {
      kind: "not_found",
      hint: "use the data directory of a server that is left",
    })
  const how = { clock: systemClock, random: systemRandom, log }
  const { store, replication } = await openEmbeddedStore({ ...how, dir: dataDir, self, joined: true })
  let close = () => {}
  try {
    const cluster = openCluster({ ...how, store, replication, self })
    close = () => cluster.close()
    if (!confirm) return cluster.recoveryPreview()
    return await recoverAlone({ identity, dataDir, cluster, replication, onEpoch: () => {} })
  } finally {
    close()
    await store.close()
  }
}
