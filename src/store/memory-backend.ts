/** A backend in memory, gone with the process: for tests, and for whatever needs a store's manners without a disk. */
import { assert } from "../base/assert.ts"
import type { Backend, Scratch, Stage } from "./backend.ts"
import { type MemberTableName, MemoryTable, type MemoryTables, memoryTables, TABLE_NAMES } from "./tables.ts"

/** Commits are not taken back when they fail: its users throw only where they have changed nothing yet. */
export function memoryBackend(): Backend {
  const tables = { ...memoryTables(), ...memberTables() }
  let stage: MemoryStage | null = null
  return {
    tables,
    async commit(work, install) {
      // Nobody reads between its slices.
      const pause = (): Promise<void> => Promise.resolve()
      if (!install) return work(tables, pause)
      assert(install === stage, "what is to be installed is not the stage that is open")
      const { staged } = stage as MemoryStage
      const result = await work({ ...tables, ...staged }, pause)
      for (const name of TABLE_NAMES) tables[name].become(staged[name])
      stage = null
      return result
    },
    commitNow: (work) => work(tables),
    endOfTurn: () => Promise.resolve(),
    keep: () => ({ tables: memoryTables((name) => tables[name].copy()), release: () => {} }),
    scratch: memoryScratch,
    async stage() {
      assert(stage === null, "there is a stage already")
      const opened = new MemoryStage(() => {
        if (stage === opened) stage = null
      })
      stage = opened
      return opened
    },
    hasLeftovers: false,
    isBusy: false,
    refusal: () => null,
    close: () => Promise.resolve(),
  }
}

class MemoryStage implements Stage {
  readonly staged: MemoryTables = memoryTables()
  readonly discard: () => void

  constructor(discard: () => void) {
    this.discard = discard
  }

  async load(work: (tables: MemoryTables) => void): Promise<void> {
    work(this.staged)
  }
}

function memberTables(): Record<MemberTableName, MemoryTable> {
  return { raft: new MemoryTable(), log: new MemoryTable() }
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
