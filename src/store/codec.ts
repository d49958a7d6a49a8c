/**
 * How records lie in the tables: compact, each with its version in the first byte so that a later form can stand beside
 * it. Numbers are big-endian; revisions take six bytes. Bytes are set one by one: for small arrays, asking for their
 * `buffer` - as a DataView or a view into them does - costs the runtime many times what all the rest costs.
 */
import { assert } from "../base/assert.ts"
import { OvlError } from "../base/errors.ts"
import { COUNTER_MAX } from "./keys.ts"
import type { Entry, Session } from "./port.ts"

/** Entry: one byte of version (high half) and of what follows (low half), create and modify revision, then that. */
const ENTRY_VERSION = 0x10
const HAS_FLAGS = 1
const HAS_LOCK_INDEX = 2
const HAS_LEASE = 4
const ENTRY_HEADER_BYTES = 13
/** Above this size a view is cheaper than a copy. */
const COPY_MAX_BYTES = 1_024

export function encodeEntry(entry: Entry): Uint8Array {
  const { flags, lockIndex, lease, value } = entry
  const parts = (flags ? HAS_FLAGS : 0) | (lockIndex ? HAS_LOCK_INDEX : 0) | (lease === null ? 0 : HAS_LEASE)
  const head = ENTRY_HEADER_BYTES + (flags ? 8 : 0) + (lockIndex ? 6 : 0) + (lease === null ? 0 : 1 + lease.length)
  const row = new Uint8Array(head + value.length)
  row[0] = ENTRY_VERSION | parts
  setCounter(row, 1, entry.createRevision)
  setCounter(row, 7, entry.modRevision)
  let at = ENTRY_HEADER_BYTES
  if (flags) {
    setUint64(row, at, flags)
    at += 8
  }
  if (lockIndex) {
    setCounter(row, at, lockIndex)
    at += 6
  }
  if (lease !== null) {
    row[at++] = lease.length
    for (let i = 0; i < lease.length; i++) row[at++] = lease.charCodeAt(i)
  }
  row.set(value, at)
  return row
}

/** The entry's value may be a view into `row`. Throws `data_corrupt` on a row that this version did not write. */
export function decodeEntry(key: string, row: Uint8Array): Entry {
  if (row.length < ENTRY_HEADER_BYTES || (row[0]! & 0xf0) !== ENTRY_VERSION) throw corrupt(`entry ${quote(key)}`)
  const parts = row[0]!
  let at = ENTRY_HEADER_BYTES
  const entry: Entry = {
    key,
    value: row,
    flags: 0n,
    createRevision: getCounter(row, 1),
    modRevision: getCounter(row, 7),
    lockIndex: 0,
    lease: null,
  }
  if (parts & HAS_FLAGS) {
    entry.flags = getUint64(row, at)
    at += 8
  }
  if (parts & HAS_LOCK_INDEX) {
    entry.lockIndex = getCounter(row, at)
    at += 6
  }
  if (parts & HAS_LEASE) {
    const length = row[at++]!
    entry.lease = String.fromCharCode(...row.subarray(at, at + length))
    at += length
  }
  entry.value = tail(row, at)
  return entry
}

/** A lease as the state knows it; when it was last renewed is known to the leader only, and not written. */
export interface LeaseRecord {
  ttlMs: number
  /** The revision that granted it, so that an expiry decided before it was granted anew does not hit it. */
  grantRevision: number
}

const LEASE_VERSION = 0x10

export function encodeLease(lease: LeaseRecord): Uint8Array {
  const row = new Uint8Array(13)
  row[0] = LEASE_VERSION
  setCounter(row, 1, lease.grantRevision)
  setCounter(row, 7, lease.ttlMs)
  return row
}

/** Leases and sessions share a table, as no id may name both. */
export function isLeaseRow(row: Uint8Array): boolean {
  return row[0] === LEASE_VERSION
}

export function decodeLease(id: string, row: Uint8Array): LeaseRecord {
  if (row.length < 13 || row[0] !== LEASE_VERSION) throw corrupt(`lease ${quote(id)}`)
  return { grantRevision: getCounter(row, 1), ttlMs: getCounter(row, 7) }
}

