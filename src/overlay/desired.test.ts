import { describe, expect, test } from "bun:test"
import type { NetworkRecord } from "../model/network.ts"
import { desiredEgress, desiredFirewall, desiredNetwork, localNetworkIds, networkGuard, peerOf } from "./desired.ts"
import { catalogOf, endpointRecord, GREEN, NODE_1, NODE_2, networkRecord, nodeRecord, RED } from "./fixture.ts"

const VIEW = { nodeId: NODE_1 }
const EGRESS = { ifname: "eth1", ip: "172.18.0.2/16", gateway: "172.18.0.1" }
const LOCAL = endpointRecord(1, RED, NODE_1, "10.65.10.2/24", { egress: EGRESS })
const REMOTE = endpointRecord(2, RED, NODE_2, "10.65.10.3/24")
const FACTS = {
  links: [{ name: "eth0", mtu: 1500, up: true }],
  addresses: [{ device: "eth0", address: "192.168.1.51/24" }],
  routes: [{ dst: "default", via: "192.168.1.1", device: "eth0" }],
  forwarding: false,
  forwardingDevices: [],
  switchedDevices: [],
}

function cluster(
  endpoints = [LOCAL, REMOTE],
  nodes = [nodeRecord(NODE_1, "192.168.1.51"), nodeRecord(NODE_2, "192.168.1.52")],
) {
  return catalogOf({ nodes, networks: [networkRecord(RED, 256), networkRecord(GREEN, 257)], endpoints })
}

describe("a network on this node", () => {
  test("has its ports and its peers, and nothing of itself among the peers", () => {
    const state = desiredNetwork(cluster(), VIEW, RED)
    expect(state).toMatchObject({
      netns: "/run/netns/1-249690033b",
      vni: 256,
      vtep: "192.168.1.51",
      port: 4789,
      mtu: 1450,
      bridge: { mac: "02:42:0a:41:0a:01", addresses: ["10.65.10.1/24"] },
    })
    expect([...(state?.ports.values() ?? [])].map(({ device, workload }) => [device, workload.mac])).toEqual([
      ["veth2", "02:42:0a:41:0a:02"],
    ])
    expect([...(state?.peers.values() ?? [])]).toEqual([
      { ips: ["10.65.10.3"], mac: "02:42:0a:41:0a:03", vtep: "192.168.1.52", pinned: false },
    ])
  })

  test("is not wanted without an endpoint here, nor when its namespace is gone", () => {
    expect(desiredNetwork(cluster([REMOTE]), VIEW, RED)).toBeNull()
    expect(desiredNetwork(cluster(), { ...VIEW, absent: new Set([LOCAL.id]) }, RED)).toBeNull()
    expect(desiredNetwork(cluster([{ ...LOCAL, netns: null }]), VIEW, RED)).toBeNull()
    expect(desiredNetwork(cluster(), VIEW, "f".repeat(64))).toBeNull()
    expect(localNetworkIds(cluster(), VIEW)).toEqual(new Set([RED]))
  })

  test("takes the smallest underlay of all members, and keeps what was asked for", () => {
    const small = [nodeRecord(NODE_1, "192.168.1.51"), nodeRecord(NODE_2, "192.168.1.52", { underlayMtu: 1350 })]
    expect(desiredNetwork(cluster([LOCAL], small), VIEW, RED)?.mtu).toBe(1300)
  })

  test("knows no peer on a node that has left", () => {
    const left = [nodeRecord(NODE_1, "192.168.1.51"), nodeRecord(NODE_2, "192.168.1.52", { state: "left" })]
    expect(peerOf(cluster([LOCAL, REMOTE], left), NODE_1, REMOTE)).toBeNull()
    expect(peerOf(cluster(), NODE_1, LOCAL)).toBeNull()
  })
})

