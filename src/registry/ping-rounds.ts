/**
 * Orders to ping, for nodes that nobody can call: a node asks for a round, the others learn of it with the answer to their
 * next sign of life, carry it out and report. All in memory, at the leader, and over in seconds; nothing is committed.
 */
import type { Clock } from "../base/clock.ts"
import { OvlError } from "../base/errors.ts"
import { PING_PARTS_AT_ONCE_MAX, PING_ROUNDS_MAX, PING_ROUNDS_PER_ASKER_MAX } from "../base/limits.ts"
import type { PingOrder, PingReport, PingRound, PingTask } from "../model/ping.ts"

interface Round {
  asker: string
  missing: Map<string, PingTask[]>
  reports: PingReport[]
  settle: () => void
}

export class PingRounds {
  readonly #clock: Clock
  readonly #rounds = new Map<string, Round>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Resolves with what the others report: when all have, or after `timeoutMs`. Errors: `ping_busy` (unavailable). */
  ask({ asker, round, tasks, timeoutMs }: PingRound): Promise<PingReport[]> {
    if (this.#rounds.has(round) || this.#isFullFor(asker)) return Promise.reject(busy())
    const missing = new Map<string, PingTask[]>()
    for (const { nodeId, ...task } of tasks) missing.set(nodeId, [...(missing.get(nodeId) ?? []), task])
    if (missing.size === 0) return Promise.resolve([])
    return new Promise((resolve) => {
      const reports: PingReport[] = []
      const cancel = this.#clock.after(timeoutMs, () => settle())
      const settle = () => {
        cancel()
        this.#rounds.delete(round)
        resolve(reports)
      }
      this.#rounds.set(round, { asker, missing, reports, settle })
    })
  }

  #isFullFor(asker: string): boolean {
    if (this.#rounds.size >= PING_ROUNDS_MAX) return true
    const own = [...this.#rounds.values()].filter((round) => round.asker === asker)
    return own.length >= PING_ROUNDS_PER_ASKER_MAX
  }

  /**
   * What is wanted of this node, and not reported yet: the oldest orders, no more than it carries out at the same time. All
   * there may be would not fit into one answer.
   */
  ordersFor(nodeId: string): PingOrder[] {
    const orders: PingOrder[] = []
    for (const [round, { asker, missing }] of this.#rounds) {
      const tasks = missing.get(nodeId)
      if (tasks) orders.push({ asker, round, tasks })
      if (orders.length === PING_PARTS_AT_ONCE_MAX) break
    }
    return orders
  }

  /** What comes too late, or twice, is of no use to anybody. */
  report(report: PingReport): void {
    const round = this.#rounds.get(report.round)
    if (!round?.missing.delete(report.nodeId)) return
    round.reports.push(report)
    if (round.missing.size === 0) round.settle()
  }

  close(): void {
    for (const round of [...this.#rounds.values()]) round.settle()
  }
}

function busy(): OvlError {
  return new OvlError("ping_busy", "ping: too many are under way in this cluster", {
    kind: "unavailable",
    hint: "try again in a few seconds",
  })
}
