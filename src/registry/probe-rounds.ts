/**
 * Where nodes that cannot hear each other on the data plane meet: a node that gets no answer to its probes asks for a
 * round, the others learn of it with the answer to their next sign of life, send to it for a while, and report what they
 * heard. All in memory, at the leader, and over in seconds; nothing is committed.
 */
import type { Clock } from "../base/clock.ts"
import { OvlError } from "../base/errors.ts"
import { PROBE_PEERS_AT_ONCE_MAX, PROBE_ROUNDS_MAX } from "../base/limits.ts"
import type { ProbeReport, ProbeWish } from "../model/probe.ts"

interface Round {
  round: string
  missing: Set<string>
  reports: ProbeReport[]
  settle: () => void
}

export class ProbeRounds {
  readonly #clock: Clock
  /** By the node that asks: one round each. */
  readonly #rounds = new Map<string, Round>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Resolves with what the others have heard: when all have reported, or after `timeoutMs`. Errors: `probe_busy`
   * (conflict) while the node has a round already, or too many others have; probe_too_many (invalid).
   */
  ask({ asker, round }: ProbeWish, others: readonly string[], timeoutMs: number): Promise<ProbeReport[]> {
    if (others.length > PROBE_PEERS_AT_ONCE_MAX)
      return Promise.reject(
        new OvlError("probe_too_many", `probe: a round has ${PROBE_PEERS_AT_ONCE_MAX} nodes at most`, {
          kind: "invalid",
        }),
      )
    if (this.#rounds.has(asker) || this.#rounds.size >= PROBE_ROUNDS_MAX) return Promise.reject(busy())
    const missing = new Set(others)
    missing.delete(asker)
    if (missing.size === 0) return Promise.resolve([])
    return new Promise((resolve) => {
      const reports: ProbeReport[] = []
      const cancel = this.#clock.after(timeoutMs, () => settle())
      const settle = () => {
        cancel()
        this.#rounds.delete(asker)
        resolve(reports)
      }
      this.#rounds.set(asker, { round, missing, reports, settle })
    })
  }

  /** The rounds that wait for this node. */
  wishesOf(nodeId: string): ProbeWish[] {
    const wishes: ProbeWish[] = []
    for (const [asker, { round, missing }] of this.#rounds) if (missing.has(nodeId)) wishes.push({ asker, round })
    return wishes
  }

  /** What comes too late, or twice, is of no use to anybody. */
  report(report: ProbeReport): void {
    const round = this.#rounds.get(report.asker)
    if (round?.round !== report.round || !round.missing.delete(report.nodeId)) return
    round.reports.push(report)
    if (round.missing.size === 0) round.settle()
  }

  close(): void {
    for (const round of [...this.#rounds.values()]) round.settle()
  }
}

function busy(): OvlError {
  return new OvlError("probe_busy", "probe: another one is under way", {
    kind: "conflict",
    hint: "try again in a few seconds",
  })
}
