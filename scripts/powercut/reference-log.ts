/**
 * The log as it turned out in the end, from its beginning: what an image's log and state are held against. A committed
 * entry of any image is in it, and the state after any number of entries can be made anew out of it.
 */
import { silentLog } from "../../src/base/log.ts"
import type { Entry } from "../../src/raft/types.ts"
import { Machine } from "../../src/store/kv.ts"
import { openLmdb } from "../../src/store/lmdb.ts"
import { decodeCommand } from "../../src/store/replicated/command-codec.ts"
import { decodeLogRow, decodeNumbers, logKey, NUMBERS_KEY } from "../../src/store/replicated/raft-rows.ts"
import { exportPiece, importPiece } from "../../src/store/state-rows.ts"
import { type MemoryTables, memoryTables, type ReadTables, type Tables } from "../../src/store/tables.ts"

/** What the very first round of a cluster leaves: the log begins behind it, and the state is empty. */
const BEGINNING = 1

export class ReferenceLog {
  /** The one at 0 is that behind the beginning. */
  readonly #entries: readonly Entry[]
  /** The state after `#applied`: images come in about the order of time, so it mostly has to go on only a little. */
  #state = memoryTables()
  #applied = BEGINNING

  private constructor(entries: readonly Entry[]) {
    this.#entries = entries
  }

  /** Out of a data directory, which nobody else may have open. Throws where its log does not reach back so far. */
  static async load(dir: string): Promise<ReferenceLog> {
    const backend = openLmdb(dir, silentLog)
    try {
      const { raft, log } = backend.tables
      const { base, lastIndex } = decodeNumbers(raft.get(NUMBERS_KEY)!)
      if (base.index !== BEGINNING) throw new Error(`the log begins behind ${base.index}: too much was written`)
      const indexes = Array.from({ length: lastIndex - BEGINNING }, (_, i) => BEGINNING + 1 + i)
      return new ReferenceLog(indexes.map((index) => decodeLogRow(index, log.get(logKey(index)))))
    } finally {
      await backend.close()
    }
  }

  /** Undefined beyond its end, and at the beginning. */
  entry(index: number): Entry | undefined {
    return this.#entries[index - BEGINNING - 1]
  }

  /** The state after an entry that there is, or the beginning. */
  stateAfter(index: number): MemoryTables {
    if (index < this.#applied) {
      this.#state = memoryTables()
      this.#applied = BEGINNING
    }
    applyEntries(this.#state, this.#entries.slice(this.#applied - BEGINNING, index - BEGINNING))
    this.#applied = index
    return copyOfState(this.#state)
  }
}

export function applyEntries(state: Tables, entries: readonly Entry[]): void {
  const machine = new Machine(state)
  for (const { type, data } of entries)
    if (type === "EntryNormal" && data.length > 0) machine.apply(decodeCommand(data))
  machine.finish()
}

export function copyOfState(tables: ReadTables): MemoryTables {
  const copy = memoryTables()
  for (const piece of piecesOf(tables)) importPiece(copy, piece)
  return copy
}

/** Equal where the states are equal, byte for byte. */
export function digestOfState(tables: ReadTables): string {
  const hash = new Bun.CryptoHasher("sha256")
  for (const piece of piecesOf(tables)) hash.update(piece)
  return hash.digest("hex")
}

function* piecesOf(tables: ReadTables): Generator<Uint8Array> {
  for (let cursor: string | null = ""; cursor !== null; ) {
    const { bytes, next } = exportPiece(tables, cursor)
    yield bytes
    cursor = next
  }
}
