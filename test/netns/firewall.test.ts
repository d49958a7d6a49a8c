/** The rules on the real kernel: whose VXLAN is taken, and who else's rules stay as they are. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { withNamespace } from "../../src/linux/namespaces.ts"
import { endpointRecord, NODE_1, NODE_2, networkRecord, nodeRecord, RED } from "../../src/overlay/fixture.ts"
import { describeAsRoot } from "../support/netns.ts"
import type { ClusterParts } from "./overlay-host.ts"
import { capture, type TwoHosts, twoHosts } from "./overlay-lab.ts"

const EGRESS = { ifname: "eth1", ip: "172.18.0.2/16", gateway: "172.18.0.1" }
const W1 = endpointRecord(1, RED, NODE_1, "10.65.10.2/24", { egress: EGRESS })

describeAsRoot("the firewall", () => {
  let lab: TwoHosts

  const parts = (members: number, endpoints = [W1]): ClusterParts => ({
    nodes: [
      nodeRecord(NODE_1, "192.168.1.51"),
      nodeRecord(NODE_2, "192.168.1.52"),
      ...Array.from({ length: members - 2 }, (_, i) =>
        nodeRecord(String(i).padStart(64, "c"), `10.${i >> 7}.7.${2 * (i & 127) + 1}`),
      ),
    ],
    networks: [networkRecord(RED, 256)],
    endpoints,
  })

  /** A VXLAN packet of VNI 256 with a broadcast frame in it, from an address that h2 has. */
  const inject = async (from: string, text: string): Promise<boolean> => {
    const inside = capture(lab.h1.namespacePath("w1"))
    const ethernet = Buffer.from("ffffffffffff06000000000188b5", "hex")
    const packet = Buffer.concat([Buffer.from("0800000000010000", "hex"), ethernet, Buffer.from(text.padEnd(60))])
    const socket = await withNamespace(lab.h2.path, () => Bun.udpSocket({ hostname: from }))
    socket.send(packet, 4789, "192.168.1.51")
    await Bun.sleep(100)
    socket.close()
    const arrived = Buffer.concat(inside.frames()).toString("latin1").includes(text)
    inside.close()
    return arrived
  }

  beforeAll(async () => {
    lab = await twoHosts()
    await lab.h1.addWorkload("w1")
    await lab.h2.shell(
      "ip addr add 192.168.1.99/24 dev eth0; ip addr add 10.1.7.9/32 dev lo; ip addr add 10.1.7.10/32 dev lo",
    )
    await lab.h1.shell("ip route add 10.0.0.0/8 via 192.168.1.52")
  })
  afterAll(() => lab.stop())

  test("VXLAN is taken from members only", async () => {
    await lab.h1.reconcile(NODE_1, parts(2))
    expect(await inject("192.168.1.52", "from a member")).toBe(true)
    expect(await inject("192.168.1.99", "from a stranger")).toBe(false)
  })

  test("the same in a cluster of hundreds, by a tree of chains", async () => {
    expect(await inject("10.1.7.9", "not yet a member")).toBe(false)
    expect(await lab.h1.reconcile(NODE_1, parts(500))).toContain("iptables-restore")
    expect(await lab.h1.reconcile(NODE_1, parts(500))).toBe("")
    expect(await inject("192.168.1.52", "from a member")).toBe(true)
    expect(await inject("10.1.7.9", "from a new member")).toBe(true)
    expect(await inject("10.1.7.10", "from its neighbour")).toBe(false)
    expect(await inject("192.168.1.99", "from a stranger")).toBe(false)
    await lab.h1.reconcile(NODE_1, parts(2))
    expect(await lab.h1.shell("iptables-save | grep -c 'OVL-VXLAN-'")).toBe("0\n")
  })

  test("other people's rules stay, and Docker's chain gets our jump", async () => {
    await lab.h1.shell(
      "iptables -N DOCKER-USER; iptables -A DOCKER-USER -j RETURN; iptables -I FORWARD -j DOCKER-USER;" +
        "iptables -P FORWARD DROP; iptables -I INPUT -s 198.51.100.1 -j DROP; iptables -t nat -A POSTROUTING -s 10.99.0.0/16 -j MASQUERADE",
    )
    await lab.h1.reconcile(NODE_1, parts(2))
    expect(await lab.h1.shell("iptables -S DOCKER-USER")).toContain("-j OVL-FORWARD")
    expect(await lab.h1.shell("ip netns exec w1 ping -n -c1 -W1 203.0.113.1")).toContain(" 0% packet loss")
    await lab.h1.reconcile(NODE_1, parts(2, []))
    const left = await lab.h1.shell("iptables-save | grep -v '^#'")
    expect(left).not.toContain("OVL")
    for (const rule of ["-P FORWARD DROP", "-A INPUT -s 198.51.100.1/32 -j DROP", "-A DOCKER-USER -j RETURN"]) {
      expect(await lab.h1.shell("iptables -S")).toContain(rule)
    }
    expect(left).toContain("-A POSTROUTING -s 10.99.0.0/16 -j MASQUERADE")
  })

  test("a user chain that is not empty outlives us", async () => {
    await lab.h1.reconcile(NODE_1, parts(2))
    await lab.h1.shell("iptables -A OVL-USER -p tcp --dport 22 -j ACCEPT")
    await lab.h1.purge()
    expect(await lab.h1.shell("iptables -S | grep OVL")).toBe(
      "-N OVL-USER\n-A OVL-USER -p tcp -m tcp --dport 22 -j ACCEPT\n",
    )
  })
})
