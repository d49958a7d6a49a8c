/** What reconciling came to: how much had to be repaired, what it was, and what stands in the way of the rest. */
import { asOvlError } from "../base/errors.ts"
import type { Log } from "../base/log.ts"
import type { Kernel } from "../kernel/port.ts"
import { type Operation, renderPlan } from "../model/operation.ts"
import { type Finding, findingsOf, type Seen } from "./watch-findings.ts"

/** Objects that were not as they should be and have been set right, or were tried to. */
export interface Repair {
  findings: Finding[]
  /** The lines that an engineer would have typed. */
  plan: string
}

export interface RepairsOptions {
  kernel: Pick<Kernel, "apply">
  log: Log
  onRepair: (repair: Repair) => void
}

export class Repairs {
  readonly #o: RepairsOptions
  /** Objects repaired since the start. */
  count = 0
  /** By what was being done; the sentence says why it could not be. */
  readonly #problems = new Map<string, string>()

  constructor(options: RepairsOptions) {
    this.#o = options
  }

  get problems(): string[] {
    return [...this.#problems.values()]
  }

  /** A look at everything begins: what is wrong still will be found again. */
  forgetProblems(): void {
    this.#problems.clear()
  }

  /** Does one thing and keeps why it could not be done, until it can. */
  attempt<T>(what: string, step: () => T): T | undefined {
    try {
      const result = step()
      this.#problems.delete(what)
      return result
    } catch (error) {
      const { message } = asOvlError(error, what)
      if (this.#problems.get(what) !== message) this.#o.log.error("cannot reconcile", { what, why: message })
      this.#problems.set(what, message)
      return undefined
    }
  }

  /** Carries out what a look has shown to be necessary. Throws the first refusal, after all that could be done. */
  carryOut(operations: readonly Operation[], seen: Seen): void {
    if (operations.length === 0) return
    this.note({ findings: findingsOf(operations, seen), plan: renderPlan(operations) })
    this.#o.kernel.apply(operations, "best-effort")
  }

  note(repair: Repair): void {
    this.count += repair.findings.length
    this.#o.onRepair(repair)
  }
}
