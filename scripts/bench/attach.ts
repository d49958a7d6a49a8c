/** One endpoint through the API, from nothing to `up`, beside the script of `ip` commands that makes the same objects. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Client } from "../../src/client/client.ts"
import type { TestCluster } from "../../test/support/cluster.ts"
import type { Benchmark, Context, Row } from "./benchmark.ts"
import { ATTACH_SCRIPT, buildEgress, buildNetwork } from "./hand-built.ts"
import { clientOf, withCluster } from "./nodes.ts"
import { profileAttach } from "./attach-profile.ts"
import { Shell } from "./shell.ts"
import { median, medianRatio, milliseconds, quantile, timed, times } from "./statistics.ts"

const ROUNDS = 50
const WARM_UP_ROUNDS = 10
const GOAL_FACTOR = 6

async function run(context: Context): Promise<Row[]> {
  return withCluster({ nodes: ["ovl"] }, async (cluster) => {
    const node = cluster.node("ovl")
    const client = clientOf(node)
    await client.createNetwork({ name: "red", subnets: [{ subnet: "10.65.10.0/24" }] })
    // The network and the egress bridge stay for the time of the benchmark, on both sides.
    await client.run({ networks: ["red"], name: "keeper", detach: true })
    const byHand = await scripted(cluster)
    try {
      const pairs = await measure(client, byHand)
      if (context.profile) await profileAttach(node, client, context.say)
      return [row(pairs)]
    } finally {
      await byHand.close()
    }
  })
}

interface Scripted {
  attach: (round: number) => Promise<void>
  detach: (round: number) => Promise<void>
  close: () => Promise<void>
}

/** A machine of the same kind, on which the script runs. */
async function scripted(cluster: TestCluster): Promise<Scripted> {
  const node = await cluster.addNode("hand")
  buildNetwork(node, [])
  buildEgress(node)
  const path = join(cluster.scratch, "attach.sh")
  writeFileSync(path, ATTACH_SCRIPT)
  const shell = new Shell(node.machine)
  const number = (round: number) => 10 + (round % 200)
  return {
    attach: (round) => {
      const last = number(round).toString(16).padStart(2, "0")
      return shell.run(`sh ${path} w${round} ${number(round)} 02:42:0a:41:0a:${last} 02:42:ac:12:00:${last}`)
    },
    detach: (round) =>
      shell.run(`ip -n hand link del veth${number(round)}; ip link del gwport${number(round)}; ip netns del w${round}`),
    close: () => shell.close(),
  }
}

async function measure(client: Client, byHand: Scripted): Promise<[number, number][]> {
  const pairs: [number, number][] = []
  for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
    const name = `w${round}`
    const ovl = await timed(() => client.run({ networks: ["red"], name, detach: true }))
    const { state } = await client.endpoint(name)
    if (state !== "up") throw new Error(`endpoint ${name} is ${state}`)
    await client.removeWorkload(name, { force: true })
    const script = await timed(() => byHand.attach(round))
    await byHand.detach(round)
    if (round >= WARM_UP_ROUNDS) pairs.push([script, ovl])
  }
  return pairs
}

function row(pairs: [number, number][]): Row {
  const [script, ovl] = [median(pairs.map(([one]) => one)), median(pairs.map(([, other]) => other))]
  const factor = medianRatio(pairs)
  return {
    what: "one endpoint attached through the API, namespace included",
    ovl: milliseconds(ovl),
    reference: `${milliseconds(script)}, a script of ip`,
    comparison: times(factor),
    goal: `at least ${GOAL_FACTOR} x`,
    reached: factor >= GOAL_FACTOR,
    figures: {
      ovlMs: ovl,
      ovlP95Ms: quantile(
        pairs.map(([, other]) => other),
        0.95,
      ),
      referenceMs: script,
      factor,
    },
  }
}

export const attach: Benchmark = {
  name: "attach",
  summary: "one endpoint through the API, beside a script of ip commands",
  run,
}
