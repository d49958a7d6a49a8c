/**
 * Simulated lives of a whole cluster: `make sim`, or one life again by its seed. docs/simulation.md tells what is in them
 * and what to do about one that fails.
 *
 *   bun scripts/sim.ts [--seeds N] [--first SEED] [--seconds N] [--jobs N]
 *   bun scripts/sim.ts --seed SEED [--events N] [--off FAULT,...] [--shrink] [--lines N]
 *
 * Exit status 1 if a life failed, or if no life met one of the situations of scripts/sim/coverage.ts.
 */
import { parseArgs } from "node:util"
import { Tally } from "./sim/coverage.ts"
import { inParallel, runWorker } from "./sim/crew.ts"
import type { Failure, LifeEnd } from "./sim/life.ts"
import { FAULTS } from "./sim/plan.ts"
import type { Work } from "./sim/worker.ts"

const SEEDS = 10_000
const JOBS = 2
const FAILURES_MAX = 5
const REPORT_MS = 10_000

const { values: options } = parseArgs({
  options: {
    seeds: { type: "string", default: String(SEEDS) },
    first: { type: "string", default: "1" },
    seconds: { type: "string", default: "0" },
    jobs: { type: "string", default: String(JOBS) },
    seed: { type: "string" },
    events: { type: "string" },
    off: { type: "string", default: "" },
    shrink: { type: "boolean", default: false },
    lines: { type: "string", default: "60" },
  },
})

const PLAIN: Work = { first: 1, step: 1, count: 1, untilFailure: false, events: null, off: [], mutant: null }

/** The command that lives it again. */
function command({ seed, failure }: LifeEnd, off: readonly string[]): string {
  const events = failure === null ? "" : ` --events ${failure.events}`
  return `bun scripts/sim.ts --seed ${seed}${events}${off.length > 0 ? ` --off ${off.join(",")}` : ""}`
}

function printFailure(end: LifeEnd, failure: Failure, off: readonly string[], lines: number): void {
  console.log(`\nseed ${end.seed} failed after ${end.steps} steps: ${failure.text}`)
  console.log(`again: ${command(end, off)}`)
  console.log(failure.trace.slice(-lines).join("\n"))
}

async function liveOnce(work: Partial<Work>): Promise<LifeEnd> {
  let found: LifeEnd | undefined
  await runWorker({ ...PLAIN, ...work }, (line) => {
    if ("stale" in line) throw new Error(line.stale)
    found = line.end
    return true
  })
  return found!
}

async function one(seed: number): Promise<boolean> {
  let off = options.off.split(",").filter((name) => name !== "")
  let events = options.events === undefined ? null : Number(options.events)
  let end = await liveOnce({ first: seed, events, off })
  if (end.failure !== null && options.shrink) {
    ;({ end, off, events } = await shrink(end, off))
    console.log(`shrunk to ${events} events without ${off.length} of ${FAULTS.length} faults`)
  }
  if (end.failure === null) console.log(`seed ${seed}: ${end.steps} steps, all is well`)
  else printFailure(end, end.failure, off, Number(options.lines))
  return end.failure === null
}

/** Takes away faults, and then time before the calm, as long as the same invariant fails. */
async function shrink(
  first: LifeEnd,
  given: readonly string[],
): Promise<{ end: LifeEnd; off: string[]; events: number }> {
  const { invariant } = first.failure!
  let end = first
  let off = [...given]
  const attempt = async (events: number, without: string[]): Promise<boolean> => {
    const again = await liveOnce({ first: first.seed, events, off: without })
    if (again.failure?.invariant !== invariant) return false
    end = again
    off = without
    return true
  }
  const { events } = first.failure!
  for (const fault of FAULTS) if (!off.includes(fault)) await attempt(events, [...off, fault])
  for (let least = 0, most = end.failure!.events; most - least > 1; ) {
    const middle = (least + most) >> 1
    if (await attempt(middle, off)) most = Math.min(middle, end.failure!.events)
    else least = middle
  }
  return { end, off, events: end.failure!.events }
}

async function many(): Promise<boolean> {
  const [first, seeds, seconds, jobs] = [options.first, options.seeds, options.seconds, options.jobs].map(Number) as [
    number,
    number,
    number,
    number,
  ]
  const begun = performance.now()
  const tally = new Tally()
  const failures: LifeEnd[] = []
  let lives = 0
  let steps = 0
  let reported = begun
  const hear = (end: LifeEnd): boolean => {
    lives++
    steps += end.steps
    tally.merge(end.situations)
    if (end.failure !== null) failures.push(end)
    const now = performance.now()
    if (now - reported > REPORT_MS) {
      reported = now
      console.log(`${lives} lives, ${steps} steps, ${failures.length} failed`)
    }
    return failures.length < FAILURES_MAX && (seconds === 0 || now - begun < seconds * 1_000)
  }
  const crew = Array.from({ length: jobs }, (_, job) => async () => {
    const count = Math.ceil((seeds - job) / jobs)
    await runWorker({ ...PLAIN, first: first + job, step: jobs, count }, (line) => "end" in line && hear(line.end))
  })
  await inParallel(crew, jobs)
  const elapsed = (performance.now() - begun) / 1_000
  for (const [situation, count] of tally.entries()) console.log(`${String(count).padStart(12)}  ${situation}`)
  for (const end of failures) printFailure(end, end.failure!, [], Number(options.lines))
  const missing = tally.missing()
  for (const situation of missing) console.log(`never met: ${situation}`)
  console.log(
    `sim: ${lives} lives from seed ${first} on, ${steps} steps in ${elapsed.toFixed(0)} s ` +
      `(${Math.round(steps / elapsed)} a second), ${failures.length} failed, ${missing.length} situations never met`,
  )
  return failures.length === 0 && missing.length === 0
}

const isWell = options.seed === undefined ? await many() : await one(Number(options.seed))
process.exitCode = isWell ? 0 : 1
