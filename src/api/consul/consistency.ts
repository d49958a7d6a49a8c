/**
 * Consul's three modes of reading, on any server (CONSUL-API, B10): by default and with `?consistent` a read shows all that
 * was acknowledged anywhere before it was asked for; with `?stale` it shows what is here, leader or no leader, and says
 * how old that may be. What a read has waited for is no older than the question, so that only `?consistent` asks again.
 */
import { STALE_CATCH_UP_MS } from "../../base/limits.ts"
import type { Store } from "../../store/port.ts"
import type { ReadOptions } from "./read-options.ts"

interface Reading {
  store: Store
  read: ReadOptions
}

/** What an answer says of its age. */
export interface Freshness {
  knownLeader: boolean
  lastContactMs: number
}

/** Of what was read after the leader confirmed that it is all there. */
export const FRESH: Freshness = { knownLeader: true, lastContactMs: 0 }

/**
 * To be awaited before the first look. Errors: `no_leader` (unavailable), unless stale. A stale reader that knows more than
 * this server has, from another one, gives it a moment, so that its index does not go back.
 */
export async function beforeReading({ store, read }: Reading): Promise<void> {
  if (!read.stale) return store.barrier()
  if (read.index > BigInt(store.revision) && !store.status().leader)
    await store.reached(Number(read.index), Math.min(read.waitMs, STALE_CATCH_UP_MS))
}

/** To be awaited after a wait. Errors: `no_leader` (unavailable). */
export async function afterWaiting({ store, read }: Reading): Promise<void> {
  if (read.consistent) await store.barrier()
}

export function freshness({ store, read }: Reading): Freshness {
  if (!read.stale && read.index === 0n) return FRESH
  const { knownLeader, lastContactMs } = store.status()
  return { knownLeader, lastContactMs }
}
