import { describe, expect, test } from "bun:test"
import { type FdbRow, mark, type NeighbourRow, type ObservedNetwork } from "../model/dataplane.ts"
import type { KernelView } from "../model/kernel-view.ts"
import { desiredNetwork } from "./desired.ts"
import { catalogOf, endpointRecord, NODE_1, NODE_2, networkRecord, nodeRecord, RED } from "./fixture.ts"
import { kernelView } from "./kernel-view.ts"
import { planNetwork } from "./plan.ts"

const LOCAL = endpointRecord(1, RED, NODE_1, "10.65.10.2/24")
const REMOTE = "02:42:0a:41:0a:03"
const VTEP = "192.168.1.52"

function sides(multicast = false) {
  const catalog = catalogOf({
    nodes: [nodeRecord(NODE_1, "192.168.1.51"), nodeRecord(NODE_2, VTEP)],
    networks: [networkRecord(RED, 256, { multicast })],
    endpoints: [LOCAL, endpointRecord(2, RED, NODE_2, "10.65.10.3/24")],
  })
  const desired = desiredNetwork(catalog, { nodeId: NODE_1 }, RED)!
  const port = desired.ports.get(LOCAL.id)!
  const link = { mtu: 1450, up: true, alias: mark(RED), master: "br0" }
  const observed = {
    netns: desired.netns,
    networkId: RED as string | null,
    loopbackUp: true,
    ipv6Off: true,
    bridge: {
      ...{ ...link, name: "br0", kind: "bridge", mac: desired.bridge.mac, master: null },
      ...{ addresses: ["10.65.10.1/24"], multicastSnooping: false, ipv6: false as boolean },
    },
    vxlan: {
      ...{ ...link, name: "vxlan1", kind: "vxlan", mac: desired.vxlan.mac, vni: 256, local: "192.168.1.51" },
      ...{ port: 4789, learning: false, proxy: !multicast, ipv6: false, staticMacs: multicast ? [REMOTE] : [] },
      flags: { learning: false as boolean, flood: true, isolated: false },
    },
    ports: [
      {
        ...{ ...link, name: "veth2", kind: "veth", mac: port.mac, alias: mark(LOCAL.id) as string | null },
        ...{ endpointId: LOCAL.id as string | null, flags: { ...port.flags }, staticMacs: [LOCAL.mac] },
      },
    ],
    fdb: [
      { mac: REMOTE, dst: VTEP, permanent: true },
      ...(multicast ? [{ mac: "00:00:00:00:00:00", dst: VTEP, permanent: true }] : []),
    ] as FdbRow[],
    neighbours: [{ ip: "10.65.10.3", mac: REMOTE, permanent: true }] as NeighbourRow[],
  } satisfies ObservedNetwork
  const owners = [...catalog.endpointsOf(RED)]
  return { desired, observed, owners }
}

/** What is wrong, a line each; marks are long. */
function wrong(view: KernelView | null): string[] {
  return (view?.rows ?? [])
    .filter(({ state }) => state !== "ok")
    .map(({ state, object, device, endpoint, expected, found }) =>
      `${state} ${object} ${device} ${endpoint ?? "-"}: ${expected} / ${found}`.replaceAll(RED, "RED"),
    )
}

