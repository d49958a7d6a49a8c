import { beforeEach, expect, test } from "bun:test"
import type { Clock } from "../base/clock.ts"
import { silentLog } from "../base/log.ts"
import { Catalog } from "../model/catalog.ts"
import type { HostFacts, PathMtu } from "../model/dataplane.ts"
import type { NodeRecord } from "../model/node.ts"
import { nodeRecord } from "../overlay/fixture.ts"
import { Underlay } from "./underlay.ts"

const HERE = "1".repeat(64)
const FACTS: HostFacts = {
  links: [{ name: "eth0", mtu: 9000, up: true }],
  addresses: [{ device: "eth0", address: "192.168.1.51/24" }],
  routes: [],
  forwarding: false,
  forwardingDevices: [],
  switchedDevices: [],
}

let catalog: Catalog
let ways: Map<string, PathMtu>
let told: number[]
let failing: boolean
let turn: () => void
let underlay: Underlay

function put(...nodes: NodeRecord[]): void {
  const changes = nodes.map((value) => ({ type: "node" as const, id: value.id, value }))
  catalog.apply({ revision: catalog.revision + 1, snapshot: false, changes })
}

const node = (n: number, given: Partial<NodeRecord> = {}) =>
  nodeRecord(String(n).repeat(64), `192.168.1.${50 + n}`, given)

/** The next look, and what was told because of it. */
async function look(): Promise<number[]> {
  told.length = 0
  turn()
  await Bun.sleep(1)
  return [...told]
}

beforeEach(() => {
  catalog = new Catalog()
  ways = new Map()
  told = []
  failing = false
  const after = (_: number, then: () => void) => {
    turn = then
    return () => {}
  }
  const clock = { after } as unknown as Clock
  underlay = new Underlay({
    kernel: { hostFacts: () => FACTS, pathMtu: (_, to) => ways.get(to) ?? null },
    catalog,
    nodeId: HERE,
    cluster: {
      updateNode: async (id, { underlayMtu }) => {
        if (failing) throw new Error("no server")
        told.push(underlayMtu!)
        put({ ...catalog.nodes.get(id)!, underlayMtu: underlayMtu! })
        return { revision: catalog.revision }
      },
    },
    clock,
    log: silentLog,
  })
  underlay.start()
})

test("a node that is alone goes by its own device, jumbo frames and all", async () => {
  expect(await look()).toEqual([])
  put(node(1))
  expect(await look()).toEqual([9000])
  expect(await look()).toEqual([])
})

test("the least of the ways to the members counts, and follows what they become", async () => {
  put(node(1), node(2), node(3), node(4, { state: "left" }))
  ways.set("192.168.1.52", { mtu: 9000, refused: null })
  ways.set("192.168.1.53", { mtu: 1400, refused: null })
  ways.set("192.168.1.54", { mtu: 576, refused: null })
  expect(await look()).toEqual([1400])
  ways.set("192.168.1.53", { mtu: 9000, refused: null })
  expect(await look()).toEqual([9000])
  put(node(3, { state: "left" }))
  ways.set("192.168.1.53", { mtu: 600, refused: null })
  expect(await look()).toEqual([])
})

test("where there is no way for a moment, nothing changes", async () => {
  put(node(1, { underlayMtu: 1350 }), node(2))
  expect(await look()).toEqual([])
  ways.set("192.168.1.52", { mtu: 1450, refused: null })
  expect(await look()).toEqual([1450])
  ways.clear()
  expect(await look()).toEqual([])
})

test("what could not be told is told by the next look", async () => {
  put(node(1), node(2))
  ways.set("192.168.1.52", { mtu: 1400, refused: null })
  failing = true
  expect(await look()).toEqual([])
  failing = false
  expect(await look()).toEqual([1400])
})

test("a way on which a router refused full-size packets is a warning, and no change of the MTU", async () => {
  put(node(1), node(2))
  ways.set("192.168.1.52", { mtu: 1500, refused: 1400 })
  expect(await look()).toEqual([])
  expect(underlay.problems().map(({ code, message, level }) => `${level} ${code}: ${message}`)).toEqual([
    "warning path_too_narrow: the way to node node-2 (192.168.1.52) carries 1400 bytes, this host sends 1500",
  ])
})

test("with many members each is looked at in turn", async () => {
  const many = Array.from({ length: 300 }, (_, n) => {
    return nodeRecord(`${n}`.padStart(64, "f"), `10.0.${n >> 8}.${n & 255}`)
  })
  put(node(1), ...many)
  for (const { address } of many) ways.set(address, { mtu: 1500, refused: null })
  ways.set(many[299]!.address, { mtu: 1300, refused: null })
  expect(await look()).toEqual([])
  expect(await look()).toEqual([1300])
})
