/**
 * Commands: what is proposed, agreed on, and applied to the state machine. They are plain values that carry all they
 * need, time and ids included, so that every member that applies the same commands comes to the same state. A command is
 * checked here before it is proposed; applying one that passed never fails.
 */
import { OvlError } from "../base/errors.ts"
import {
  LEASE_ID_MAX_BYTES,
  LEASE_TTL_MAX_MS,
  LEASE_TTL_MIN_MS,
  STORE_KEY_MAX_BYTES,
  STORE_VALUE_MAX_BYTES,
  TRANSACTION_MAX_BYTES,
  TRANSACTION_PARTS_MAX,
} from "../base/limits.ts"
import { isByteString } from "./keys.ts"
import type { Compare, Operation, Transaction } from "./port.ts"

/** `at`: milliseconds since the epoch, as the proposer's clock had it. */
export type Command =
  | { type: "transaction"; at: number; compare: Compare[]; operations: Operation[] }
  /** Always changes the lease, so that an expiry that is under way misses one granted anew. */
  | { type: "grant"; at: number; lease: string; ttlMs: number }
  | { type: "revoke"; at: number; lease: string }
  /** Leases that ran out, each with the grant that is meant. */
  | { type: "expire"; at: number; leases: { id: string; grantRevision: number }[] }

/** Bytes that every command is counted with beside its keys and values. */
const COMMAND_BYTES = 64

/** A command and its weight against the bounds of a commit and of the queue. */
export interface Sized {
  command: Command
  bytes: number
  /** False for what only takes away: that is tried even when the disk is full. */
  growing: boolean
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
  return { command: { type: "transaction", at, compare, operations }, bytes, growing }
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
  return { command: { type: "grant", at, lease, ttlMs }, bytes: COMMAND_BYTES + lease.length, growing: true }
}

export function revokeCommand(lease: string, at: number): Sized {
  checkLease(lease)
  return { command: { type: "revoke", at, lease }, bytes: COMMAND_BYTES + lease.length, growing: false }
}

export function expireCommand(leases: { id: string; grantRevision: number }[], at: number): Sized {
  return { command: { type: "expire", at, leases }, bytes: COMMAND_BYTES * (1 + leases.length), growing: false }
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

function invalid(why: string): OvlError {
  return new OvlError("store_invalid", `write to the store: ${why}`, { kind: "invalid" })
}

function tooLarge(code: string, why: string): OvlError {
  return new OvlError(code, `write to the store: ${why}`, { kind: "too_large" })
}
