/**
 * Tables on disk, in LMDB. Every commit is one LMDB transaction, made off the event loop, on disk when it is acknowledged
 * (`overlappingSync` off), and all of it or nothing. Reads go to one pinned read transaction, which moves on only when a
 * commit was acknowledged: they never see what is not durable, and always the state of one revision.
 */
import { open, type RootDatabase } from "lmdb"
import { OvlError } from "../base/errors.ts"
import type { Log } from "../base/log.ts"
import { rmSync } from "node:fs"
import { join } from "node:path"
import type { Backend, Scratch } from "./backend.ts"
import { explainFileError, holdDirectory, storeFull, type StoreDirectory } from "./directory.ts"
import { checkDataFile, dataForeign } from "./inspect.ts"
import { ScratchFile } from "./scratch.ts"
import { DiskSpace } from "./space.ts"
import {
  type ReadTable,
  type ReadTables,
  type Row,
  type Table,
  TABLE_NAMES,
  type TableName,
  type Tables,
} from "./tables.ts"

const FORMAT_KEY = "format"
/** The first row that is written; a later form of the tables counts its number up. */
const FORMAT = "ovl store 1"

/** Bytes on both sides; lmdb-js would otherwise encode keys and values in its own ways. */
const BINARY = { keyEncoding: "binary", encoding: "binary" } as const

type Db = RootDatabase<Uint8Array, Uint8Array>
/** What lmdb-js has, and its types leave out. */
interface Pinned {
  use(): void
  done(): void
}
/** What reads and writes of lmdb-js look at to find out whether they belong to a write transaction. */
interface Environment {
  writeTxn: unknown
}
type RangeOf = (options: object) => Iterable<{ key: Uint8Array; value: Uint8Array }>

/**
 * Opens `<dataDir>/store`, or makes it. Throws what `holdDirectory` throws, `data_foreign` (conflict) for a file that is
 * none of ours, and `data_corrupt` for one that is damaged; neither is changed.
 */
export function openLmdb(dataDir: string, log: Log): Backend {
  const directory = holdDirectory(dataDir)
  try {
    const existing = checkDataFile(directory.dataFile)
    const space = new DiskSpace(directory.path, log)
    return new LmdbTables(directory, space, existing)
  } catch (thrown) {
    directory.release()
    throw explainFileError(dataDir, thrown)
  }
}

class LmdbTables implements Backend {
  readonly tables: ReadTables
  readonly #directory: StoreDirectory
  readonly #space: DiskSpace
  readonly #root: Db
  readonly #databases: Record<TableName, Db>
  readonly #writeTables: Tables
  #pinned: Pinned

