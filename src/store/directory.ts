/**
 * The store's directory: made with mode 0700 and its files with 0600, and held by one daemon at a time. The holder has
 * the lock (flock) of the file `owner`, which the kernel takes back when the holder ends, however it ends; the file's
 * text says who it is.
 */
import { chmodSync, fsyncSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs"
import { closeSync, existsSync } from "node:fs"
import { join } from "node:path"
import { OvlError } from "../base/errors.ts"
import { LinuxError } from "../linux/errno.ts"
import { close, O_CREAT, O_RDWR, open, tryLock } from "../linux/libc.ts"

/** LMDB's own lock file lives in memory-mapped pages: written out beforehand, it cannot run into a full disk. */
const LOCK_FILE_BYTES = 16_384

export interface StoreDirectory {
  /** Holds data.mdb, lock.mdb, owner and reserve. */
  path: string
  dataFile: string
  release(): void
}

/**
 * Makes what is missing of `<dataDir>/store` and takes its lock. Throws `data_in_use` (conflict), `data_read_only`,
 * `store_full`, `data_unusable`.
 */
export function holdDirectory(dataDir: string): StoreDirectory {
  const path = join(dataDir, "store")
  const owner = join(path, "owner")
  let lock: number | undefined
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    chmodSync(path, 0o700)
    lock = open(owner, O_RDWR | O_CREAT, 0o600)
    if (!tryLock(lock)) throw inUse(dataDir, owner)
    sayOwner(owner)
    const dataFile = join(path, "data.mdb")
    makeFile(join(path, "lock.mdb"), LOCK_FILE_BYTES)
    makeFile(dataFile, 0)
    syncDirectory(path)
    syncDirectory(dataDir)
    const held = lock
    return { path, dataFile, release: () => close(held) }
  } catch (thrown) {
    if (lock !== undefined) close(lock)
    throw explainFileError(dataDir, thrown)
  }
}

function sayOwner(owner: string): void {
  const fd = openSync(owner, "r+")
  try {
    ftruncateSync(fd, 0)
    writeSync(fd, `${process.pid}\n`, 0)
  } finally {
    closeSync(fd)
  }
}

/** Makes a file of zeros; one that is there is left alone. */
function makeFile(path: string, bytes: number): void {
  if (existsSync(path)) return chmodSync(path, 0o600)
  const fd = openSync(path, "wx", 0o600)
  try {
    if (bytes > 0) writeSync(fd, new Uint8Array(bytes))
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function syncDirectory(path: string): void {
  const fd = openSync(path, "r")
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function inUse(dataDir: string, owner: string): OvlError {
  const pid = readFileSync(owner, "utf8").trim()
  return new OvlError(
    "data_in_use",
    `open the store: ${dataDir} is in use by the daemon with pid ${pid || "unknown"}`,
    {
      kind: "conflict",
      hint: "stop that daemon first, or give this one another --data-dir",
    },
  )
}

/** An error of the file system in words; an OvlError as it is. */
export function explainFileError(dataDir: string, thrown: unknown): unknown {
  if (thrown instanceof OvlError && !(thrown instanceof LinuxError)) return thrown
  const code = thrown instanceof LinuxError ? thrown.errnoName : errorCode(thrown)
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  if (code === "EROFS" || code === "EACCES" || code === "EPERM")
    return new OvlError("data_read_only", `open the store: ${dataDir} cannot be written to: ${message}`, {
      hint: "make it writable for the user that runs the daemon, or name another --data-dir",
      cause: thrown,
    })
  if (isNoSpace(code)) return storeFull(dataDir)
  return new OvlError("data_unusable", `open the store: ${dataDir}: ${message}`, { cause: thrown })
}

export function errorCode(thrown: unknown): string {
  return thrown instanceof Error && "code" in thrown ? String(thrown.code) : ""
}

export function isNoSpace(code: string): boolean {
  return code === "ENOSPC" || code === "EDQUOT"
}

export function storeFull(directory: string): OvlError {
  return new OvlError("store_full", `write to the store: no space left on the disk of ${directory}`, {
    kind: "failed",
    hint: "make room there; reading and deleting go on, and writing does as soon as there is room",
  })
}
