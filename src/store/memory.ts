/**
 * The store in memory: the same engine and state machine over tables that are gone with the process. For tests, and for
 * whatever needs a store's manners without a disk.
 */
import type { Clock } from "../base/clock.ts"
import { type Log, silentLog } from "../base/log.ts"
import type { Backend } from "./backend.ts"
import { StoreEngine } from "./engine.ts"
import type { MachineOptions } from "./kv.ts"
import type { Store } from "./port.ts"
import { SingleServer } from "./single.ts"
import { memoryTables, type Tables } from "./tables.ts"

export interface MemoryStoreOptions extends MachineOptions {
  clock: Clock
  log?: Log
}

export function openMemoryStore({ clock, log = silentLog, ...machine }: MemoryStoreOptions): Store {
  const backend = memoryBackend()
  return new StoreEngine({
    backend,
    consensus: (revision, onApplied) => new SingleServer(backend, revision, onApplied, machine),
    clock,
    log,
  })
}

function memoryBackend(): Backend {
  const tables: Tables = memoryTables()
  return {
    tables,
    commit: async (work) => {
      // As on a disk, whoever asks in the same turn shares the commit.
      await Promise.resolve()
      return work(tables)
    },
    refusal: () => null,
    close: () => Promise.resolve(),
  }
}
