/**
 * The store in memory: the same engine and state machine over tables that are gone with the process. For tests, and for
 * whatever needs a store's manners without a disk.
 */
import type { Clock } from "../base/clock.ts"
import { type Log, silentLog } from "../base/log.ts"
import { StoreEngine } from "./engine.ts"
import type { MachineOptions } from "./kv.ts"
import { memoryBackend } from "./memory-backend.ts"
import type { Store } from "./port.ts"
import { openAlone } from "./replicated/open.ts"

export interface MemoryStoreOptions extends MachineOptions {
  clock: Clock
  log?: Log
}

export function openMemoryStore({ clock, log = silentLog, ...machine }: MemoryStoreOptions): Store {
  const backend = memoryBackend()
  return new StoreEngine({ backend, consensus: openAlone({ backend, clock, log, machine }), clock, log })
}
