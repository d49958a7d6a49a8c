/** A fourth server that joins three with a million keys: how soon it has them all, and what the others' writers feel. */
import { HttpConnection } from "../../chaos/http.ts"
import type { OvlCluster, OvlMember } from "../../chaos/ovl-cluster.ts"
import { eventually } from "../../chaos/eventually.ts"
import type { Benchmark, Context, Row } from "../benchmark.ts"
import { OVL_PORT, runProgramWithin } from "../kv/store.ts"
import { median, milliseconds, quantile } from "../statistics.ts"
import { leaderOf, withServers } from "./cluster.ts"

const WRITERS = 8
/** A load that three servers on two cores carry easily: what is measured is the wait, not the queue. */
const WRITE_PAUSE_MS = 10
const BEFORE_MS = 10_000
const SETTLE_MS = 3_000
const FILL_TIMEOUT_MS = 600_000
const CATCH_UP_TIMEOUT_MS = 120_000
const REQUEST_TIMEOUT_MS = 10_000
const GOAL_SECONDS = 20
const GOAL_FACTOR = 2

function run(context: Context): Promise<Row[]> {
  return withServers(context, { clients: 0 }, async (ovl) => {
    const leader = await leaderOf(ovl)
    const node = { node: leader.node, scratch: ovl.machines.scratch }
    const fillMs = await runProgramWithin<number>(FILL_TIMEOUT_MS, node, "fill", OVL_PORT)
    context.say(`bench:   filled in ${(fillMs / 1000).toFixed(1)} s`)
    await Bun.sleep(SETTLE_MS)
    const writers = new Writers(leader)
    await Bun.sleep(BEFORE_MS)
    const before = writers.taken.splice(0)
    const start = performance.now()
    await catchUp(ovl, leader)
    const seconds = (performance.now() - start) / 1000
    const meanwhile = writers.taken.splice(0)
    await writers.stop()
    return [timeRow(seconds), writersRow(before, meanwhile)]
  })
}

/** Resolves when a new server, asked by itself, has what was written after it had the rest. */
async function catchUp(ovl: OvlCluster, leader: OvlMember): Promise<void> {
  const node = await ovl.machines.addNode("server-new")
  const own = new HttpConnection(leader.place)
  const member = await ovl.addServer(node)
  const place = new HttpConnection(member.place)
  const write = { method: "PUT", target: "/v1/kv/caught-up", body: "yes" }
  if ((await own.request(write, REQUEST_TIMEOUT_MS)).status !== 200) throw new Error("the mark could not be written")
  const has = async (key: string) => {
    const answer = await place.request({ method: "GET", target: `/v1/kv/${key}?stale`, body: "" }, REQUEST_TIMEOUT_MS)
    return answer.status === 200
  }
  const all = async () => (await has("folder9/0999999")) && (await has("caught-up"))
  await eventually("the new server has all keys", all, CATCH_UP_TIMEOUT_MS)
  own.close()
  place.close()
}

/** Clients of the leader that write all the time, and what each write took, in ms. */
class Writers {
  readonly taken: number[] = []
  readonly #running: Promise<void>[]
  #stopped = false

  constructor(server: OvlMember) {
    this.#running = Array.from({ length: WRITERS }, (_, number) => this.#run(server, number))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#running)
  }

  async #run(server: OvlMember, number: number): Promise<void> {
    const connection = new HttpConnection(server.place)
    for (let write = 0; !this.#stopped; write++) {
      const start = performance.now()
      const request = {
        method: "PUT",
        target: `/v1/kv/load/${number}/${write % 100}`,
        body: String(write).padEnd(128, "x"),
      }
      const { status, body } = await connection.request(request, REQUEST_TIMEOUT_MS)
      if (status !== 200) throw new Error(`a write meanwhile: status ${status}: ${body}`)
      this.taken.push(performance.now() - start)
      await Bun.sleep(WRITE_PAUSE_MS)
    }
    connection.close()
  }
}

function timeRow(seconds: number): Row {
  return {
    what: "three servers: a new one catches up with 1,000,000 keys",
    ovl: `${seconds.toFixed(1)} s`,
    reference: "-",
    comparison: "-",
    goal: `under ${GOAL_SECONDS} s`,
    reached: seconds < GOAL_SECONDS,
    figures: { seconds },
  }
}

function writersRow(before: number[], meanwhile: number[]): Row {
  const [calm, busy] = [quantile(before, 0.99), quantile(meanwhile, 0.99)]
  const factor = busy / calm
  return {
    what: `three servers: ${WRITERS} writers' p99 while a new one catches up`,
    ovl: milliseconds(busy),
    reference: `${milliseconds(calm)}, before`,
    comparison: `${factor.toFixed(2)} x`,
    goal: `at most ${GOAL_FACTOR} x`,
    reached: factor <= GOAL_FACTOR,
    figures: {
      ovlP99Ms: busy,
      ovlMs: median(meanwhile),
      ovlWorstMs: Math.max(...meanwhile),
      referenceP99Ms: calm,
      referenceMs: median(before),
      referenceWorstMs: Math.max(...before),
      factor,
    },
  }
}

export const replicatedCatchUp: Benchmark = {
  name: "replicated-catch-up",
  summary: "a new server and a million keys, and the writers meanwhile",
  run,
}
