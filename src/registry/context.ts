/** What every part of the registry works with. */
import type { Clock } from "../base/clock.ts"
import type { Log } from "../base/log.ts"
import type { Random } from "../base/random.ts"
import type { Store } from "../store/port.ts"
import type { Replication } from "../store/replication.ts"
import { read } from "./codec.ts"
import type { Decisions } from "./decisions.ts"
import { CLUSTER_KEY } from "./keys.ts"
import { OvlError } from "../base/errors.ts"

export interface RegistryContext {
  store: Store
  clock: Clock
  random: Random
  log: Log
  decisions: Decisions
  replication: Replication
}

/** What makes this cluster this cluster. */
export interface ClusterRecord {
  id: string
  kvPrefix: string
  recoveryEpoch: number
  created: string
}

/** Errors: `no_cluster` (unavailable) when the store has none yet. */
export function clusterRecord(store: Store): ClusterRecord {
  const record = read<ClusterRecord>(store, CLUSTER_KEY)
  if (record) return record
  throw new OvlError("no_cluster", "the store: holds no cluster", { kind: "unavailable", hint: "start one: ovl serve" })
}

/** Now, as people and RFC 3339 write it. */
export function timestamp(clock: Clock): string {
  return new Date(clock.now()).toISOString()
}
