/** What an engine stands on: tables on disk or in memory, changed by whole commits. */
import type { OvlError } from "../base/errors.ts"
import type { CommitTables, DurableTables, ReadTables, Tables } from "./tables.ts"

export interface Backend extends Keeper {
  /** The state of the last commit that is durable; it changes only between two turns of the event loop. */
  readonly tables: DurableTables
  /**
   * Calls `work` once, some time later, with tables to read and change. Where it returns a promise, the event loop gets a
   * turn with each `pause()`, in which reads of `tables` still see the last commit. Resolves when all of it is durable and
   * `tables` shows it. On any error nothing of it stays. Commits, and loads of a stage, come one after the other.
   * With `install`, the staged generation takes the place of the state within this same commit, and what was staged is
   * what `work` sees of the tables of the state; the stage is over then. Nobody may hold changes of the old state.
   * Rejects with `store_full` (no space) or `store_failed`.
   */
  commit<T>(work: (tables: CommitTables, pause: () => Promise<void>) => T | Promise<T>, install?: Stage): Promise<T>
  /** As `commit`, but at once, and the caller's thread waits for the disk. Not while `isBusy`. */
  commitNow<T>(work: (tables: CommitTables) => T): T
  /** Whether a commit is under way, or a load of a stage. */
  readonly isBusy: boolean
  /** Resolves when all have asked who do so in this turn of the event loop: they are to share a commit. */
  endOfTurn(): Promise<void>
  /** Room for bytes that come before they are known to be wanted. There is one at a time. Throws `store_full`. */
  scratch(): Scratch
  /**
   * A second generation of the state's tables, empty, to be filled and then installed. There is one at a time. Resolves when
   * what is left of an older one is gone. Rejects as `commit` does.
   */
  stage(): Promise<Stage>
  /** Whether rows lie about of a generation that was replaced or given up: each commit takes some of them away, an empty one too. */
  readonly hasLeftovers: boolean
  /** Where the disk is full, the error for a command that would need more of it. */
  refusal(): OvlError | null
  /** Finishes what was asked for; whoever commits or loads after that is refused with `store_closed`. */
  close(): Promise<void>
}

/** Tables whose present state can be kept. */
export interface Keeper {
  readonly tables: ReadTables
  /** The state as it is, to be kept until it is released. */
  keep(): Kept
}

export interface Kept {
  readonly tables: ReadTables
  release(): void
}

export interface Stage {
  /** Calls `work` with the staged tables, in a durable commit of its own. Rejects as `Backend.commit` does. */
  load(work: (tables: Tables) => void): Promise<void>
  /** Gives the stage up; nothing where it was installed or given up before. A crash does the same. */
  discard(): void
}

export interface Scratch {
  /** Throws `store_full` or `store_failed`. */
  append(bytes: Uint8Array): void
  /** As many of the bytes from `offset` on as there are, `length` at most. */
  read(offset: number, length: number): Uint8Array
  discard(): void
}
