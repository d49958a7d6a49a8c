/** Snapshot files at the command line: where one is read from, and what is known of it when it is whole. */
import { statSync } from "node:fs"
import { OvlError } from "../base/errors.ts"
import type { SnapshotInfo } from "../store/port.ts"
import { fileError } from "./input.ts"
import type { Io } from "./io.ts"
import { usageError } from "./usage.ts"

const WHAT = "snapshot"

/** A snapshot's bytes, of a file or, for `-`, of standard input. Errors: `file_not_found`, `file_unreadable`, `terminal`. */
export function snapshotSource(io: Pick<Io, "stdinIsTerminal">, file: string): Blob | ReadableStream<Uint8Array> {
  if (file === "-") {
    if (!io.stdinIsTerminal) return Bun.stdin.stream()
    throw usageError("terminal", "cannot read a snapshot from a terminal", "name a file, or pipe one in")
  }
  try {
    if (statSync(file).isDirectory()) throw Object.assign(new Error(), { code: "EISDIR" })
  } catch (thrown) {
    throw fileError(file, WHAT, thrown)
  }
  return Bun.file(file)
}

/** Reads all of it and checks form and checksum. Errors: `snapshot_invalid` (invalid), `file_unreadable`. */
export async function inspect(chunks: AsyncIterable<Uint8Array>, file: string): Promise<SnapshotInfo> {
  const { inspectSnapshot } = await import("../store/snapshot-import.ts")
  try {
    return await inspectSnapshot(chunks)
  } catch (thrown) {
    if (thrown instanceof OvlError) throw named(thrown, file)
    // An error of the file system has a code; what else may come is not about the file.
    throw (thrown as NodeJS.ErrnoException).code === undefined ? thrown : fileError(file, WHAT, thrown)
  }
}

/** The store says what is wrong with a snapshot; which one it is, is known here. */
function named(error: OvlError, file: string): OvlError {
  if (error.code !== "snapshot_invalid") return error
  const why = error.message.replace(/^read snapshot: /, "")
  return new OvlError(error.code, `cannot use snapshot ${file}: ${why}`, { kind: error.kind, hint: error.hint })
}

/** The document of a snapshot. */
export function snapshotDocument({ revision, time, keys, sessions, bytes }: SnapshotInfo): object {
  return { index: revision, time: new Date(time).toISOString(), keys, sessions, bytes }
}
