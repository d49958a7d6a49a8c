/**
 * A forwarded transaction, Consul's verbs, and their answers as bytes: flags need all of their 64 bits, and values must not
 * swell, so that JSON is none for them. What is asked for travels as the command that it becomes in the log.
 */
import { OvlError } from "../base/errors.ts"
import type { Sized } from "./command.ts"
import type {
  Entry,
  KvOptions,
  KvProblem,
  KvProblemCode,
  KvResult,
  KvVerb,
  Transaction,
  TransactionResult,
} from "./port.ts"
import { ByteReader, ByteWriter } from "./replicated/bytes.ts"
import { decodeCommand, encodeCommand } from "./replicated/command-codec.ts"

/** Of the answers; a command has its own. */
const VERSION = 1
/** About as much as an answer takes: three numbers, or an entry without its value. */
const ANSWER_BYTES = 256

export function encodeTransaction({ command, bytes }: Sized): Uint8Array {
  return encodeCommand(command, bytes)
}

/** Throws `call_malformed` (invalid), as all that decode here. */
export function decodeTransaction(bytes: unknown): Transaction {
  return decode(bytes, (given) => {
    const command = decodeCommand(given)
    if (command.type !== "transaction") throw malformed(`it is a ${command.type}`)
    return { compare: command.compare, operations: command.operations }
  })
}

export function encodeKv({ command, bytes }: Sized, { root = "" }: KvOptions): Uint8Array {
  const to = new ByteWriter(bytes + ANSWER_BYTES)
  to.byteString(root)
  to.bytes(encodeCommand(command, bytes))
  return to.done()
}

export function decodeKv(bytes: unknown): { verbs: KvVerb[]; options: KvOptions } {
  return decode(bytes, (given) => {
    const from = new ByteReader(given, "a call")
    const root = from.byteString()
    const command = decodeCommand(from.bytes())
    if (!from.isAtEnd) throw malformed("something follows its end")
    if (command.type !== "kv") throw malformed(`it is a ${command.type}`)
    return { verbs: command.verbs, options: { root } }
  })
}

export function encodeTransactionResult({ succeeded, revision, failed, changed }: TransactionResult): Uint8Array {
  const to = begin()
  to.uint8(Number(succeeded))
  to.counter(revision)
  to.counter(failed + 1)
  writeList(to, changed, (count) => to.counter(count))
  return to.done()
}

export function decodeTransactionResult(bytes: unknown): TransactionResult {
  return decodeAnswer(bytes, (from) => ({
    succeeded: from.uint8() === 1,
    revision: from.counter(),
    failed: from.counter() - 1,
    changed: readList(from, () => from.counter()),
  }))
}

export function encodeKvResult(result: KvResult): Uint8Array {
  const to = begin()
  to.uint8(Number(result.ok))
  to.counter(result.revision)
  if (result.ok)
    writeList(to, result.results, ({ index, entry }) => {
      to.counter(index)
      writeEntry(to, entry)
    })
  else writeList(to, result.problems, (problem) => writeProblem(to, problem))
  return to.done()
}

export function decodeKvResult(bytes: unknown): KvResult {
  return decodeAnswer<KvResult>(bytes, (from) => {
    const ok = from.uint8() === 1
    const revision = from.counter()
    if (!ok) return { ok, revision, problems: readList(from, () => readProblem(from)) }
    return { ok, revision, results: readList(from, () => ({ index: from.counter(), entry: readEntry(from) })) }
  })
}

function begin(): ByteWriter {
  const to = new ByteWriter(ANSWER_BYTES)
  to.uint8(VERSION)
  return to
}

function decodeAnswer<T>(bytes: unknown, read: (from: ByteReader) => T): T {
  return decode(bytes, (given) => {
    const from = new ByteReader(given, "an answer")
    const version = from.uint8()
    if (version !== VERSION) throw malformed(`it has version ${version}, and this server knows ${VERSION}`)
    const value = read(from)
    if (!from.isAtEnd) throw malformed("something follows its end")
    return value
  })
}

/** What is wrong with bytes from another server is said as that, not as damage to a disk. */
function decode<T>(bytes: unknown, read: (bytes: Uint8Array) => T): T {
  if (!(bytes instanceof Uint8Array)) throw malformed("it is no bytes")
  try {
    return read(bytes)
  } catch (thrown) {
    if (thrown instanceof OvlError && thrown.code === "call_malformed") throw thrown
    throw malformed(thrown instanceof Error ? thrown.message : String(thrown))
  }
}

function writeList<T>(to: ByteWriter, items: readonly T[], write: (item: T) => void): void {
  to.uint32(items.length)
  for (const item of items) write(item)
}

function readList<T>(from: ByteReader, read: () => T): T[] {
  const items: T[] = []
  for (let count = from.uint32(); count > 0; count--) items.push(read())
  return items
}

function writeEntry(to: ByteWriter, { key, value, flags, createRevision, modRevision, lockIndex, lease }: Entry): void {
  to.byteString(key)
  to.bytes(value)
  to.uint64(flags)
  to.counter(createRevision)
  to.counter(modRevision)
  to.counter(lockIndex)
  to.uint8(Number(lease !== null))
  if (lease !== null) to.byteString(lease)
}

function readEntry(from: ByteReader): Entry {
  return {
    key: from.byteString(),
    value: from.bytes(),
    flags: from.uint64(),
    createRevision: from.counter(),
    modRevision: from.counter(),
    lockIndex: from.counter(),
    lease: from.uint8() === 1 ? from.byteString() : null,
  }
}

function writeProblem(to: ByteWriter, { index, code, what }: KvProblem): void {
  to.counter(index)
  to.byteString(code)
  to.byteString(what)
}

/** A code that only a newer version knows is none that anything here looks for: it is an error like any other. */
function readProblem(from: ByteReader): KvProblem {
  return { index: from.counter(), code: from.byteString() as KvProblemCode, what: from.byteString() }
}

export function malformed(why: string): OvlError {
  return new OvlError("call_malformed", `a call between servers: ${why}`, {
    kind: "invalid",
    hint: "do all servers run the same version of ovl?",
  })
}
