/**
 * Endpoints that are gone from this node and of which the cluster could not be told yet: kept on disk, so that neither a
 * reconcile nor a restart nor the servers' return brings them back, and told as soon as a server answers.
 */
import { asOvlError, OvlError } from "../base/errors.ts"
import type { Clock } from "../base/clock.ts"
import { ENDPOINTS_PER_CALL_MAX, WITHDRAWALS_MAX, WITHDRAWALS_RETRY_MS } from "../base/limits.ts"
import type { Log } from "../base/log.ts"
import { z } from "zod"
import type { Cluster } from "../registry/port.ts"
import { readIfThere, writeFileAtomic } from "./files.ts"

const fileSchema = z.object({ format: z.literal(1), clusterId: z.string(), ids: z.array(z.string()) })

interface Withdrawal {
  /** Told not before this moment of the clock: somebody may still be at making it. */
  notBefore: number
  /** The revision at which the cluster removed it; null: not told yet. */
  removedAt: number | null
}

export interface WithdrawalsOptions {
  path: string
  clusterId: string
  cluster: Pick<Cluster, "removeEndpoints">
  clock: Clock
  log: Log
}

export class Withdrawals {
  readonly #options: WithdrawalsOptions
  readonly #entries = new Map<string, Withdrawal>()
  /** False: the file was there and could not be read, so that what stood in it is not known. */
  readonly intact: boolean
  #telling: Promise<void> | null = null
  #cancelRetry: (() => void) | null = null
  #warned = false
  #closed = false

  constructor(options: WithdrawalsOptions) {
    this.#options = options
    const ids = this.#load()
    this.intact = ids !== null
    for (const id of ids ?? []) this.#entries.set(id, { notBefore: 0, removedAt: null })
  }

  get size(): number {
    return this.#entries.size
  }

  has(id: string): boolean {
    return this.#entries.has(id)
  }

  /**
   * On disk when it returns. `delayMs`: the cluster is told later, as it may not have heard of them itself yet.
   * Throws `withdrawals_full` (unavailable), and the system's error; then nothing was added.
   */
  add(ids: readonly string[], delayMs = 0): void {
    const added = ids.filter((id) => !this.#entries.has(id))
    if (this.#entries.size + added.length > WITHDRAWALS_MAX)
      throw new OvlError("withdrawals_full", `the servers have not been told of ${this.#entries.size} endpoints yet`, {
        kind: "unavailable",
        hint: "wait until a server answers: ovl status",
      })
    const notBefore = this.#options.clock.monotonic() + delayMs
    for (const id of added) this.#entries.set(id, { notBefore, removedAt: null })
    try {
      this.#save()
    } catch (error) {
      for (const id of added) this.#entries.delete(id)
      throw error
    }
    this.#again()
  }

  /** Tells the cluster of all that is due. Never throws: what fails is tried again by itself. */
  tell(): Promise<void> {
    this.#telling ??= this.#tellAll().finally(() => {
      this.#telling = null
    })
    return this.#telling
  }

  /** The catalog has reached this revision: what was removed by then comes no more. */
  reached(revision: number): void {
    let forgotten = false
    for (const [id, { removedAt }] of this.#entries)
      if (removedAt !== null && removedAt <= revision) forgotten = this.#entries.delete(id)
    if (!forgotten) return
    try {
      this.#save()
    } catch (error) {
      this.#options.log.warn("cannot write down what the servers know", { why: asOvlError(error).message })
    }
  }

  close(): void {
    this.#closed = true
    this.#cancelRetry?.()
  }

  async #tellAll(): Promise<void> {
    const now = this.#options.clock.monotonic()
    const due = [...this.#entries].filter(([, each]) => each.removedAt === null && each.notBefore <= now)
    try {
      for (let start = 0; start < due.length; start += ENDPOINTS_PER_CALL_MAX) {
        const some = due.slice(start, start + ENDPOINTS_PER_CALL_MAX)
        const { revision } = await this.#options.cluster.removeEndpoints(some.map(([id]) => id))
        for (const [, each] of some) each.removedAt = revision
      }
      if (due.length > 0) this.#options.log.info("told the servers of endpoints that are gone", { count: due.length })
      this.#warned = false
    } catch (error) {
      if (!this.#warned) this.#options.log.warn("cannot tell what is gone yet", { why: asOvlError(error).message })
      this.#warned = true
    }
    this.#again()
  }

  #again(): void {
    const untold = [...this.#entries.values()].some((each) => each.removedAt === null)
    if (this.#closed || this.#cancelRetry !== null || !untold) return
    this.#cancelRetry = this.#options.clock.after(WITHDRAWALS_RETRY_MS, () => {
      this.#cancelRetry = null
      void this.tell()
    })
  }

  #save(): void {
    const { path, clusterId } = this.#options
    writeFileAtomic(path, `${JSON.stringify({ format: 1, clusterId, ids: [...this.#entries.keys()] })}\n`, 0o600)
  }

  /** None where there is no file, or it is another cluster's; null where it cannot be read. */
  #load(): string[] | null {
    const { path, clusterId, log } = this.#options
    const text = readIfThere(path)
    if (text === null) return []
    try {
      const file = fileSchema.parse(JSON.parse(text))
      return file.clusterId === clusterId ? file.ids : []
    } catch {
      log.warn("the list of endpoints that are gone is damaged, and is not used", { path })
      return null
    }
  }
}