describe("the kernel beside what is wanted", () => {
  test("where both agree, all is ok and said as ip and bridge do", () => {
    const { desired, observed, owners } = sides()
    const view = kernelView(desired, observed, owners)!
    expect(view).toMatchObject({ netns: desired.netns, inSync: true })
    expect(view.rows.every(({ expected, found }) => expected === found)).toBe(true)
    const { mac } = desired.ports.get(LOCAL.id)!
    expect(
      view.rows.map((row) => `${row.state} ${row.object} ${row.device} ${row.endpoint ?? "-"}: ${row.found}`),
    ).toEqual([
      "ok netns lo -: 1-249690033b",
      "ok link br0 -: mtu 1450 nomaster up address 02:42:0a:41:0a:01 type bridge mcast_snooping 0",
      `ok link vxlan1 -: mtu 1450 master br0 up address ${desired.vxlan.mac} type vxlan id 256 local 192.168.1.51 dstport 4789 nolearning proxy learning off flood on isolated off`,
      `ok link veth2 w1: mtu 1450 master br0 up address ${mac} learning off flood off isolated off`,
      "ok addr br0 -: 10.65.10.1/24",
      "ok fdb veth2 w1: 02:42:0a:41:0a:02 master br0 static",
      "ok fdb vxlan1 w2: 02:42:0a:41:0a:03 dst 192.168.1.52 self permanent",
      "ok neigh vxlan1 w2: 10.65.10.3 lladdr 02:42:0a:41:0a:03 PERMANENT",
    ])
  })

  test("a network with multicast has rows of the bridge and for everybody", () => {
    const { desired, observed, owners } = sides(true)
    expect(planNetwork(desired, observed)).toEqual([])
    expect(wrong(kernelView(desired, observed, owners))).toEqual([])
    expect(wrong(kernelView(desired, { ...observed, fdb: [observed.fdb[0]!] }, owners))).toEqual([
      "missing fdb vxlan1 -: 00:00:00:00:00:00 dst 192.168.1.52 self permanent / null",
    ])
  })

  test("nothing there, nothing wanted, neither", () => {
    const { desired, observed, owners } = sides()
    const states = (view: KernelView | null) => [...new Set(view?.rows.map(({ state }) => state))]
    expect(states(kernelView(desired, null, owners))).toEqual(["missing"])
    expect(states(kernelView(null, observed, owners))).toEqual(["foreign"])
    expect(kernelView(null, null, owners)).toBeNull()
  })

  type Observed = ReturnType<typeof sides>["observed"]
  const row = `${REMOTE} dst ${VTEP} self permanent`
  test.each<[string, (observed: Observed) => void, (string | RegExp)[]]>([
    ["a row is gone", (o) => o.fdb.pop(), [`missing fdb vxlan1 w2: ${row} / null`]],
    [
      "a row leads elsewhere",
      (o) => (o.fdb[0]!.dst = "192.168.1.99"),
      [`differs fdb vxlan1 w2: ${row} / ${REMOTE} dst 192.168.1.99 self permanent`],
    ],
    [
      "a row leads elsewhere too",
      (o) => o.fdb.unshift({ mac: REMOTE, dst: "192.168.1.99", permanent: true }),
      [`foreign fdb vxlan1 -: null / ${REMOTE} dst 192.168.1.99 self permanent`],
    ],
    [
      "a row would age",
      (o) => (o.fdb[0]!.permanent = false),
      [`differs fdb vxlan1 w2: ${row} / ${REMOTE} dst 192.168.1.52 self`],
    ],
    [
      "a row of nobody",
      (o) => o.fdb.push({ mac: "02:42:0a:41:0a:77", dst: VTEP, permanent: true }),
      ["foreign fdb vxlan1 -: null / 02:42:0a:41:0a:77 dst 192.168.1.52 self permanent"],
    ],
    [
      "a neighbour of nobody, without a MAC",
      (o) => o.neighbours.push({ ip: "10.65.10.9", mac: null, permanent: false }),
      ["foreign neigh vxlan1 -: null / 10.65.10.9"],
    ],
    [
      "a neighbour's MAC",
      (o) => (o.neighbours[0]!.mac = "02:42:0a:41:0a:77"),
      [/^differs neigh vxlan1 w2: 10.65.10.3 lladdr 02:42:0a:41:0a:03 PERMANENT \/ .*77 PERMANENT$/],
    ],
    ["another MTU", (o) => (o.bridge.mtu = 1400), [/^differs link br0 -: mtu 1450 .* \/ mtu 1400 /]],
    [
      "another gateway",
      (o) => (o.bridge.addresses = ["10.65.10.9/24"]),
      ["missing addr br0 -: 10.65.10.1/24 / null", "foreign addr br0 -: null / 10.65.10.9/24"],
    ],
    ["IPv6 on the bridge", (o) => (o.bridge.ipv6 = true), [/=1 \/ .*disable_ipv6=0$/]],
    ["the VNI", (o) => (o.vxlan.vni = 257), [/^differs link vxlan1 -: .* id 256 .* \/ .* id 257 /]],
    ["a flag of vxlan1", (o) => (o.vxlan.flags.learning = true), [/ learning off .* \/ .* learning on /]],
    [
      "a port under a name of its own",
      (o) => (o.ports[0]!.name = "veth9"),
      [
        /^missing link veth2 w1: /,
        /^foreign link veth9 w1: null/,
        "missing fdb veth2 w1: 02:42:0a:41:0a:02 master br0 static",
      ],
    ],
    [
      "a port's mark",
      (o) => Object.assign(o.ports[0]!, { alias: null, endpointId: null }),
      [/^differs link veth2 w1: .* alias ovl:0001e.* \/ .* alias none /],
    ],
    ["a port's flag", (o) => (o.ports[0]!.flags.flood = true), [/ flood off .* \/ .* flood on /]],
    ["hairpin", (o) => Object.assign(o.ports[0]!.flags, { hairpin: true }), [/ hairpin off \/ .* hairpin on$/]],
    [
      "a port's static row",
      (o) => (o.ports[0]!.staticMacs = ["02:42:0a:41:0a:99"]),
      [
        "missing fdb veth2 w1: 02:42:0a:41:0a:02 master br0 static / null",
        "foreign fdb veth2 -: null / 02:42:0a:41:0a:99 master br0 static",
      ],
    ],
    [
      "the namespace's mark",
      (o) => (o.networkId = null),
      ["differs netns lo -: 1-249690033b lo alias ovl:RED / 1-249690033b lo alias none"],
    ],
  ])("%s", (_what, harm, lines) => {
    const { desired, observed, owners } = sides()
    expect(planNetwork(desired, observed)).toEqual([])
    harm(observed)
    expect(wrong(kernelView(desired, observed, owners))).toEqual(
      lines.map((one) => (typeof one === "string" && !one.endsWith("static") ? one : expect.stringMatching(one))),
    )
    // What is shown as wrong is what a reconcile puts right.
    expect(planNetwork(desired, observed)).not.toEqual([])
  })
})
