/** Two hosts, two networks with the same subnet, the real kernel: what goes where, and what goes nowhere. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { VXLAN_PORT } from "../../src/base/limits.ts"
import type { EndpointRecord } from "../../src/model/endpoint.ts"
import {
  endpointRecord,
  GREEN,
  manyEndpoints,
  NODE_1,
  NODE_2,
  networkRecord,
  nodeRecord,
  RED,
} from "../../src/overlay/fixture.ts"
import { describeAsRoot } from "../support/netns.ts"
import type { ClusterParts } from "./overlay-host.ts"
import { capture, describeFrames, type TwoHosts, twoHosts } from "./overlay-lab.ts"

const RED_NS = `1-${RED.slice(0, 10)}`
const GREEN_NS = `1-${GREEN.slice(0, 10)}`
const NODES = [nodeRecord(NODE_1, "192.168.1.51"), nodeRecord(NODE_2, "192.168.1.52")]
const NETWORKS = [networkRecord(RED, 256), networkRecord(GREEN, 257)]
const W1 = endpointRecord(1, RED, NODE_1, "10.65.10.2/24")
const W2 = endpointRecord(2, GREEN, NODE_1, "10.65.10.2/24")
const W3 = endpointRecord(3, RED, NODE_2, "10.65.10.3/24")
const W4 = endpointRecord(4, GREEN, NODE_2, "10.65.10.3/24")
const W5 = endpointRecord(5, RED, NODE_1, "10.65.10.5/24")

describeAsRoot("the overlay between two hosts", () => {
  let lab: TwoHosts
  let before: string

  const parts = (endpoints: EndpointRecord[]): ClusterParts => ({ nodes: NODES, networks: NETWORKS, endpoints })
  const both = async (endpoints: EndpointRecord[]): Promise<string> =>
    (await lab.h1.reconcile(NODE_1, parts(endpoints))) + (await lab.h2.reconcile(NODE_2, parts(endpoints)))
  const ping = (host: "h1" | "h2", from: string, to: string, seconds = 2): Promise<string> =>
    lab[host].shell(`ip netns exec ${from} ping -n -c1 -W${seconds} ${to}`)

  beforeAll(async () => {
    lab = await twoHosts()
    before = await state()
    for (const name of ["w1", "w2", "w5"]) await lab.h1.addWorkload(name)
    for (const name of ["w3", "w4", "w6"]) await lab.h2.addWorkload(name)
  })

  afterAll(() => lab.stop())

  /** What a person would look at on the first host. */
  const state = (): Promise<string> =>
    lab.h1.shell(
      "ip -br link | awk '{print $1}' | grep -v '^w'; ls /run/netns; iptables-save | grep -v '^#'; find /run/ovl;" +
        "grep -c netns /proc/self/mountinfo; sysctl -a 2>/dev/null | grep -E 'forward|disable_ipv6' | sort",
    )

  test("an idle network is silent, also while an endpoint joins", async () => {
    await both([W1, W2, W3, W4])
    const hidden = capture(lab.h1.namespacePath(RED_NS))
    const wire = capture(lab.h1.path)
    await both([W1, W2, W3, W4, W5])
    await Bun.sleep(2_000)
    expect(describeFrames(hidden.frames())).toEqual([])
    expect(describeFrames(wire.frames()).filter((line) => line.startsWith("vxlan"))).toEqual([])
    hidden.close()
    wire.close()
  }, 20_000)

  test("frames travel in VXLAN with their network's number, and ARP does not travel", async () => {
    const wire = capture(lab.h1.path)
    expect(await ping("h1", "w1", "10.65.10.3")).toContain(" 0% packet loss")
    expect(await ping("h2", "w4", "10.65.10.2")).toContain(" 0% packet loss")
    expect(describeFrames(wire.frames()).filter((line) => line.startsWith("vxlan"))).toEqual([
      "vxlan 256 192.168.1.51 > 192.168.1.52: ip 10.65.10.2 > 10.65.10.3 proto 1",
      "vxlan 256 192.168.1.52 > 192.168.1.51: ip 10.65.10.3 > 10.65.10.2 proto 1",
      "vxlan 257 192.168.1.51 > 192.168.1.52: ip 10.65.10.2 > 10.65.10.3 proto 1",
      "vxlan 257 192.168.1.52 > 192.168.1.51: ip 10.65.10.3 > 10.65.10.2 proto 1",
    ])
    expect(await ping("h1", "w1", "10.65.10.77", 1)).toContain("100% packet loss")
    expect(describeFrames(wire.frames()).filter((line) => line.startsWith("vxlan"))).toEqual([])
    wire.close()
  }, 20_000)

  test("the same address is another workload in the other network", async () => {
    const red = capture(lab.h1.namespacePath("w1"))
    const green = capture(lab.h1.namespacePath("w2"))
    await lab.h2.shell("ip netns exec w3 bash -c 'echo from-red > /dev/udp/10.65.10.2/9'")
    await lab.h2.shell("ip netns exec w4 bash -c 'echo from-green > /dev/udp/10.65.10.2/9'")
    const textOf = (seen: Buffer[]) => Buffer.concat(seen).toString("latin1")
    const [redText, greenText] = [textOf(red.frames()), textOf(green.frames())]
    expect([redText.includes("from-red"), redText.includes("from-green")]).toEqual([true, false])
    expect([greenText.includes("from-red"), greenText.includes("from-green")]).toEqual([false, true])
    red.close()
    green.close()
  }, 20_000)

  test("rows are exactly the remote endpoints", async () => {
    const fdb = await lab.h1.shell(`bridge -j -n ${RED_NS} fdb show dev vxlan1`)
    const rows = (JSON.parse(fdb) as { mac: string; dst?: string; flags: string[]; state: string }[])
      .filter((row) => row.flags.includes("self"))
      .map(({ mac, dst, state }) => `${mac} ${dst} ${state}`)
    expect(rows).toEqual(["02:42:0a:41:0a:03 192.168.1.52 permanent"])
    const all = await lab.h1.shell(`bridge -n ${RED_NS} fdb show dev vxlan1 | grep -v 'master br0 permanent'`)
    expect(all.trim().split("\n").length).toBe(1)
    const neighbours = await lab.h1.shell(`ip -n ${RED_NS} neigh show`)
    expect(neighbours.trim()).toBe("10.65.10.3 dev vxlan1 lladdr 02:42:0a:41:0a:03 PERMANENT")
  })

  test("devices are as the contract says", async () => {
    const vxlan = await lab.h1.shell(`ip -d -n ${RED_NS} link show vxlan1`)
    expect(vxlan).toContain(`vxlan id 256 local 192.168.1.51 srcport 0 0 dstport ${VXLAN_PORT} nolearning proxy`)
    expect(vxlan).toContain("mtu 1450")
    expect(await lab.h1.shell(`ip -br -4 -n ${RED_NS} addr show br0`)).toContain("10.65.10.1/24")
    expect(await lab.h1.shell("grep -ic ':12B5 ' /proc/net/udp")).toBe("1\n")
    expect(await lab.h1.shell(`ip netns exec ${RED_NS} grep -ic ':12B5 ' /proc/net/udp`)).toBe("0\n")
    expect(await lab.h1.shell("ip -n w1 -br link show eth0")).toContain("02:42:0a:41:0a:02")
    expect(await lab.h1.shell("ip -n w1 route")).toBe(
      "10.65.10.0/24 dev eth0 proto kernel scope link src 10.65.10.2 \n",
    )
  })

  test("a second look finds nothing to do", async () => {
    expect(await both([W1, W2, W3, W4, W5])).toBe("")
  })

  test("neighbours on one host reach each other, and the gateway answers", async () => {
    const wire = capture(lab.h1.path)
    expect(await ping("h1", "w1", "10.65.10.5")).toContain(" 0% packet loss")
    expect(await ping("h1", "w1", "10.65.10.1")).toContain(" 0% packet loss")
    expect(describeFrames(wire.frames()).filter((line) => line.startsWith("vxlan"))).toEqual([])
    wire.close()
    expect(await ping("h2", "w3", "10.65.10.5")).toContain(" 0% packet loss")
  }, 20_000)

  test("a frame for nobody goes to nobody", async () => {
    await lab.h1.shell("ip -n w1 neigh replace 10.65.10.88 lladdr 02:42:0a:41:0a:58 dev eth0 nud permanent")
    const captures = [lab.h1.path, lab.h1.namespacePath("w5")].map(capture)
    expect(await ping("h1", "w1", "10.65.10.88", 1)).toContain("100% packet loss")
    const said = captures.map((one) => describeFrames(one.frames()).filter((line) => line.includes("10.65.10.88")))
    expect(said).toEqual([[], []])
    for (const one of captures) one.close()
  })

  test("a workload that moves is reached where it is, though it stays silent", async () => {
    const moved = { ...W5, nodeId: NODE_2, netns: "/run/netns/w6" }
    await both([W1, W2, W3, W4, moved])
    expect(await ping("h1", "w1", "10.65.10.5")).toContain(" 0% packet loss")
    expect(await both([W1, W2, W3, W4, moved])).toBe("")
    await both([W1, W2, W3, W4])
    expect(await ping("h1", "w1", "10.65.10.5", 1)).toContain("100% packet loss")
  }, 20_000)

  test("a namespace that somebody deleted is there again, and so is what was in it", async () => {
    await lab.h1.shell(`ip netns del ${RED_NS}`)
    await both([W1, W2, W3, W4])
    expect(await ping("h1", "w1", "10.65.10.3")).toContain(" 0% packet loss")
    expect(await both([W1, W2, W3, W4])).toBe("")
  })

  test("while rows are repaired, traffic that does not need them flows on", async () => {
    const pinging = lab.h2.shell("ip netns exec w4 ping -n -q -i 0.01 -c 100 10.65.10.2")
    await lab.h1.shell(`ip -n ${RED_NS} link del vxlan1; ip -n ${RED_NS} addr flush dev br0`)
    expect(await lab.h1.reconcile(NODE_1, parts([W1, W2, W3, W4]))).toContain("link add vxlan1")
    expect(await pinging).toContain("100 received")
    expect(await ping("h1", "w1", "10.65.10.3")).toContain(" 0% packet loss")
  }, 20_000)

  test("full-size packets pass, larger ones are refused by their sender", async () => {
    expect(await lab.h1.shell("ip netns exec w1 ping -n -c1 -W2 -M do -s 1422 10.65.10.3")).toContain(" 0% packet loss")
    expect(await lab.h1.shell("ip netns exec w1 ping -n -c1 -W1 -M do -s 1423 10.65.10.3")).toContain("mtu=1450")
  }, 20_000)

  test("ten thousand peers are more than the neighbour table takes, and do not count to it (pain 25)", async () => {
    const peers = manyEndpoints(10_000, GREEN, NODE_2, "10.66.0.1")
    const start = performance.now()
    await lab.h1.reconcile(NODE_1, parts([W1, W2, W3, W4, ...peers]))
    const programmed = performance.now()
    expect(await lab.h1.reconcile(NODE_1, parts([W1, W2, W3, W4, ...peers]))).toBe("")
    const looked = performance.now()
    process.stderr.write(
      `10,000 peers: ${Math.round(programmed - start)} ms with catalog and text, ${Math.round(looked - programmed)} ms to find nothing to do\n`,
    )
    expect(await lab.h1.shell(`bridge -n ${GREEN_NS} fdb show dev vxlan1 | grep -c self`)).toBe("10001\n")
    expect(await lab.h1.shell(`ip -n ${GREEN_NS} neigh show dev vxlan1 | grep -c PERMANENT`)).toBe("10001\n")
    // What is permanent does not count to the limit that all namespaces share: others still learn their neighbours.
    await lab.h1.shell("ip neigh flush dev eth1; ip -n w1 neigh flush dev eth0; ip -n w2 neigh flush dev eth0")
    expect(await lab.h1.shell("ping -n -c1 -W2 203.0.113.1")).toContain(" 0% packet loss")
    expect(await ping("h1", "w1", "10.65.10.3")).toContain(" 0% packet loss")
    expect(await ping("h1", "w2", "10.65.10.3")).toContain(" 0% packet loss")
  }, 30_000)

  test("with the last endpoint everything goes", async () => {
    await both([])
    expect(await lab.h1.inventory()).toEqual({ namespaces: [], links: [], firewall: [], sysctls: [] })
    for (const name of ["w1", "w2", "w5"]) await lab.h1.removeWorkload(name)
    expect(await lab.h1.purge()).toBe("mount /run/netns")
    expect(await state()).toBe(before)
  })
})
