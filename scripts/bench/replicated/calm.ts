/** Whether three servers that have all to do that they can change their leader without cause. */
import type { Benchmark, Context, Row } from "../benchmark.ts"
import { rateOf, wrkCommand } from "../kv/wrk.ts"
import { leaderOf, termOf, withServers } from "./cluster.ts"

const SECONDS = 600
const SHORT_SECONDS = 60

function run(context: Context): Promise<Row[]> {
  return withServers(context, { clients: 0 }, async (ovl) => {
    const seconds = context.long ? SECONDS : SHORT_SECONDS
    const leader = await leaderOf(ovl)
    const before = await termOf(leader)
    const done = await leader.machine.start(wrkCommand("put", "ovl", 1, seconds)).ended
    const after = await termOf(leader)
    return [row(seconds, after - before, /^Requests\/sec/m.test(done.stdout) ? rateOf("ovl", done.stdout) : 0)]
  })
}

function row(seconds: number, elections: number, perSecond: number): Row {
  return {
    what: `three servers: elections without cause in ${seconds} s of full load (64 connections, PUT)`,
    ovl: `${elections} at ${Math.round(perSecond).toLocaleString("en")} PUT/s`,
    reference: "-",
    comparison: "-",
    goal: `none in ${SECONDS / 60} minutes`,
    reached: elections === 0 && perSecond > 0,
    figures: { elections, seconds, ovlPerSecond: perSecond },
  }
}

export const replicatedCalm: Benchmark = {
  name: "replicated-calm",
  summary: "elections without cause under full load",
  run,
}
