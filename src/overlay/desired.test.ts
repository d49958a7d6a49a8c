import { describe, expect, test } from "bun:test"
import { desiredEgress, desiredFirewall, desiredNetwork, localNetworkIds, peerOf } from "./desired.ts"
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
