/** What a single client waits for one write, beside LMDB's own durable commit on the same disk. */
import { join } from "node:path"
import type { Benchmark, Context, Row } from "../benchmark.ts"
import { median, quantile } from "../statistics.ts"
import { OVL_PORT, runProgram, withStore } from "./store.ts"

const GOAL_MORE_MS = 0.3

function run(context: Context): Promise<Row[]> {
  return withStore(context, { etcd: false }, async (measured) => {
    const directory = join(measured.scratch, "lmdb")
    return [row(await runProgram<Taken>(measured, "latency", OVL_PORT, directory))]
  })
}

/** Each one, in ms. */
interface Taken {
  puts: number[]
  commits: number[]
}

function row({ puts, commits }: Taken): Row {
  const [put, commit] = [median(puts), median(commits)]
  const more = put - commit
  return {
    what: "store: one client, PUT after PUT, median",
    ovl: `${put.toFixed(2)} ms`,
    reference: `${commit.toFixed(2)} ms, LMDB's own durable commit`,
    comparison: `${more.toFixed(2)} ms more`,
    goal: `at most ${GOAL_MORE_MS} ms more`,
    reached: more <= GOAL_MORE_MS,
    figures: {
      ovlMs: put,
      ovlP95Ms: quantile(puts, 0.95),
      referenceMs: commit,
      referenceP95Ms: quantile(commits, 0.95),
      moreMs: more,
    },
  }
}

export const kvLatency: Benchmark = {
  name: "kv-latency",
  summary: "one client's PUT after PUT, beside LMDB's own commit",
  run,
}
