/**
 * Tables on disk, in LMDB. Every commit is one LMDB transaction, made off the event loop, on disk when it is acknowledged
 * (`overlappingSync` off), and all of it or nothing. Reads go to one pinned read transaction, which moves on only when a
 * commit was acknowledged: they never see what is not durable, and always the state of one revision.
 */
import { open } from "lmdb"
import { assert } from "../base/assert.ts"
import { OvlError } from "../base/errors.ts"
import { GENERATION_DROP_INLINE_ROWS, GENERATION_DROP_ROWS } from "../base/limits.ts"
import type { Log } from "../base/log.ts"
import { rmSync } from "node:fs"
import { join } from "node:path"
import type { Backend, Kept, Scratch, Stage } from "./backend.ts"
import { storeClosed } from "./consensus.ts"
import { explainFileError, holdDirectory, storeFull, type StoreDirectory } from "./directory.ts"
import { Generations, type RootDatabase } from "./generations.ts"
import { checkDataFile } from "./inspect.ts"
import { BINARY, LmdbReadTable, type Pinned, type Snapshot } from "./lmdb-tables.ts"
import { ScratchFile } from "./scratch.ts"
import { DiskSpace } from "./space.ts"
import { type CommitTables, type DurableTables, eachTable, type Tables } from "./tables.ts"

/** What lmdb-js has, and its types leave out or say in another way. */
interface Root extends RootDatabase {
  env: { writeTxn: unknown }
  childTransaction<T>(work: () => T): Promise<Awaited<T>>
  useReadTransaction(): Pinned
  resetReadTxn(): void
  close(): Promise<void>
}

/**
 * Opens `<dataDir>/store`, or makes it. Throws what `holdDirectory` throws, `data_foreign` (conflict) for a file that is
 * none of ours, and `data_corrupt` for one that is damaged; neither is changed.
 */
export function openLmdb(dataDir: string, log: Log): Backend {
  const directory = holdDirectory(dataDir)
  try {
    const existing = checkDataFile(directory.dataFile)
    const space = new DiskSpace(directory.path, log)
    return new LmdbBackend(directory, space, existing)
  } catch (thrown) {
    directory.release()
    throw explainFileError(dataDir, thrown)
  }
}

class LmdbBackend implements Backend {
  readonly tables: DurableTables
  readonly #directory: StoreDirectory
  readonly #space: DiskSpace
  readonly #root: Root
  readonly #generations: Generations
  #snapshot: Snapshot
  /** The last of the transactions that were asked for, and how many are not over. */
  #line: Promise<unknown> = Promise.resolve()
  #underWay = 0
  #stage: LmdbStage | null = null
  #hasLeftovers: boolean
  #isClosed = false

