/**
 * Reading a snapshot: all of it is taken in and checked - form, order, bounds, what refers to what, and the digest - and
 * laid aside meanwhile, before the first of it is used. What was laid aside is then read again.
 */
import { createHash } from "node:crypto"
import { SESSIONS_MAX, SNAPSHOT_CHUNK_BYTES, STORE_KEY_MAX_BYTES, STORE_VALUE_MAX_BYTES } from "../base/limits.ts"
import type { Scratch } from "./backend.ts"
import { decodeEntry } from "./codec.ts"
import { openCommand } from "./command.ts"
import { COUNTER_MAX } from "./keys.ts"
import type { Entry, Session, SnapshotInfo, SnapshotScope } from "./port.ts"
import { inScope, type RestoreSource } from "./restore.ts"
import {
  decodeJson,
  DIGEST_BYTES,
  getUint32,
  MAGIC,
  RowSplitter,
  type SnapshotHeader,
  type SnapshotRow,
  snapshotInvalid,
  type SnapshotTotals,
} from "./snapshot-format.ts"

/** Lays a snapshot aside that has all that lies in `scope`. Throws `snapshot_invalid`, and what the scratch throws. */
export async function receiveSnapshot(
  chunks: AsyncIterable<Uint8Array>,
  scope: SnapshotScope,
  scratch: Scratch,
): Promise<SnapshotInfo> {
  const check = new SnapshotCheck()
  for await (const piece of pieces(chunks)) {
    scratch.append(piece)
    check.push(piece)
  }
  return check.finish(scope)
}

/** Checks a file that was laid aside, as `receiveSnapshot` did; pauses now and then. Throws `snapshot_invalid`. */
export function* recheckSnapshot(file: Iterable<Uint8Array>, scope: SnapshotScope): Generator<void, SnapshotInfo> {
  const check = new SnapshotCheck()
  for (const piece of file)
    for (let at = 0; at < piece.length; at += SNAPSHOT_CHUNK_BYTES) {
      check.push(piece.subarray(at, at + SNAPSHOT_CHUNK_BYTES))
      yield
    }
  return check.finish(scope)
}

/** What a checked file has; `file` begins anew each time. */
export function sourceOf(file: () => Iterable<Uint8Array>, scope: SnapshotScope): RestoreSource {
  return {
    scope,
    *sessions() {
      for (const { body } of rowsIn(file(), "s")) yield decodeJson(body) as Session
    },
    *entries() {
      for (const { body } of rowsIn(file(), "e")) yield entryOf(body)
    },
  }
}

/** Reads a snapshot for its facts alone. Throws `snapshot_invalid`. */
export async function inspectSnapshot(chunks: AsyncIterable<Uint8Array>): Promise<SnapshotInfo> {
  const check = new SnapshotCheck()
  for await (const piece of pieces(chunks)) check.push(piece)
  return check.finish()
}

/** Copies of a bounded size, whatever the bytes come in; the event loop gets a turn between them. */
async function* pieces(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks)
    for (let at = 0; at < chunk.length; at += SNAPSHOT_CHUNK_BYTES) {
      yield Uint8Array.prototype.slice.call(chunk, at, at + SNAPSHOT_CHUNK_BYTES)
      await new Promise((resolve) => setImmediate(resolve))
    }
}

/** Whether a snapshot of `held` has all below `area` that is not spared anyway. */
function covered(held: SnapshotScope, area: string, spared: string[]): boolean {
  if (!held.areas.some((outer) => area.startsWith(outer))) return false
  const gaps = (held.except ?? []).filter((gap) => gap.startsWith(area) || area.startsWith(gap))
  return gaps.every((gap) => spared.some((prefix) => gap.startsWith(prefix)))
}

class SnapshotCheck {
  readonly #splitter = new RowSplitter()
  readonly #digest = createHash("sha256")
  readonly #sessions = new Set<string>()
  #header: SnapshotHeader | null = null
  #held: Uint8Array = new Uint8Array()
  #begun = false
  #ended = false
  #lastKey = ""
  #keys = 0
  #bytes = 0

