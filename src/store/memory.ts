/**
 * The store in memory: the same engine and state machine over tables that are gone with the process. For tests, and for
 * whatever needs a store's manners without a disk.
 */
import type { Clock } from "../base/clock.ts"
import { type Log, silentLog } from "../base/log.ts"
import type { Backend, Scratch } from "./backend.ts"
import { StoreEngine } from "./engine.ts"
import type { MachineOptions } from "./kv.ts"
import type { Store } from "./port.ts"
import { SingleServer } from "./single.ts"
import { memoryTables } from "./tables.ts"

export interface MemoryStoreOptions extends MachineOptions {
  clock: Clock
  log?: Log
}

export function openMemoryStore({ clock, log = silentLog, ...machine }: MemoryStoreOptions): Store {
  const backend = memoryBackend()
  return new StoreEngine({
    backend,
    consensus: (revision, onApplied) => new SingleServer({ backend, revision, onApplied, clock, machine }),
    clock,
    log,
  })
}

function memoryBackend(): Backend {
  const tables = memoryTables()
  return {
    tables,
    // Nobody reads between its slices.
    commit: async (work) => work(tables, () => Promise.resolve()),
    commitNow: (work) => work(tables),
    endOfTurn: () => Promise.resolve(),
    keep: () => ({ tables: memoryTables((name) => tables[name].copy()), release: () => {} }),
    scratch: memoryScratch,
    refusal: () => null,
    close: () => Promise.resolve(),
  }
}

function memoryScratch(): Scratch {
  let held = new Uint8Array(4_096)
  let length = 0
  return {
    append(bytes) {
      if (length + bytes.length > held.length) {
        const larger = new Uint8Array(2 * (length + bytes.length))
        larger.set(held.subarray(0, length))
        held = larger
      }
      held.set(bytes, length)
      length += bytes.length
    },
    read: (offset, count) => held.slice(offset, Math.min(offset + count, length)),
    discard() {
      held = new Uint8Array()
      length = 0
    },
  }
}
