/**
 * The store of a server, on its disk: the engine over LMDB, and what ties it to the other servers. Importing this loads
 * LMDB's native addon, so only the daemon does.
 */
import type { Clock } from "../base/clock.ts"
import type { Log } from "../base/log.ts"
import type { Random } from "../base/random.ts"
import type { Backend } from "./backend.ts"
import { StoreEngine } from "./engine.ts"
import type { MachineOptions } from "./kv.ts"
import { openLmdb } from "./lmdb.ts"
import type { Store } from "./port.ts"
import type { RaftConsensus } from "./replicated/consensus.ts"
import type { StoreCounters } from "./replicated/counters.ts"
import { Exchange } from "./replicated/exchange.ts"
import { MemberReplication } from "./replicated/member.ts"
import { openAlone, openMember } from "./replicated/open.ts"
import type { ReplicationTransport } from "./replicated/port.ts"
import type { Replication } from "./replication.ts"

export interface LoneStoreOptions extends MachineOptions {
  /** The data directory; the store keeps to `<dir>/store/`. */
  dir: string
  clock: Clock
  log: Log
}

export interface EmbeddedStoreOptions extends LoneStoreOptions {
  /** This server's node id. */
  self: string
  /** It has joined a cluster that there was: a leader gives it the store. Else a new store begins a cluster. */
  joined: boolean
  random: Random
}

export interface EmbeddedStore {
  store: Store
  replication: Replication
  transport: ReplicationTransport
  /** Since the start. */
  counters(): StoreCounters
}

/**
 * Opens the store, or makes it. Rejects with `data_in_use` and `data_foreign` (conflict), `data_corrupt`,
 * `data_read_only`, `data_unusable`, `log_too_new`, or `store_full`; what is there is never overwritten.
 */
export async function openEmbeddedStore(options: EmbeddedStoreOptions): Promise<EmbeddedStore> {
  const { dir, clock, log, self, joined, random, ...machine } = options
  const below = (bound: number): number => randomBelow(random, bound)
  return over(openLmdb(dir, log), clock, log, (backend) =>
    openMember({ backend, clock, log, random: below, nodeId: self, machine }, joined),
  )
}

/** The store of a server that stays alone: for tests, and for tools that look into a data directory. */
export async function openLoneStore({ dir, clock, log, ...machine }: LoneStoreOptions): Promise<Store> {
  const { store } = await over(openLmdb(dir, log), clock, log, (backend) => openAlone({ backend, clock, log, machine }))
  return store
}

async function over(
  backend: Backend,
  clock: Clock,
  log: Log,
  open: (backend: Backend) => RaftConsensus,
): Promise<EmbeddedStore> {
  try {
    const consensus = open(backend)
    const transport = new Exchange(consensus, backend, log)
    const store = new StoreEngine({ backend, consensus, clock, log })
    await consensus.ready()
    const replication = new MemberReplication(consensus, clock)
    return { store, replication, transport, counters: () => consensus.counters() }
  } catch (thrown) {
    await backend.close()
    throw thrown
  }
}

/** From 48 bits of chance, which is even enough for bounds far below that. */
function randomBelow(random: Random, bound: number): number {
  const value = random.bytes(6).reduce((sum, byte) => sum * 256 + byte, 0)
  return Math.floor((value / 2 ** 48) * bound)
}
