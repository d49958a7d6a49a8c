/**
 * Commands: what is proposed, agreed on, and applied to the state machine. They are plain values that carry all they
 * need, time and ids included, so that every member that applies the same commands comes to the same state. A command is
 * checked here before it is proposed; applying one that passed never fails.
 */
import { OvlError } from "../base/errors.ts"
import {
  COMMIT_BATCH_MAX_BYTES,
  LEASE_ID_MAX_BYTES,
  LEASE_TTL_MAX_MS,
  LEASE_TTL_MIN_MS,
  SESSION_CHECKS_MAX,
  SESSION_LOCK_DELAY_MAX_MS,
  SESSION_TEXT_MAX_BYTES,
  STORE_KEY_MAX_BYTES,
  STORE_VALUE_MAX_BYTES,
  TRANSACTION_MAX_BYTES,
  TRANSACTION_PARTS_MAX,
} from "../base/limits.ts"
import { isByteString } from "./keys.ts"
import type { Compare, KvVerb, Operation, SessionSpec, SnapshotInfo, SnapshotScope, Transaction } from "./port.ts"
import { onlyReads } from "./verbs.ts"

/** `at`: milliseconds since the epoch, as the proposer's clock had it. */
export type Command =
  | { type: "transaction"; at: number; compare: Compare[]; operations: Operation[] }
  | { type: "kv"; at: number; verbs: KvVerb[] }
  /** Always changes the lease, so that an expiry that is under way misses one granted anew. */
  | { type: "grant"; at: number; lease: string; ttlMs: number }
  | { type: "revoke"; at: number; lease: string }
  | { type: "open"; at: number; session: SessionSpec }
  | { type: "end"; at: number; session: string }
  /** A node failed: its sessions that have `serfHealth` among their checks end. */
  | { type: "invalidate"; at: number; node: string }
  /** Leases and sessions that ran out, each with the revision that made the one that is meant. */
  | { type: "expire"; at: number; holders: { id: string; grantRevision: number }[] }
  /** A part of a snapshot's file. One at offset 0 begins a restore, and takes the place of one that was not finished. */
  | { type: "piece"; at: number; id: string; offset: number; bytes: Uint8Array }
  /** Restores from the pieces that came before under the same id: within `scope`, the file of which `info` tells. */
  | { type: "restore"; at: number; id: string; info: SnapshotInfo; scope: SnapshotScope }
  /** Drops the pieces of a restore that is given up. */
  | { type: "discard"; at: number; id: string }

/** Bytes that every command is counted with beside its keys and values. */
const COMMAND_BYTES = 64

/** A command and its weight against the bounds of a commit and of the queue. */
export interface Sized {
  command: Command
  bytes: number
  /** False for what only takes away: that is tried even when the disk is full. */
  growing: boolean
  /** It touches no more keys than it names, so applying it takes no time worth mentioning. */
  brief: boolean
}

/** Checks a transaction. Throws `store_invalid` (invalid) and `transaction_too_large`, `value_too_large` (too_large). */
export function transactionCommand(transaction: Transaction, at: number): Sized {
  const compare = transaction.compare ?? []
  const { operations } = transaction
  if (compare.length + operations.length > TRANSACTION_PARTS_MAX)
    throw tooLarge("transaction_too_large", `more than ${TRANSACTION_PARTS_MAX} compares and operations`)
  let bytes = COMMAND_BYTES
  for (const condition of compare) bytes += compareBytes(condition)
  for (const operation of operations) bytes += operationBytes(operation)
  if (bytes > TRANSACTION_MAX_BYTES)
    throw tooLarge("transaction_too_large", `${bytes} bytes of keys and values, ${TRANSACTION_MAX_BYTES} are allowed`)
  const growing = operations.some((operation) => operation.op === "put")
  const brief = operations.every((operation) => operation.op !== "deletePrefix")
  return { command: { type: "transaction", at, compare, operations }, bytes, growing, brief }
}

const GROWING_VERBS: ReadonlySet<KvVerb["verb"]> = new Set<KvVerb["verb"]>(["set", "cas", "lock", "unlock"])

