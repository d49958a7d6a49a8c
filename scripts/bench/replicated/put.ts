/** How many durable writes a second three servers take, beside three members of etcd. */
import type { Benchmark, Context, Row } from "../benchmark.ts"
import { compareRates, inTurns, perSecond, ratesOf, roundsOf } from "../kv/wrk.ts"
import { median, times } from "../statistics.ts"
import { withBoth } from "./cluster.ts"

const GOAL_FACTOR = 1.5

function run(context: Context): Promise<Row[]> {
  return withBoth(context, async ({ ovl, etcd }) => {
    const machineOf = (target: string) => (target === "ovl" ? ovl : etcd).machine
    const rates = inTurns(machineOf, "put", ["ovl", "etcd-v3"])
    return [row(ratesOf(rates, "ovl"), ratesOf(rates, "etcd-v3"))]
  })
}

function row(ovl: number[], etcd: number[]): Row {
  const compared = compareRates(ovl, etcd)
  return {
    what: "three servers: durable PUT/s, 64 connections to the leader, 128 bytes",
    ovl: perSecond(ovl),
    reference: `${perSecond(etcd)}, three members of etcd, v3 JSON API`,
    comparison: times(compared.factor),
    goal: `at least ${GOAL_FACTOR} x`,
    reached: compared.factor >= GOAL_FACTOR,
    figures: {
      ovlPerSecond: median(ovl),
      referencePerSecond: median(etcd),
      ...compared,
      ...roundsOf("ovl", ovl),
      ...roundsOf("reference", etcd),
    },
  }
}

export const replicatedPut: Benchmark = {
  name: "replicated-put",
  summary: "durable PUT/s on three servers, beside three members of etcd",
  run,
}
