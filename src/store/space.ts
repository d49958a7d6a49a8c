/**
 * Room on the disk. A B-tree that copies on write needs free pages even to delete, so a file of some size is kept in
 * reserve: when the disk is full it is emptied, what grows is refused, and what takes away goes on in its place. When
 * there is room again, because the disk has it or because enough was deleted, the reserve is filled up and all goes on.
 */
import { closeSync, fsyncSync, openSync, statfsSync, statSync, truncateSync, unlinkSync, writeSync } from "node:fs"
import { join } from "node:path"
import type { OvlError } from "../base/errors.ts"
import { STORE_RESERVE_BYTES, STORE_ROOM_MIN_BYTES } from "../base/limits.ts"
import type { Log } from "../base/log.ts"
import { errorCode, isNoSpace, storeFull } from "./directory.ts"

/** What is written to find out whether a commit failed for want of space, where free blocks do not tell (quotas). */
const PROBE_BYTES = 262_144

export class DiskSpace {
  readonly #directory: string
  readonly #reserve: string
  readonly #log: Log
  #full = false

  constructor(directory: string, log: Log) {
    this.#directory = directory
    this.#reserve = join(directory, "reserve")
    this.#log = log
    if (!this.#fillReserve()) this.#becomeFull()
  }

  /** An error for what grows while the disk is full; looks whether it still is. */
  refusal(): OvlError | null {
    if (!this.#full) return null
    if (this.#freeBytes() >= STORE_ROOM_MIN_BYTES + STORE_RESERVE_BYTES) this.recover()
    return this.#full ? storeFull(this.#directory) : null
  }

  /** A commit failed: was it for want of space? Then the reserve is given up. */
  wasFull(): boolean {
    if (this.#freeBytes() >= STORE_ROOM_MIN_BYTES && this.#probe()) return false
    this.#becomeFull()
    return true
  }

  /** Something was deleted, or there is room on the disk: goes back to normal if the reserve can be had again. */
  recover(): void {
    if (!this.#full || !this.#fillReserve()) return
    this.#full = false
    this.#log.info("there is room on the disk again: the store takes writes", { directory: this.#directory })
  }

  #becomeFull(): void {
    if (!this.#full)
      this.#log.error("the disk is full: the store only reads and deletes", { directory: this.#directory })
    this.#full = true
    try {
      truncateSync(this.#reserve, 0)
    } catch (thrown) {
      this.#log.warn("the reserve on the disk could not be given up", { error: String(thrown) })
    }
  }

  /** With as much as there is; a quarter of it will do. */
  #fillReserve(): boolean {
    const size = (): number => statSync(this.#reserve, { throwIfNoEntry: false })?.size ?? 0
    try {
      if (size() < STORE_RESERVE_BYTES) writeZeros(this.#reserve, STORE_RESERVE_BYTES)
      return true
    } catch (thrown) {
      if (!isNoSpace(errorCode(thrown))) this.#log.warn("no reserve on the disk", { error: String(thrown) })
      if (size() >= STORE_RESERVE_BYTES / 4) return true
      truncateSync(this.#reserve, 0)
      return false
    }
  }

  #probe(): boolean {
    const path = join(this.#directory, "probe")
    try {
      writeZeros(path, PROBE_BYTES)
      return true
    } catch (thrown) {
      return !isNoSpace(errorCode(thrown))
    } finally {
      try {
        unlinkSync(path)
      } catch (thrown) {
        this.#log.debug("no probe to remove", { error: String(thrown) })
      }
    }
  }

  #freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.#directory)
    return bavail * bsize
  }
}

/** Writes a file of zeros and sees to it that it is on the disk; on an error, part of it may be there. */
function writeZeros(path: string, bytes: number): void {
  const fd = openSync(path, "w", 0o600)
  try {
    const zeros = new Uint8Array(bytes)
    for (let written = 0; written < bytes; ) written += writeSync(fd, zeros, written, bytes - written)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
