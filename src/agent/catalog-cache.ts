/**
 * What this node knows of the cluster, kept on disk, so that a start while no server answers restores the data plane from
 * it. One file: a line that says what it is, with a checksum over all, and the catalog. A damaged one is as good as none.
 */
import { createHash } from "node:crypto"
import { readFileSync, rmSync, statSync } from "node:fs"
import { type FileHandle, open, rename, rm } from "node:fs/promises"
import { dirname } from "node:path"
import { z } from "zod"
import type { Clock } from "../base/clock.ts"
import { asOvlError } from "../base/errors.ts"
import { CATALOG_CACHE_MAX_BYTES, CATALOG_CACHE_PAUSE_FACTOR, CATALOG_CACHE_PAUSE_MS } from "../base/limits.ts"
import type { Log } from "../base/log.ts"
import type { Change } from "../model/catalog.ts"
import { writeFileAtomic } from "./files.ts"
import type { KnownCatalog } from "./replica.ts"

const headerSchema = z.object({
  format: z.literal(1),
  clusterId: z.string(),
  nodeId: z.string(),
  revision: z.int().positive(),
  epoch: z.int(),
  networks: z.array(z.string()).nullable(),
})

export interface CatalogCacheOptions {
  path: string
  clusterId: string
  nodeId: string
  clock: Clock
  log: Log
}

export class CatalogCache {
  readonly #options: CatalogCacheOptions
  readonly #read: () => KnownCatalog | null
  #cancel: (() => void) | null = null
  #pauseMs = CATALOG_CACHE_PAUSE_MS
  #writing = false
  /** There is something that the file does not have. */
  #stale = false
  #closed = false
  #warned = false

  /** `read` gives what is to be written, at the moment when it is. */
  constructor(options: CatalogCacheOptions, read: () => KnownCatalog | null) {
    this.#options = options
    this.#read = read
  }

  /** What the file holds, or null where there is none that can be used. */
  load(): KnownCatalog | null {
    const { path, clusterId, nodeId, log } = this.#options
    try {
      if (statSync(path).size > CATALOG_CACHE_MAX_BYTES) throw new Error("it is too large")
      const known = parse(readFileSync(path, "utf8"), { clusterId, nodeId })
      log.info("the catalog on disk is used until a server answers", { revision: known.revision })
      return known
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return null
      log.warn("the catalog on disk is not used", { path, why: asOvlError(error).message })
      return null
    }
  }

  /** Something has changed: it is written down soon, with what else changes until then. */
  changed(): void {
    this.#stale = true
    if (this.#closed || this.#writing || this.#cancel !== null) return
    this.#cancel = this.#options.clock.after(this.#pauseMs, () => {
      this.#cancel = null
      void this.#write()
    })
  }

  /** Writes what is not written yet, before it returns. */
  close(): void {
    this.#closed = true
    this.#cancel?.()
    if (!this.#stale) return
    try {
      const text = this.#text()
      if (text !== null) writeFileAtomic(this.#options.path, text, 0o600)
    } catch (error) {
      this.#complain(error)
    }
  }

  /** In the background but for the making of the text, which takes at most a CATALOG_CACHE_PAUSE_FACTORth of the time. */
  async #write(): Promise<void> {
    this.#writing = true
    this.#stale = false
    try {
      const start = this.#options.clock.monotonic()
      const text = this.#text()
      const tookMs = this.#options.clock.monotonic() - start
      this.#pauseMs = Math.max(CATALOG_CACHE_PAUSE_MS, tookMs * CATALOG_CACHE_PAUSE_FACTOR)
      if (text !== null) await this.#replace(text)
      this.#warned = false
    } catch (error) {
      this.#stale = true
      this.#complain(error)
    }
    this.#writing = false
    if (this.#stale) this.changed()
  }

  /** Beside, synced, renamed, and the directory synced: whoever reads finds the old file or the new one. */
  async #replace(text: string): Promise<void> {
    const { path } = this.#options
    const beside = `${path}.${process.pid}.next`
    try {
      await withFile(beside, "w", async (file) => {
        await file.writeFile(text)
        await file.sync()
      })
      // What was written at the close is newer.
      if (this.#closed) return await rm(beside, { force: true })
      await rename(beside, path)
    } catch (error) {
      rmSync(beside, { force: true })
      throw error
    }
    await withFile(dirname(path), "r", (dir) => dir.sync())
  }

  #text(): string | null {
    const known = this.#read()
    if (known === null) return null
    const { clusterId, nodeId } = this.#options
    const { revision, epoch, networks, changes } = known
    const header = JSON.stringify({ format: 1, clusterId, nodeId, revision, epoch, networks })
    const body = JSON.stringify(changes)
    const text = `${header}\n${body}\n`
    if (text.length > CATALOG_CACHE_MAX_BYTES) throw new Error(`it is over ${CATALOG_CACHE_MAX_BYTES} bytes`)
    return `${checksum(text)}\n${text}`
  }

  #complain(error: unknown): void {
    if (!this.#warned) this.#options.log.warn("cannot keep the catalog on disk", { why: asOvlError(error).message })
    this.#warned = true
  }
}

function parse(text: string, self: { clusterId: string; nodeId: string }): KnownCatalog {
  const line = text.indexOf("\n")
  const rest = text.slice(line + 1)
  if (line < 0 || text.slice(0, line) !== checksum(rest)) throw new Error("it is damaged")
  const end = rest.indexOf("\n")
  const { revision, epoch, networks, ...header } = headerSchema.parse(JSON.parse(rest.slice(0, end)))
  if (header.clusterId !== self.clusterId || header.nodeId !== self.nodeId) throw new Error("it is another node's")
  return { revision, epoch, networks, changes: JSON.parse(rest.slice(end + 1)) as Change[] }
}

function checksum(text: string): string {
  return createHash("sha256").update(text).digest("hex")
}

async function withFile(path: string, flags: string, use: (file: FileHandle) => Promise<void>): Promise<void> {
  const file = await open(path, flags, 0o600)
  try {
    await use(file)
  } finally {
    await file.close()
  }
}
