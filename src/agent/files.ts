/** Small files written so that a reader or a crash meets the old content or the new, never half of it. */
import {
  closeSync,
  constants,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs"
import { dirname } from "node:path"

/** In the data directory: what a client knew of the cluster, and what was withdrawn while no server answered. */
export const CATALOG_CACHE_FILE = "catalog.json"
export const WITHDRAWALS_FILE = "withdrawn.json"

/** Writes beside, syncs, renames, syncs the directory (a rename is durable only then). Throws the system's error. */
export function writeFileAtomic(path: string, content: string | Uint8Array, mode: number): void {
  const beside = `${path}.${process.pid}.new`
  try {
    const file = openSync(beside, "w", mode)
    try {
      writeWhole(file, content)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(beside, path)
  } catch (error) {
    rmSync(beside, { force: true })
    throw error
  }
  const dir = openSync(dirname(path), "r")
  try {
    fsyncSync(dir)
  } finally {
    closeSync(dir)
  }
}

/** A large file is not always taken in one go. */
function writeWhole(file: number, content: string | Uint8Array): void {
  const bytes = Buffer.from(content)
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at)
}

/**
 * Rewrites a file in place, keeping its inode: a file that is bind-mounted elsewhere (a workload's /etc/hosts) must
 * stay the same one. The new text goes over the old before the rest is cut off, so that a reader never finds it empty.
 */
export function rewriteInPlace(path: string, text: string, mode: number): void {
  if (readIfThere(path) === text) return
  const out = openSync(path, constants.O_RDWR | constants.O_CREAT, mode)
  try {
    const bytes = Buffer.from(text)
    writeSync(out, bytes, 0, bytes.length, 0)
    ftruncateSync(out, bytes.length)
  } finally {
    closeSync(out)
  }
}

/** The file's text, or null where there is none. */
export function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return null
  }
}
