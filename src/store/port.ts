/**
 * The store port, in the terms of etcd: one revision for everything, transactions with compare, ranges, watches from a
 * revision, leases. A single server and a replicated one implement it alike; nothing above may know which.
 *
 * A key is a byte string: a JavaScript string of which each character is one byte (0-255), so that the order of strings
 * is the order of bytes. ASCII keys are just themselves.
 */
import type { OvlError } from "../base/errors.ts"

export interface Entry {
  key: string
  value: Uint8Array
  /** Consul's opaque flags: an exact unsigned 64-bit number. */
  flags: bigint
  createRevision: number
  modRevision: number
  /** Consul's count of how often the key was locked. */
  lockIndex: number
  /** The lease (Consul: session) that holds the key, or null. */
  lease: string | null
}

/** A condition on one key. `modRevision` 0 means: does not exist. */
export type Compare =
  | { key: string; modRevision: number }
  | { key: string; exists: boolean }
  | { lease: string; exists: boolean }

export type Operation =
  /**
   * Flags are 0 where none are given. Without `lease` a key keeps the lease that it has; null takes it from it. Putting
   * what is there already changes nothing.
   */
  | { op: "put"; key: string; value: Uint8Array; flags?: bigint; lease?: string | null }
  | { op: "delete"; key: string }
  /** Deletes every key that begins with `prefix`, but for those that begin with one of `except`. */
  | { op: "deletePrefix"; prefix: string; except?: string[] }

/** All compares hold, then all operations are done, in one revision; or nothing is. */
export interface Transaction {
  compare?: Compare[]
  operations: Operation[]
}

export interface TransactionResult {
  succeeded: boolean
  /** The revision of the change; where nothing changed, the present one. */
  revision: number
  /** Index of the first compare that did not hold; -1 on success. */
  failed: number
  /** For each operation, how many keys it changed. */
  changed: number[]
}

export interface Range {
  entries: Entry[]
  /** More keys follow the last one. */
  more: boolean
  /** The store's revision at which the range was read. */
  revision: number
}

export interface WatchEvent {
  key: string
  /** Null: the key was deleted. */
  entry: Entry | null
}

/** All events of one revision below the watched prefix. */
export interface WatchBatch {
  revision: number
  events: WatchEvent[]
}

export interface Watch {
  close(): void
}

export interface Lease {
  id: string
  ttlMs: number
}

/** Who leads, and how far this member is: for status and for Consul's /v1/status. */
export interface StoreStatus {
  leader: boolean
  term: number
  index: number
}

export interface Store {
  /** The last revision whose change is durable and visible to reads here. Never goes back. */
  readonly revision: number
  status(): StoreStatus
  get(key: string): Entry | undefined
  /** Keys with the byte prefix, in byte order, beginning after `after`, at most `limit` of them. */
  range(prefix: string, options?: { after?: string; limit?: number }): Range
  /**
   * The highest revision that ever changed a key below the prefix, deletions included, over restarts too; 0 when none
   * did. Where the deletion is so long ago that TOMBSTONES_MAX others followed it, it may be higher than that; it never
   * goes back.
   */
  lastChange(prefix: string): number
  /** Resolves when reads here see every write acknowledged before the call: Consul's `consistent`. */
  barrier(): Promise<void>
  /**
   * Resolves when the change is durable. Rejects with OvlError, and then nothing was changed: `store_busy` (queue full),
   * `store_full` (no space; what only deletes goes on), `store_failed`, `store_closed`, `lease_unknown` (a put names a
   * lease that is not there), `store_invalid`, `value_too_large`, `transaction_too_large`. The values' bytes must stay as
   * they are until then.
   */
  transact(transaction: Transaction): Promise<TransactionResult>
  /**
   * Calls back once for each revision after `fromRevision` that touches the prefix, in order and without gaps.
   * `onEnd` with `compacted` when history no longer reaches back so far: range again, and watch from there; with
   * `store_closed` when the store is closed. Neither is called before `watch` has returned, nor after `close`.
   */
  watch(
    prefix: string,
    fromRevision: number,
    onBatch: (batch: WatchBatch) => void,
    onEnd: (error: OvlError) => void,
  ): Watch
  /**
   * A lease lives at least `ttlMs` and at most twice that after its last renewal; keys put with it go with it, all in one
   * revision. Granting one that there is renews it, with the new `ttlMs`. A restart gives each its full time again.
   * Rejects with `lease_invalid`, and as `transact` does.
   */
  grantLease(id: string, ttlMs: number): Promise<Lease>
  /** Rejects with `lease_unknown` (not_found). */
  renewLease(id: string): Promise<Lease>
  /** Ends a lease at once. One that is not there is no error. */
  revokeLease(id: string): Promise<void>
  leases(): Lease[]
  /** Finishes what was accepted, and refuses the rest. */
  close(): Promise<void>
}
