/**
 * The raw rows of the state, for a member that lags so far that the log does not help it: all tables in their order, and
 * in byte order within each, in pieces of a bounded size. Each piece says where the next one begins. Who loads all pieces
 * of one kept state into a stage has the same state, byte for byte.
 *
 * A piece: a byte of version, the CRC-32 of all that follows, then rows: the table's number, the lengths of key and value
 * (two and four bytes, the highest first), key, value.
 */
import { crc32 } from "node:zlib"
import { OvlError } from "../base/errors.ts"
import { STATE_PIECE_MAX_BYTES } from "../base/limits.ts"
import { getUint32, setUint32 } from "./snapshot-format.ts"
import { type ReadTables, TABLE_NAMES, type Tables } from "./tables.ts"

const VERSION = 1
const HEAD_BYTES = 5
const ROW_HEAD_BYTES = 7
/** Rows are read in pages that begin small, as a value may be large, and grow. */
const PAGE_ROWS_MIN = 16
const PAGE_ROWS_MAX = 1_024

export interface StatePiece {
  bytes: Uint8Array
  /** What to ask for next; null at the end. */
  next: string | null
}

/**
 * The piece that begins at `cursor`: "" at the beginning, then what the piece before said. `tables` must be kept, or the
 * pieces do not fit together. Throws `state_cursor_invalid` (invalid).
 */
export function exportPiece(tables: ReadTables, cursor: string): StatePiece {
  const piece = new PieceWriter()
  let [table, from] = readCursor(cursor)
  for (; table < TABLE_NAMES.length; table++, from = "") {
    const rest = fillFrom(piece, tables, table, from)
    if (rest !== null) return { bytes: piece.finish(), next: String.fromCharCode(table) + rest }
  }
  return { bytes: piece.finish(), next: null }
}

/**
 * Puts a piece's rows into tables. Throws `state_piece_damaged` (unavailable), perhaps after some of the rows were put, and
 * `state_too_new` (conflict) for what a later version of ovl made.
 */
export function importPiece(tables: Tables, piece: Uint8Array): void {
  if (piece[0] !== VERSION && piece.length >= HEAD_BYTES) throw tooNew(`form ${piece[0]}`)
  if (piece.length < HEAD_BYTES || getUint32(piece, 1) !== crc32(piece.subarray(HEAD_BYTES))) throw damaged()
  for (let at = HEAD_BYTES; at < piece.length; ) {
    if (at + ROW_HEAD_BYTES > piece.length) throw damaged()
    const name = TABLE_NAMES[piece[at]!]
    const keyEnd = at + ROW_HEAD_BYTES + (piece[at + 1]! << 8) + piece[at + 2]!
    const end = keyEnd + getUint32(piece, at + 3)
    if (name === undefined) throw tooNew(`a table with number ${piece[at]}`)
    if (end > piece.length) throw damaged()
    const key = Buffer.prototype.latin1Slice.call(piece, at + ROW_HEAD_BYTES, keyEnd)
    tables[name].put(key, piece.subarray(keyEnd, end))
    at = end
  }
}

/** Where the piece is full, the key to go on with; null at the table's end. */
function fillFrom(piece: PieceWriter, tables: ReadTables, table: number, from: string): string | null {
  const rows = tables[TABLE_NAMES[table]!]
  let size = PAGE_ROWS_MIN
  for (;;) {
    const page = rows.page(from, null, size)
    for (const { key, value } of page) if (!piece.add(table, key, value)) return key
    if (page.length < size) return null
    from = `${page.at(-1)!.key}\0`
    size = Math.min(PAGE_ROWS_MAX, 2 * size)
  }
}

function readCursor(cursor: string): [table: number, from: string] {
  const table = cursor === "" ? 0 : cursor.charCodeAt(0)
  if (table >= TABLE_NAMES.length)
    throw new OvlError("state_cursor_invalid", "export state: the cursor names no table", { kind: "invalid" })
  return [table, cursor.slice(1)]
}

class PieceWriter {
  #bytes = Buffer.allocUnsafe(STATE_PIECE_MAX_BYTES)
  #length = HEAD_BYTES

  /** False where there is no room; an empty piece takes a row of any size. */
  add(table: number, key: string, value: Uint8Array): boolean {
    const end = this.#length + ROW_HEAD_BYTES + key.length + value.length
    if (end > this.#bytes.length) {
      if (this.#length > HEAD_BYTES) return false
      this.#bytes = Buffer.allocUnsafe(end)
    }
    const bytes = this.#bytes
    const at = this.#length
    bytes[at] = table
    bytes[at + 1] = key.length >>> 8
    bytes[at + 2] = key.length & 255
    setUint32(bytes, at + 3, value.length)
    bytes.write(key, at + ROW_HEAD_BYTES, "latin1")
    bytes.set(value, at + ROW_HEAD_BYTES + key.length)
    this.#length = end
    return true
  }

  finish(): Uint8Array {
    const bytes = this.#bytes.subarray(0, this.#length)
    bytes[0] = VERSION
    setUint32(bytes, 1, crc32(bytes.subarray(HEAD_BYTES)))
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
  }
}

function damaged(): OvlError {
  return new OvlError("state_piece_damaged", "import state: a piece was damaged on its way", { kind: "unavailable" })
}

function tooNew(what: string): OvlError {
  return new OvlError("state_too_new", `import state: it has ${what}, which this version of ovl does not know`, {
    kind: "conflict",
    hint: "upgrade this node",
  })
}
