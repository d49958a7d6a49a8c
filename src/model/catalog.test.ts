import { describe, expect, test } from "bun:test"
import { Catalog, type Change } from "./catalog.ts"
import type { EndpointRecord } from "./endpoint.ts"
import type { NetworkRecord } from "./network.ts"
import type { NodeRecord } from "./node.ts"
import { endpointView, networkMtu, networkView, nodeView } from "./views.ts"

const id = (digit: string) => digit.repeat(64)

function network(name: string, digit: string, mtu = 0): Change {
  const value: NetworkRecord = {
    id: id(digit),
    name,
    tenant: "default",
    vni: 256,
    subnets: [{ subnet: "10.65.10.0/24", gateway: "10.65.10.1" }],
    ipRange: null,
    mtu,
    internal: false,
    secure: false,
    multicast: false,
    labels: {},
    created: "2026-01-01T00:00:00.000Z",
  }
  return { type: "network", id: value.id, value }
}

function node(name: string, address: string, underlayMtu: number, state: "member" | "left" = "member"): Change {
  const value: NodeRecord = {
    id: name,
    name,
    address,
    peerAddress: null,
    role: "client",
    voter: false,
    state,
    version: "0.1.0",
    underlayMtu,
    bootId: "boot",
    joined: "2026-01-01T00:00:00.000Z",
  }
  return { type: "node", id: name, value }
}

function endpoint(name: string, digit: string, networkDigit: string, workload = name): Change {
  const value: EndpointRecord = {
    id: id(digit),
    networkId: id(networkDigit),
    nodeId: "n1",
    workload,
    name,
    ip: "10.65.10.2/24",
    mac: "02:42:0a:41:0a:02",
    ifname: "eth0",
    netns: null,
    netnsId: null,
    origin: "run",
    egress: null,
    state: "up",
    created: "2026-01-01T00:00:00.000Z",
  }
  return { type: "endpoint", id: value.id, value }
}

function catalogOf(...changes: Change[]): Catalog {
  const catalog = new Catalog()
  catalog.apply({ revision: 7, snapshot: true, changes })
  return catalog
}

describe("the catalog", () => {
  test("finds networks by id, name without regard to case, and unambiguous prefix", () => {
    const catalog = catalogOf(network("Red", "a"), network("green", "b"))
    const find = (reference: string) => catalog.findNetwork(reference)?.name
    expect(["red", "GREEN", id("a"), "aaaa", "aaa", "cccc"].map(find)).toEqual([
      "Red",
      "green",
      "Red",
      "Red",
      undefined,
      undefined,
    ])
  })

  test("finds endpoints by name: an exact one wins over <workload>.<network>", () => {
    const first = [network("red", "a"), endpoint("web", "1", "a"), endpoint("web.red", "2", "a", "web.red")]
    expect(catalogOf(...first).findEndpoint("WEB.red")?.id).toBe(id("2"))
    const second = [network("red", "a"), endpoint("web", "1", "a"), endpoint("x.y.red", "3", "a", "x.y")]
    expect(catalogOf(...second).findEndpoint("web.red")?.id).toBe(id("1"))
    expect(catalogOf(...second).findEndpoint("x.y.red")?.id).toBe(id("3"))
    expect(catalogOf(...second).findEndpoint("x.y")).toBeUndefined()
    expect(catalogOf(...second).findEndpoint("x.red")).toBeUndefined()
  })

  test("ignores what it has seen, and forgets what a snapshot does not name", () => {
    const catalog = catalogOf(network("red", "a"), endpoint("web", "1", "a"))
    catalog.apply({ revision: 7, snapshot: false, changes: [{ type: "network", id: id("a"), value: null }] })
    expect(catalog.networks.size).toBe(1)
    catalog.apply({ revision: 8, snapshot: false, changes: [{ type: "endpoint", id: id("1"), value: null }] })
    expect([catalog.endpointCount(id("a")), catalog.endpointsOfNode("n1").length]).toEqual([0, 0])
    expect([...catalog.endpointsOfWorkload("web")]).toEqual([])
    catalog.apply({ revision: 5, snapshot: true, changes: [] })
    expect([catalog.revision, catalog.networks.size, catalog.findNetwork("red")]).toEqual([5, 0, undefined])
  })
})

describe("views", () => {
  test("an MTU that is not asked for fits the narrowest member, whose VTEP's family counts", () => {
    const nodes = [
      node("n1", "192.168.1.51", 1500),
      node("n2", "fd00::2", 1510),
      node("n3", "192.168.1.53", 1300, "left"),
    ]
    const catalog = catalogOf(...nodes)
    expect(networkMtu(catalog, { mtu: 0 })).toBe(1440)
    expect(networkMtu(catalog, { mtu: 1200 })).toBe(1200)
    expect(networkMtu(new Catalog(), { mtu: 0 })).toBe(1450)
  })

  test("a network's endpoints come by name, in whatever order this node has heard of them", () => {
    const catalog = catalogOf(
      network("red", "a"),
      ...["web", "zoo", "app"].map((name, i) => endpoint(name, `${i}`, "a")),
    )
    const { endpoints } = networkView(catalog, catalog.findNetwork("red")!, null)
    expect(endpoints.map(({ name }) => name)).toEqual(["app", "web", "zoo"])
  })

  test("show names for ids, and who is alive", () => {
    const n1 = node("n1", "192.168.1.51", 1500)
    const catalog = catalogOf(network("red", "a"), n1, endpoint("web", "1", "a"), {
      type: "alive",
      id: "n1",
      value: true,
    })
    const view = networkView(catalog, catalog.findNetwork("red")!, null)
    expect([view.driver, view.scope, view.mtu, view.local]).toEqual(["overlay", "global", 1450, null])
    expect(view.endpoints).toEqual([endpointView(catalog, catalog.findEndpoint("web")!)])
    expect(view.endpoints[0]).toMatchObject({ network: "red", node: "n1", vtep: "192.168.1.51", ip6: null })
    expect(nodeView(catalog, catalog.nodes.get("n1")!, "n1")).toMatchObject({ state: "alive", leader: true })
    catalog.apply({ revision: 9, snapshot: false, changes: [{ type: "alive", id: "n1", value: null }] })
    expect(nodeView(catalog, catalog.nodes.get("n1")!, null)).toMatchObject({ state: "failed", leader: false })
  })
})