  push(bytes: Uint8Array): void {
    this.#bytes += bytes.length
    this.#hash(bytes)
    this.#splitter.push(bytes)
    if (!this.#begun) {
      const magic = this.#splitter.take(MAGIC.length)
      if (!magic) return
      if (Buffer.compare(magic, MAGIC) !== 0) throw snapshotInvalid("it is none of ovl's, or of another version's")
      this.#begun = true
    }
    while (!this.#ended) {
      const row = this.#splitter.row()
      if (!row) return
      this.#row(row)
    }
    if (this.#splitter.waiting > DIGEST_BYTES) throw snapshotInvalid("something follows its end")
  }

  /** With a scope: it is to have all that lies there. */
  finish(wanted?: SnapshotScope): SnapshotInfo {
    const digest = this.#ended ? this.#splitter.take(DIGEST_BYTES) : undefined
    if (!this.#header || !digest) throw snapshotInvalid("it is cut off")
    if (Buffer.compare(digest, this.#digest.digest()) !== 0) throw snapshotInvalid("its checksum does not match")
    const { revision, time, scope } = this.#header
    const lacking = wanted?.areas.find((area) => !covered(scope, area, wanted.except ?? []))
    if (lacking !== undefined) throw snapshotInvalid(`it does not hold all that lies below ${JSON.stringify(lacking)}`)
    return { revision, time, scope, keys: this.#keys, sessions: this.#sessions.size, bytes: this.#bytes }
  }

  /** All but the last bytes, which are the digest. */
  #hash(bytes: Uint8Array): void {
    const held = Buffer.concat([this.#held, bytes])
    const ready = Math.max(0, held.length - DIGEST_BYTES)
    this.#digest.update(held.subarray(0, ready))
    this.#held = held.subarray(ready)
  }

  #row({ kind, body }: SnapshotRow): void {
    if (kind === "h" && !this.#header) this.#header = headerOf(decodeJson(body))
    else if (kind === "s" && this.#header && this.#keys === 0) this.#session(decodeJson(body))
    else if (kind === "e" && this.#header) this.#entry(this.#header, entryOf(body))
    else if (kind === "z" && this.#header) this.#end(decodeJson(body) as SnapshotTotals)
    else throw snapshotInvalid("a row is out of its place")
  }

  #session(value: unknown): void {
    const session = value as Session
    try {
      openCommand(session, 0)
    } catch (thrown) {
      throw snapshotInvalid(`a session is malformed: ${String(thrown)}`)
    }
    if (!isRevision(session.createRevision, this.#header!) || !isRevision(session.modRevision, this.#header!))
      throw snapshotInvalid("a session is later than the whole")
    if (this.#sessions.has(session.id) || this.#sessions.size >= SESSIONS_MAX)
      throw snapshotInvalid("it has a session twice, or too many")
    this.#sessions.add(session.id)
  }

  #entry(header: SnapshotHeader, entry: Entry): void {
    const { key, value, createRevision, modRevision, lease } = entry
    if (key === "" || key <= this.#lastKey) throw snapshotInvalid("keys are not in order")
    if (key.length > STORE_KEY_MAX_BYTES || value.length > STORE_VALUE_MAX_BYTES)
      throw snapshotInvalid("a key or a value is too long")
    if (!inScope(header.scope, key)) throw snapshotInvalid("it has a key outside of its areas")
    if (!isRevision(createRevision, header) || !isRevision(modRevision, header))
      throw snapshotInvalid("a key is later than the whole")
    if (lease !== null && !this.#sessions.has(lease)) throw snapshotInvalid("a key's session is not there")
    this.#lastKey = key
    this.#keys++
  }

  #end(totals: SnapshotTotals): void {
    if (totals.keys !== this.#keys || totals.sessions !== this.#sessions.size)
      throw snapshotInvalid("it has not as many keys and sessions as it says")
    this.#ended = true
  }
}

function headerOf(value: unknown): SnapshotHeader {
  const { revision, time, scope } = value as Partial<SnapshotHeader>
  const texts = (list: unknown): boolean => Array.isArray(list) && list.every((text) => typeof text === "string")
  const right =
    Number.isInteger(revision) &&
    revision! >= 0 &&
    revision! < COUNTER_MAX &&
    Number.isInteger(time) &&
    texts(scope?.areas) &&
    (scope!.except === undefined || texts(scope!.except))
  if (!right) throw snapshotInvalid("its header is malformed")
  return { revision: revision!, time: time!, scope: scope! }
}

function isRevision(revision: unknown, header: SnapshotHeader): boolean {
  return Number.isInteger(revision) && (revision as number) > 0 && (revision as number) <= header.revision
}

function entryOf(body: Uint8Array): Entry {
  if (body.length < 4) throw snapshotInvalid("a row is damaged")
  const length = getUint32(body, 0)
  if (length > body.length - 4) throw snapshotInvalid("a row is damaged")
  const key = Buffer.prototype.latin1Slice.call(body, 4, 4 + length)
  try {
    return decodeEntry(key, body.subarray(4 + length))
  } catch (thrown) {
    throw snapshotInvalid(`a row is damaged: ${String(thrown)}`)
  }
}

/** The rows of one kind, read again; they were checked. */
function* rowsIn(file: Iterable<Uint8Array>, kind: string): Generator<SnapshotRow> {
  const splitter = new RowSplitter()
  let begun = false
  for (const piece of file) {
    splitter.push(piece)
    begun ||= splitter.take(MAGIC.length) !== undefined
    if (!begun) continue
    for (let row = splitter.row(); row; row = splitter.row()) {
      if (row.kind === kind) yield row
      else if (row.kind === "z" || (kind === "s" && row.kind === "e")) return
    }
  }
}
