/**
 * Reading the state: entries, ranges, leases, sessions, and the last change below a prefix. It works over any set of tables, the
 * durable ones that serve reads and those of a write transaction, so that what is read is decided in one place.
 */
import { LEASE_ID_MAX_BYTES } from "../base/limits.ts"
import { counterKey, folderBelow, foldersOf, isFolder, successor } from "./keys.ts"
import {
  decodeEntry,
  decodeHeader,
  decodeLease,
  decodeRevision,
  decodeSession,
  type Header,
  isLeaseRow,
  type LeaseRecord,
} from "./codec.ts"
import { LongReadTable } from "./longkeys.ts"
import type { Entry, Session } from "./port.ts"
import type { ReadTables, Row } from "./tables.ts"

export const HEADER_KEY = "state"
/** In `meta`: the revision of the last change of any session. */
export const SESSIONS_KEY = "sessions"

/** Marks and floors are kept below "/" and the folder, as a table takes no empty key. */
export function markKey(folder: string): string {
  return `/${folder}`
}

/** Table `held`: the length of the lease's id comes first, so that no id is the beginning of another's rows. */
export function heldPrefix(lease: string): string {
  return String.fromCharCode(lease.length) + lease
}

/** Keys of one folder that `names` reads before it seeks: that costs as much as reading so many. */
const FOLDER_WALK_KEYS = 12

export class Reader {
  protected readonly tables: ReadTables
  readonly #entries: LongReadTable
  readonly #marks: LongReadTable
  readonly #floors: LongReadTable
  readonly #tombs: LongReadTable
  readonly #held: LongReadTable
  readonly #holders: LongReadTable

  constructor(tables: ReadTables) {
    this.tables = tables
    this.#entries = new LongReadTable(tables.entries, tables.far)
    this.#marks = new LongReadTable(tables.marks, tables.far)
    this.#floors = new LongReadTable(tables.floors, tables.far)
    this.#tombs = new LongReadTable(tables.tombs, tables.far)
    this.#held = new LongReadTable(tables.held, tables.far)
    this.#holders = new LongReadTable(tables.leases, tables.far)
  }

  header(): Header {
    return decodeHeader(this.tables.meta.get(HEADER_KEY))
  }

  entry(key: string): Entry | undefined {
    const row = key === "" ? undefined : this.#entries.get(key)
    return row && decodeEntry(key, row)
  }

