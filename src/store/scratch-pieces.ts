/**
 * A snapshot's file on its way through the log: its pieces lie in table `scratch` of every member until a restore names
 * them. There is one file at a time; the first piece of another one takes its place, so that what was begun and given up
 * does not stay.
 */
import { DELETE_SLICE_KEYS, RESTORE_PIECES_MAX } from "../base/limits.ts"
import { counterKey } from "./keys.ts"
import type { Table } from "./tables.ts"

/** What there is: whose pieces, how many, and their bytes. */
const HEAD_KEY = "head"
const PIECE_PREFIX = "piece/"
const PIECES_END = "piece0"

interface Head {
  id: string
  pieces: number
  bytes: number
}

export class ScratchPieces {
  readonly #table: Table

  constructor(table: Table) {
    this.#table = table
  }

  /** Bytes that are there of the file with this id. */
  bytesOf(id: string): number {
    const head = this.#head()
    return head?.id === id ? head.bytes : 0
  }

  /**
   * Adds a piece, which is to begin where the last one ended; one that is there already is no error. False where it does not
   * fit: its file was given up for another one, or it is too large. Pauses as `drop` does.
   */
  *add(id: string, offset: number, bytes: Uint8Array): Generator<void, boolean> {
    let head = this.#head()
    if (offset === 0 && head?.id !== id) {
      yield* this.drop()
      head = { id, pieces: 0, bytes: 0 }
    }
    if (head?.id !== id) return false
    const key = PIECE_PREFIX + counterKey(offset)
    if (offset !== head.bytes) return this.#table.get(key)?.length === bytes.length
    if (head.pieces >= RESTORE_PIECES_MAX || bytes.length === 0) return false
    this.#table.put(key, bytes)
    this.#table.put(HEAD_KEY, encodeHead({ id, pieces: head.pieces + 1, bytes: offset + bytes.length }))
    return true
  }

  /** The file, in pieces from its beginning on. */
  *read(): Generator<Uint8Array> {
    let from = PIECE_PREFIX
    for (;;) {
      const [row] = this.#table.page(from, PIECES_END, 1)
      if (!row) return
      yield row.value
      from = `${row.key}\0`
    }
  }

  /** Removes all of it; pauses after every DELETE_SLICE_KEYS pieces. */
  *drop(): Generator<void, void> {
    this.#table.delete(HEAD_KEY)
    for (;;) {
      const keys = this.#table.pageKeys(PIECE_PREFIX, PIECES_END, DELETE_SLICE_KEYS)
      for (const key of keys) this.#table.delete(key)
      if (keys.length < DELETE_SLICE_KEYS) return
      yield
    }
  }

  #head(): Head | null {
    const row = this.#table.get(HEAD_KEY)
    return row ? (JSON.parse(new TextDecoder().decode(row)) as Head) : null
  }
}

function encodeHead(head: Head): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(head))
}
