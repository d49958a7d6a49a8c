/** The watch over a kernel in memory: whatever others do to what is ovl's is set right within 2 s, and said. */
import { afterEach, beforeEach, describe, expect, mock, spyOn, test } from "bun:test"
import { ManualClock } from "../base/manual-clock.ts"
import { RECONCILE_INTERVAL_MS } from "../base/limits.ts"
import { silentLog } from "../base/log.ts"
import { FakeKernel } from "../kernel/fake.ts"
import type { Catalog } from "../model/catalog.ts"
import { hiddenNamespace } from "../model/dataplane.ts"
import { type Operation, renderPlan } from "../model/operation.ts"
import { catalogOf, endpointRecord, NODE_1, NODE_2, networkRecord, nodeRecord, RED } from "../overlay/fixture.ts"
import { DataPlane } from "./dataplane.ts"
import { EventBus } from "./events.ts"
import { tellRepair } from "./repair-events.ts"
import { Watch } from "./watch.ts"

/** What issue 5 allows. */
const REPAIRED_WITHIN_MS = 2_000
const NS = hiddenNamespace(RED)
const W1 = "/run/netns/w1"
const EGRESS = { ifname: "eth1", ip: "172.18.0.2/16", gateway: "172.18.0.1" }
const ROUTES = [
  { dst: "default", via: "192.168.1.1", device: "up0" },
  { dst: "192.168.1.0/24", via: null, device: "up0" },
]

let clock: ManualClock
let kernel: FakeKernel
let catalog: Catalog
let dataplane: DataPlane
let watch: Watch
let events: string[]
let looks: number

beforeEach(() => {
  clock = new ManualClock()
  kernel = new FakeKernel({ facts: { routes: ROUTES } })
  kernel.world.addNamespace(W1)
  catalog = catalogOf({
    nodes: [nodeRecord(NODE_1, "192.168.1.51"), nodeRecord(NODE_2, "192.168.1.52")],
    networks: [networkRecord(RED, 256)],
    endpoints: [
      endpointRecord(1, RED, NODE_1, "10.65.10.2/24", { egress: EGRESS, netns: W1 }),
      endpointRecord(2, RED, NODE_2, "10.65.10.3/24"),
    ],
  })
  events = []
  looks = 0
  const bus = new EventBus(clock, silentLog, "h1")
  bus.listen(({ type, message }) => events.push(`${type}: ${message.replaceAll(/1-[0-9a-f]{10}/g, "RED")}`))
  dataplane = new DataPlane({
    kernel,
    catalog,
    nodeId: NODE_1,
    clock,
    log: silentLog,
    onRepair: (repair) => tellRepair(repair, bus),
    onReconciled: () => {},
    onRenamed: () => {},
    onAttached: () => {},
  })
  watch = new Watch({
    kernel,
    clock,
    log: silentLog,
    namespaces: () => dataplane.namespaces(),
    check: (namespaces, rules) => {
      looks++
      dataplane.check(namespaces, rules)
    },
    checkAll: () => dataplane.checkAll(),
  })
  dataplane.reconcile()
  watch.start()
  settle()
})
afterEach(() => {
  watch.close()
  dataplane.close()
})

/** Until the watch has looked at what it newly follows, and at what the node itself wrote. */
function settle(): void {
  clock.advance(3_000)
  events = []
  looks = 0
  kernel.performed.length = 0
}

/** All there is, a line for each link and sysctl; the order in which things are made says nothing. */
function world(): string[] {
  const lines: string[] = []
  for (const [ns, { links, sysctls }] of kernel.world.namespaces) {
    lines.push(ns, ...[...sysctls].map(([key, value]) => `${ns} ${key} ${value}`))
    for (const { fdb, neighbours, addresses, staticMacs, ...link } of links.values()) {
      const rows = [...fdb.values(), ...neighbours, ...addresses, ...staticMacs].map((row) => JSON.stringify(row))
      const { name, kind, mac, mtu, up, alias, master, flags, routes, vxlan } = link
      const own = JSON.stringify([kind, mac, mtu, up, alias, master, master && flags, routes, vxlan])
      lines.push(`${ns} ${name} ${own} ${rows.sort().join(" ")}`)
    }
  }
  return lines.sort()
}

