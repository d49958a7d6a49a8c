/**
 * The audit in a file of its own, one JSON object a line, for root alone. It is bounded: a full file becomes `FILE.1`,
 * that one `FILE.2`, and the oldest goes. Where it cannot be written the daemon goes on, says so, and says how many
 * lines are missing as soon as it can write again.
 */
import { closeSync, fstatSync, openSync, renameSync, rmSync, writeSync } from "node:fs"
import type { AuditLine, AuditSink } from "../api/audit.ts"
import { asOvlError, OvlError } from "../base/errors.ts"
import { AUDIT_FILE_MAX_BYTES, AUDIT_FILES_KEPT } from "../base/limits.ts"
import type { Log } from "../base/log.ts"

const PRIVATE = 0o600

export interface AuditFileOptions {
  path: string
  now: () => number
  log: Log
  maxBytes?: number
}

export class AuditFile implements AuditSink {
  readonly #path: string
  readonly #now: () => number
  readonly #log: Log
  readonly #maxBytes: number
  #file: number
  #bytes: number
  /** Lines that could not be written since the last one that could. */
  #missing = 0

  /** Errors: audit_log_unwritable (usage), before anything is changed. */
  constructor({ path, now, log, maxBytes = AUDIT_FILE_MAX_BYTES }: AuditFileOptions) {
    this.#path = path
    this.#now = now
    this.#log = log
    this.#maxBytes = maxBytes
    try {
      this.#file = openSync(path, "a", PRIVATE)
      const stat = fstatSync(this.#file)
      if (!stat.isFile()) throw new Error("it is no regular file")
      this.#bytes = stat.size
    } catch (error) {
      throw new OvlError("audit_log_unwritable", `cannot write the audit to ${path}: ${asOvlError(error).message}`, {
        kind: "usage",
        hint: "name a file in a directory that is there: --audit-log /var/log/ovl-audit.log",
        cause: error,
      })
    }
  }

  line(line: AuditLine): void {
    this.#write({ ...line })
  }

  leftOut(count: number, of: string): void {
    this.#write({ leftOut: count, of })
  }

  close(): void {
    closeSync(this.#file)
  }

  #write(what: Record<string, unknown>): void {
    const time = new Date(this.#now()).toISOString()
    const missing = this.#missing
    try {
      this.#append([...(missing > 0 ? [{ time, missing }] : []), { time, ...what }])
      this.#missing = 0
      if (missing > 0) this.#log.warn("the audit is written again", { path: this.#path, missing })
    } catch (error) {
      if (this.#missing++ === 0)
        this.#log.error("cannot write the audit", { path: this.#path, why: asOvlError(error).message })
    }
  }

  /** All of them or, where the file has to be set aside for them and cannot be, none. */
  #append(lines: object[]): void {
    const bytes = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(""))
    if (this.#bytes > 0 && this.#bytes + bytes.length > this.#maxBytes) this.#rotate()
    this.#bytes += writeSync(this.#file, bytes)
  }

  #rotate(): void {
    rmSync(`${this.#path}.${AUDIT_FILES_KEPT - 1}`, { force: true })
    for (let age = AUDIT_FILES_KEPT - 2; age >= 0; age--)
      moveIfThere(nameOf(this.#path, age), nameOf(this.#path, age + 1))
    const file = openSync(this.#path, "a", PRIVATE)
    closeSync(this.#file)
    this.#file = file
    this.#bytes = 0
  }
}

function nameOf(path: string, age: number): string {
  return age === 0 ? path : `${path}.${age}`
}

function moveIfThere(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error
  }
}
