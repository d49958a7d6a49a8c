/** What an engine stands on: tables on disk or in memory, changed by whole commits. */
import type { OvlError } from "../base/errors.ts"
import type { ReadTables, Tables } from "./tables.ts"

export interface Backend {
  /** The state of the last commit that is durable; it changes only between two turns of the event loop. */
  readonly tables: ReadTables
  /**
   * Calls `work` once, synchronously, some time later, with tables to read and change. Resolves when all of it is durable
   * and `tables` shows it. On any error nothing of it stays. One commit at a time.
   * Rejects with `store_full` (no space) or `store_failed`.
   */
  commit<T>(work: (tables: Tables) => T): Promise<T>
  /** Where the disk is full, the error for a command that would need more of it. */
  refusal(): OvlError | null
  close(): Promise<void>
}