/** Checks Consul's verbs. Throws as `transactionCommand` does. */
export function kvCommand(verbs: KvVerb[], at: number): Sized {
  const bytes = verbsBytes(verbs)
  const growing = verbs.some(({ verb }) => GROWING_VERBS.has(verb))
  const brief = verbs.every(({ verb }) => verb !== "delete-tree" && verb !== "get-tree")
  return { command: { type: "kv", at, verbs }, bytes, growing, brief }
}

/** Checks verbs that are to be answered without a command. Throws as `transactionCommand` does, for those that write too. */
export function checkReading(verbs: KvVerb[]): void {
  verbsBytes(verbs)
  const writing = verbs.find((verb) => !onlyReads(verb))
  if (writing) throw invalid(`${writing.verb} does not only read`)
}

function verbsBytes(verbs: KvVerb[]): number {
  if (verbs.length > TRANSACTION_PARTS_MAX)
    throw tooLarge("transaction_too_large", `more than ${TRANSACTION_PARTS_MAX} verbs`)
  const bytes = verbs.reduce((sum, verb) => sum + verbBytes(verb), COMMAND_BYTES)
  if (bytes > TRANSACTION_MAX_BYTES)
    throw tooLarge("transaction_too_large", `${bytes} bytes of keys and values, ${TRANSACTION_MAX_BYTES} are allowed`)
  return bytes
}

/** Checks a grant. Throws `lease_invalid` (invalid). */
export function grantCommand(lease: string, ttlMs: number, at: number): Sized {
  checkLease(lease)
  if (!Number.isInteger(ttlMs) || ttlMs < LEASE_TTL_MIN_MS || ttlMs > LEASE_TTL_MAX_MS)
    throw new OvlError(
      "lease_invalid",
      `grant lease: a time to live of ${ttlMs} ms is not between ${LEASE_TTL_MIN_MS} and ${LEASE_TTL_MAX_MS} ms`,
      { kind: "invalid" },
    )
  const bytes = COMMAND_BYTES + lease.length
  return { command: { type: "grant", at, lease, ttlMs }, bytes, growing: true, brief: true }
}

export function revokeCommand(lease: string, at: number): Sized {
  checkLease(lease)
  return ending({ type: "revoke", at, lease })
}

export function expireCommand(holders: { id: string; grantRevision: number }[], at: number): Sized {
  return { ...ending({ type: "expire", at, holders }), bytes: COMMAND_BYTES * (1 + holders.length) }
}

/** Checks a session. Throws `session_invalid` (invalid). */
export function openCommand(spec: SessionSpec, at: number): Sized {
  const { id, name, node, behavior, lockDelayMs, ttl, ttlMs, checks } = spec
  if (id === "" || id.length > LEASE_ID_MAX_BYTES || !isByteString(id))
    throw sessionInvalid(`its id must have 1 to ${LEASE_ID_MAX_BYTES} bytes`)
  if (behavior !== "release" && behavior !== "delete") throw sessionInvalid(`its behavior is ${behavior}`)
  if (ttlMs !== 0 && !(Number.isInteger(ttlMs) && ttlMs >= LEASE_TTL_MIN_MS && ttlMs <= LEASE_TTL_MAX_MS))
    throw sessionInvalid(`${ttlMs} ms to live is not between ${LEASE_TTL_MIN_MS} and ${LEASE_TTL_MAX_MS} ms`)
  if (!(lockDelayMs >= 0)) throw sessionInvalid(`its lock-delay is ${lockDelayMs} ms`)
  const texts = [name, node, ttl, ...checks]
  if (checks.length > SESSION_CHECKS_MAX || texts.some((text) => text.length > SESSION_TEXT_MAX_BYTES))
    throw sessionInvalid(
      `more than ${SESSION_CHECKS_MAX} checks, or a text longer than ${SESSION_TEXT_MAX_BYTES} bytes`,
    )
  const delay = Math.min(Math.ceil(lockDelayMs), SESSION_LOCK_DELAY_MAX_MS)
  const session = { id, name, node, behavior, lockDelayMs: delay, ttl, ttlMs, checks: [...checks] }
  const bytes = COMMAND_BYTES + id.length + texts.reduce((sum, text) => sum + text.length, 0)
  return { command: { type: "open", at, session }, bytes, growing: true, brief: true }
}

export function endCommand(session: string, at: number): Sized {
  return ending({ type: "end", at, session })
}

