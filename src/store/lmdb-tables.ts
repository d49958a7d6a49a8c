/** Tables that are databases of LMDB: byte strings as its keys, in pages. lmdb.ts says which transaction they belong to. */
import type { ReadTable, Row, Table } from "./tables.ts"

/** Before all others: no key is empty. */
export const FIRST_KEY = "\0"
/** Keys up to this length are written byte by byte: a call into the runtime costs more. */
const LOOP_MAX_BYTES = 64
/** Values up to this length are handed over in one place of memory. */
const HANDOVER_BYTES = 16_384

/**
 * Keys are byte strings, written straight to where lmdb-js wants them. It asks for them with a RangeError where there is
 * not enough room, and then makes some.
 */
const BYTE_STRINGS = {
  writeKey(key: string, target: Uint8Array, start: number): number {
    const { length } = key
    const end = start + length
    if (end > target.length) throw new RangeError("no room for the key")
    if (length > LOOP_MAX_BYTES) Buffer.prototype.latin1Write.call(target, key, start, length)
    else for (let i = 0; i < length; i++) target[start + i] = key.charCodeAt(i)
    return end
  },
  readKey: (target: Uint8Array, start: number, end: number): string =>
    Buffer.prototype.latin1Slice.call(target, start, end),
}

/** Byte strings as keys, bytes as values; lmdb-js would otherwise encode both in its own ways. */
export const BINARY = { keyEncoder: BYTE_STRINGS, encoding: "binary" } as const

/** A named database of lmdb-js with these keys and values: what is used of it. */
export interface Database {
  get(key: string, options?: object): Uint8Array | undefined
  put(key: string, value: Uint8Array): unknown
  remove(key: string): unknown
  getRange(options: object): Iterable<{ key: string; value: Uint8Array }>
  getKeys(options: object): Iterable<string>
}

/** Bytes of which lmdb-js takes those from `start` to `end`, and remembers the address. */
interface Handover extends Uint8Array {
  start: number
  end: number
}

/**
 * Of a value that comes in an array of its own, lmdb-js asks for the address each time, which costs several times what
 * the rest of the write does. Within a write transaction it has taken the value over when `put` returns.
 */
const handover: Handover = Object.assign(new Uint8Array(HANDOVER_BYTES), { start: 0, end: 0 })

/** A read transaction of lmdb-js that is kept until it is done with. Its types leave this out. */
export interface Pinned {
  use(): void
  done(): void
}

/** A state to read: the transaction that holds it, and which generation of the tables is the state there. */
export interface Snapshot {
  pinned: Pinned
  generation: number
}

export class LmdbReadTable implements ReadTable {
  readonly #databases: readonly Database[]
  readonly #snapshot: () => Snapshot

  /** `databases`: one for each generation. */
  constructor(databases: readonly Database[], snapshot: () => Snapshot) {
    this.#databases = databases
    this.#snapshot = snapshot
  }

  get(key: string): Uint8Array | undefined {
    const { pinned, generation } = this.#snapshot()
    return this.#databases[generation]!.get(key, { transaction: pinned })
  }

  page(from: string, to: string | null, limit: number): Row[] {
    const { pinned, generation } = this.#snapshot()
    return page(this.#databases[generation]!, from, to, limit, { transaction: pinned })
  }

  pageKeys(from: string, to: string | null, limit: number): string[] {
    const { pinned, generation } = this.#snapshot()
    return pageKeys(this.#databases[generation]!, from, to, limit, { transaction: pinned })
  }
}

/** A table within the write transaction: lmdb-js uses that for whatever is called while it runs. */
export class LmdbTable implements Table {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  get(key: string): Uint8Array | undefined {
    return this.#database.get(key)
  }

  page(from: string, to: string | null, limit: number): Row[] {
    return page(this.#database, from, to, limit, {})
  }

  pageKeys(from: string, to: string | null, limit: number): string[] {
    return pageKeys(this.#database, from, to, limit, {})
  }

  put(key: string, value: Uint8Array): void {
    const { length } = value
    // An empty one has no address, and would be the last one's.
    if (length === 0 || length > HANDOVER_BYTES) return void this.#database.put(key, value)
    handover.set(value)
    handover.end = length
    void this.#database.put(key, handover)
  }

  delete(key: string): void {
    void this.#database.remove(key)
  }
}

function page(database: Database, from: string, to: string | null, limit: number, more: object): Row[] {
  const rows: Row[] = []
  const options = rangeOptions(from, to, limit, more)
  for (const { key, value } of database.getRange(options)) rows.push({ key, value })
  return rows
}

function pageKeys(database: Database, from: string, to: string | null, limit: number, more: object): string[] {
  return Array.from(database.getKeys(rangeOptions(from, to, limit, more)))
}

function rangeOptions(from: string, to: string | null, limit: number, more: object): object {
  const end = to === null ? {} : { end: to }
  return { start: from === "" ? FIRST_KEY : from, limit, ...end, ...more }
}
