import { describe, expect, test } from "bun:test"
import { hiddenNamespace } from "../model/dataplane.ts"
import { renderPlan } from "../model/operation.ts"
import { desiredEgress, desiredNetwork } from "./desired.ts"
import { catalogOf, endpointRecord, NODE_1, NODE_2, networkRecord, nodeRecord, RED } from "./fixture.ts"
import { planEgress, planNetwork } from "./plan.ts"
import { addEndpoint, changePeer } from "./steps.ts"

const EGRESS = { ifname: "eth1", ip: "172.18.0.2/16", gateway: "172.18.0.1" }
const LOCAL = endpointRecord(1, RED, NODE_1, "10.65.10.2/24", { egress: EGRESS })
const CATALOG = catalogOf({
  nodes: [nodeRecord(NODE_1, "192.168.1.51"), nodeRecord(NODE_2, "192.168.1.52")],
  networks: [networkRecord(RED, 256)],
  endpoints: [LOCAL, endpointRecord(2, RED, NODE_2, "10.65.10.3/24")],
})
const FACTS = {
  links: [],
  addresses: [],
  routes: [{ dst: "default", via: "192.168.1.1", device: "eth0.100" }],
  forwarding: false,
  forwardingDevices: [],
  switchedDevices: [],
}
const NS = hiddenNamespace(RED)
const NETWORK = desiredNetwork(CATALOG, { nodeId: NODE_1 }, RED)!
const STATE = desiredEgress(CATALOG, { nodeId: NODE_1 }, "172.18.0.1/16", FACTS)!

/** Marks are long, and the same everywhere. */
function text(operations: Parameters<typeof renderPlan>[0]): string[] {
  return renderPlan(operations).replaceAll(RED, "RED").replaceAll(LOCAL.id, "W1").trimEnd().split("\n")
}

describe("a network", () => {
  test("is made from nothing in the order that the kernel takes", () => {
    expect(text(planNetwork(NETWORK, null))).toEqual([
      "ip netns add 1-249690033b",
      "ip netns exec 1-249690033b sysctl -w net.ipv6.conf.default.disable_ipv6=1",
      "ip -n 1-249690033b link set lo alias ovl:RED up",
      "ip -n 1-249690033b link add br0 address 02:42:0a:41:0a:01 mtu 1450 alias ovl:RED type bridge mcast_snooping 0 vlan_default_pvid 0",
      "ip -n 1-249690033b addr add 10.65.10.1/24 dev br0",
      "ip -n 1-249690033b link set br0 up",
      `ip -n 1-249690033b link add vxlan1 address ${NETWORK.vxlan.mac} mtu 1450 master br0 alias ovl:RED up type vxlan id 256 local 192.168.1.51 dstport 4789 nolearning proxy`,
      "bridge -n 1-249690033b link set dev vxlan1 learning off flood on isolated off",
      "bridge -n 1-249690033b fdb replace 02:42:0a:41:0a:03 dev vxlan1 dst 192.168.1.52 self permanent",
      "ip -n 1-249690033b neigh replace 10.65.10.3 lladdr 02:42:0a:41:0a:03 dev vxlan1 nud permanent",
      `ip -n 1-249690033b link add veth2 index 100002 address ${NETWORK.ports.get(LOCAL.id)?.mac} mtu 1450 master br0 alias ovl:W1 up type veth peer eth0 netns w1 address 02:42:0a:41:0a:02 mtu 1450`,
      "bridge -n 1-249690033b link set dev veth2 learning off flood off isolated off",
      "bridge -n 1-249690033b fdb replace 02:42:0a:41:0a:02 dev veth2 master static",
      "ip -n w1 link set eth0 alias ovl:W1 addrgenmode none up",
      "ip -n w1 addr add 10.65.10.2/24 dev eth0",
    ])
  })

  test("is removed links first, and what is nobody's stays to be seen", () => {
    const link = { kind: "veth", mac: "", mtu: 1450, up: true, master: "br0" }
    const port = { ...link, flags: null, staticMacs: [] }
    const observed = {
      netns: NS,
      networkId: RED,
      loopbackUp: true,
      ipv6Off: true,
      bridge: null,
      vxlan: null,
      ports: [
        { ...port, name: "veth2", alias: `ovl:${LOCAL.id}`, endpointId: LOCAL.id },
        { ...port, name: "foreign0", alias: null, endpointId: null },
      ],
      fdb: [],
      neighbours: [],
    }
    expect(text(planNetwork(null, observed))).toEqual([
      "ip -n 1-249690033b link del veth2",
      "ip netns del 1-249690033b",
    ])
    expect(planNetwork(null, null)).toEqual([])
  })
})

describe("one endpoint", () => {
  const before = { ips: ["10.65.10.3"], mac: "02:42:0a:41:0a:03", vtep: "192.168.1.52", pinned: false }

  test("that moves to another node is replaced in place", () => {
    expect(text(changePeer(NS, before, { ...before, vtep: "192.168.1.53" }))).toEqual([
      "bridge -n 1-249690033b fdb replace 02:42:0a:41:0a:03 dev vxlan1 dst 192.168.1.53 self permanent",
      "ip -n 1-249690033b neigh replace 10.65.10.3 lladdr 02:42:0a:41:0a:03 dev vxlan1 nud permanent",
    ])
    expect(changePeer(NS, before, before)).toEqual([])
    expect(changePeer(NS, null, null)).toEqual([])
  })

  test("that is here now has its rows removed, the neighbour first: the proxy must not answer for it", () => {
    expect(text(changePeer(NS, before, null))).toEqual([
      "ip -n 1-249690033b neigh del 10.65.10.3 dev vxlan1",
      "bridge -n 1-249690033b fdb del 02:42:0a:41:0a:03 dev vxlan1 dst 192.168.1.52 self permanent",
    ])
  })

  test("with egress has both pairs before its own namespace is visited", () => {
    const operations = addEndpoint(NS, NETWORK.ports.get(LOCAL.id)!, STATE.ports.get(LOCAL.id)!)
    const visits = operations.map(({ ns }) => ns).filter((ns, i, all) => ns !== all[i - 1])
    expect(visits).toEqual([NS, "", "/run/netns/w1"])
  })
})

describe("egress", () => {
  test("is made from nothing, forwarding remembered", () => {
    const operations = planEgress(STATE, null, FACTS)
    expect(text(operations).slice(0, 6)).toEqual([
      "ip link add ovl_gwbridge address 02:42:ac:12:00:01 mtu 1500 alias ovl:egress type bridge mcast_snooping 0 vlan_default_pvid 0",
      "sysctl -w net.ipv6.conf.ovl_gwbridge.disable_ipv6=1",
      "ip addr add 172.18.0.1/16 dev ovl_gwbridge",
      "ip link set ovl_gwbridge up",
      "sysctl -w net.ipv4.conf.ovl_gwbridge.forwarding=1",
      "sysctl -w net.ipv4.conf.eth0/100.forwarding=1",
    ])
    expect(operations.filter((one) => one.op === "sysctl").map((one) => one.remember)).toEqual([false, false, true])
    expect(text(operations)).toContain("bridge link set dev ovl0001eeeeeeee learning off flood off isolated on")
  })

  test("that is gone leaves only what is to be restored", () => {
    expect(planEgress(null, null, FACTS)).toEqual([])
    expect(text(planEgress(null, null, { ...FACTS, switchedDevices: ["eth0"] }))).toEqual(["sysctl restore"])
  })
})
