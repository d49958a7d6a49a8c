/** The single-server store over LMDB. */
import type { Clock } from "../base/clock.ts"
import { notAvailable } from "../base/errors.ts"
import type { Log } from "../base/log.ts"
import type { Store } from "./port.ts"

export interface EmbeddedStoreOptions {
  /** The data directory; the store keeps to `<dir>/store/`. */
  dir: string
  clock: Clock
  log: Log
}

export function openEmbeddedStore(_options: EmbeddedStoreOptions): Promise<Store> {
  return Promise.reject(notAvailable("embedded store"))
}
