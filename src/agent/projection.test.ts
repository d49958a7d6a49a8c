import { beforeEach, describe, expect, test } from "bun:test"
import { Catalog, type Change } from "../model/catalog.ts"
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

  test("an address that passes from one endpoint to another in one revision ends with the new one's rows", () => {
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

  test("a node with a narrower underlay changes the MTU of what is here", () => {
    expect(needs(nodePut({ ...node("c".repeat(64), "192.168.1.53"), underlayMtu: 1400 }))).toBe(true)
  })
})