describe("a network of several subnets", () => {
  const subnets = [
    { subnet: "10.65.10.0/24", gateway: "10.65.10.1" },
    { subnet: "10.65.12.0/23", gateway: "10.65.13.254" },
    { subnet: "10.64.0.0/16", gateway: "10.64.0.1" },
    { subnet: "fd00:65:10::/64", gateway: "fd00:65:10::1" },
    { subnet: "fd00:65:11::/64", gateway: "fd00:65:11::1" },
  ]
  const endpoints = [
    endpointRecord(1, RED, NODE_1, "10.65.10.2/24", { ip6: "fd00:65:11::2/64" }),
    endpointRecord(2, RED, NODE_1, "10.65.13.2/23", { ip6: "fd00:65:10::2/64" }),
    endpointRecord(3, RED, NODE_1, "10.64.1.2/16", { ip6: "fd00:65:10::3/64" }),
    endpointRecord(4, RED, NODE_2, "10.65.12.2/23", { ip6: "fd00:65:10::4/64" }),
  ]
  const nodes = [nodeRecord(NODE_1, "192.168.1.51"), nodeRecord(NODE_2, "192.168.1.52")]
  const stateOf = (given: Partial<NetworkRecord>, those = endpoints) =>
    desiredNetwork(catalogOf({ nodes, networks: [networkRecord(RED, 256, given)], endpoints: those }), VIEW, RED)!

  test("has all gateways on its bridge; a workload's further subnets are its interface's, and no two ports share a name", () => {
    const { bridge, ports, peers } = stateOf({ subnets })
    expect(bridge.addresses).toEqual([
      "10.65.10.1/24",
      "10.65.13.254/23",
      "10.64.0.1/16",
      "fd00:65:10::1/64",
      "fd00:65:11::1/64",
    ])
    expect(
      [...ports.values()].map(({ device, index, workload: { routes } }) => {
        return `${device} ${index}: ${routes.map(({ dst, via }) => `${dst} ${via}`).join(", ")}`
      }),
    ).toEqual([
      "veth2 100002: 10.65.12.0/23 null, 10.64.0.0/16 null, fd00:65:10::/64 null",
      "veth514 100514: 10.65.10.0/24 null, 10.64.0.0/16 null, fd00:65:11::/64 null",
      "veth1026 101026: 10.65.10.0/24 null, 10.65.12.0/23 null, fd00:65:11::/64 null",
    ])
    expect([...peers.values()].map(({ ips }) => ips)).toEqual([["10.65.12.2", "fd00:65:10::4"]])
  })

  test("of IPv6 alone: each subnet counts for as many names as its addresses given in order", () => {
    const six = [
      endpointRecord(1, RED, NODE_1, "fd00:65:10::2/64"),
      endpointRecord(2, RED, NODE_1, "fd00:65:11::2/64"),
      endpointRecord(3, RED, NODE_1, "fd00:65:11:0:1::2/64"),
    ]
    const { ports } = stateOf({ subnets: subnets.slice(3) }, six)
    expect([...ports.values()].map(({ device, index }) => `${device} ${index}`)).toEqual([
      "veth2 100002",
      "veth16777218 16877218",
      expect.stringMatching(/^veth0003eeeeeex 107\d{7}$/),
    ])
  })

  test("what it sends and may send is as before: the guard has its own addresses alone", () => {
    const state = stateOf({ subnets })
    const guard = networkGuard(catalogOf({ nodes, networks: [networkRecord(RED, 256, { subnets })], endpoints }), state)
    expect(guard.ports[0]?.addresses).toEqual(["10.65.10.2", "fd00:65:11::2", "fe80::42:aff:fe41:a02"])
  })
})

describe("egress", () => {
  test("is wanted while an endpoint has it", () => {
    const state = desiredEgress(cluster(), VIEW, "172.18.0.1/16", FACTS)
    expect(state).toMatchObject({ address: "172.18.0.1/16", mac: "02:42:ac:12:00:01", mtu: 1500, forwarding: ["eth0"] })
    const port = state?.ports.get(LOCAL.id)
    expect(port?.device).toBe("ovl0001eeeeeeee")
    expect(port?.workload).toMatchObject({ mac: "02:42:ac:12:00:02", routes: [{ dst: "default", via: "172.18.0.1" }] })
    expect(desiredEgress(cluster([REMOTE]), VIEW, "172.18.0.1/16", FACTS)).toBeNull()
  })

  test("where the host forwards anyway there is nothing to switch or to guard", () => {
    const facts = { ...FACTS, forwarding: true }
    const state = desiredEgress(cluster(), VIEW, "172.18.0.1/16", facts)
    expect(state?.forwarding).toEqual([])
    expect(desiredFirewall(cluster(), true, state, facts).egress?.guarded).toEqual([])
  })
})

describe("the firewall", () => {
  test("lets in the members and guards what ovl switched on", () => {
    const egress = desiredEgress(cluster(), VIEW, "172.18.0.1/16", FACTS)
    expect(desiredFirewall(cluster(), true, egress, FACTS)).toEqual({
      vxlan: { port: 4789, members: ["192.168.1.51", "192.168.1.52"] },
      egress: { subnet: "172.18.0.0/16", guarded: ["eth0"], vxlanPort: 4789, published: [] },
    })
    const later = { ...FACTS, forwardingDevices: ["eth0"], switchedDevices: ["eth0"] }
    expect(desiredFirewall(cluster(), true, egress, later).egress?.guarded).toEqual(["eth0"])
    const theirs = { ...FACTS, forwardingDevices: ["eth0"] }
    expect(desiredFirewall(cluster(), true, egress, theirs).egress?.guarded).toEqual([])
    expect(desiredFirewall(cluster(), false, null, FACTS)).toEqual({ vxlan: null, egress: null })
  })
})
