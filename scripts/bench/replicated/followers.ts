/** A thousand clients that follow one network, each on a connection of its own: how soon one change is at all of them. */
import { resolve } from "node:path"
import type { Background } from "../../../test/support/machine.ts"
import type { OvlMember } from "../../chaos/ovl-cluster.ts"
import { eventually } from "../../chaos/eventually.ts"
import type { Benchmark, Context, Row } from "../benchmark.ts"
import { clientOf } from "../nodes.ts"
import { median, milliseconds } from "../statistics.ts"
import { withServers } from "./cluster.ts"

const FOLLOWERS = 1_000
const PROCESSES = 2
const CHANGES = 9
const CONNECT_TIMEOUT_MS = 120_000
const CHANGE_TIMEOUT_MS = 30_000
const PAUSE_MS = 500
const GOAL_MS = 250
const PROGRAM = resolve(import.meta.dir, "programs/streams.ts")

function run(context: Context): Promise<Row[]> {
  return withServers(context, { clients: 1 }, async (ovl) => {
    const [client] = ovl.clients as [OvlMember]
    const network = await client.ovl("network", "create", "red")
    const words = [process.execPath, PROGRAM, client.node.dataDir, String(FOLLOWERS / PROCESSES), network]
    const programs = Array.from({ length: PROCESSES }, () => client.machine.start(words))
    try {
      await Promise.all(programs.map((program) => program.says("following", CONNECT_TIMEOUT_MS)))
      const taken: number[] = []
      for (let change = 0; change < CHANGES; change++)
        taken.push(await timeChange(client, programs, `change-${change}`))
      context.say(`bench:   ${taken.map((ms) => Math.round(ms)).join(" ")} ms`)
      return [row(taken)]
    } finally {
      for (const program of programs) program.signal("SIGKILL")
    }
  })
}

/** From right before a workload with an endpoint is asked for until the last of them has the endpoint, in ms. */
async function timeChange(client: OvlMember, programs: readonly Background[], name: string): Promise<number> {
  await Bun.sleep(PAUSE_MS)
  const start = performance.timeOrigin + performance.now()
  await clientOf(client.node).run({ networks: ["red"], name, detach: true })
  const arrived = (program: Background) => new RegExp(`^${name} (\\d+) ([\\d.]+)$`, "m").exec(program.stdout)
  const atAll = async () => programs.every((program) => arrived(program) !== null)
  await eventually(`all ${FOLLOWERS} have ${name}`, atAll, CHANGE_TIMEOUT_MS)
  return Math.max(...programs.map((program) => Number(arrived(program)![2]))) - start
}

function row(taken: number[]): Row {
  const [middle, worst] = [median(taken), Math.max(...taken)]
  return {
    what: `${FOLLOWERS.toLocaleString("en")} clients follow one network, one endpoint more, until it is at all of them`,
    ovl: `${milliseconds(middle)} (of ${taken.length}, the slowest ${milliseconds(worst)})`,
    reference: "-",
    comparison: "-",
    goal: `within ${GOAL_MS} ms`,
    reached: worst <= GOAL_MS,
    figures: { ovlMs: middle, ovlWorstMs: worst },
  }
}

export const replicatedFollowers: Benchmark = {
  name: "replicated-followers",
  summary: "a thousand clients following one network, one change",
  run,
}
