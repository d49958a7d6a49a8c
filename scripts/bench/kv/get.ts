/** How many reads a second of one key one server answers, beside etcd. */
import type { Benchmark, Context, Row } from "../benchmark.ts"
import { median, times } from "../statistics.ts"
import { ETCD_PORT, type Measured, OVL_PORT, withStore } from "./store.ts"
import { compareRates, inTurns, perSecond, ratesOf, roundsOf } from "./wrk.ts"

const VALUE = "x".repeat(128)
const GOAL_FACTOR = 4.5

function run(context: Context): Promise<Row[]> {
  return withStore(context, { etcd: true }, async (measured) => {
    writeKey(measured)
    const rates = inTurns(() => measured.node.machine, "get", ["ovl", "etcd-v3"])
    return [row(ratesOf(rates, "ovl"), ratesOf(rates, "etcd-v3"))]
  })
}

/** The key of get.lua, in both, and seen in both. */
function writeKey({ node: { machine } }: Measured): void {
  const base64 = Buffer.from(VALUE).toString("base64")
  const [ovl, etcd] = [`http://127.0.0.1:${OVL_PORT}/v1/kv/one`, `http://127.0.0.1:${ETCD_PORT}/v3/kv`]
  const curl = (...args: string[]) => machine.run(["curl", "-sf", ...args])
  curl("-X", "PUT", "-d", VALUE, ovl)
  curl("-d", JSON.stringify({ key: btoa("one"), value: base64 }), `${etcd}/put`)
  const answers = [curl(ovl), curl("-d", JSON.stringify({ key: btoa("one") }), `${etcd}/range`)]
  if (!answers.every((answer) => answer.includes(base64))) throw new Error(`the key is not there: ${answers.join(" ")}`)
}

function row(ovl: number[], etcd: number[]): Row {
  const compared = compareRates(ovl, etcd)
  const { factor } = compared
  return {
    what: "store: GET/s of one key, 64 connections, 128 bytes",
    ovl: perSecond(ovl),
    reference: `${perSecond(etcd)}, etcd's v3 JSON API`,
    comparison: times(factor),
    goal: `at least ${GOAL_FACTOR} x`,
    reached: factor >= GOAL_FACTOR,
    figures: {
      ovlPerSecond: median(ovl),
      referencePerSecond: median(etcd),
      ...compared,
      ...roundsOf("ovl", ovl),
      ...roundsOf("reference", etcd),
    },
  }
}

export const kvGet: Benchmark = { name: "kv-get", summary: "GET/s of one key, beside etcd's v3 JSON API", run }