  constructor(directory: StoreDirectory, space: DiskSpace, existing: boolean) {
    this.#directory = directory
    this.#space = space
    this.#root = open<Uint8Array, Uint8Array>({
      path: directory.path,
      noSubdir: false,
      overlappingSync: false,
      maxDbs: 64,
      // Batching by turns makes a promise of its own, which nobody can catch when the commit fails.
      eventTurnBatching: false,
      ...BINARY,
    }) as Db
    try {
      rmSync(join(directory.path, "scratch"), { force: true })
      const databases = openTables(this.#root, directory, existing)
      this.#databases = databases
      this.#pinned = this.#pin()
      this.#writeTables = eachTable((name) => new LmdbTable(databases[name]))
      this.tables = eachTable((name) => new LmdbReadTable(databases[name], () => this.#pinned))
    } catch (thrown) {
      void this.#root.close()
      throw space.refusal() ?? thrown
    }
  }

  refusal(): OvlError | null {
    return this.#space.refusal()
  }

  async commit<T>(work: (tables: Tables, pause: () => Promise<void>) => T | Promise<T>): Promise<T> {
    let result: T
    try {
      // A child transaction, because a plain one would keep what was written before an error was thrown in it.
      result = await this.#root.childTransaction(() => work(this.#writeTables, () => this.#pause()) as T)
    } catch (thrown) {
      throw this.#explain(thrown)
    }
    this.#committed()
    return result
  }

  commitNow<T>(work: (tables: Tables) => T): T {
    let result: T
    try {
      result = this.#root.transactionSync(() => work(this.#writeTables))
    } catch (thrown) {
      throw this.#explain(thrown)
    }
    this.#committed()
    return result
  }

  endOfTurn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve))
  }

  keep(): { tables: ReadTables; release(): void } {
    const pinned = this.#pinned
    pinned.use()
    const tables = eachTable((name) => new LmdbReadTable(this.#databases[name], () => pinned))
    return { tables, release: () => pinned.done() }
  }

  scratch(): Scratch {
    return new ScratchFile(join(this.#directory.path, "scratch"), (thrown) => this.#explain(thrown))
  }

  #committed(): void {
    const before = this.#pinned
    this.#pinned = this.#pin()
    before.done()
    this.#space.recover()
  }

  /** Whoever reads in the meantime reads the last commit: lmdb-js would give him the write transaction instead. */
  async #pause(): Promise<void> {
    const environment = (this.#root as unknown as { env: Environment }).env
    const { writeTxn } = environment
    environment.writeTxn = null
    await this.endOfTurn()
    environment.writeTxn = writeTxn
  }

  #explain(thrown: unknown): OvlError {
    silenceCommitError(thrown)
    if (thrown instanceof OvlError) return thrown
    if (this.#space.wasFull()) return storeFull(this.#directory.path)
    return new OvlError("store_failed", `write to the store: the disk refused it: ${String(thrown)}`, {
      kind: "unavailable",
      hint: "look at the kernel's log for errors of the disk below the data directory",
      cause: thrown,
    })
  }

  async close(): Promise<void> {
    this.#pinned.done()
    await this.#root.close()
    this.#directory.release()
  }

  /** A read transaction of the latest state, ours alone: lmdb-js renews the one that it shares among reads as it likes. */
  #pin(): Pinned {
    this.#root.resetReadTxn()
    const pinned = this.#root.useReadTransaction() as unknown as Pinned
    this.#root.resetReadTxn()
    return pinned
  }
}

function eachTable<T>(make: (name: TableName) => T): Record<TableName, T> {
  return Object.fromEntries(TABLE_NAMES.map((name) => [name, make(name)])) as Record<TableName, T>
}

/** Opens the tables, or makes all of them and the format's row in one transaction. */
function openTables(root: Db, directory: StoreDirectory, existing: boolean): Record<TableName, Db> {
  const found = Array.from(rangeOf(root)({ start: Buffer.of(0) }), ({ key }) => tableName(key))
  if (existing && found.length > 0) {
    const meta = found.includes("meta") ? openTable(root, "meta") : undefined
    const format = meta?.get(Buffer.from(FORMAT_KEY))
    if (!format || !found.every((name) => isTable(name)))
      throw dataForeign(`${directory.dataFile} is LMDB data of another program`)
    if (Buffer.from(format).toString() !== FORMAT)
      throw dataForeign(`${directory.dataFile} was written by another version of ovl, as "${Buffer.from(format)}"`)
    return eachTable((name) => openTable(root, name))
  }
  return root.transactionSync(() => {
    const databases = eachTable((name) => openTable(root, name))
    void databases.meta.put(Buffer.from(FORMAT_KEY), Buffer.from(FORMAT))
    return databases
  })
}

function openTable(root: Db, name: TableName): Db {
  return root.openDB<Uint8Array, Uint8Array>(name, { ...BINARY }) as unknown as Db
}

/** LMDB keeps the tables' names in its main tree; lmdb-js ends them with a zero. */
function tableName(key: Uint8Array): string {
  return Buffer.from(key).toString("latin1").replace(/\0$/, "")
}

function isTable(name: string): boolean {
  return (TABLE_NAMES as readonly string[]).includes(name)
}

function rangeOf(db: Db): RangeOf {
  return (options) => db.getRange(options) as Iterable<{ key: Uint8Array; value: Uint8Array }>
}

function bytesOf(key: string): Buffer {
  return Buffer.from(key, "latin1")
}

function page(db: Db, from: string, to: string | null, limit: number, more: object): Row[] {
  const rows: Row[] = []
  for (const { key, value } of rangeOf(db)(rangeOptions(from, to, limit, more))) rows.push({ key: textOf(key), value })
  return rows
}

function pageKeys(db: Db, from: string, to: string | null, limit: number, more: object): string[] {
  return Array.from(db.getKeys(rangeOptions(from, to, limit, more)), textOf)
}

function rangeOptions(from: string, to: string | null, limit: number, more: object): object {
  const end = to === null ? {} : { end: bytesOf(to) }
  return { start: from === "" ? Buffer.of(0) : bytesOf(from), limit, ...end, ...more }
}

function textOf(key: Uint8Array): string {
  return Buffer.prototype.latin1Slice.call(key, 0, key.length)
}

class LmdbReadTable implements ReadTable {
  readonly #db: Db
  readonly #pinned: () => Pinned

  constructor(db: Db, pinned: () => Pinned) {
    this.#db = db
    this.#pinned = pinned
  }

  get(key: string): Uint8Array | undefined {
    return this.#db.get(bytesOf(key), { transaction: this.#pinned() as never })
  }

  page(from: string, to: string | null, limit: number): Row[] {
    return page(this.#db, from, to, limit, { transaction: this.#pinned() })
  }

  pageKeys(from: string, to: string | null, limit: number): string[] {
    return pageKeys(this.#db, from, to, limit, { transaction: this.#pinned() })
  }
}

/** A table within the write transaction: lmdb-js uses that for whatever is called while it runs. */
class LmdbTable implements Table {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  get(key: string): Uint8Array | undefined {
    return this.#db.get(bytesOf(key))
  }

  page(from: string, to: string | null, limit: number): Row[] {
    return page(this.#db, from, to, limit, {})
  }

  pageKeys(from: string, to: string | null, limit: number): string[] {
    return pageKeys(this.#db, from, to, limit, {})
  }

  put(key: string, value: Uint8Array): void {
    void this.#db.put(bytesOf(key), value)
  }

  delete(key: string): void {
    void this.#db.remove(bytesOf(key))
  }
}

/** lmdb-js hands the reason of a failed commit over as a promise that rejects; nobody else listens to it. */
function silenceCommitError(thrown: unknown): void {
  if (thrown instanceof Error && "commitError" in thrown) Promise.resolve(thrown.commitError).catch(() => {})
}
