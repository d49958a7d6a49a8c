/** How many consistent reads a second three servers answer, beside three members of etcd. */
import { HttpConnection } from "../../chaos/http.ts"
import type { Benchmark, Context, Row } from "../benchmark.ts"
import { inTurns, ratesOf } from "../kv/wrk.ts"
import { type Leaders, withBoth } from "./cluster.ts"
import { rateRow } from "./rate-row.ts"

const VALUE = "x".repeat(128)
const GOAL_FACTOR = 3

function run(context: Context): Promise<Row[]> {
  return withBoth(context, async (leaders) => {
    await writeKey(leaders)
    const machineOf = (target: string) => (target === "etcd-v3" ? leaders.etcd : leaders.ovl).machine
    const rates = inTurns(machineOf, "get", ["ovl-consistent", "etcd-v3"])
    return [
      rateRow("consistent GET/s of one key", ratesOf(rates, "ovl-consistent"), ratesOf(rates, "etcd-v3"), GOAL_FACTOR),
    ]
  })
}

/** The key of get.lua, in both, and seen in both. */
async function writeKey({ ovl, etcd }: Leaders): Promise<void> {
  const base64 = Buffer.from(VALUE).toString("base64")
  const key = btoa("one")
  const seen = [
    await converse(ovl, ["PUT", "/v1/kv/one", VALUE], ["GET", "/v1/kv/one?consistent", ""]),
    await converse(
      etcd,
      ["POST", "/v3/kv/put", JSON.stringify({ key, value: base64 })],
      ["POST", "/v3/kv/range", JSON.stringify({ key })],
    ),
  ]
  if (!seen.every((body) => body.includes(base64))) throw new Error(`the key is not there: ${seen.join(" ")}`)
}

/** The body of the last answer. */
async function converse(server: Leaders["ovl"], ...requests: [string, string, string][]): Promise<string> {
  const connection = new HttpConnection(server.place)
  let last = ""
  for (const [method, target, body] of requests) last = (await connection.request({ method, target, body }, 5_000)).body
  connection.close()
  return last
}

export const replicatedGet: Benchmark = {
  name: "replicated-get",
  summary: "consistent GET/s on three servers, beside three members of etcd",
  run,
}