const VXLAN = { ns: NS, name: "vxlan1" } as const
const damages: [string, Operation, string][] = [
  [
    "a row is deleted (pain 1)",
    { op: "fdb-del", ...VXLAN, mac: "02:42:0a:41:0a:03", dst: "192.168.1.52" },
    "FDB row 02:42:0a:41:0a:03 of vxlan1 in RED: expected dst 192.168.1.52, found nothing",
  ],
  [
    "a row leads elsewhere (pain 1)",
    { op: "fdb-replace", ...VXLAN, mac: "02:42:0a:41:0a:03", dst: "9.9.9.9" },
    "FDB row 02:42:0a:41:0a:03 of vxlan1 in RED: expected dst 192.168.1.52, found dst 9.9.9.9",
  ],
  [
    "a row is nobody's (pain 1)",
    { op: "fdb-replace", ...VXLAN, mac: "02:42:0a:41:0a:99", dst: "9.9.9.9" },
    "FDB row 02:42:0a:41:0a:99 of vxlan1 in RED: expected nothing, found dst 9.9.9.9",
  ],
  [
    "a neighbour has another MAC (pain 1)",
    { op: "neigh-replace", ...VXLAN, ip: "10.65.10.3", mac: "02:42:0a:41:0a:99" },
    "neighbour 10.65.10.3 of vxlan1 in RED: expected 02:42:0a:41:0a:03, found 02:42:0a:41:0a:99",
  ],
  [
    "a neighbour stands for a local address (pain 3)",
    { op: "neigh-replace", ...VXLAN, ip: "10.65.10.2", mac: "02:42:0a:41:0a:99" },
    "neighbour 10.65.10.2 of vxlan1 in RED: expected nothing, found 02:42:0a:41:0a:99",
  ],
  [
    "vxlan1 is deleted (pain 17)",
    { op: "link-del", ...VXLAN },
    "link vxlan1 in RED: expected a vxlan device with VNI 256, local 192.168.1.51, port 4789, found nothing",
  ],
  [
    "br0 is deleted (pain 17)",
    { op: "link-del", ns: NS, name: "br0" },
    "link br0 in RED: expected a bridge, found nothing",
  ],
  [
    "br0 has another MAC, and is small and down (pain 18)",
    { op: "link-set", ns: NS, name: "br0", mac: "06:00:00:00:00:77", mtu: 1000, up: false },
    "link br0 in RED: expected up, mac 02:42:0a:41:0a:01, mtu 1450, found down, mac 06:00:00:00:00:77, mtu 1000",
  ],
  [
    "eth0 has another MAC (pain 18)",
    { op: "link-set", ns: W1, name: "eth0", mac: "06:00:00:00:00:77" },
    "link eth0 in w1: expected mac 02:42:0a:41:0a:02, found mac 06:00:00:00:00:77",
  ],
  [
    "eth0 has no address",
    { op: "addr-del", ns: W1, name: "eth0", address: "10.65.10.2/24" },
    "link eth0 in w1: expected 10.65.10.2/24, found no address",
  ],
  [
    "eth0 is deleted",
    { op: "link-del", ns: W1, name: "eth0" },
    "link veth2 in RED: expected a pair with eth0 in w1, found nothing",
  ],
  [
    "a port floods",
    { op: "port-set", ns: NS, name: "veth2", learning: true, flood: true, isolated: false },
    "port veth2 in RED: expected learning off flood off isolated off, found learning on flood on isolated off",
  ],
  [
    "the default route is gone",
    { op: "route-del", ns: W1, name: "eth1", dst: "default", via: "172.18.0.1" },
    "route default of eth1 in w1: expected default via 172.18.0.1, found nothing",
  ],
  [
    "the egress bridge has one address more",
    { op: "addr-add", ns: "", name: "ovl_gwbridge", address: "10.9.9.9/24" },
    "link ovl_gwbridge in the host: expected no address 10.9.9.9/24, found 10.9.9.9/24",
  ],
  [
    "forwarding is off",
    { op: "sysctl", ns: "", key: "net.ipv4.conf.up0.forwarding", value: "0", remember: false },
    "sysctl net.ipv4.conf.up0.forwarding in the host: expected 1, found another value",
  ],
  [
    "the hidden namespace is unpinned (pain 10)",
    { op: "netns-del", ns: NS },
    "namespace RED: expected it, with all that is in it, found nothing",
  ],
]

