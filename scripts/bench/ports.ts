/** One TCP stream from outside to a published port, by ovl's rules and by a plain DNAT rule that a person would write. */
import type { TestCluster, TestNode } from "../../test/support/cluster.ts"
import type { Background } from "../../test/support/machine.ts"
import type { Benchmark, Row } from "./benchmark.ts"
import { buildEgress } from "./hand-built.ts"
import { clientOf, withCluster } from "./nodes.ts"
import { median, medianRatio } from "./statistics.ts"

const ROUNDS = 11
const SECONDS = 1
const GOAL_SHARE = 0.95
const HOST_PORT = 8201
/** Where iperf3 listens. */
const PORT = 5201
const WORKLOAD_IP = "172.18.0.2"

async function run(): Promise<Row[]> {
  return withCluster({ nodes: ["ovl-1"] }, async (cluster) => {
    const published = cluster.node("ovl-1")
    await clientOf(published).createNetwork({ name: "red", subnets: [{ subnet: "10.65.10.0/24" }] })
    const publish = [`${HOST_PORT}:${PORT}`]
    await clientOf(published).run({ networks: ["red"], name: "server", publish, detach: true })
    const byHand = await cluster.addNode("hand-1")
    buildByHand(byHand)
    const receivers = [startReceiver(published, "ovl-server"), startReceiver(byHand, "server")]
    for (const receiver of receivers) await receiver.says("Server listening")
    const pairs: [number, number][] = []
    for (let round = 0; round < ROUNDS; round++) {
      // Each goes first as often as the other.
      const order = round % 2 === 0 ? [published, byHand] : [byHand, published]
      const [first, second] = [gigabits(cluster, order[0]!), gigabits(cluster, order[1]!)]
      pairs.push(round % 2 === 0 ? [first, second] : [second, first])
    }
    return [row(pairs)]
  })
}

/** A bridge, a namespace on it, and the two rules without which it is not reached. */
function buildByHand(node: TestNode): void {
  buildEgress(node)
  node.machine.sh(
    [
      "set -e",
      "ip netns add server",
      "ip link add port0 master gw type veth peer name eth1 netns server",
      "ip link set port0 up",
      "ip -n server link set lo up",
      `ip -n server addr add ${WORKLOAD_IP}/16 dev eth1`,
      "ip -n server link set eth1 up",
      "ip -n server route add default via 172.18.0.1",
      `iptables -t nat -A PREROUTING -p tcp --dport ${HOST_PORT} -j DNAT --to-destination ${WORKLOAD_IP}:${PORT}`,
      "iptables -t nat -A POSTROUTING -s 172.18.0.0/16 ! -o gw -j MASQUERADE",
    ].join("\n"),
  )
}

function startReceiver(node: TestNode, netns: string): Background {
  return node.machine.start(`ip netns exec ${netns} iperf3 --server --forceflush --port ${PORT}`)
}

/** As the receiver saw it. */
function gigabits({ outside }: TestCluster, { address }: TestNode): number {
  const command = `iperf3 --client ${address} --port ${HOST_PORT} --time ${SECONDS} --json`
  const { end } = outside.json<{ end: { sum_received: { bits_per_second: number } } }>(command)
  return end.sum_received.bits_per_second / 1e9
}

function row(pairs: [number, number][]): Row {
  const [ovl, byHand] = [median(pairs.map(([one]) => one)), median(pairs.map(([, other]) => other))]
  const share = medianRatio(pairs)
  return {
    what: "TCP from outside to a published port, one stream",
    ovl: `${ovl.toFixed(1)} Gbit/s`,
    reference: `${byHand.toFixed(1)} Gbit/s, a DNAT rule by hand`,
    comparison: share.toFixed(2),
    goal: `at least ${GOAL_SHARE}`,
    reached: share >= GOAL_SHARE,
    figures: { ovlGbitPerSecond: ovl, referenceGbitPerSecond: byHand, share },
  }
}

export const ports: Benchmark = {
  name: "ports",
  summary: "TCP to a published port, beside a plain DNAT rule",
  run,
}