  constructor(directory: StoreDirectory, space: DiskSpace, existing: boolean) {
    this.#directory = directory
    this.#space = space
    this.#root = open({
      path: directory.path,
      noSubdir: false,
      overlappingSync: false,
      maxDbs: 64,
      // Batching by turns makes a promise of its own, which nobody can catch when the commit fails.
      eventTurnBatching: false,
      ...BINARY,
    }) as unknown as Root
    try {
      rmSync(join(directory.path, "scratch"), { force: true })
      this.#generations = new Generations(this.#root, directory, existing)
      const generation = this.#generations.read()
      this.#hasLeftovers = !this.#generations.isEmpty(1 - generation)
      this.#snapshot = { pinned: this.#pin(), generation }
      this.tables = this.#read(() => this.#snapshot)
    } catch (thrown) {
      void this.#root.close()
      throw space.refusal() ?? thrown
    }
  }

  get isBusy(): boolean {
    return this.#underWay > 0
  }

  get hasLeftovers(): boolean {
    return this.#hasLeftovers
  }

  refusal(): OvlError | null {
    return this.#space.refusal()
  }

  commit<T>(work: (tables: CommitTables, pause: () => Promise<void>) => T | Promise<T>, install?: Stage): Promise<T> {
    return this.#inLine(async () => {
      assert(!install || install === this.#stage, "what is to be installed is not the stage that is open")
      const generation = install ? this.#other : this.#snapshot.generation
      let isSwept = false
      const result = await this.#transact(() => {
        const done = work(this.#generations.tables[generation]!, () => this.#pause())
        const end = (ended: T): T => {
          if (install) this.#generations.use(generation)
          else isSwept = this.#sweep(GENERATION_DROP_ROWS)
          return ended
        }
        return done instanceof Promise ? done.then(end) : end(done)
      })
      if (install) this.#stage = null
      this.#committed(generation, install ? false : isSwept)
      if (install) this.#hasLeftovers = true
      return result
    })
  }

  commitNow<T>(work: (tables: CommitTables) => T): T {
    assert(!this.isBusy, "another commit is under way")
    const { generation } = this.#snapshot
    let isSwept = false
    let result: T
    try {
      result = this.#root.transactionSync(() => {
        const done = work(this.#generations.tables[generation]!)
        isSwept = this.#sweep(GENERATION_DROP_INLINE_ROWS)
        return done
      })
    } catch (thrown) {
      throw this.#explain(thrown)
    }
    this.#committed(generation, isSwept)
    return result
  }

  endOfTurn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve))
  }

  keep(): Kept {
    const snapshot = this.#snapshot
    snapshot.pinned.use()
    return { tables: this.#read(() => snapshot), release: () => snapshot.pinned.done() }
  }

  scratch(): Scratch {
    return new ScratchFile(join(this.#directory.path, "scratch"), (thrown) => this.#explain(thrown))
  }

  async stage(): Promise<Stage> {
    while (this.#hasLeftovers) await this.commit(() => {})
    assert(!this.#stage, "there is a stage already")
    const stage = new LmdbStage(
      (work) => this.#load(stage, work),
      () => this.#giveUp(stage),
    )
    this.#stage = stage
    return stage
  }

  #load(stage: LmdbStage, work: (tables: Tables) => void): Promise<void> {
    return this.#inLine(async () => {
      assert(stage === this.#stage, "the stage is over")
      await this.#transact(() => work(this.#generations.tables[this.#other]!))
      this.#committed(this.#snapshot.generation, false)
    })
  }

  #giveUp(stage: LmdbStage): void {
    if (stage !== this.#stage) return
    this.#stage = null
    this.#hasLeftovers = true
  }

  /** The generation that is not in use. */
  get #other(): number {
    return 1 - this.#snapshot.generation
  }

  /** Within a write transaction: takes away some of what is left over. True when it was the last of it. */
  #sweep(rows: number): boolean {
    return this.#hasLeftovers && this.#generations.sweep(this.#other, rows)
  }

  /** One transaction after the other: lmdb-js would put those that wait into one, to succeed or fail together. */
  #inLine<T>(act: () => Promise<T>): Promise<T> {
    if (this.#isClosed) return Promise.reject(storeClosed())
    const ended = (this.#underWay++ === 0 ? act() : this.#line.then(act)).finally(() => this.#underWay--)
    this.#line = ended.catch(() => {})
    return ended
  }

  async #transact<T>(work: () => T | Promise<T>): Promise<T> {
    try {
      // A child transaction, because a plain one would keep what was written before an error was thrown in it.
      return await this.#root.childTransaction(work as () => T)
    } catch (thrown) {
      throw this.#explain(thrown)
    }
  }

  #committed(generation: number, isSwept: boolean): void {
    const before = this.#snapshot.pinned
    this.#snapshot = { pinned: this.#pin(), generation }
    before.done()
    if (isSwept) this.#hasLeftovers = false
    this.#space.recover()
  }

  /** Whoever reads in the meantime reads the last commit: lmdb-js would give him the write transaction instead. */
  async #pause(): Promise<void> {
    const { env } = this.#root
    const { writeTxn } = env
    env.writeTxn = null
    await this.endOfTurn()
    env.writeTxn = writeTxn
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
    this.#isClosed = true
    await this.#line
    this.#snapshot.pinned.done()
    await this.#root.close()
    this.#directory.release()
  }

  #read(snapshot: () => Snapshot): DurableTables {
    const table = (name: keyof DurableTables): LmdbReadTable =>
      new LmdbReadTable(this.#generations.databasesOf(name), snapshot)
    return { ...eachTable(table), raft: table("raft"), log: table("log") }
  }

  /** A read transaction of the latest state, ours alone: lmdb-js renews the one that it shares among reads as it likes. */
  #pin(): Pinned {
    this.#root.resetReadTxn()
    const pinned = this.#root.useReadTransaction()
    this.#root.resetReadTxn()
    return pinned
  }
}

class LmdbStage implements Stage {
  readonly load: Stage["load"]
  readonly discard: Stage["discard"]

  constructor(load: Stage["load"], discard: Stage["discard"]) {
    this.load = load
    this.discard = discard
  }
}

/** lmdb-js hands the reason of a failed commit over as a promise that rejects; nobody else listens to it. */
function silenceCommitError(thrown: unknown): void {
  if (thrown instanceof Error && "commitError" in thrown) Promise.resolve(thrown.commitError).catch(() => {})
}
