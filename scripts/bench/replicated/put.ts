/** How many durable writes a second three servers take, beside three members of etcd. */
import type { Benchmark, Context, Row } from "../benchmark.ts"
import { inTurns, ratesOf } from "../kv/wrk.ts"
import { withBoth } from "./cluster.ts"
import { rateRow } from "./rate-row.ts"

const GOAL_FACTOR = 1.5

function run(context: Context): Promise<Row[]> {
  return withBoth(context, async ({ ovl, etcd }) => {
    const machineOf = (target: string) => (target === "ovl" ? ovl : etcd).machine
    const rates = inTurns(machineOf, "put", ["ovl", "etcd-v3"])
    return [rateRow("durable PUT/s", ratesOf(rates, "ovl"), ratesOf(rates, "etcd-v3"), GOAL_FACTOR)]
  })
}

export const replicatedPut: Benchmark = {
  name: "replicated-put",
  summary: "durable PUT/s on three servers, beside three members of etcd",
  run,
}