const SESSION_VERSION = 0x20
const utf8 = new TextEncoder()
const utf8Text = new TextDecoder()

/** Sessions are few and rarely read one by one: JSON will do, with its fields always in this order. */
export function encodeSession(session: Session): Uint8Array {
  const { id, name, node, behavior, lockDelayMs, ttl, ttlMs, checks, createRevision, modRevision } = session
  const fields = { id, name, node, behavior, lockDelayMs, ttl, ttlMs, checks, createRevision, modRevision }
  const text = utf8.encode(JSON.stringify(fields))
  const row = new Uint8Array(1 + text.length)
  row[0] = SESSION_VERSION
  row.set(text, 1)
  return row
}

/** Throws `data_corrupt`. */
export function decodeSession(id: string, row: Uint8Array): Session {
  if (row[0] !== SESSION_VERSION) throw corrupt(`session ${quote(id)}`)
  try {
    return JSON.parse(utf8Text.decode(row.subarray(1))) as Session
  } catch {
    throw corrupt(`session ${quote(id)}`)
  }
}

/** What the state machine remembers between two commands, in one row of `meta`. */
export interface Header {
  /** The last revision, and the last command that was applied. */
  revision: number
  /** The time that the last command carried: milliseconds since the epoch. */
  time: number
  /** Rows in table `graves`. */
  graves: number
}

const HEADER_VERSION = 0x10

export function encodeHeader(header: Header): Uint8Array {
  const row = new Uint8Array(19)
  row[0] = HEADER_VERSION
  setCounter(row, 1, header.revision)
  setCounter(row, 7, header.time)
  setCounter(row, 13, header.graves)
  return row
}

export function decodeHeader(row: Uint8Array | undefined): Header {
  if (!row) return { revision: 0, time: 0, graves: 0 }
  if (row.length !== 19 || row[0] !== HEADER_VERSION) throw corrupt("the store's header")
  return { revision: getCounter(row, 1), time: getCounter(row, 7), graves: getCounter(row, 13) }
}

/** A revision on its own: the value of marks, floors and tombs. */
export function encodeRevision(revision: number): Uint8Array {
  const row = new Uint8Array(6)
  setCounter(row, 0, revision)
  return row
}

/** 0 for a row that is not there. */
export function decodeRevision(row: Uint8Array | undefined): number {
  return row ? getCounter(row, 0) : 0
}

function setCounter(row: Uint8Array, at: number, value: number): void {
  assert(Number.isInteger(value) && value >= 0 && value <= COUNTER_MAX, `counter out of range: ${value}`)
  setUint24(row, at, Math.floor(value / 2 ** 24))
  setUint24(row, at + 3, value % 2 ** 24)
}

function getCounter(row: Uint8Array, at: number): number {
  return getUint24(row, at) * 2 ** 24 + getUint24(row, at + 3)
}

function setUint24(row: Uint8Array, at: number, value: number): void {
  row[at] = value >>> 16
  row[at + 1] = value >>> 8
  row[at + 2] = value
}

function getUint24(row: Uint8Array, at: number): number {
  return row[at]! * 65_536 + row[at + 1]! * 256 + row[at + 2]!
}

function setUint64(row: Uint8Array, at: number, value: bigint): void {
  for (let i = 0; i < 8; i++) row[at + i] = Number((value >> BigInt(56 - 8 * i)) & 0xffn)
}

function getUint64(row: Uint8Array, at: number): bigint {
  const high = getUint24(row, at) * 256 + row[at + 3]!
  const low = getUint24(row, at + 4) * 256 + row[at + 7]!
  return (BigInt(high) << 32n) + BigInt(low)
}

/** The bytes from `at` on: a copy where they are few, else a view. */
export function tail(row: Uint8Array, at: number): Uint8Array {
  return row.length <= COPY_MAX_BYTES ? Uint8Array.prototype.slice.call(row, at) : row.subarray(at)
}

function quote(key: string): string {
  return JSON.stringify(key.length > 80 ? `${key.slice(0, 80)}...` : key)
}

function corrupt(what: string): OvlError {
  return new OvlError("data_corrupt", `read ${what}: the row is damaged, or written by another version of ovl`, {
    hint: "stop the daemon, keep a copy of the data directory, and restore it from a snapshot",
  })
}