describe("what others do to what is ovl's", () => {
  test.each(damages)("%s: set right within 2 s, and said", (_, damage, message) => {
    const before = world()
    const { repairs } = dataplane.health()
    kernel.disturb(damage)
    expect(world()).not.toEqual(before)
    clock.advance(REPAIRED_WITHIN_MS)
    expect(world()).toEqual(before)
    expect(events).toContain(`repaired: repaired ${message}`)
    expect(dataplane.health()).toMatchObject({ inSync: true, repairs: repairs + events.length })
  })

  test("rules that are taken away are made again (pain 38)", () => {
    const before = kernel.inventory()
    kernel.flushRules()
    clock.advance(REPAIRED_WITHIN_MS)
    expect(kernel.inventory()).toEqual(before)
    expect(events).toEqual([expect.stringContaining("repaired iptables rules: expected as ovl made them")])
  })

  test("just after a write of this node it is set right, too", () => {
    const third = endpointRecord(3, RED, NODE_2, "10.65.10.4/24")
    const batch = { revision: 2, snapshot: false, changes: [{ type: "endpoint" as const, id: third.id, value: third }] }
    catalog.apply(batch)
    dataplane.follow(batch)
    const before = world()
    kernel.disturb({ op: "fdb-del", ...VXLAN, mac: "02:42:0a:41:0a:03", dst: "192.168.1.52" })
    clock.advance(REPAIRED_WITHIN_MS)
    expect(world()).toEqual(before)
  })

  test("notices that were lost mean a look at everything", () => {
    const before = world()
    kernel.world.perform({ op: "fdb-del", ...VXLAN, mac: "02:42:0a:41:0a:03", dst: "192.168.1.52" })
    kernel.watching!.lost = true
    clock.advance(REPAIRED_WITHIN_MS)
    expect(world()).toEqual(before)
  })

  test("a kernel that refuses the repair is asked again, and the status says why meanwhile", () => {
    kernel.refuse = ({ op }) => op === "vxlan-add"
    kernel.disturb({ op: "link-del", ...VXLAN })
    clock.advance(REPAIRED_WITHIN_MS)
    expect(dataplane.health()).toMatchObject({ inSync: false, problems: [expect.stringContaining("vxlan1")] })
    kernel.refuse = () => false
    clock.advance(RECONCILE_INTERVAL_MS)
    expect(dataplane.health()).toMatchObject({ inSync: true, problems: [] })
    expect(kernel.observeNetwork(NS)?.vxlan).not.toBeNull()
  })
})

test("in a steady state nothing is written, and nothing even looked at but by the timer (pain 6)", () => {
  clock.advance(5 * RECONCILE_INTERVAL_MS)
  expect(renderPlan(kernel.performed)).toBe("")
  expect([looks, events]).toEqual([0, []])
})

test("what is not ovl's is left as it is", () => {
  kernel.world.addNamespace("/run/netns/theirs")
  kernel.world.addLink("", { name: "docker0", kind: "bridge" })
  kernel.world.addLink(NS, { name: "foreign0" })
  kernel.world.addLink(W1, { name: "mine0" })
  kernel.disturb({ op: "addr-add", ns: W1, name: "mine0", address: "10.1.1.1/24" })
  kernel.disturb({ op: "addr-add", ns: W1, name: "eth0", address: "10.2.2.2/24" })
  kernel.disturb({ op: "link-set", ns: NS, name: "foreign0", up: true })
  const before = world()
  clock.advance(REPAIRED_WITHIN_MS)
  expect(looks).toBeGreaterThan(0)
  clock.advance(RECONCILE_INTERVAL_MS)
  expect(world()).toEqual(before)
  expect(events).toEqual([])
})

