/** The way out, on the real kernel: what reaches the outside, with which source, and what must not reach anything. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import type { EndpointRecord } from "../../src/model/endpoint.ts"
import { endpointRecord, NODE_1, NODE_2, networkRecord, nodeRecord, RED } from "../../src/overlay/fixture.ts"
import { describeAsRoot } from "../support/netns.ts"
import type { ClusterParts } from "./overlay-host.ts"
import { capture, describeFrames, type TwoHosts, twoHosts } from "./overlay-lab.ts"

const egress = (last: number) => ({ ifname: "eth1", ip: `172.18.0.${last}/16`, gateway: "172.18.0.1" })
const W1 = endpointRecord(1, RED, NODE_1, "10.65.10.2/24", { egress: egress(2) })
const W2 = endpointRecord(2, RED, NODE_1, "10.65.10.3/24", { egress: egress(3) })
const PASSED = " 0% packet loss"
const LOST = "100% packet loss"

describeAsRoot("egress", () => {
  let lab: TwoHosts
  let before: string

  const parts = (endpoints: EndpointRecord[]): ClusterParts => ({
    nodes: [nodeRecord(NODE_1, "192.168.1.51"), nodeRecord(NODE_2, "192.168.1.52")],
    networks: [networkRecord(RED, 256)],
    endpoints,
  })
  const reconcile = (endpoints: EndpointRecord[]) => lab.h1.reconcile(NODE_1, parts(endpoints))
  const ping = (from: string, to: string): Promise<string> =>
    lab.h1.shell(`ip netns exec ${from} ping -n -c1 -W1 ${to}`)
  const state = (): Promise<string> =>
    lab.h1.shell(
      "ip -br link | awk '{print $1}'; ip route; ip neigh | grep 172.18; iptables-save | grep -v '^#'; find /run/ovl;" +
        "sysctl -a 2>/dev/null | grep -E 'ipv4.*forward' | sort",
    )

  beforeAll(async () => {
    lab = await twoHosts()
    for (const name of ["w1", "w2"]) await lab.h1.addWorkload(name)
    before = await state()
    await reconcile([W1, W2])
  })
  afterAll(() => lab.stop())

  test("the outside is reached with the node's address as source", async () => {
    const outside = capture(lab.outside.path)
    expect(await ping("w1", "203.0.113.1")).toContain(PASSED)
    expect(describeFrames(outside.frames()).filter((line) => line.includes("proto 1"))).toEqual([
      "ip 203.0.113.1 > 203.0.113.51 proto 1",
      "ip 203.0.113.51 > 203.0.113.1 proto 1",
    ])
    outside.close()
  })

  test("the workload's side is as the contract says", async () => {
    expect(await lab.h1.shell("ip -n w1 route show default")).toBe("default via 172.18.0.1 dev eth1 \n")
    expect(await lab.h1.shell("ip -n w1 link show eth1")).toMatch(/mtu 1500 .*02:42:ac:12:00:02/s)
    expect(
      await lab.h1.shell("cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/ovl_gwbridge/disable_ipv6"),
    ).toBe("0\n1\n")
  })

  test("neighbours, the gateway and the node's own addresses do not answer", async () => {
    expect(await ping("w1", "10.65.10.3")).toContain(PASSED)
    for (const closed of ["172.18.0.3", "172.18.0.1", "192.168.1.51", "203.0.113.51"]) {
      expect(`${closed}: ${await ping("w1", closed)}`).toContain(LOST)
    }
  }, 20_000)

  test.each([1, 0])(
    "neighbours are apart with static ARP too, whether rules see bridged frames (%d) or not",
    async (seen) => {
      await lab.h1.shell(`sysctl -qw net.bridge.bridge-nf-call-iptables=${seen}`)
      await lab.h1.shell("ip -n w1 neigh replace 172.18.0.3 lladdr 02:42:ac:12:00:03 dev eth1 nud permanent")
      const other = capture(lab.h1.namespacePath("w2"))
      expect(await ping("w1", "172.18.0.3")).toContain(LOST)
      expect(describeFrames(other.frames()).filter((line) => line.includes("proto 1"))).toEqual([])
      other.close()
    },
  )

  test("the outside does not reach in, and the node has not become a router", async () => {
    lab.outside.run("ip route add 172.18.0.0/16 via 203.0.113.51")
    lab.outside.run("ip route add 192.168.1.0/24 via 203.0.113.51")
    const other = capture(lab.h2.path)
    const inside = capture(lab.h1.namespacePath("w1"))
    expect(lab.outside.run("ping -n -c1 -W1 172.18.0.2 || true")).toContain(LOST)
    expect(lab.outside.run("ping -n -c1 -W1 192.168.1.52 || true")).toContain(LOST)
    expect(describeFrames(inside.frames()).filter((line) => line.startsWith("ip"))).toEqual([])
    expect(describeFrames(other.frames()).filter((line) => line.includes("192.168.1.52"))).toEqual([])
    inside.close()
    other.close()
  }, 20_000)

  test("a workload cannot forge VXLAN, though it would leave with a member's address", async () => {
    const other = capture(lab.h2.path)
    await lab.h1.shell("ip netns exec w1 bash -c 'echo forged > /dev/udp/192.168.1.52/4789'")
    await lab.h1.shell("ip netns exec w1 bash -c 'echo honest > /dev/udp/192.168.1.52/4790'")
    const text = Buffer.concat(other.frames()).toString("latin1")
    expect([text.includes("forged"), text.includes("honest")]).toEqual([false, true])
    other.close()
  })

  test("a foreign source address goes nowhere", async () => {
    const outside = capture(lab.outside.path)
    await lab.h1.shell("ip -n w1 addr add 198.51.100.7/32 dev lo; ip -n w1 link set lo up")
    await lab.h1.shell("ip netns exec w1 ping -n -c1 -W1 -I 198.51.100.7 203.0.113.1")
    expect(describeFrames(outside.frames()).filter((line) => line.includes("proto 1"))).toEqual([])
    outside.close()
  })

  test("what the administrator accepts in OVL-USER is open, and stays as written", async () => {
    await lab.h1.shell("iptables -A OVL-USER -p icmp -d 192.168.1.51 -j ACCEPT")
    expect(await ping("w1", "192.168.1.51")).toContain(PASSED)
    await lab.h1.shell("iptables -D OVL-FORWARD 1")
    expect(await reconcile([W1, W2])).toBe("iptables-restore\n")
    expect(await reconcile([W1, W2])).toBe("")
    expect(await lab.h1.shell("iptables -S OVL-USER")).toContain("-A OVL-USER -d 192.168.1.51/32 -p icmp -j ACCEPT")
    await lab.h1.shell("iptables -F OVL-USER")
  })

  test("nobody speaks on it who was not asked", async () => {
    await reconcile([W1])
    const captures = [lab.h1.namespacePath("w1"), lab.h1.namespacePath("w2")].map(capture)
    await reconcile([W1, W2])
    await Bun.sleep(2_000)
    // The first has sent something before, and so may ask again who has its gateway's address.
    const said = captures.map((one) => describeFrames(one.frames()).filter((line) => line !== "arp"))
    expect(said).toEqual([[], []])
    for (const one of captures) one.close()
  }, 20_000)

  test("with the last endpoint bridge, rules and forwarding go", async () => {
    await reconcile([W1])
    expect(await ping("w1", "203.0.113.1")).toContain(PASSED)
    await reconcile([])
    expect(await state()).toBe(before)
  })

  test("a subnet that is in use here is left alone", async () => {
    await lab.h1.shell("ip route add 172.18.4.0/24 via 203.0.113.1")
    const next = { ...W1, egress: { ifname: "eth1", ip: "172.19.0.2/16", gateway: "172.19.0.1" } }
    expect(await reconcile([next])).toContain("ip addr add 172.19.0.1/16 dev ovl_gwbridge")
    expect(await ping("w1", "203.0.113.1")).toContain(PASSED)
    expect(await lab.h1.purge()).toContain("link ovl_gwbridge")
    await lab.h1.shell("ip route del 172.18.4.0/24")
    // The workloads' namespaces are still there, and with them the mount that was remembered to be ours.
    expect(await state()).toBe(before.replace("/run/ovl/kernel.json\n", ""))
  })

  test("a host that forwards already is left as it is", async () => {
    await lab.h1.shell("sysctl -qw net.ipv4.ip_forward=1")
    expect(await reconcile([W1])).not.toContain("conf.eth1.forwarding")
    expect(await lab.h1.shell("iptables -S FORWARD")).not.toContain("OVL-GUARD")
    expect(await ping("w1", "203.0.113.1")).toContain(PASSED)
    await reconcile([])
    expect(await lab.h1.shell("cat /proc/sys/net/ipv4/ip_forward")).toBe("1\n")
  })
})
