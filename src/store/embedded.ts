/**
 * The store of a single server, on its disk: the engine over LMDB, with itself as the only one to agree. Importing this
 * loads LMDB's native addon, so only the daemon does.
 */
import type { Clock } from "../base/clock.ts"
import type { Log } from "../base/log.ts"
import { StoreEngine } from "./engine.ts"
import type { MachineOptions } from "./kv.ts"
import { openLmdb } from "./lmdb.ts"
import type { Store } from "./port.ts"
import { SingleServer } from "./single.ts"

export interface EmbeddedStoreOptions extends MachineOptions {
  /** The data directory; the store keeps to `<dir>/store/`. */
  dir: string
  clock: Clock
  log: Log
}

/**
 * Opens the store, or makes it. Rejects with `data_in_use` and `data_foreign` (conflict), `data_corrupt`,
 * `data_read_only`, `data_unusable`, or `store_full`; what is there is never overwritten.
 */
export async function openEmbeddedStore({ dir, clock, log, ...machine }: EmbeddedStoreOptions): Promise<Store> {
  const backend = openLmdb(dir, log)
  try {
    return new StoreEngine({
      backend,
      consensus: (revision, onApplied) => new SingleServer({ backend, revision, onApplied, clock, machine }),
      clock,
      log,
    })
  } catch (thrown) {
    await backend.close()
    throw thrown
  }
}
