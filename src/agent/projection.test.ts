import { beforeEach, describe, expect, test } from "bun:test"
import { Catalog, type Change } from "../model/catalog.ts"
import type { EgressState, PortState } from "../model/dataplane.ts"
import type { EndpointRecord } from "../model/endpoint.ts"
import type { NetworkRecord } from "../model/network.ts"
import type { NodeRecord } from "../model/node.ts"
import { renderPlan } from "../model/operation.ts"
import { desiredNetwork } from "../overlay/desired.ts"
import { Projection } from "./projection.ts"

const HERE = "a".repeat(64)
const THERE = "b".repeat(64)
const RED = "1234567890".padEnd(64, "0")

function node(id: string, address: string): NodeRecord {
  return {
    id,
    name: id.slice(0, 4),
    address,
    peerAddress: null,
    role: "client",
    voter: false,
    state: "member",
    version: "1",
    underlayMtu: 1500,
    bootId: "b",
    joined: "2026-01-01T00:00:00Z",
  }
}

const red: NetworkRecord = {
  id: RED,
  name: "red",
  tenant: "default",
  vni: 256,
  subnets: [{ subnet: "10.65.10.0/24", gateway: "10.65.10.1" }],
  ipRange: null,
  mtu: 0,
  internal: false,
  secure: false,
  multicast: false,
  labels: {},
  created: "2026-01-01T00:00:00Z",
}

function endpoint(n: number, nodeId: string): EndpointRecord {
  return {
    id: String(n).padStart(64, "e"),
    networkId: RED,
    nodeId,
    workload: `w${n}`,
    name: `w${n}`,
    ip: `10.65.10.${n}/24`,
    mac: `02:42:0a:41:0a:0${n}`,
    ifname: "eth0",
    netns: nodeId === HERE ? `/run/netns/w${n}` : null,
    netnsId: null,
    origin: "attach",
    egress: null,
    state: "up",
    created: "2026-01-01T00:00:00Z",
  }
}

const put = (value: EndpointRecord): Change => ({ type: "endpoint", id: value.id, value })
const gone = (value: EndpointRecord): Change => ({ type: "endpoint", id: value.id, value: null })
const nodePut = (value: NodeRecord): Change => ({ type: "node", id: value.id, value })

let catalog: Catalog
let projection: Projection

/** Applies the changes to the catalog, as the replica does, and renders the step that they mean. */
function step(...changes: Change[]): string {
  catalog.apply({ revision: catalog.revision + 1, snapshot: false, changes })
  return renderPlan(projection.step(changes))
}

beforeEach(() => {
  catalog = new Catalog()
  projection = new Projection(catalog, HERE)
  catalog.apply({
    revision: 1,
    snapshot: true,
    changes: [
      nodePut(node(HERE, "192.168.1.51")),
      nodePut(node(THERE, "192.168.1.52")),
      { type: "network", id: RED, value: red },
      put(endpoint(2, HERE)),
    ],
  })
  projection.noteNetwork(desiredNetwork(catalog, { nodeId: HERE }, RED)!)
  projection.noteNodes()
})

describe("a small step for a small change", () => {
  test("a remote endpoint comes: two rows, and goes: the same two", () => {
    expect(step(put(endpoint(3, THERE)))).toBe(
      "bridge -n 1-1234567890 fdb replace 02:42:0a:41:0a:03 dev vxlan1 dst 192.168.1.52 self permanent\n" +
        "ip -n 1-1234567890 neigh replace 10.65.10.3 lladdr 02:42:0a:41:0a:03 dev vxlan1 nud permanent\n",
    )
    expect(step(gone(endpoint(3, THERE)))).toBe(
      "ip -n 1-1234567890 neigh del 10.65.10.3 dev vxlan1\n" +
        "bridge -n 1-1234567890 fdb del 02:42:0a:41:0a:03 dev vxlan1 dst 192.168.1.52 self permanent\n",
    )
  })

  test("a change that means nothing to the rows is no step", () => {
    step(put(endpoint(3, THERE)))
    expect(step(put({ ...endpoint(3, THERE), state: "pending" }))).toBe("")
    expect(step({ type: "alive", id: THERE, value: null })).toBe("")
  })

  test("an address that passes from one endpoint to another in one revision ends with the new one's rows (pain 4)", () => {
    step(put(endpoint(3, THERE)))
    const successor = { ...endpoint(3, THERE), id: "f".repeat(64) }
    const lines = step(put(successor), gone(endpoint(3, THERE)))
      .trim()
      .split("\n")
    expect(
      lines.map((line) =>
        line
          .replace(/ip -n |bridge -n |1-1234567890 /g, "")
          .split(" ")
          .slice(0, 2)
          .join(" "),
      ),
    ).toEqual(["neigh del", "fdb del", "fdb replace", "neigh replace"])
  })

  test("a network that is not on this node means nothing here", () => {
    const elsewhere = { ...endpoint(3, THERE), networkId: "9".repeat(64) }
    expect(step(put(elsewhere))).toBe("")
  })

  test("the last local endpoint takes the network with it: links first, then the namespace", () => {
    expect(step(gone(endpoint(2, HERE)))).toBe(
      "ip -n 1-1234567890 link del veth2\n" +
        "ip -n 1-1234567890 link del vxlan1\n" +
        "ip -n 1-1234567890 link del br0\n" +
        "ip netns del 1-1234567890\n",
    )
    expect(projection.networks.size).toBe(0)
  })
})

