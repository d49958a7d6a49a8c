/**
 * A file that is there whole or not at all: written beside its place, flushed to disk and then put there. What was there
 * before stays until then, and an interrupted write leaves nothing.
 */
import { randomBytes } from "node:crypto"
import { type FileHandle, open, realpath, rename, rm, stat } from "node:fs/promises"
import { dirname } from "node:path"
import { OvlError } from "../base/errors.ts"
import { usageError } from "./usage.ts"

const PRIVATE = 0o600

/**
 * Checks the path first: errors `file_special` (usage), `folder_not_found` (not_found). `write` puts the content into the
 * file; what it rejects with is passed on, and nothing is left then. Errors: `file_unwritable`, `interrupted`.
 */
export async function writeWhole(path: string, write: (put: Put, signal: AbortSignal) => Promise<void>): Promise<void> {
  const place = await placeOf(path)
  const draft = `${place}.${randomBytes(6).toString("hex")}.part`
  const interrupted = new AbortController()
  const stop = () => interrupted.abort()
  for (const signal of SIGNALS) process.once(signal, stop)
  try {
    await fill(draft, path, (put) => write(put, interrupted.signal))
    await rename(draft, place).catch((thrown) => {
      throw unwritable(path, thrown)
    })
  } catch (thrown) {
    await rm(draft, { force: true })
    if (interrupted.signal.aborted) throw new OvlError("interrupted", `cannot write ${path}: interrupted`)
    throw thrown
  } finally {
    for (const signal of SIGNALS) process.off(signal, stop)
  }
}

export type Put = (bytes: Uint8Array) => Promise<void>

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const

/** Where the file itself lies, where the path is a link to one. */
async function placeOf(path: string): Promise<string> {
  const there = await stat(path).catch(() => null)
  if (there && !there.isFile())
    throw usageError("file_special", `cannot write ${path}: it is no regular file`, "name a file; - is standard output")
  if (there) return realpath(path)
  const folder = dirname(path)
  if ((await stat(folder).catch(() => null))?.isDirectory()) return path
  throw new OvlError("folder_not_found", `cannot write ${path}: there is no folder ${folder}`, {
    kind: "not_found",
    hint: `make it first: mkdir -p ${folder}`,
  })
}

async function fill(draft: string, path: string, write: (put: Put) => Promise<void>): Promise<void> {
  const file = await open(draft, "wx", PRIVATE).catch((thrown) => {
    throw unwritable(path, thrown)
  })
  try {
    await write((bytes) => writeAll(file, bytes).catch((thrown) => Promise.reject(unwritable(path, thrown))))
    await file.sync()
  } finally {
    await file.close()
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten
}

const WHY: Record<string, string> = {
  ENOSPC: "the disk is full",
  EROFS: "the disk is read-only",
  EACCES: "permission denied",
  EPERM: "permission denied",
  ENOENT: "no file can be made there",
}

function unwritable(path: string, thrown: unknown): OvlError {
  const { code = "", message } = thrown as NodeJS.ErrnoException
  return new OvlError("file_unwritable", `cannot write ${path}: ${WHY[code] ?? (code || message)}`, {
    kind: code === "EACCES" || code === "EPERM" ? "forbidden" : "failed",
    hint: "choose another place",
    cause: thrown,
  })
}
