/** `ovl lab up` from nothing until `ovl lab verify` has proved it, on a machine of its own. */
import { ovlCommand } from "../../test/support/cluster.ts"
import { Machine, scratchDirectory } from "../../test/support/machine.ts"
import type { Benchmark, Row } from "./benchmark.ts"
import { median, timed } from "./statistics.ts"

const ROUNDS = 3
const GOAL_SECONDS = 5
const TIMEOUT_MS = 60_000

async function run(): Promise<Row[]> {
  const scratch = scratchDirectory()
  const machine = await Machine.start("bench")
  try {
    // The lab keeps its nodes' data below /var/lib: here on the real disk, but out of the way of everybody else.
    machine.run(`mount --bind ${scratch.path} /var/lib`)
    const ups: number[] = []
    const verifies: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      ups.push((await timed(() => ovl(machine, "lab up"))) / 1000)
      verifies.push((await timed(() => ovl(machine, "lab verify"))) / 1000)
      ovl(machine, "lab down")
    }
    return [row(ups, verifies)]
  } finally {
    await machine.close()
    scratch.remove()
  }
}

/** Throws where the exit status is not 0: that of `verify` is 7 when a check failed. */
function ovl(machine: Machine, line: string): void {
  machine.run([...ovlCommand(), ...line.split(" ")], { timeoutMs: TIMEOUT_MS })
}

function row(ups: number[], verifies: number[]): Row {
  const [up, verify] = [median(ups), median(verifies)]
  const both = median(ups.map((one, i) => one + verifies[i]!))
  return {
    what: "`ovl lab up` from nothing to verified",
    ovl: `${both.toFixed(1)} s (up ${up.toFixed(1)}, verify ${verify.toFixed(1)})`,
    reference: "-",
    comparison: "-",
    goal: `under ${GOAL_SECONDS} s`,
    reached: both < GOAL_SECONDS,
    figures: { ovlSeconds: both, upSeconds: up, verifySeconds: verify },
  }
}

export const lab: Benchmark = { name: "lab", summary: "`ovl lab up` from nothing to verified", run }
