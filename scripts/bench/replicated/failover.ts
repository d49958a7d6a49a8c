/** How long nobody can write after the leader was killed (-9), as a client of another server sees it. */
import { HttpConnection, NoAnswer } from "../../chaos/http.ts"
import type { OvlCluster } from "../../chaos/ovl-cluster.ts"
import type { Benchmark, Context, Row } from "../benchmark.ts"
import { median, milliseconds, quantile } from "../statistics.ts"
import { leaderOf, withServers } from "./cluster.ts"

const TRIES = 50
const SHORT_TRIES = 10
const RETRY_MS = 5
const TRY_TIMEOUT_MS = 30_000
const REQUEST_TIMEOUT_MS = 5_000
const CALM_MS = 500
const GOAL_MS = 2_000

function run(context: Context): Promise<Row[]> {
  return withServers(context, { clients: 0 }, async (ovl) => {
    const tries = context.long ? TRIES : SHORT_TRIES
    const taken: number[] = []
    for (let number = 0; number < tries; number++) taken.push(await failover(ovl, number))
    context.say(`bench:   ${taken.map((ms) => Math.round(ms)).join(" ")} ms`)
    return [row(taken)]
  })
}

/** Resolves with the ms from the kill to the acknowledgement of a write that was asked for after it. */
async function failover(ovl: OvlCluster, number: number): Promise<number> {
  await ovl.settled()
  await Bun.sleep(CALM_MS)
  const leader = await leaderOf(ovl)
  const survivors = ovl.members.filter((member) => member !== leader)
  const client = new HttpConnection(survivors[number % survivors.length]!.place)
  await write(client, `${number} before`)
  const start = performance.now()
  await leader.kill()
  while (!(await write(client, `${number} after`))) {
    if (performance.now() - start > TRY_TIMEOUT_MS) throw new Error("no write was acknowledged any more")
    await Bun.sleep(RETRY_MS)
  }
  const taken = performance.now() - start
  client.close()
  await leader.start()
  return taken
}

async function write(client: HttpConnection, value: string): Promise<boolean> {
  try {
    const request = { method: "PUT", target: "/v1/kv/failover", body: value }
    return (await client.request(request, REQUEST_TIMEOUT_MS)).status === 200
  } catch (error) {
    if (error instanceof NoAnswer) return false
    throw error
  }
}

function row(taken: number[]): Row {
  const [middle, worst] = [median(taken), quantile(taken, 0.99)]
  return {
    what: `three servers: leader killed (-9) until the next acknowledged write, p99 of ${taken.length} tries`,
    ovl: `${milliseconds(worst)} (median ${milliseconds(middle)})`,
    reference: "-",
    comparison: "-",
    goal: `under ${GOAL_MS / 1000} s, at the 99th percentile of ${TRIES}`,
    reached: worst < GOAL_MS,
    figures: { ovlP99Ms: worst, ovlMs: middle, ovlWorstMs: Math.max(...taken), tries: taken.length },
  }
}

export const replicatedFailover: Benchmark = {
  name: "replicated-failover",
  summary: "the leader killed, until the next acknowledged write",
  run,
}
