/**
 * The store port, in the terms of etcd: one revision for everything, transactions with compare, ranges, watches from a
 * revision, leases; and beside them what Consul has on top: sessions, its key verbs as one transaction, waiting for a
 * change. A single server and a replicated one implement it alike; nothing above may know which.
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
  /** The lease or the session that holds the key, or null. */
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

/** What a holder of keys asks for when it opens a session. Consul's session; ids are the caller's (UUIDs). */
export interface SessionSpec {
  id: string
  name: string
  /** The node that it belongs to, by name; `invalidateNode` goes by it. */
  node: string
  /** What becomes of the keys that it holds when it ends. */
  behavior: "release" | "delete"
  /** For so long after its end nobody may lock the keys that it held; SESSION_LOCK_DELAY_MAX_MS at most. */
  lockDelayMs: number
  /** As it was given, for people; the store does not read it. */
  ttl: string
  /** 0: it never runs out. */
  ttlMs: number
  /** Names of node checks; with `serfHealth` among them it ends with its node. */
  checks: string[]
}

export interface Session extends SessionSpec {
  createRevision: number
  modRevision: number
}

/**
 * Consul's transaction verbs, over store keys. `index` is a `modRevision`; flags are 0n where there are none. A single PUT,
 * `?cas`, `?acquire`, `?release`, DELETE, `?cas` and `?recurse` are `set`, `cas`, `lock`, `unlock`, `delete`, `delete-cas`
 * and `delete-tree` on their own: `false` is a problem with a code for which `isRefusal` holds.
 */
export type KvVerb =
  | { verb: "set"; key: string; value: Uint8Array; flags: bigint }
  | { verb: "cas"; key: string; value: Uint8Array; flags: bigint; index: number }
  | { verb: "lock" | "unlock"; key: string; value: Uint8Array; flags: bigint; session: string }
  | { verb: "delete" | "get" | "get-or-empty" | "get-tree" | "check-not-exists"; key: string }
  | { verb: "delete-cas" | "check-index"; key: string; index: number }
  /** All that begins with `key`, but for what begins with one of `except`. */
  | { verb: "delete-tree"; key: string; except?: string[] }
  | { verb: "check-session"; key: string; session: string }

export type KvProblemCode =
  /** `cas`, `delete-cas`: the index is another. */
  | "stale"
  /** `lock`: another session holds it; a session that held it ended too short a time ago. */
  | "held"
  | "delayed"
  /** `unlock`: the session does not hold it. */
  | "not_held"
  /** `get`, `check-index`, `check-session`: there is no such key. */
  | "key_missing"
  /** `check-not-exists` */
  | "key_exists"
  /** `check-session`, `check-index`: it is another. */
  | "mismatch"
  /** `lock`, `unlock`: none was named; `lock`: there is no such session. */
  | "session_missing"
  | "session_unknown"
  /** The key is nothing but `root`, in a verb that needs more. */
  | "key_empty"
  /** `get`, `get-tree`: all that the verbs read is more than KV_RESULT_MAX_BYTES. */
  | "too_large"

export interface KvProblem {
  /** Which verb, from 0. */
  index: number
  code: KvProblemCode
  /** Consul's text, word for word; keys in it without `root`, and bytes as everywhere in this port (UTF-8, undecoded). */
  what: string
}

/** Whether Consul's single-key calls answer this problem with `false` rather than with an error. */
export function isRefusal(code: KvProblemCode): boolean {
  return code === "stale" || code === "held" || code === "delayed" || code === "not_held"
}

export interface KvOptions {
  /** The beginning that all the keys have and that Consul's texts must not show. */
  root?: string
}

/**
 * `results`: in the verbs' order, one for each but `delete`, `delete-cas`, `delete-tree` and `check-not-exists`, which have
 * none, and `get-tree`, which has one for each key. Values are empty but for `get`, `get-or-empty` and `get-tree`;
 * `get-or-empty` of a key that is not there has revisions 0.
 */
export type KvResult =
  | { ok: true; revision: number; results: { index: number; entry: Entry }[] }
  /** Every verb that failed; nothing was changed. */
  | { ok: false; revision: number; problems: KvProblem[] }

/** What a wait waits for. `key`: that very key; `prefix`: any key that begins so; `session`: that one; `sessions`: any. */
export type WaitTarget = { key: string } | { prefix: string } | { session: string } | { sessions: true }

export interface Wait {
  cancel(): void
}

export interface KeyNames {
  /** Whole keys, and beginnings of keys up to the end of the separator, in byte order, each once. */
  names: string[]
  /** More follow the last one. */
  more: boolean
  revision: number
}

/** What can be read: of the present state (Store), or of one revision for as long as it is needed (View). */
export interface Reads {
  /** The last revision whose change is durable and visible to reads here. Never goes back. */
  readonly revision: number
  get(key: string): Entry | undefined
  /** Keys with the byte prefix, in byte order, beginning after `after`, at most `limit` of them. */
  range(prefix: string, options?: { after?: string; limit?: number }): Range
  /**
   * Names of keys with the byte prefix, each cut behind the first `separator` (any bytes; "" for none) that follows the
   * prefix. What lies below a cut name is skipped by seeking, not read. `after`: a name that was given before.
   */
  keys(prefix: string, separator: string, options?: { after?: string; limit?: number }): KeyNames
  /**
   * The highest revision that ever changed a key below the prefix, deletions included, over restarts too; 0 when none
   * did. Where the deletion is so long ago that TOMBSTONES_MAX others followed it, it may be higher than that; it never
   * goes back.
   */
  lastChange(prefix: string): number
  session(id: string): Session | undefined
  /** In the order of their ids. Leases are none. */
  sessions(): Session[]
  /** The highest revision that ever changed a session; 0 when none did. */
  lastSessionChange(): number
  /**
   * `kv` for verbs that only read or check: no command, no waiting. Throws `store_invalid` for others.
   */
  read(verbs: KvVerb[], options?: KvOptions): KvResult
}

