/**
 * Names: how many questions a second of one core's time answers, on a node with a network of many endpoints. What the
 * daemon itself used counts, and not the time that went by: who asks runs on the same machine.
 */
import { join } from "node:path"
import type { TestNode } from "../../test/support/cluster.ts"
import type { Benchmark, Context, Row } from "./benchmark.ts"
import { clientOf, processorMs, withCluster, workloadNamespace } from "./nodes.ts"
import { withNamespace } from "../../src/linux/namespaces.ts"

const ASKER_PROGRAM = join(import.meta.dir, "dns-asker.ts")
const GATEWAY = "10.65.0.1"
const WORKLOADS = 50
const WARM_MS = 1_000
const MEASURED_MS = 4_000
const GOAL_PER_CORE = 20_000

interface Asked {
  answered: number
  sent: number
  seconds: number
}

async function run(context: Context): Promise<Row[]> {
  return withCluster({ nodes: ["names"] }, async (cluster) => {
    const node = cluster.node("names")
    const client = clientOf(node)
    await client.createNetwork({ name: "red", subnets: [{ subnet: "10.65.0.0/16" }] })
    for (let n = 0; n < WORKLOADS; n++) await client.run({ networks: ["red"], name: `w${n}`, detach: true })
    await askFor(node, WARM_MS)
    const before = processorMs(node)
    const asked = await askFor(node, MEASURED_MS)
    const used = (processorMs(node) - before) / 1_000
    const [perCore, perSecond] = [asked.answered / used, asked.answered / asked.seconds]
    if (context.profile) context.say(`dns: ${JSON.stringify({ ...asked, used })}`)
    const thousands = (value: number) => Math.round(value).toLocaleString("en")
    return [
      {
        what: `names: questions by UDP for a second of one core, ${WORKLOADS} workloads`,
        ovl: `${thousands(perCore)} (${thousands(perSecond)} a second just then)`,
        reference: "-",
        comparison: "-",
        goal: `at least ${thousands(GOAL_PER_CORE)}`,
        reached: perCore >= GOAL_PER_CORE,
        figures: { perCoreSecond: perCore, perSecond, processorSeconds: used, ...asked },
      },
    ]
  })
}

/** A program of its own inside of a workload asks as fast as it is answered. */
async function askFor(node: TestNode, ms: number): Promise<Asked> {
  const argv = [process.execPath, ASKER_PROGRAM, GATEWAY, String(WORKLOADS), String(ms)]
  const child = withNamespace(workloadNamespace(node, "w0"), () =>
    Bun.spawn(argv, { stdin: "ignore", stdout: "pipe", stderr: "inherit" }),
  )
  const said = await new Response(child.stdout).text()
  if ((await child.exited) !== 0) throw new Error("nobody asked")
  return JSON.parse(said) as Asked
}

export const dns: Benchmark = { name: "dns", summary: "questions for names a second on one core", run }
