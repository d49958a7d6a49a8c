/** What an engine stands on: tables on disk or in memory, changed by whole commits. */
import type { OvlError } from "../base/errors.ts"
import type { ReadTables, Tables } from "./tables.ts"

export interface Backend {
  /** The state of the last commit that is durable; it changes only between two turns of the event loop. */
  readonly tables: ReadTables
  /**
   * Calls `work` once, some time later, with tables to read and change. Where it returns a promise, the event loop gets a
   * turn with each `pause()`, in which reads of `tables` still see the last commit. Resolves when all of it is durable and
   * `tables` shows it. On any error nothing of it stays. One commit at a time.
   * Rejects with `store_full` (no space) or `store_failed`.
   */
  commit<T>(work: (tables: Tables, pause: () => Promise<void>) => T | Promise<T>): Promise<T>
  /** As `commit`, but at once, and the caller's thread waits for the disk. Not while a commit is under way. */
  commitNow<T>(work: (tables: Tables) => T): T
  /** Resolves when all have asked who do so in this turn of the event loop: they are to share a commit. */
  endOfTurn(): Promise<void>
  /** The state of the last commit, to be kept until it is released. */
  keep(): { tables: ReadTables; release(): void }
  /** Room for bytes that come before they are known to be wanted. There is one at a time. Throws `store_full`. */
  scratch(): Scratch
  /** Where the disk is full, the error for a command that would need more of it. */
  refusal(): OvlError | null
  close(): Promise<void>
}

export interface Scratch {
  /** Throws `store_full` or `store_failed`. */
  append(bytes: Uint8Array): void
  /** As many of the bytes from `offset` on as there are, `length` at most. */
  read(offset: number, length: number): Uint8Array
  discard(): void
}
