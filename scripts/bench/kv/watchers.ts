/** What a write costs while ten thousand clients wait for changes of other keys. */
import type { Benchmark, Context, Row } from "../benchmark.ts"
import { median, medianRatio } from "../statistics.ts"
import { OVL_PORT, runProgram, withStore } from "./store.ts"

const GOAL_FACTOR = 1.2

function run(context: Context): Promise<Row[]> {
  return withStore(context, { etcd: false }, async (measured) => [
    row(await runProgram<[number, number][]>(measured, "watchers", OVL_PORT)),
  ])
}

function row(pairs: [number, number][]): Row {
  const [watched, alone] = [median(pairs.map(([one]) => one)), median(pairs.map(([, other]) => other))]
  // Where the machine changes its speed between rounds the two can contradict each other: the greater was shown.
  const [byMedians, byRounds] = [watched / alone, medianRatio(pairs)]
  const factor = Math.max(byMedians, byRounds)
  const rounds = pairs.flatMap(([one, other], i) => [
    [`ovlRound${i + 1}Ms`, one] as const,
    [`referenceRound${i + 1}Ms`, other] as const,
  ])
  return {
    what: "store: one client, a write with 10,000 watchers on other keys",
    ovl: `${watched.toFixed(2)} ms`,
    reference: `${alone.toFixed(2)} ms, without watchers`,
    comparison: `${factor.toFixed(2)} x`,
    goal: `at most ${GOAL_FACTOR} x`,
    reached: factor <= GOAL_FACTOR,
    figures: { ovlMs: watched, referenceMs: alone, factor, byMedians, byRounds, ...Object.fromEntries(rounds) },
  }
}

export const kvWatchers: Benchmark = {
  name: "kv-watchers",
  summary: "a write with 10,000 watchers on other keys, beside one without",
  run,
}
