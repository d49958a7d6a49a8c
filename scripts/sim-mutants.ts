/**
 * Lives with a core that has one thing wrong, until one of them fails: `make sim-mutants`. A mutant that outlives its seeds
 * shows where the simulation is blind; one whose patch does not fit the source any more must be written anew.
 *
 *   bun scripts/sim-mutants.ts [--seeds N] [--jobs N] [TEXT...]      only mutants whose name contains one of the texts
 *
 * Exit status 1 unless each of them was caught.
 */
import { parseArgs } from "node:util"
import { inParallel, runWorker } from "./sim/crew.ts"
import { MUTANTS } from "./sim/mutants.ts"

const SEEDS = 3_000
const JOBS = 2

const { values: options, positionals } = parseArgs({
  options: {
    seeds: { type: "string", default: String(SEEDS) },
    jobs: { type: "string", default: String(JOBS) },
  },
  allowPositionals: true,
})

/** One line of the table; whether the mutant was caught. */
async function hunt(name: string): Promise<boolean> {
  const count = Number(options.seeds)
  let steps = 0
  let verdict = `NOT CAUGHT in ${count} lives`
  let isCaught = false
  await runWorker({ first: 1, step: 1, count, untilFailure: true, events: null, off: [], mutant: name }, (line) => {
    if ("stale" in line) {
      verdict = `STALE: ${line.stale}`
      return true
    }
    const { seed, failure } = line.end
    steps += line.end.steps
    if (failure === null) return true
    isCaught = true
    verdict = `seed ${String(seed).padEnd(4)} ${failure.invariant.padEnd(7)} ${String(steps).padStart(8)} steps`
    return true
  })
  console.log(`${isCaught ? "caught" : "FAILED"}  ${name.padEnd(72)} ${verdict}`)
  return isCaught
}

const wanted = MUTANTS.filter(({ name }) => positionals.length === 0 || positionals.some((text) => name.includes(text)))
let caught = 0
const jobs = wanted.map(({ name }) => async () => {
  if (await hunt(name)) caught++
})
await inParallel(jobs, Number(options.jobs))
console.log(`sim-mutants: ${caught} of ${wanted.length} caught`)
process.exitCode = caught === wanted.length ? 0 : 1
