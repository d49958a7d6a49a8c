/** The daemon by itself: how soon after its start it answers, and what memory it keeps. */
import { readFileSync, rmSync } from "node:fs"
import type { TestNode } from "../../test/support/cluster.ts"
import { ovlCommand } from "../../test/support/cluster.ts"
import type { Benchmark, Context, Row } from "./benchmark.ts"
import { clientOf, withCluster } from "./nodes.ts"
import { median, milliseconds } from "./statistics.ts"

const STARTS = 5
const START_TIMEOUT_MS = 15_000
const IDLE_MS = 10_000
const SETTLE_MS = 2_000
const WORKLOADS = 20
const GOAL_START_MS = 400
const GOAL_MEBIBYTES = 90
/** dockerd, containerd and etcd together, idle; and dockerd from its start to its answer. */
const DOCKER_MEBIBYTES = 138
const DOCKER_START_MS = [480, 630] as const

async function run(context: Context): Promise<Row[]> {
  return withCluster({ nodes: ["idle"], start: false }, async (cluster) => {
    const node = cluster.node("idle")
    const [fresh, again]: [number[], number[]] = [[], []]
    for (let start = 0; start < STARTS; start++) {
      rmSync(node.dataDir, { recursive: true, force: true })
      fresh.push(await startToReady(node))
      await node.stop()
      again.push(await startToReady(node))
      if (start < STARTS - 1) await node.stop()
    }
    await Bun.sleep(IDLE_MS)
    const idle = memory(node)
    await makeWorkloads(node)
    await Bun.sleep(SETTLE_MS)
    const busy = memory(node)
    if (context.profile)
      context.say(`daemon: memory in MiB, idle ${JSON.stringify(idle)}, after ${JSON.stringify(busy)}`)
    return [startRow(fresh, again), memoryRow(idle, busy)]
  })
}

/** From the start of the process to the first answer of its API, in ms. */
async function startToReady(node: TestNode): Promise<number> {
  const client = clientOf(node)
  const start = performance.now()
  const words = ["serve", "--name", node.name, "--advertise", node.address]
  node.daemon = node.machine.start([...ovlCommand(), ...words])
  for (;;) {
    try {
      await client.status()
      return performance.now() - start
    } catch (error) {
      const waited = performance.now() - start
      if (waited > START_TIMEOUT_MS || !node.daemon.running)
        throw new Error(`no daemon: ${node.daemon.stderr}`, { cause: error })
    }
    await Bun.sleep(1)
  }
}

async function makeWorkloads(node: TestNode): Promise<void> {
  const client = clientOf(node)
  await client.createNetwork({ name: "red", subnets: [{ subnet: "10.65.10.0/24" }] })
  for (let n = 0; n < WORKLOADS; n++) await client.run({ networks: ["red"], name: `w${n}`, detach: true })
}

interface Memory {
  /** All that is resident, the executable's own pages included. */
  resident: number
  /** Of it, what is nobody else's: heap and stacks. */
  anonymous: number
}

/** In MiB (proc_pid_status(5)). */
function memory(node: TestNode): Memory {
  const status = readFileSync(`/proc/${node.daemon!.pid}/status`, "utf8")
  const mebibytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) / 1024
  return { resident: mebibytes("VmRSS"), anonymous: mebibytes("RssAnon") }
}

function startRow(fresh: number[], again: number[]): Row {
  const [first, resumed] = [median(fresh), median(again)]
  const ms = Math.max(first, resumed)
  return {
    what: "daemon: from start to its first answer, on new data / on old data",
    ovl: `${milliseconds(first)} / ${milliseconds(resumed)}`,
    reference: `${DOCKER_START_MS.join("-")} ms: dockerd (recorded)`,
    comparison: `${(DOCKER_START_MS[0] / ms).toFixed(1)}-${(DOCKER_START_MS[1] / ms).toFixed(1)} x`,
    goal: `under ${GOAL_START_MS} ms`,
    reached: ms < GOAL_START_MS,
    figures: { ovlNewDataMs: first, ovlOldDataMs: resumed, recordedMs: DOCKER_START_MS[0] },
  }
}

function memoryRow(idle: Memory, busy: Memory): Row {
  const most = Math.max(idle.resident, busy.resident)
  return {
    what: `daemon: resident memory, idle / with ${WORKLOADS} workloads`,
    ovl: `${Math.round(idle.resident)} / ${Math.round(busy.resident)} MiB (${Math.round(idle.anonymous)} / ${Math.round(busy.anonymous)} of its own)`,
    reference: `${DOCKER_MEBIBYTES} MiB: dockerd, containerd, etcd (recorded)`,
    comparison: `${(most / DOCKER_MEBIBYTES).toFixed(2)}`,
    goal: `under ${GOAL_MEBIBYTES} MB`,
    reached: most * 1.048576 < GOAL_MEBIBYTES,
    figures: {
      idleMebibytes: idle.resident,
      idleAnonymousMebibytes: idle.anonymous,
      busyMebibytes: busy.resident,
      busyAnonymousMebibytes: busy.anonymous,
      recordedMebibytes: DOCKER_MEBIBYTES,
    },
  }
}

export const daemon: Benchmark = { name: "daemon", summary: "start to first answer, and memory", run }
