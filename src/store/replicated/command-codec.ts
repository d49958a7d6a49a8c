/**
 * A command as it stands in an entry of the log: a byte of version, a byte of type, and its fields. Every member must
 * read the same out of it, today's and those of later versions, so a form that was ever written is never changed: what
 * is new gets a new type, or a new version.
 */
import { OvlError } from "../../base/errors.ts"
import type { Command } from "../command.ts"
import type { Compare, KvVerb, Operation, SessionSpec, SnapshotInfo, SnapshotScope } from "../port.ts"
import { ByteReader, ByteWriter } from "./bytes.ts"

const VERSION = 1

const TYPES = [
  "transaction",
  "kv",
  "grant",
  "revoke",
  "open",
  "end",
  "invalidate",
  "expire",
  "piece",
  "restore",
  "discard",
] as const satisfies Command["type"][]

const OPERATIONS = ["put", "delete", "deletePrefix"] as const satisfies Operation["op"][]
const VERBS = [
  "set",
  "cas",
  "lock",
  "unlock",
  "delete",
  "get",
  "get-or-empty",
  "get-tree",
  "check-not-exists",
  "delete-cas",
  "check-index",
  "delete-tree",
  "check-session",
] as const satisfies KvVerb["verb"][]

/** `bytes`: about how many it takes. */
export function encodeCommand(command: Command, bytes: number): Uint8Array {
  const to = new ByteWriter(bytes + 64)
  to.uint8(VERSION)
  to.uint8(TYPES.indexOf(command.type))
  to.float(command.at)
  writeFields(to, command)
  return to.done()
}

/** Throws `log_too_new` for what this version does not know, and `data_corrupt`. */
export function decodeCommand(data: Uint8Array): Command {
  const from = new ByteReader(data, "an entry of the log")
  const version = from.uint8()
  const type = TYPES[from.uint8()]
  if (version !== VERSION || type === undefined) throw logTooNew()
  const command = readFields(from, type, from.float())
  if (!from.isAtEnd) throw logTooNew()
  return command
}

function writeFields(to: ByteWriter, command: Command): void {
  switch (command.type) {
    case "transaction":
      writeList(to, command.compare, writeCompare)
      return writeList(to, command.operations, writeOperation)
    case "kv":
      return writeList(to, command.verbs, writeVerb)
    case "grant":
      to.byteString(command.lease)
      return to.float(command.ttlMs)
    case "revoke":
      return to.byteString(command.lease)
    case "open":
      return to.text(JSON.stringify(command.session))
    case "end":
      return to.text(command.session)
    case "invalidate":
      return to.text(command.node)
    case "expire":
      return writeList(to, command.holders, (_, { id, grantRevision }) => {
        to.byteString(id)
        to.counter(grantRevision)
      })
    case "piece":
      to.text(command.id)
      to.counter(command.offset)
      return to.bytes(command.bytes)
    case "restore":
      to.text(command.id)
      to.text(JSON.stringify(command.info))
      return to.text(JSON.stringify(command.scope))
    case "discard":
      return to.text(command.id)
  }
}

function readFields(from: ByteReader, type: Command["type"], at: number): Command {
  switch (type) {
    case "transaction":
      return { type, at, compare: readList(from, readCompare), operations: readList(from, readOperation) }
    case "kv":
      return { type, at, verbs: readList(from, readVerb) }
    case "grant":
      return { type, at, lease: from.byteString(), ttlMs: from.float() }
    case "revoke":
      return { type, at, lease: from.byteString() }
    case "open":
      return { type, at, session: JSON.parse(from.text()) as SessionSpec }
    case "end":
      return { type, at, session: from.text() }
    case "invalidate":
      return { type, at, node: from.text() }
    case "expire":
      return { type, at, holders: readList(from, () => ({ id: from.byteString(), grantRevision: from.counter() })) }
    case "piece":
      return { type, at, id: from.text(), offset: from.counter(), bytes: from.bytes() }
    case "restore": {
      const id = from.text()
      const info = JSON.parse(from.text()) as SnapshotInfo
      return { type, at, id, info, scope: JSON.parse(from.text()) as SnapshotScope }
    }
    case "discard":
      return { type, at, id: from.text() }
  }
}

