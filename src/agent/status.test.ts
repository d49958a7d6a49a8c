import { expect, test } from "bun:test"
import { OvlError } from "../base/errors.ts"
import { Catalog } from "../model/catalog.ts"
import type { NodeRecord } from "../model/node.ts"
import { networkRecord } from "../overlay/fixture.ts"
import { type StatusFacts, statusView } from "./status.ts"

function node(name: string, role: "server" | "client"): NodeRecord {
  return {
    id: name.padEnd(64, "0"),
    name,
    address: "192.168.1.51",
    peerAddress: null,
    role,
    voter: role === "server",
    state: "member",
    version: "1",
    underlayMtu: 1500,
    bootId: "b",
    joined: "2026-01-01T00:00:00Z",
  }
}

function facts(change: Partial<StatusFacts> = {}, alive: string[] = ["s1", "c1"]): StatusFacts {
  const catalog = new Catalog()
  const nodes = [node("s1", "server"), node("c1", "client")]
  catalog.apply({
    revision: 7,
    snapshot: true,
    changes: [
      ...nodes.map((value) => ({ type: "node" as const, id: value.id, value })),
      ...nodes
        .filter((each) => alive.includes(each.name))
        .map((each) => ({ type: "alive" as const, id: each.id, value: true as const })),
    ],
  })
  return {
    nodeId: nodes[1]!.id,
    self: { name: "c1", address: "192.168.1.52", role: "client", version: "1" },
    catalog,
    servers: null,
    here: null,
    info: { id: "c", kvPrefix: "ovl", leader: nodes[0]!.id, term: 1, index: 9, servers: [], endpoints: 4 },
    clusterId: "c",
    kernel: { inSync: true, lastReconcile: null, repairs: 0, reconcileCpuMs: null, problems: [], conflicts: [] },
    underlay: [],
    names: [],
    refusal: null,
    ...change,
  }
}

test("names that are not served are told, and degrade the node", () => {
  const problem = { code: "names_not_served", message: "network red: no", hint: "wait", level: "error" } as const
  const { health, problems } = statusView(facts({ names: [problem] }))
  expect([health, problems]).toEqual(["degraded", [problem]])
})

test("all well: ok, no problems, the leader by name", () => {
  const status = statusView(facts())
  expect(status.health).toBe("ok")
  expect(status.problems).toEqual([])
  expect(status.cluster).toEqual({ id: "c", leader: "s1", term: 1, index: 9, servers: 1, nodes: 2 })
  expect(status.node).toMatchObject({ name: "c1", role: "client", leader: false, state: "alive" })
  // A client knows only some of them by itself.
  expect(status.endpoints).toBe(4)
})

test("a network that no longer fits, and a way that eats full-size frames, are warnings", () => {
  const given = facts({
    underlay: [{ code: "path_too_narrow", message: "m", hint: "h", level: "warning" }],
  })
  const id = "9".repeat(64)
  const wide = { ...networkRecord(id, 300), name: "wide", mtu: 8950 }
  given.catalog.apply({ revision: 9, snapshot: false, changes: [{ type: "network", id, value: wide }] })
  const { health, problems } = statusView(given)
  expect(health).toBe("ok")
  expect(problems.map(({ code, message }) => `${code}: ${message}`)).toEqual([
    "path_too_narrow: m",
    "network_too_wide: network wide has an MTU of 8950, and node s1 carries 1450 by now",
  ])
})

test("no server: degraded, and the reason is told", () => {
  const status = statusView(
    facts({ info: null, refusal: new OvlError("no_server", "connection refused", { kind: "unavailable" }) }),
  )
  expect(status.health).toBe("degraded")
  expect(status.problems.map((each) => each.code)).toEqual(["no_leader"])
  expect(status.problems[0]?.message).toContain("connection refused")
})

test("before anything was heard of the cluster the node is shown as it knows itself", () => {
  const status = statusView(facts({ catalog: new Catalog(), info: null }))
  expect(status.node).toMatchObject({ name: "c1", address: "192.168.1.52", role: "client", state: "failed" })
})

test("a cluster that refuses this node is told apart from one that is away", () => {
  const refusal = new OvlError("not_member", "node c1: no member of the cluster any more", { kind: "forbidden" })
  const status = statusView(facts({ info: null, refusal }))
  expect(status.health).toBe("degraded")
  expect(status.problems.map((each) => each.code)).toEqual(["not_member"])
})

test("kernel not in sync: degraded", () => {
  const kernel = { ...facts({}).kernel, inSync: false, problems: ["vxlan1 cannot be made"] }
  const status = statusView(facts({ kernel }))
  expect(status.health).toBe("degraded")
  expect(status.problems).toEqual([
    { code: "kernel_not_in_sync", message: "vxlan1 cannot be made", hint: expect.any(String), level: "error" },
  ])
})

test("a voter lost is degraded, a client lost is only a problem", () => {
  const voterLost = statusView(facts({}, ["c1"]))
  expect(voterLost.health).toBe("degraded")
  expect(voterLost.problems.map((each) => each.code)).toEqual(["voter_lost"])
  const clientLost = statusView(facts({}, ["s1"]))
  expect(clientLost.health).toBe("ok")
  expect(clientLost.problems.map((each) => each.code)).toEqual(["node_failed"])
})
