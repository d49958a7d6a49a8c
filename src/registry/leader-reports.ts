/**
 * What nodes tell this server about their kernels, passed on to the leader, who alone is asked whether all have followed.
 * A new leader is told all of it again. Reports that come together travel together; none is lost for good, as the last
 * one of each node is kept until a leader has taken it.
 */
import type { Clock } from "../base/clock.ts"
import { LEADER_RETRY_MS, REPORTS_PER_CALL_MAX } from "../base/limits.ts"
import type { LeaderLink } from "../store/forwarding-port.ts"
import type { Replication } from "../store/replication.ts"
import type { LocalCluster } from "./cluster-on-store.ts"

export interface LeaderReportsOptions {
  local: LocalCluster
  replication: Replication
  leader: LeaderLink
  clock: Clock
}

export class LeaderReports {
  readonly #options: LeaderReportsOptions
  readonly #untold = new Map<string, number>()
  readonly #unlisten: () => void
  #toldTo: string | null
  #sending = false
  #closed = false
  #cancel: (() => void) | null = null

  constructor(options: LeaderReportsOptions) {
    this.#options = options
    this.#toldTo = options.replication.status().leader
    this.#unlisten = options.replication.onChange(() => this.#leaderChanged())
  }

  report(nodeId: string, revision: number): void {
    const { local } = this.#options
    local.reportProgrammed(nodeId, revision)
    if (local.leads()) return
    this.#untold.set(nodeId, Math.max(revision, this.#untold.get(nodeId) ?? 0))
    this.#soon(0)
  }

  close(): void {
    this.#closed = true
    this.#unlisten()
    this.#cancel?.()
  }

  #leaderChanged(): void {
    const { leader, self } = this.#options.replication.status()
    if (leader === null || leader === this.#toldTo) return
    this.#toldTo = leader
    this.#untold.clear()
    // What is on its way to the one before is not waited for.
    this.#sending = false
    if (leader === self) return
    for (const [nodeId, revision] of this.#options.local.reports()) this.#untold.set(nodeId, revision)
    this.#soon(0)
  }

  #soon(afterMs: number): void {
    if (this.#closed || this.#sending || this.#cancel || this.#untold.size === 0) return
    this.#cancel = this.#options.clock.after(afterMs, () => {
      this.#cancel = null
      this.#sending = true
      void this.#send()
    })
  }

  async #send(): Promise<void> {
    const to = this.#toldTo
    const reports = [...this.#untold].slice(0, REPORTS_PER_CALL_MAX)
    let pauseMs = 0
    try {
      const connection = await this.#options.leader.connection()
      await connection.call("cluster/reportsProgrammed", { reports })
    } catch {
      // Whatever it was, a leader is told again.
      pauseMs = LEADER_RETRY_MS
    }
    if (to !== this.#toldTo) return
    if (pauseMs === 0)
      for (const [nodeId, revision] of reports) if (this.#untold.get(nodeId) === revision) this.#untold.delete(nodeId)
    this.#sending = false
    this.#soon(pauseMs)
  }
}
