/**
 * Where the tables lie in LMDB's file. Those of the state exist twice, as generations 0 and 1, so that a whole new state
 * can be laid in beside the one in use, in many commits, and take its place in one: table `store` says which generation
 * is the state. What the other one holds without a stage being open is left over from one that was replaced or given up,
 * and is deleted in slices. The member's own tables exist once.
 */
import type { StoreDirectory } from "./directory.ts"
import { dataForeign } from "./inspect.ts"
import { BINARY, type Database, FIRST_KEY, LmdbTable } from "./lmdb-tables.ts"
import { type CommitTables, eachTable, MEMBER_TABLE_NAMES, type MemberTableName, TABLE_NAMES } from "./tables.ts"
import type { TableName } from "./tables.ts"

/** In `store`: the form of the tables, of which a later one counts the number up, and the generation in use. */
const FORMAT_KEY = "format"
const FORMAT = "ovl store 2"
const GENERATION_KEY = "generation"
/** As it was before there were generations: the format's row lies in `meta`, and the state in what is generation 0 now. */
const FORMER_FORMAT = "ovl store 1"
const GENERATIONS = [0, 1] as const

/** LMDB's main tree: its keys are the names of the others. */
export interface RootDatabase extends Database {
  /** Makes it where it is not there. */
  openDB(name: string, options: object): Database
  transactionSync<T>(work: () => T): T
}

interface Databases {
  control: Database
  member: Record<MemberTableName, Database>
  /** For each generation one. */
  state: Record<TableName, Database[]>
}

export class Generations {
  readonly #databases: Databases
  /** To be used within a write transaction: the tables, with the state of each generation. */
  readonly tables: readonly CommitTables[]

  /** Throws `data_foreign` (conflict) where the file holds something else; then nothing is changed. */
  constructor(root: RootDatabase, directory: StoreDirectory, existing: boolean) {
    checkFormat(root, directory, existing)
    this.#databases = namesIn(root).includes("store") ? openAll(root) : root.transactionSync(() => makeCurrent(root))
    const { state, member } = this.#databases
    this.tables = GENERATIONS.map((generation) => ({
      ...eachTable((name) => new LmdbTable(state[name][generation]!)),
      raft: new LmdbTable(member.raft),
      log: new LmdbTable(member.log),
    }))
  }

  /** One database for each generation. */
  databasesOf(name: TableName | MemberTableName): readonly Database[] {
    const { state, member } = this.#databases
    return name in state ? state[name as TableName] : GENERATIONS.map(() => member[name as MemberTableName])
  }

  /** The one in use, as it was when the store was opened. */
  read(): number {
    const row = this.#databases.control.get(GENERATION_KEY)
    return row && textOf(row) === "1" ? 1 : 0
  }

  /** Within a write transaction: from its commit on, this one is in use. */
  use(generation: number): void {
    void this.#databases.control.put(GENERATION_KEY, bytesOf(`${generation}`))
  }

  isEmpty(generation: number): boolean {
    return TABLE_NAMES.every((name) => firstKeys(this.#databases.state[name][generation]!, 1).length === 0)
  }

  /** Within a write transaction: deletes so many rows of a generation that is not in use. True when none is left. */
  sweep(generation: number, rows: number): boolean {
    let left = rows
    for (const name of TABLE_NAMES) {
      const database = this.#databases.state[name][generation]!
      const keys = firstKeys(database, left)
      for (const key of keys) void database.remove(key)
      left -= keys.length
      if (left === 0) return false
    }
    return true
  }
}

function checkFormat(root: RootDatabase, { dataFile }: StoreDirectory, existing: boolean): void {
  const found = namesIn(root)
  if (!existing || found.length === 0) return
  const former = found.includes("store") ? undefined : "meta"
  const place = former ?? "store"
  const row = found.includes(place) ? root.openDB(place, BINARY).get(FORMAT_KEY) : undefined
  if (!row || !found.every(isOurs)) throw dataForeign(`${dataFile} is LMDB data of another program`)
  const format = textOf(row)
  if (format !== (former ? FORMER_FORMAT : FORMAT))
    throw dataForeign(`${dataFile} was written by another version of ovl, as "${format}"`)
}

function openAll(root: RootDatabase): Databases {
  const open = (name: string): Database => root.openDB(name, BINARY)
  return {
    control: open("store"),
    member: { raft: open("raft"), log: open("log") },
    state: eachTable((name) => GENERATIONS.map((generation) => open(nameOf(name, generation)))),
  }
}

/** Within a write transaction: makes what is missing, in a new file or in one of the former format. */
function makeCurrent(root: RootDatabase): Databases {
  const databases = openAll(root)
  void databases.control.put(FORMAT_KEY, bytesOf(FORMAT))
  void databases.state.meta[0]!.remove(FORMAT_KEY)
  return databases
}

/** The names of all tables in the file; lmdb-js ends them with a zero. */
function namesIn(root: RootDatabase): string[] {
  return Array.from(root.getKeys({ start: FIRST_KEY }), (key) => key.replace(/\0$/, ""))
}

function nameOf(name: TableName, generation: number): string {
  return generation === 0 ? name : `${name}.${generation}`
}

function isOurs(name: string): boolean {
  const state = TABLE_NAMES.flatMap((table) => GENERATIONS.map((generation) => nameOf(table, generation)))
  return ["store", ...MEMBER_TABLE_NAMES, ...state].includes(name)
}

function firstKeys(database: Database, limit: number): string[] {
  return Array.from(database.getKeys({ start: FIRST_KEY, limit }))
}

function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, "latin1")
}

function textOf(bytes: Uint8Array): string {
  return Buffer.prototype.latin1Slice.call(bytes, 0, bytes.length)
}
