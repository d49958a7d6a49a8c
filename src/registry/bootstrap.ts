/** The first moment of a cluster: its id, its authority and its first server, made in one commit or found as they are. */
import type { Clock } from "../base/clock.ts"
import { type Random, randomHex } from "../base/random.ts"
import { checkName } from "../model/names.ts"
import type { NodeRecord } from "../model/node.ts"
import type { Store } from "../store/port.ts"
import { type Authority, createAuthority } from "../transport/certificates.ts"
import { put } from "./codec.ts"
import { type ClusterRecord, clusterRecord, timestamp } from "./context.ts"
import { nodeOperations } from "./join.ts"
import { AUTHORITY_KEY, CLUSTER_KEY, checkKvPrefix } from "./keys.ts"
import { checkNodeAddress } from "./nodes.ts"
import { clusterAuthority } from "./tokens.ts"

export interface BootstrapOptions {
  clock: Clock
  random: Random
  kvPrefix: string
  /** The server that starts the cluster; what follows from its being the first is filled in. */
  self: Omit<NodeRecord, "role" | "voter" | "state" | "joined">
}

export interface Bootstrapped {
  cluster: ClusterRecord
  authority: Authority
  /** False: the store had a cluster already, and nothing was changed. */
  created: boolean
}

/** Errors: name_invalid, kv_prefix_invalid, address_invalid (all usage), and the store's. */
export async function createClusterIfNew(store: Store, options: BootstrapOptions): Promise<Bootstrapped> {
  if (store.get(CLUSTER_KEY)) return existing(store)
  const { clock, random, self } = options
  checkName(self.name, "node")
  checkNodeAddress(self.address)
  const created = timestamp(clock)
  const cluster: ClusterRecord = {
    id: randomHex(random, 32),
    kvPrefix: checkKvPrefix(options.kvPrefix),
    recoveryEpoch: 0,
    created,
  }
  const authority = await createAuthority()
  const node: NodeRecord = { ...self, role: "server", voter: true, state: "member", joined: created }
  const { succeeded } = await store.transact({
    compare: [{ key: CLUSTER_KEY, exists: false }],
    operations: [put(CLUSTER_KEY, cluster), put(AUTHORITY_KEY, authority), ...nodeOperations(node)],
  })
  return succeeded ? { cluster, authority, created: true } : existing(store)
}

function existing(store: Store): Bootstrapped {
  return { cluster: clusterRecord(store), authority: clusterAuthority(store), created: false }
}
