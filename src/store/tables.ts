/**
 * What the state machine stands on: a handful of tables, each a map from byte strings to bytes in byte order, with
 * synchronous calls. LMDB's write transaction is one such set of tables, a sorted array in memory another.
 */

export interface Row {
  key: string
  value: Uint8Array
}

export interface ReadTable {
  get(key: string): Uint8Array | undefined
  /**
   * Rows with `from` <= key < `to` (null: to the end), in byte order, at most `limit` of them. What is returned is a
   * copy: the table may change while the caller walks over it.
   */
  page(from: string, to: string | null, limit: number): Row[]
  /** Their keys alone: values, which may be large, are not touched. */
  pageKeys(from: string, to: string | null, limit: number): string[]
}

export interface Table extends ReadTable {
  put(key: string, value: Uint8Array): void
  /** A key that is not there is no error. */
  delete(key: string): void
}

/**
 * The tables of the state, which members agree on: equal byte for byte where the same commands were applied. Keys are never
 * empty, and at most 1978 bytes long (lmdb-js): longer ones go by longkeys.ts.
 */
export const TABLE_NAMES = [
  /** The header of the state, and the last change of any session. */
  "meta",
  /** The keys and values themselves. */
  "entries",
  /** Leases and sessions by id. */
  "leases",
  /** The holder's id and the key, for each key that a lease or a session holds. */
  "held",
  /** For each folder, the revision of the last change below it. */
  "marks",
  /** For some folders, the last of the forgotten changes below them. */
  "floors",
  /** For each key lately deleted, the revision at which it went. */
  "tombs",
  /** Tombs and marks of emptied folders by revision, so that the oldest are forgotten first. */
  "graves",
  /** The rest of keys that are too long for a table; see longkeys.ts. */
  "far",
  /** Pieces of a snapshot that is to be restored; see scratch-pieces.ts. */
  "scratch",
] as const

export type TableName = (typeof TABLE_NAMES)[number]
export type ReadTables = Readonly<Record<TableName, ReadTable>>
export type Tables = Readonly<Record<TableName, Table>>

/** Tables of this member alone: what it knows of the agreement (`raft`), and the entries of its log by index. */
export const MEMBER_TABLE_NAMES = ["raft", "log"] as const

export type MemberTableName = (typeof MEMBER_TABLE_NAMES)[number]
/** All that a backend keeps: as the last commit left it, and within a commit. */
export type DurableTables = ReadTables & Readonly<Record<MemberTableName, ReadTable>>
export type CommitTables = Tables & Readonly<Record<MemberTableName, Table>>

/** A table in memory: a map beside the sorted array of its keys. */
export class MemoryTable implements Table {
  #rows = new Map<string, Uint8Array>()
  #keys: string[] = []

  get(key: string): Uint8Array | undefined {
    const value = this.#rows.get(key)
    return value && copyOf(value)
  }

  page(from: string, to: string | null, limit: number): Row[] {
    return this.pageKeys(from, to, limit).map((key) => ({ key, value: copyOf(this.#rows.get(key)!) }))
  }

  pageKeys(from: string, to: string | null, limit: number): string[] {
    const keys: string[] = []
    for (let i = this.#lowerBound(from); i < this.#keys.length && keys.length < limit; i++) {
      const key = this.#keys[i]!
      if (to !== null && key >= to) break
      keys.push(key)
    }
    return keys
  }

  /** As it is now, for good. */
  copy(): MemoryTable {
    const copy = new MemoryTable()
    for (const key of this.#keys) {
      copy.#keys.push(key)
      copy.#rows.set(key, this.#rows.get(key)!)
    }
    return copy
  }

  /** Takes over all that the other one has, for good. */
  become(other: MemoryTable): void {
    this.#keys = other.#keys
    this.#rows = other.#rows
  }

  put(key: string, value: Uint8Array): void {
    const last = this.#keys.at(-1)
    if (last === undefined || key > last) this.#keys.push(key)
    else if (!this.#rows.has(key)) this.#keys.splice(this.#lowerBound(key), 0, key)
    this.#rows.set(key, copyOf(value))
  }

  delete(key: string): void {
    if (this.#rows.delete(key)) this.#keys.splice(this.#lowerBound(key), 1)
  }

  /** Where `key` is, or would be put. */
  #lowerBound(key: string): number {
    let low = 0
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#keys[middle]! < key) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** `slice` of a Buffer gives no copy. */
export function copyOf(bytes: Uint8Array): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes)
}

export type MemoryTables = Readonly<Record<TableName, MemoryTable>>

export function memoryTables(make: (name: TableName) => MemoryTable = () => new MemoryTable()): MemoryTables {
  return eachTable(make)
}

/** Something for each table of the state. */
export function eachTable<T>(make: (name: TableName) => T): Record<TableName, T> {
  const made: Partial<Record<TableName, T>> = {}
  for (const name of TABLE_NAMES) made[name] = make(name)
  return made as Record<TableName, T>
}
