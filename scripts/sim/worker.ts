/**
 * A process that lives lives: it is told which in its only argument, and prints the end of each as a line of JSON. It changes
 * the sources as they are loaded, so nothing of them may be imported before.
 */
import type { LifeEnd } from "./life.ts"
import { MUTANTS } from "./mutants.ts"
import { patchSources, StalePatch } from "./patches.ts"
import { boundsSetter, tuningPatches } from "./tuning.ts"

export interface Work {
  /** These seeds, one after the other: `first`, `first + step`, ... */
  readonly first: number
  readonly step: number
  readonly count: number
  /** Ends with the first life that fails. */
  readonly untilFailure: boolean
  /** How many things happen in each life before the faults stop; null: as its plan has it. */
  readonly events: number | null
  /** Faults that are switched off; see `plan.ts`. */
  readonly off: readonly string[]
  /** Which one of `mutants.ts` is to be lived with. */
  readonly mutant: string | null
}

export type Line = { readonly end: LifeEnd } | { readonly stale: string }

async function work({ first, step, count, untilFailure, events, off, mutant }: Work): Promise<void> {
  const patches = mutant === null ? [] : (MUTANTS.find(({ name }) => name === mutant)?.patches ?? [])
  try {
    patchSources([...tuningPatches(), ...patches])
  } catch (error) {
    if (!(error instanceof StalePatch)) throw error
    return say({ stale: error.message })
  }
  const tune = await boundsSetter()
  const { live } = await import("./life.ts")
  for (let i = 0; i < count; i++) {
    const end = live({ seed: first + i * step, events: events ?? undefined, off, tune })
    say({ end })
    if (untilFailure && end.failure !== null) return
  }
}

function say(line: Line): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

await work(JSON.parse(process.argv[2] ?? "") as Work)
