/** Writing a snapshot, as its reader asks for it: rows gathered to pieces of a bounded size, and a digest at the end. */
import { createHash } from "node:crypto"
import { SNAPSHOT_CHUNK_BYTES } from "../base/limits.ts"
import type { SnapshotScope } from "./port.ts"
import type { Reader } from "./reader.ts"
import { entriesIn } from "./restore.ts"
import { encodeEntryBody, encodeJson, encodeRow, MAGIC } from "./snapshot-format.ts"
import type { KeptState } from "./views.ts"

/** Closes the state at the end, however it comes. Throws `view_expired` when pieces are not fetched for a long time. */
export async function* exportChunks(
  state: KeptState,
  scope: SnapshotScope,
  time: number,
): AsyncGenerator<Uint8Array, void, void> {
  const digest = createHash("sha256")
  try {
    let pieces: Uint8Array[] = []
    let bytes = 0
    for (const row of rows(state.reader, scope, time)) {
      pieces.push(row)
      bytes += row.length
      if (bytes < SNAPSHOT_CHUNK_BYTES) continue
      const piece = Buffer.concat(pieces)
      digest.update(piece)
      yield piece
      // It may have been given up while nobody asked for more: then there is nothing left to read.
      state.checkKept()
      pieces = []
      bytes = 0
    }
    const last = Buffer.concat(pieces)
    yield Buffer.concat([last, digest.update(last).digest()])
  } finally {
    state.close()
  }
}

function* rows(reader: Reader, scope: SnapshotScope, time: number): Generator<Uint8Array> {
  yield MAGIC
  yield encodeRow("h", encodeJson({ revision: reader.header().revision, time, scope }))
  const sessions = new Set<string>()
  for (const session of reader.sessions()) {
    sessions.add(session.id)
    yield encodeRow("s", encodeJson(session))
  }
  let keys = 0
  for (const entry of entriesIn(reader, scope)) {
    keys++
    // A lease is a sign of life, and means nothing to a later time.
    const held = entry.lease !== null && sessions.has(entry.lease)
    yield encodeRow("e", encodeEntryBody(held ? entry : { ...entry, lease: null }))
  }
  yield encodeRow("z", encodeJson({ keys, sessions: sessions.size }))
}
