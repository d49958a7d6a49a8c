/** One TCP stream between workloads of two hosts, over ovl's overlay and over a VXLAN of the same shape built by hand. */
import { macOfIpv4 } from "../../src/model/mac.ts"
import { parseInterfaceAddress } from "../../src/model/cidr.ts"
import type { TestCluster, TestNode } from "../../test/support/cluster.ts"
import type { Background } from "../../test/support/machine.ts"
import type { Benchmark, Row } from "./benchmark.ts"
import { addWorkload, buildNetwork } from "./hand-built.ts"
import { clientOf, withCluster } from "./nodes.ts"
import { median, medianRatio } from "./statistics.ts"

/** Many short runs rather than few long ones: what disturbs the machine then falls on both in turns. */
const ROUNDS = 15
const SECONDS = 1
const GOAL_SHARE = 0.97
const SENDER_IP = "10.65.10.11"
const RECEIVER_IP = "10.65.10.12"

/** From one workload to another. */
interface Path {
  sender: TestNode
  /** The sender's namespace, as its node names it. */
  netns: string
}

async function run(): Promise<Row[]> {
  return withCluster({ nodes: ["ovl-1", "ovl-2"] }, async (cluster) => {
    const receivers: Background[] = []
    const overlay = await overlayPath(cluster, receivers)
    const byHand = await handBuiltPath(cluster, receivers)
    for (const receiver of receivers) await receiver.says("Server listening")
    const pairs: [number, number][] = []
    for (let round = 0; round < ROUNDS; round++) {
      // Each goes first as often as the other.
      const order = round % 2 === 0 ? [overlay, byHand] : [byHand, overlay]
      const [first, second] = [gigabits(order[0]!), gigabits(order[1]!)]
      pairs.push(round % 2 === 0 ? [first, second] : [second, first])
    }
    return [row(pairs)]
  })
}

async function overlayPath(cluster: TestCluster, receivers: Background[]): Promise<Path> {
  const [sender, receiver] = [cluster.node("ovl-1"), cluster.node("ovl-2")]
  await clientOf(sender).createNetwork({ name: "red", subnets: [{ subnet: "10.65.10.0/24" }] })
  await clientOf(sender).run({ networks: ["red"], name: "sender", ip: SENDER_IP, detach: true })
  await clientOf(receiver).run({ networks: ["red"], name: "receiver", ip: RECEIVER_IP, detach: true })
  receivers.push(startReceiver(receiver, "ovl-receiver"))
  return { sender, netns: "ovl-sender" }
}

/** Two more hosts on the same underlay. */
async function handBuiltPath(cluster: TestCluster, receivers: Background[]): Promise<Path> {
  const [sender, receiver] = [await cluster.addNode("hand-1"), await cluster.addNode("hand-2")]
  const ends = [
    { node: sender, other: receiver, name: "sender", ip: SENDER_IP, otherIp: RECEIVER_IP },
    { node: receiver, other: sender, name: "receiver", ip: RECEIVER_IP, otherIp: SENDER_IP },
  ]
  for (const { node, other, name, ip, otherIp } of ends) {
    buildNetwork(node, [{ ip: otherIp, mac: macOf(otherIp), vtep: other.address }])
    addWorkload(node, name, { ip, mac: macOf(ip) })
  }
  receivers.push(startReceiver(receiver, "receiver"))
  return { sender, netns: "sender" }
}

function macOf(ip: string): string {
  return macOfIpv4(parseInterfaceAddress(`${ip}/24`).address)
}

function startReceiver(node: TestNode, netns: string): Background {
  return node.machine.start(`ip netns exec ${netns} iperf3 --server --forceflush`)
}

/** As the receiver saw it. */
function gigabits({ sender, netns }: Path): number {
  const command = `ip netns exec ${netns} iperf3 --client ${RECEIVER_IP} --time ${SECONDS} --json`
  const { end } = sender.machine.json<{ end: { sum_received: { bits_per_second: number } } }>(command)
  return end.sum_received.bits_per_second / 1e9
}

function row(pairs: [number, number][]): Row {
  const [ovl, byHand] = [median(pairs.map(([one]) => one)), median(pairs.map(([, other]) => other))]
  const share = medianRatio(pairs)
  return {
    what: "TCP through the overlay between two hosts, one stream",
    ovl: `${ovl.toFixed(1)} Gbit/s`,
    reference: `${byHand.toFixed(1)} Gbit/s, a VXLAN built by hand`,
    comparison: share.toFixed(2),
    goal: `at least ${GOAL_SHARE}`,
    reached: share >= GOAL_SHARE,
    figures: { ovlGbitPerSecond: ovl, referenceGbitPerSecond: byHand, share },
  }
}

export const throughput: Benchmark = {
  name: "throughput",
  summary: "TCP between two hosts, beside a VXLAN built by hand",
  run,
}
