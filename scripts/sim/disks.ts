/** How long writes take, and which of them fail. */
import { OvlError } from "../../src/base/errors.ts"
import type { DiskRound } from "../../src/store/replicated/port.ts"
import type { Agenda } from "./agenda.ts"
import type { Chance } from "./chance.ts"
import type { Tally } from "./coverage.ts"
import type { DiskPlan } from "./plan.ts"
import type { SimServer } from "./server.ts"

/** Longer than the shortest election timeout. */
const SLOW_MS = 300

export class Disks {
  private readonly agenda: Agenda
  private readonly chance: Chance
  private readonly plan: DiskPlan
  private readonly tally: Tally
  private nextFailure: number
  private healed = false

  constructor(agenda: Agenda, chance: Chance, plan: DiskPlan, tally: Tally) {
    this.agenda = agenda
    this.chance = chance
    this.plan = plan
    this.tally = tally
    this.nextFailure = this.drawFailure()
  }

  private drawFailure(): number {
    const { failEveryMs } = this.plan
    return failEveryMs === 0 ? Number.POSITIVE_INFINITY : this.agenda.now + this.chance.exponential(failEveryMs)
  }

  schedule(server: SimServer, round: DiskRound, finish: (error: OvlError | null) => void): void {
    const { agenda, chance, plan, tally, healed } = this
    const fails = !healed && agenda.now >= this.nextFailure
    if (fails) {
      this.nextFailure = this.drawFailure()
      tally.add("disk failed")
      server.doubt(round)
    }
    const grows = round.entries.length > 0 || round.flush !== null
    if (!fails && server.disk.isFull && grows && chance.happens(0.7)) {
      tally.add("write refused by a full disk")
      const full = new OvlError("store_full", "write to the store: no space left", { kind: "unavailable" })
      return agenda.after(plan.writeMs, () =>
        server.whenAwake(() => server.do("has no room", null, () => finish(full))),
      )
    }
    const error = fails
      ? new OvlError("store_failed", "write to the store: input/output error", { kind: "failed" })
      : null
    // A quick disk has it done before the call returns.
    if (plan.writeMs === 0 && chance.happens(0.5)) return finish(error)
    const stalls = !healed && chance.happens(plan.stallRate)
    const delayMs = chance.exponential(healed ? 1 : plan.writeMs) + (stalls ? chance.exponential(plan.stallMs) : 0)
    if (delayMs > SLOW_MS) tally.add("disk slower than an election")
    agenda.after(delayMs, () => server.whenAwake(() => server.do("has written", null, () => finish(error))))
  }

  heal(): void {
    this.healed = true
  }
}