export function invalidateCommand(node: string, at: number): Sized {
  return ending({ type: "invalidate", at, node })
}

/** A piece of a snapshot's file, RESTORE_PIECE_MAX_BYTES at most. The first one may drop many of an older file. */
export function pieceCommand(id: string, offset: number, bytes: Uint8Array, at: number): Sized {
  const weight = COMMAND_BYTES + id.length + bytes.length
  return { command: { type: "piece", at, id, offset, bytes }, bytes: weight, growing: true, brief: offset > 0 }
}

/** It weighs as much as a commit may, so that it has one to itself. */
export function restoreCommand(id: string, info: SnapshotInfo, scope: SnapshotScope, at: number): Sized {
  const command: Command = { type: "restore", at, id, info, scope }
  return { command, bytes: COMMIT_BATCH_MAX_BYTES, growing: true, brief: false }
}

export function discardCommand(id: string, at: number): Sized {
  return ending({ type: "discard", at, id })
}

function ending(command: Command): Sized {
  return { command, bytes: COMMAND_BYTES + LEASE_ID_MAX_BYTES, growing: false, brief: false }
}

function compareBytes(condition: Compare): number {
  if ("lease" in condition) {
    checkLease(condition.lease)
    return condition.lease.length
  }
  checkKey(condition.key)
  if ("modRevision" in condition && (!Number.isInteger(condition.modRevision) || condition.modRevision < 0))
    throw invalid(`compare with revision ${condition.modRevision}, which is none`)
  return condition.key.length
}

function operationBytes(operation: Operation): number {
  if (operation.op === "deletePrefix") {
    const prefixes = [operation.prefix, ...(operation.except ?? [])]
    if (prefixes.length > TRANSACTION_PARTS_MAX)
      throw tooLarge("transaction_too_large", `more than ${TRANSACTION_PARTS_MAX} exceptions to one deletion`)
    for (const prefix of prefixes) checkPrefix(prefix)
    return prefixes.reduce((sum, prefix) => sum + prefix.length, 0)
  }
  checkKey(operation.key)
  if (operation.op === "delete") return operation.key.length
  if (operation.value.length > STORE_VALUE_MAX_BYTES)
    throw tooLarge("value_too_large", `${operation.value.length} bytes of value, ${STORE_VALUE_MAX_BYTES} are allowed`)
  const { flags, lease } = operation
  if (flags !== undefined && (flags < 0n || flags > 0xffffffffffffffffn))
    throw invalid(`flags ${flags} are no unsigned 64-bit number`)
  if (typeof lease === "string") checkLease(lease)
  return operation.key.length + operation.value.length
}

function verbBytes(verb: KvVerb): number {
  if (verb.verb === "delete-tree") return operationBytes({ op: "deletePrefix", prefix: verb.key, except: verb.except })
  if (verb.verb === "get-tree") checkPrefix(verb.key)
  else checkKey(verb.key)
  if (!("value" in verb)) return verb.key.length
  return operationBytes({ op: "put", key: verb.key, value: verb.value, flags: verb.flags })
}

function checkKey(key: string): void {
  if (key === "") throw invalid("a key is empty")
  checkPrefix(key)
}

function checkPrefix(prefix: string): void {
  if (prefix.length > STORE_KEY_MAX_BYTES)
    throw invalid(`a key of ${prefix.length} bytes is longer than ${STORE_KEY_MAX_BYTES}`)
  if (!isByteString(prefix)) throw invalid("a key holds a character above 255, so it is no string of bytes")
}

function checkLease(id: string): void {
  if (id === "" || id.length > LEASE_ID_MAX_BYTES || !isByteString(id))
    throw new OvlError("lease_invalid", `lease id: it must have 1 to ${LEASE_ID_MAX_BYTES} bytes`, { kind: "invalid" })
}

function sessionInvalid(why: string): OvlError {
  return new OvlError("session_invalid", `open session: ${why}`, { kind: "invalid" })
}

function invalid(why: string): OvlError {
  return new OvlError("store_invalid", `write to the store: ${why}`, { kind: "invalid" })
}

function tooLarge(code: string, why: string): OvlError {
  return new OvlError(code, `write to the store: ${why}`, { kind: "too_large" })
}
