/**
 * A snapshot's file, piece by piece: eight bytes that say what it is, then rows - each a letter, the length of what
 * follows, and that - and 32 bytes of SHA-256 over all before them. The first row (`h`) tells of the whole, then come the
 * sessions (`s`), the entries (`e`) in byte order, and a row (`z`) with how many of each there were.
 */
import { OvlError } from "../base/errors.ts"
import { SNAPSHOT_ROW_MAX_BYTES } from "../base/limits.ts"
import { encodeEntry } from "./codec.ts"
import type { Entry, SnapshotScope } from "./port.ts"

/** The last character is the version of the form. */
export const MAGIC: Uint8Array = new TextEncoder().encode("ovlsnap1")
export const DIGEST_BYTES = 32
export const ROW_HEADER_BYTES = 5

export type RowKind = "h" | "s" | "e" | "z"

export interface SnapshotHeader {
  revision: number
  time: number
  scope: SnapshotScope
}

export interface SnapshotTotals {
  keys: number
  sessions: number
}

export interface SnapshotRow {
  kind: string
  body: Uint8Array
}

const utf8 = new TextEncoder()
const utf8Text = new TextDecoder("utf-8", { fatal: true })

export function encodeRow(kind: RowKind, body: Uint8Array): Uint8Array {
  const row = new Uint8Array(ROW_HEADER_BYTES + body.length)
  row[0] = kind.charCodeAt(0)
  setUint32(row, 1, body.length)
  row.set(body, ROW_HEADER_BYTES)
  return row
}

/** Areas may hold any bytes, so they are written as what they are: characters below 256. */
export function encodeJson(value: SnapshotHeader | SnapshotTotals | object): Uint8Array {
  return utf8.encode(JSON.stringify(value))
}

/** Throws `snapshot_invalid`. */
export function decodeJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(utf8Text.decode(body))
  } catch {
    throw snapshotInvalid("a row is damaged")
  }
}

/** An entry: its key's length, the key, and the row as the store keeps it. */
export function encodeEntryBody(entry: Entry): Uint8Array {
  const row = encodeEntry(entry)
  const { key } = entry
  const body = new Uint8Array(4 + key.length + row.length)
  setUint32(body, 0, key.length)
  for (let i = 0; i < key.length; i++) body[4 + i] = key.charCodeAt(i)
  body.set(row, 4 + key.length)
  return body
}

/** Takes rows out of bytes that come in pieces of any size. */
export class RowSplitter {
  #rest: Uint8Array = new Uint8Array()

  push(bytes: Uint8Array): void {
    if (this.#rest.length === 0) {
      this.#rest = bytes
      return
    }
    const joined = new Uint8Array(this.#rest.length + bytes.length)
    joined.set(this.#rest)
    joined.set(bytes, this.#rest.length)
    this.#rest = joined
  }

  /** The first `length` bytes, or undefined while there are not so many. */
  take(length: number): Uint8Array | undefined {
    if (this.#rest.length < length) return undefined
    const taken = this.#rest.subarray(0, length)
    this.#rest = this.#rest.subarray(length)
    return taken
  }

  /** The next whole row, or undefined while there is none. Throws `snapshot_invalid`. */
  row(): SnapshotRow | undefined {
    if (this.#rest.length < ROW_HEADER_BYTES) return undefined
    const length = getUint32(this.#rest, 1)
    if (length > SNAPSHOT_ROW_MAX_BYTES) throw snapshotInvalid(`a row claims to have ${length} bytes`)
    const row = this.take(ROW_HEADER_BYTES + length)
    return row && { kind: String.fromCharCode(row[0]!), body: row.subarray(ROW_HEADER_BYTES) }
  }

  get waiting(): number {
    return this.#rest.length
  }
}

export function setUint32(bytes: Uint8Array, at: number, value: number): void {
  for (let i = 0; i < 4; i++) bytes[at + i] = value >>> (24 - 8 * i)
}

export function getUint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}

export function snapshotInvalid(why: string): OvlError {
  return new OvlError("snapshot_invalid", `read snapshot: ${why}`, {
    kind: "invalid",
    hint: "nothing was changed; use another snapshot",
  })
}
