/** How many durable writes a second one server takes, beside both APIs of etcd. */
import type { Benchmark, Context, Row } from "../benchmark.ts"
import { median, times } from "../statistics.ts"
import { readBack, withStore } from "./store.ts"
import { compareRates, inTurns, perSecond, ratesOf, roundsOf } from "./wrk.ts"

const VALUE_BYTES = 128
const GOALS = { "etcd-v3": 2, "etcd-v2": 1 } as const
const NAMES = { "etcd-v3": "etcd's v3 JSON API", "etcd-v2": "etcd's v2 API" } as const

function run(context: Context): Promise<Row[]> {
  return withStore(context, { etcd: true }, async (measured) => {
    const rates = inTurns(() => measured.node.machine, "put", ["ovl", "etcd-v3", "etcd-v2"])
    const { length } = readBack(measured, "bench/000001")
    if (length !== VALUE_BYTES) throw new Error(`a value of ${length} bytes came back`)
    const ovl = ratesOf(rates, "ovl")
    return [row("etcd-v3", ovl, ratesOf(rates, "etcd-v3")), row("etcd-v2", ovl, ratesOf(rates, "etcd-v2"))]
  })
}

function row(reference: keyof typeof GOALS, ovl: number[], other: number[]): Row {
  const compared = compareRates(ovl, other)
  const { factor } = compared
  return {
    what: "store: durable PUT/s, 64 connections, 128 bytes",
    ovl: perSecond(ovl),
    reference: `${perSecond(other)}, ${NAMES[reference]}`,
    comparison: times(factor),
    goal: `at least ${GOALS[reference]} x`,
    reached: factor >= GOALS[reference],
    figures: {
      ovlPerSecond: median(ovl),
      referencePerSecond: median(other),
      ...compared,
      ...roundsOf("ovl", ovl),
      ...roundsOf("reference", other),
    },
  }
}

export const kvPut: Benchmark = { name: "kv-put", summary: "durable PUT/s on one server, beside etcd's APIs", run }
