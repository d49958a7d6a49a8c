/**
 * Rows of the tables that a member keeps for itself. `log`: an entry each, by its index. `raft`: one row of numbers, which
 * changes with almost every commit, and one of members. Every row has a checksum over its key and itself: LMDB's pages have
 * none, and what is damaged must not be taken for what was decided.
 */
import { crc32 } from "node:zlib"
import { OvlError } from "../../base/errors.ts"
import type { ConfState, Entry, EntryId, HardState, NodeId } from "../../raft/types.ts"
import { ByteReader, ByteWriter, dataDamaged } from "./bytes.ts"
import type { Members } from "./port.ts"

export const NUMBERS_KEY = "numbers"
export const MEMBERS_KEY = "members"

/** As an index is for an entry. */
const NUMBERS_PLACE = 1
const MEMBERS_PLACE = 2

const VERSION = 1
const CHECKSUM_BYTES = 4
const ENTRY_TYPES = ["EntryNormal", "EntryConfChange", "EntryConfChangeV2"] as const satisfies Entry["type"][]

/** Version, type and term of an entry, behind the checksum. */
const ENTRY_HEAD_BYTES = CHECKSUM_BYTES + 8

/** Six bytes, as for revisions: enough for longer than any disk lasts. */
export function logKey(index: number): string {
  const high = Math.floor(index / 2 ** 24)
  const low = index % 2 ** 24
  return String.fromCharCode(high >>> 16, (high >>> 8) & 255, high & 255, low >>> 16, (low >>> 8) & 255, low & 255)
}

export function encodeLogRow(entry: Entry): Uint8Array {
  const { data, term, index } = entry
  const row = new Uint8Array(ENTRY_HEAD_BYTES + data.length)
  row[CHECKSUM_BYTES] = VERSION
  row[CHECKSUM_BYTES + 1] = ENTRY_TYPES.indexOf(entry.type)
  setBytes(row, CHECKSUM_BYTES + 2, term, 6)
  row.set(data, ENTRY_HEAD_BYTES)
  setBytes(row, 0, checksum(row, index), CHECKSUM_BYTES)
  return row
}

/** Throws `data_corrupt` for a row that is damaged or is not there, `log_too_new` for one of a later version. */
export function decodeLogRow(index: number, row: Uint8Array | undefined): Entry {
  const what = `entry ${index} of the log`
  if (row === undefined) throw dataDamaged(what)
  const from = checked(row, index, what)
  const type = ENTRY_TYPES[from.uint8()]
  if (type === undefined) throw tooNew(what)
  const term = from.counter()
  return { term, index, type, data: Uint8Array.prototype.slice.call(row, ENTRY_HEAD_BYTES) }
}

/** What changes together and is written together. */
export interface Numbers {
  hardState: HardState
  applied: EntryId
  /** The last entry that the log has no more. */
  base: EntryId
  /** The last one that it has, and about how many bytes all their data take. */
  lastIndex: number
  logBytes: number
}

export function encodeNumbers({ hardState, applied, base, lastIndex, logBytes }: Numbers): Uint8Array {
  const to = rowWriter()
  to.counter(hardState.term)
  to.counter(hardState.vote)
  to.counter(hardState.commit)
  for (const { index, term } of [applied, base]) {
    to.counter(index)
    to.counter(term)
  }
  to.counter(lastIndex)
  to.counter(logBytes)
  return sealed(to, NUMBERS_PLACE)
}

export function decodeNumbers(row: Uint8Array): Numbers {
  const from = checked(row, NUMBERS_PLACE, "the log's numbers")
  const hardState = { term: from.counter(), vote: from.counter(), commit: from.counter() }
  const applied = { index: from.counter(), term: from.counter() }
  const base = { index: from.counter(), term: from.counter() }
  return { hardState, applied, base, lastIndex: from.counter(), logBytes: from.counter() }
}

interface MembersRow {
  confState: ConfState
  nodes: [NodeId, string][]
  removed: NodeId[]
}

export function encodeMembers(confState: ConfState, members: Members): Uint8Array {
  const to = rowWriter()
  to.text(membersText(confState, members))
  return sealed(to, MEMBERS_PLACE)
}

export function decodeMembers(row: Uint8Array): { confState: ConfState; members: Members } {
  return membersOfText(checked(row, MEMBERS_PLACE, "the servers of the cluster").text())
}

/** The same as it goes with a snapshot. */
export function membersText(confState: ConfState, { nodes, removed }: Members): string {
  const row: MembersRow = { confState, nodes: [...nodes], removed: [...removed] }
  return JSON.stringify(row)
}

export function membersOfText(text: string): { confState: ConfState; members: Members } {
  const { confState, nodes, removed } = JSON.parse(text) as MembersRow
  return { confState, members: { nodes: new Map(nodes), removed: new Set(removed) } }
}

function rowWriter(): ByteWriter {
  const to = new ByteWriter(64)
  to.uint32(0)
  to.uint8(VERSION)
  return to
}

function sealed(to: ByteWriter, place: number): Uint8Array {
  const row = to.done()
  setBytes(row, 0, checksum(row, place), CHECKSUM_BYTES)
  return row
}

function setBytes(row: Uint8Array, at: number, value: number, count: number): void {
  for (let i = at + count - 1, rest = value; i >= at; i--) {
    row[i] = rest % 256
    rest = Math.floor(rest / 256)
  }
}

/** With zeros in the checksum's own place; it begins with where the row belongs, so that one in another place is damaged. */
function checksum(row: Uint8Array, place: number): number {
  return crc32(row, place % 2 ** 32)
}

function checked(row: Uint8Array, place: number, what: string): ByteReader {
  const from = new ByteReader(row, what)
  const unsealed = Uint8Array.from(row).fill(0, 0, CHECKSUM_BYTES)
  if (from.uint32() !== checksum(unsealed, place)) throw dataDamaged(what)
  if (from.uint8() !== VERSION) throw tooNew(what)
  return from
}

function tooNew(what: string): OvlError {
  return new OvlError("log_too_new", `read ${what}: a newer version of ovl wrote it`, {
    hint: "upgrade this server to the version of the others",
  })
}
