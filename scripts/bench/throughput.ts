/** One TCP stream between workloads of two hosts, over ovl's overlay and over a VXLAN of the same shape built by hand. */
import { macOfIpv4 } from "../../src/model/mac.ts"
import { parseInterfaceAddress } from "../../src/model/cidr.ts"
import type { TestCluster } from "../../test/support/cluster.ts"
import type { Background } from "../../test/support/machine.ts"
import type { Benchmark, Row } from "./benchmark.ts"
import { addWorkload, buildNetwork } from "./hand-built.ts"
import { IPERF_PORT, inPairs, type Path, startReceiver, throughputRow } from "./iperf.ts"
import { clientOf, withCluster } from "./nodes.ts"

const GOAL_SHARE = 0.97
const SENDER_IP = "10.65.10.11"
const RECEIVER_IP = "10.65.10.12"

async function run(): Promise<Row[]> {
  return withCluster({ nodes: ["ovl-1", "ovl-2"] }, async (cluster) => {
    const receivers: Background[] = []
    const overlay = await overlayPath(cluster, receivers)
    const byHand = await handBuiltPath(cluster, receivers)
    for (const receiver of receivers) await receiver.says("Server listening")
    const what = "TCP through the overlay between two hosts"
    return [throughputRow(what, "a VXLAN built", inPairs(overlay, byHand), GOAL_SHARE)]
  })
}

async function overlayPath(cluster: TestCluster, receivers: Background[]): Promise<Path> {
  const [sender, receiver] = [cluster.node("ovl-1"), cluster.node("ovl-2")]
  await clientOf(sender).createNetwork({ name: "red", subnets: [{ subnet: "10.65.10.0/24" }] })
  await clientOf(sender).run({ networks: ["red"], name: "sender", ip: SENDER_IP, detach: true })
  await clientOf(receiver).run({ networks: ["red"], name: "receiver", ip: RECEIVER_IP, detach: true })
  receivers.push(startReceiver(receiver.machine, "ovl-receiver"))
  return { sender: sender.machine, netns: "ovl-sender", to: RECEIVER_IP, port: IPERF_PORT }
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
  receivers.push(startReceiver(receiver.machine, "receiver"))
  return { sender: sender.machine, netns: "sender", to: RECEIVER_IP, port: IPERF_PORT }
}

function macOf(ip: string): string {
  return macOfIpv4(parseInterfaceAddress(`${ip}/24`).address)
}

export const throughput: Benchmark = {
  name: "throughput",
  summary: "TCP between two hosts, beside a VXLAN built by hand",
  run,
}