test("a hundred changes of this node's own are one look, a second later", () => {
  for (let n = 10; n < 110; n++) {
    const value = endpointRecord(n, RED, NODE_2, `10.65.10.${n}/24`)
    const batch = { revision: n, snapshot: false, changes: [{ type: "endpoint" as const, id: value.id, value }] }
    catalog.apply(batch)
    dataplane.follow(batch)
  }
  clock.advance(900)
  expect(looks).toBe(0)
  clock.advance(1_100)
  expect(looks).toBe(1)
})

describe("an attach of this node's own", () => {
  const W9 = "/run/netns/w9"
  const ninth = endpointRecord(9, RED, NODE_1, "10.65.10.9/24", { netns: W9 })

  function attach(): void {
    kernel.world.addNamespace(W9)
    catalog.amend([{ type: "endpoint", id: ninth.id, value: ninth }])
    dataplane.attach([ninth])
  }

  test("is looked at a second later, and nothing beside it", () => {
    const asked: string[] = []
    for (const name of ["observeNetwork", "observeEgress", "guardMatches", "firewallDifference"] as const)
      spyOn(kernel, name).mockImplementation(((..._: unknown[]) => asked.push(name)) as never)
    const ports = spyOn(kernel, "observePort")
    attach()
    clock.advance(REPAIRED_WITHIN_MS)
    expect(ports.mock.calls).toEqual([[NS, "br0", "veth9", ninth.mac]])
    expect([asked, events]).toEqual([[], []])
    mock.restore()
  })

  test("does not hide what others did to it", () => {
    attach()
    const before = world()
    for (const damage of [
      { op: "port-set", ns: NS, name: "veth9", learning: true, flood: true, isolated: true },
      { op: "addr-del", ns: W9, name: "eth0", address: "10.65.10.9/24" },
    ] satisfies Operation[]) {
      // Unheard, as in the very moment of the attach.
      kernel.world.perform(damage)
    }
    expect(world()).not.toEqual(before)
    clock.advance(REPAIRED_WITHIN_MS)
    expect(world()).toEqual(before)
  })
})

test("a look at many workloads gives way to others every few of them", () => {
  const slices: number[] = []
  const all = Array.from({ length: 30 }, (_, n) => `/run/netns/many${n}`)
  const crowded = new Watch({
    kernel,
    clock,
    log: silentLog,
    namespaces: () => new Set([...all, NS]),
    check: (namespaces) => {
      slices.push(namespaces.size)
      clock.after(0, () => slices.push(0))
    },
    checkAll: () => {},
  })
  crowded.start()
  clock.advance(3_000)
  crowded.close()
  // A zero is somebody else's turn.
  expect(slices).toEqual([8, 0, 8, 0, 8, 0, 7, 0])
})

test("a route of others that clashes with the egress subnet is named (pain 40)", () => {
  ROUTES.push({ dst: "172.18.4.0/22", via: "192.168.1.9", device: "up0" })
  kernel.disturb({ op: "link-set", ns: "", name: "lo", up: true })
  clock.advance(REPAIRED_WITHIN_MS)
  ROUTES.pop()
  expect(dataplane.health().conflicts.map((each) => `${each.level} ${each.code}: ${each.message}`)).toEqual([
    "warning egress_subnet_clash: the route 172.18.4.0/22 via 192.168.1.9 dev up0 overlaps the egress subnet of ovl_gwbridge, 172.18.0.1/16",
  ])
})

test("before the catalog is known nothing is taken for wrong", () => {
  watch.close()
  dataplane.close()
  const unknowing = new DataPlane({
    kernel,
    catalog: catalogOf({ nodes: [], networks: [], endpoints: [] }),
    nodeId: NODE_1,
    clock,
    log: silentLog,
    onRepair: () => {},
    onReconciled: () => {},
    onRenamed: () => {},
    onAttached: () => {},
  })
  const before = world()
  unknowing.check(new Set(["", NS, W1]), true)
  unknowing.checkAll()
  expect(world()).toEqual(before)
  expect(kernel.inventory().firewall).not.toEqual([])
})

test("closed, it looks no more", () => {
  watch.close()
  kernel.disturb({ op: "link-del", ...VXLAN })
  clock.advance(REPAIRED_WITHIN_MS)
  expect(looks).toBe(0)
})