  /** Entries below the prefix, in byte order, beginning with `from`. */
  *entries(prefix: string, from = prefix, pageRows?: number): Generator<Entry> {
    const start = from > prefix ? from : prefix
    for (const row of this.#entries.rows(start, successor(prefix), pageRows)) yield decodeEntry(row.key, row.value)
  }

  lease(id: string): LeaseRecord | undefined {
    const row = this.tables.leases.get(id)
    return row && isLeaseRow(row) ? decodeLease(id, row) : undefined
  }

  *leases(): Generator<{ id: string } & LeaseRecord> {
    for (const row of this.#holders.rows("", null))
      if (isLeaseRow(row.value)) yield { id: row.key, ...decodeLease(row.key, row.value) }
  }

  session(id: string): Session | undefined {
    const row = id === "" || id.length > LEASE_ID_MAX_BYTES ? undefined : this.tables.leases.get(id)
    return row && !isLeaseRow(row) ? decodeSession(id, row) : undefined
  }

  *sessions(): Generator<Session> {
    for (const row of this.#holders.rows("", null)) if (!isLeaseRow(row.value)) yield decodeSession(row.key, row.value)
  }

  lastSessionChange(): number {
    return decodeRevision(this.tables.meta.get(SESSIONS_KEY))
  }

  /** The keys that a lease or a session holds; the caller may release them while it walks. */
  *heldBy(id: string): Generator<string> {
    const prefix = heldPrefix(id)
    for (const key of this.#held.keys(prefix, successor(prefix))) yield key.slice(prefix.length)
  }

  /**
   * Names below the prefix from `from` on, each cut behind the first separator that follows the prefix. A few keys below a
   * cut name are read along, as small folders are the more usual; then the rest is skipped by seeking past it.
   */
  *names(prefix: string, separator: string, from = prefix): Generator<string> {
    const end = successor(prefix)
    let start: string | null = from > prefix ? from : prefix
    while (start !== null) {
      let folder = ""
      let within = 0
      for (const key of this.#entries.keys(start, end)) {
        if (folder !== "" && key.startsWith(folder)) {
          if (++within > FOLDER_WALK_KEYS) break
          continue
        }
        const cut = separator === "" ? -1 : key.indexOf(separator, prefix.length)
        folder = cut < 0 ? "" : key.slice(0, cut + separator.length)
        within = 0
        yield folder === "" ? key : folder
      }
      start = within > FOLDER_WALK_KEYS ? successor(folder) : null
    }
  }

  /**
   * The highest revision that ever changed a key below the prefix; 0 when none did. A folder (its prefix is empty or
   * ends with `/`) has it written down. For another prefix it is the highest among the keys and subfolders that begin so
   * in its folder. Of a deletion or an emptied folder that is forgotten by now (TOMBSTONES_MAX), the folder above keeps
   * the revision as its floor: the answer may then be higher than is true of this prefix, but never lower than before.
   */
  lastChange(prefix: string): number {
    const written = isFolder(prefix) ? decodeRevision(this.#marks.get(markKey(prefix))) : 0
    return written > 0 ? written : Math.max(this.#floorAbove(prefix), isFolder(prefix) ? 0 : this.#lastBelow(prefix))
  }

  /** The highest floor of the folders that hold the prefix. */
  #floorAbove(prefix: string): number {
    let highest = decodeRevision(this.#floors.get(markKey("")))
    for (const folder of foldersOf(prefix))
      if (folder !== prefix) highest = Math.max(highest, decodeRevision(this.#floors.get(markKey(folder))))
    return highest
  }

  #lastBelow(prefix: string): number {
    let highest = 0
    for (const row of children(this.#entries, prefix))
      highest = Math.max(highest, decodeEntry(row.key, row.value).modRevision)
    for (const row of children(this.#tombs, prefix)) highest = Math.max(highest, decodeRevision(row.value))
    for (const folder of subfolders(this.#marks, prefix))
      highest = Math.max(highest, decodeRevision(this.#marks.get(markKey(folder))))
    return highest
  }
}

/** The first key or name that `names` gives behind `after`, a name that it gave before. */
export function nameAfter(prefix: string, separator: string, after: string): string | null {
  const cut = separator === "" || !after.startsWith(prefix) ? -1 : after.indexOf(separator, prefix.length)
  return cut < 0 ? `${after}\0` : successor(after.slice(0, cut + separator.length))
}

/** Rows below the prefix that lie in no folder below it; folders are skipped by seeking past them. */
function* children(table: LongReadTable, prefix: string): Generator<Row> {
  const end = successor(prefix)
  let from: string | null = prefix
  while (from !== null) {
    let skipTo: string | null = null
    for (const row of table.rows(from, end)) {
      const folder = folderBelow(prefix, row.key)
      if (folder !== null) {
        skipTo = successor(folder)
        break
      }
      yield row
    }
    from = skipTo
  }
}

/** The folders just below the prefix that have a mark. */
function* subfolders(marks: LongReadTable, prefix: string): Generator<string> {
  const end = successor(markKey(prefix))
  let from: string | null = markKey(prefix)
  while (from !== null) {
    const row = marks.first(from, end)
    const folder = row ? folderBelow(prefix, row.key.slice(1)) : null
    if (folder === null) return
    yield folder
    from = successor(markKey(folder))
  }
}

/** Table `graves`: what went at which revision, the oldest first; kind `k` for a key, `f` for a folder. */
export function graveKey(revision: number, kind: "k" | "f", name: string): string {
  return counterKey(revision) + kind + name
}