/**
 * The state of one revision, kept while it is read in pages. It holds disk space that was freed since, so it is closed
 * soon: when it was not read for STORE_VIEW_IDLE_MS, and when the store is closed, reads throw `view_expired` (unavailable).
 */
export interface View extends Reads {
  close(): void
}

/**
 * Areas of the store: whole prefixes, less what begins with one of `except`. What a snapshot may hold and what a restore
 * may replace is the caller's to say; nothing else is read or touched. Sessions go along, leases never do.
 */
export interface SnapshotScope {
  areas: string[]
  except?: string[]
}

export interface SnapshotExport {
  revision: number
  /** Of the state at `revision`, in pieces of bounded size, read from disk as they are asked for; return() ends it. */
  chunks: AsyncGenerator<Uint8Array, void, void>
}

export interface SnapshotInfo {
  /** The revision at which it was made, and when: milliseconds since the epoch. */
  revision: number
  time: number
  scope: SnapshotScope
  keys: number
  sessions: number
  /** Of the whole file. */
  bytes: number
}

/** Who leads, and how far this member is: for status and for Consul's /v1/status. */
export interface StoreStatus {
  /** This very member leads. */
  leader: boolean
  term: number
  index: number
  /** Whether a leader is known here, this member or another, and how long ago it was heard from: 0 on the leader itself. */
  knownLeader: boolean
  lastContactMs: number
}

export interface Store extends Reads {
  status(): StoreStatus
  /** Resolves when reads here see every write acknowledged before the call: Consul's `consistent`. */
  barrier(): Promise<void>
  /**
   * Resolves when reads here show `revision`: with false where they do not after `timeoutMs`, nor by the store's close. A
   * member may be behind; on the leader it is so at once for all that was acknowledged.
   */
  reached(revision: number, timeoutMs: number): Promise<boolean>
  /** The present state, to be read for a while. Throws `store_busy` where STORE_VIEWS_MAX are open. */
  view(): View
  /**
   * Resolves when the change is durable. Rejects with OvlError, and then nothing was changed: `store_busy` (queue full),
   * `store_full` (no space; what only deletes goes on), `store_failed`, `store_closed`, `lease_unknown` (a put names a
   * lease that is not there), `store_invalid`, `value_too_large`, `transaction_too_large`. The values' bytes must stay as
   * they are until then.
   */
  transact(transaction: Transaction): Promise<TransactionResult>
  /**
   * Consul's verbs, all evaluated in order, each seeing the effects of those before it; then all are done, in one
   * revision, or, where one has a problem, none. Rejects as `transact` does. Verbs that only read need not come here.
   */
  kv(verbs: KvVerb[], options?: KvOptions): Promise<KvResult>
  /**
   * Calls back once for each revision after `fromRevision` that touches the prefix, in order and without gaps.
   * `onEnd` with `compacted` when history no longer reaches back so far, or when a restore or a deletion of very many keys
   * (WATCH_HISTORY_MAX_EVENTS) broke it off: range again, and watch from there; with `store_closed` when the store is
   * closed. Neither is called before `watch` has returned, nor after `close`.
   */
  watch(
    prefix: string,
    fromRevision: number,
    onBatch: (batch: WatchBatch) => void,
    onEnd: (error: OvlError) => void,
  ): Watch
  /**
   * Calls `wake` once, at the first change of the target after this call, a restore, or the store's close; never before
   * it has returned, nor after `cancel`. What was read in the same turn of the event loop is the state that it waits on.
   * Costs a write nothing where it touches other keys. Throws `store_busy` where there are WATCHERS_MAX.
   */
  waitFor(target: WaitTarget, wake: () => void): Wait
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
  /** Sessions are none. */
  leases(): Lease[]
  /**
   * Opens a session. With a `ttlMs` it ends between that and twice that after its last renewal; a restart gives it its
   * full time again. Its end - by that, by `destroySession` or by `invalidateNode` - is one revision, in which the keys
   * that it holds are released (value and lockIndex stay) or deleted, and then they cannot be locked for `lockDelayMs`, of
   * which only the leader of the moment knows. Rejects with `session_exists` (conflict), `session_invalid`, `store_busy`
   * (SESSIONS_MAX), and as `transact` does.
   */
  createSession(spec: SessionSpec): Promise<Session>
  /** One that is not there is no error. */
  destroySession(id: string): Promise<void>
  /** Gives it its full time again; nothing is written. Rejects with `session_unknown` (not_found). */
  renewSession(id: string): Promise<Session>
  /** A node failed: ends its sessions that have `serfHealth` among their checks, all in one revision. Gives how many. */
  invalidateNode(node: string): Promise<number>
  /** Begins a snapshot of the present state: writes go on, and do not show in it. Throws `store_busy` as `view` does. */
  exportSnapshot(scope: SnapshotScope): SnapshotExport
  /**
   * Replaces what lies in the scope, and all sessions, by what the snapshot has in that scope, in one revision that is
   * above the present one and the snapshot's; keys that differ from what was here have it as `modRevision`. The whole file
   * is checked before anything changes; on any error all stays as it was. Every wait is woken, every watch ends as
   * `compacted`. Rejects with `snapshot_invalid` (invalid: damaged, cut off, or none of ours; or it has not all of the
   * scope's areas), and as `transact` does.
   */
  importSnapshot(chunks: AsyncIterable<Uint8Array>, scope: SnapshotScope): Promise<SnapshotInfo>
  /** Finishes what was accepted, and refuses the rest. */
  close(): Promise<void>
}