function writeCompare(to: ByteWriter, compare: Compare): void {
  if ("lease" in compare) {
    to.uint8(0)
    to.byteString(compare.lease)
    to.uint8(Number(compare.exists))
  } else if ("exists" in compare) {
    to.uint8(1)
    to.byteString(compare.key)
    to.uint8(Number(compare.exists))
  } else {
    to.uint8(2)
    to.byteString(compare.key)
    to.float(compare.modRevision)
  }
}

function readCompare(from: ByteReader): Compare {
  const form = from.uint8()
  if (form === 0) return { lease: from.byteString(), exists: from.uint8() === 1 }
  if (form === 1) return { key: from.byteString(), exists: from.uint8() === 1 }
  if (form === 2) return { key: from.byteString(), modRevision: from.float() }
  throw logTooNew()
}

/** Which of a put's optional fields are there; a lease of null is one that is taken away. */
const HAS_FLAGS = 1
const HAS_LEASE = 2
const TAKES_LEASE = 4

function writeOperation(to: ByteWriter, operation: Operation): void {
  to.uint8(OPERATIONS.indexOf(operation.op))
  if (operation.op === "deletePrefix") {
    to.byteString(operation.prefix)
    return writeExcept(to, operation.except)
  }
  to.byteString(operation.key)
  if (operation.op === "delete") return
  const { flags, lease, value } = operation
  const held = lease === null ? TAKES_LEASE : lease === undefined ? 0 : HAS_LEASE
  to.uint8((flags === undefined ? 0 : HAS_FLAGS) | held)
  if (flags !== undefined) to.uint64(flags)
  if (typeof lease === "string") to.byteString(lease)
  to.bytes(value)
}

function readOperation(from: ByteReader): Operation {
  const op = OPERATIONS[from.uint8()]
  if (op === undefined) throw logTooNew()
  const key = from.byteString()
  if (op === "deletePrefix") return { op, prefix: key, ...readExcept(from) }
  if (op === "delete") return { op, key }
  const parts = from.uint8()
  const flags = parts & HAS_FLAGS ? { flags: from.uint64() } : {}
  const lease = parts & HAS_LEASE ? { lease: from.byteString() } : parts & TAKES_LEASE ? { lease: null } : {}
  return { op, key, value: from.bytes(), ...flags, ...lease }
}

function writeVerb(to: ByteWriter, verb: KvVerb): void {
  to.uint8(VERBS.indexOf(verb.verb))
  to.byteString(verb.key)
  if ("value" in verb) {
    to.bytes(verb.value)
    to.uint64(verb.flags)
  }
  if ("index" in verb) to.float(verb.index)
  if ("session" in verb) to.text(verb.session)
  if (verb.verb === "delete-tree") writeExcept(to, verb.except)
}

function readVerb(from: ByteReader): KvVerb {
  const verb = VERBS[from.uint8()]
  if (verb === undefined) throw logTooNew()
  const key = from.byteString()
  switch (verb) {
    case "set":
      return { verb, key, value: from.bytes(), flags: from.uint64() }
    case "cas":
      return { verb, key, value: from.bytes(), flags: from.uint64(), index: from.float() }
    case "lock":
    case "unlock":
      return { verb, key, value: from.bytes(), flags: from.uint64(), session: from.text() }
    case "delete-cas":
    case "check-index":
      return { verb, key, index: from.float() }
    case "delete-tree":
      return { verb, key, ...readExcept(from) }
    case "check-session":
      return { verb, key, session: from.text() }
    default:
      return { verb, key }
  }
}

/** None is another thing than an empty list: a member must read what the proposer wrote. */
function writeExcept(to: ByteWriter, except: string[] | undefined): void {
  to.uint8(except === undefined ? 0 : 1)
  if (except !== undefined) writeList(to, except, (_, prefix) => to.byteString(prefix))
}

function readExcept(from: ByteReader): { except?: string[] } {
  return from.uint8() === 0 ? {} : { except: readList(from, () => from.byteString()) }
}

function writeList<T>(to: ByteWriter, list: T[], write: (to: ByteWriter, item: T) => void): void {
  to.uint32(list.length)
  for (const item of list) write(to, item)
}

function readList<T>(from: ByteReader, read: (from: ByteReader) => T): T[] {
  const list: T[] = []
  for (let count = from.uint32(); count > 0; count--) list.push(read(from))
  return list
}

function logTooNew(): OvlError {
  return new OvlError("log_too_new", "read the log: an entry was written by a newer version of ovl", {
    hint: "upgrade this server to the version of the others",
  })
}
