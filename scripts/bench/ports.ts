/** One TCP stream from outside to a published port, by ovl's rules and by a plain DNAT rule that a person would write. */
import type { TestNode } from "../../test/support/cluster.ts"
import type { Benchmark, Row } from "./benchmark.ts"
import { buildEgress } from "./hand-built.ts"
import { IPERF_PORT, inPairs, type Path, startReceiver, throughputRow } from "./iperf.ts"
import { clientOf, withCluster } from "./nodes.ts"

const GOAL_SHARE = 0.95
const HOST_PORT = 8201
const WORKLOAD_IP = "172.18.0.2"

async function run(): Promise<Row[]> {
  return withCluster({ nodes: ["ovl-1"] }, async (cluster) => {
    const published = cluster.node("ovl-1")
    await clientOf(published).createNetwork({ name: "red", subnets: [{ subnet: "10.65.10.0/24" }] })
    const publish = [`${HOST_PORT}:${IPERF_PORT}`]
    await clientOf(published).run({ networks: ["red"], name: "server", publish, detach: true })
    const byHand = await cluster.addNode("hand-1")
    buildByHand(byHand)
    const receivers = [startReceiver(published.machine, "ovl-server"), startReceiver(byHand.machine, "server")]
    for (const receiver of receivers) await receiver.says("Server listening")
    const pathTo = ({ address }: TestNode): Path => ({
      sender: cluster.outside,
      netns: null,
      to: address,
      port: HOST_PORT,
    })
    const pairs = inPairs(pathTo(published), pathTo(byHand))
    return [throughputRow("TCP from outside to a published port", "a DNAT rule", pairs, GOAL_SHARE)]
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
      `iptables -t nat -A PREROUTING -p tcp --dport ${HOST_PORT} -j DNAT --to-destination ${WORKLOAD_IP}:${IPERF_PORT}`,
      "iptables -t nat -A POSTROUTING -s 172.18.0.0/16 ! -o gw -j MASQUERADE",
    ].join("\n"),
  )
}

export const ports: Benchmark = {
  name: "ports",
  summary: "TCP to a published port, beside a plain DNAT rule",
  run,
}
