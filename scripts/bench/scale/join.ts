/** A node's first endpoint on a network of 20,000 endpoints on 200 other nodes: until it is up, with all of their rows. */
import { resolve } from "node:path"
import type { TestCluster, TestNode } from "../../../test/support/cluster.ts"
import type { Benchmark, Context, Row } from "../benchmark.ts"
import { clientOf, withCluster } from "../nodes.ts"
import { median, milliseconds, timed } from "../statistics.ts"

const NODES = 200
const ENDPOINTS_PER_NODE = 100
const ROUNDS = 5
const GOAL_MS = 500
const CROWD_TIMEOUT_MS = 120_000
const PROGRAM = resolve(import.meta.dir, "programs/crowd.ts")

async function run(context: Context): Promise<Row[]> {
  return withCluster({ nodes: ["server"] }, async (cluster) => {
    const server = cluster.node("server")
    const network = server.ovl("network create crowd --subnet 10.64.0.0/16")
    server.ovl("network create empty --subnet 10.65.0.0/16")
    await crowd(server, network)
    context.say(`scale: ${NODES * ENDPOINTS_PER_NODE} endpoints on ${NODES} nodes`)
    const rounds: { small: number; large: number; rows: number }[] = []
    for (let round = 0; round < ROUNDS; round++) rounds.push(await firstJoin(cluster, server, `n${round}`))
    return [row(rounds)]
  })
}

async function crowd(server: TestNode, network: string): Promise<void> {
  const token = server.ovl("token create")
  const words = [`${server.address}:8300`, token, network, String(NODES), String(ENDPOINTS_PER_NODE)]
  const program = server.machine.start([process.execPath, PROGRAM, ...words])
  await program.says("crowded", CROWD_TIMEOUT_MS)
  await program.ended
}

/** On a node that is new, as one that has been on the network knows it. */
async function firstJoin(cluster: TestCluster, server: TestNode, name: string) {
  const node = await cluster.addNode(name)
  await node.join(server)
  const client = clientOf(node)
  const small = await timed(() => client.run({ networks: ["empty"], name: `${name}-small`, detach: true }))
  const large = await timed(() => client.run({ networks: ["crowd"], name: `${name}-large`, detach: true }))
  const hidden = node.hidden("crowd")
  const rows = node.machine.run(["sh", "-c", `ip netns exec ${hidden} bridge fdb show dev vxlan1 | grep -c 'dst 192'`])
  for (const workload of ["small", "large"]) await client.removeWorkload(`${name}-${workload}`, { force: true })
  await node.stop()
  return { small, large, rows: Number(rows) }
}

function row(rounds: { small: number; large: number; rows: number }[]): Row {
  const [small, large] = [median(rounds.map((each) => each.small)), median(rounds.map((each) => each.large))]
  const missing = rounds.filter(({ rows }) => rows < NODES * ENDPOINTS_PER_NODE).length
  return {
    what: "first join to a network of 20,000 endpoints on 200 nodes, all rows programmed",
    ovl: missing === 0 ? milliseconds(large) : `${milliseconds(large)}, ${missing} of ${ROUNDS} incomplete`,
    reference: `${milliseconds(small)}, to an empty one`,
    comparison: `${(large / small).toFixed(0)} x`,
    goal: `under ${GOAL_MS} ms`,
    reached: large < GOAL_MS && missing === 0,
    figures: { ovlMs: large, emptyMs: small, incomplete: missing },
  }
}

export const scaleJoin: Benchmark = {
  name: "scale-join",
  summary: "a node's first endpoint on a network of 20,000",
  run,
}