describe("what is no small step", () => {
  const needs = (...changes: Change[]) => {
    catalog.apply({ revision: catalog.revision + 1, snapshot: false, changes })
    return projection.needsReconcile(changes)
  }

  test("a node's address or membership changes under its rows", () => {
    expect(needs(nodePut(node(THERE, "192.168.1.99")))).toBe(true)
  })

  test("a node that is new, or only renewed, is none", () => {
    expect(needs(nodePut(node("c".repeat(64), "192.168.1.53")))).toBe(false)
    expect(needs(nodePut({ ...node(THERE, "192.168.1.52"), version: "2" }))).toBe(false)
  })
})

describe("another MTU", () => {
  const narrow = nodePut({ ...node("c".repeat(64), "192.168.1.53"), underlayMtu: 1400 })

  test("of the narrowest node is followed: who sends becomes smaller first and larger last", () => {
    expect(projection.needsReconcile([narrow])).toBe(false)
    expect(step(narrow)).toBe(
      "ip -n w2 link set eth0 mtu 1350\n" +
        "ip -n 1-1234567890 link set br0 mtu 1350\n" +
        "ip -n 1-1234567890 link set vxlan1 mtu 1350\n" +
        "ip -n 1-1234567890 link set veth2 mtu 1350\n",
    )
    expect(step(narrow)).toBe("")
    const wide = step({ type: "node", id: "c".repeat(64), value: null })
    expect(wide.split("\n").map((line) => line.split("set ")[1])).toEqual([
      "br0 mtu 1450",
      "vxlan1 mtu 1450",
      "veth2 mtu 1450",
      "eth0 mtu 1450",
      undefined,
    ])
  })

  test("of this node's underlay is the egress bridge's, and a network that asked for its own keeps that", () => {
    catalog.apply({
      revision: 5,
      snapshot: false,
      changes: [{ type: "network", id: RED, value: { ...red, mtu: 1300 } }],
    })
    projection.noteNetwork(desiredNetwork(catalog, { nodeId: HERE }, RED)!)
    const egress = { ifname: "eth1", ip: "172.18.0.2/16", gateway: "172.18.0.1" }
    catalog.apply({ revision: 6, snapshot: false, changes: [put({ ...endpoint(2, HERE), egress })] })
    const ports = new Map([[endpoint(2, HERE).id, { device: "ovl2" } as PortState]])
    projection.noteEgress({ address: "172.18.0.1/16", mtu: 1500, ports } as unknown as EgressState)
    expect(step(nodePut({ ...node(HERE, "192.168.1.51"), underlayMtu: 9000 }))).toBe(
      "ip link set ovl_gwbridge mtu 9000\nip link set ovl2 mtu 9000\nip -n w2 link set eth1 mtu 9000\n",
    )
  })
})

describe("a network that carries multicast", () => {
  const MULTICAST = { ...red, multicast: true }
  const lines = (...changes: Change[]) =>
    step(...changes)
      .split("\n")
      .map((line) => line.replace("bridge -n 1-1234567890 fdb ", ""))
      .filter((line) => line.includes("00:00:00:00:00:00") || line.includes("master"))

  test("floods to a node from its first endpoint to its last", () => {
    catalog.apply({ revision: 5, snapshot: false, changes: [{ type: "network", id: RED, value: MULTICAST }] })
    projection.noteNetwork(desiredNetwork(catalog, { nodeId: HERE }, RED)!)
    expect(lines(put(endpoint(3, THERE)))).toEqual([
      "replace 02:42:0a:41:0a:03 dev vxlan1 master static",
      "append 00:00:00:00:00:00 dev vxlan1 dst 192.168.1.52 self permanent",
    ])
    expect(lines(put(endpoint(4, THERE)))).toEqual(["replace 02:42:0a:41:0a:04 dev vxlan1 master static"])
    expect(lines(gone(endpoint(3, THERE)))).toEqual(["del 02:42:0a:41:0a:03 dev vxlan1 master static"])
    expect(lines(gone(endpoint(4, THERE)))).toEqual([
      "del 02:42:0a:41:0a:04 dev vxlan1 master static",
      "del 00:00:00:00:00:00 dev vxlan1 dst 192.168.1.52 self permanent",
    ])
  })
})
