/** The kernel contract's part about networks of both families, of IPv6 alone, and those that carry multicast. */
import { describe, expect, test } from "bun:test"
import type { Kernel } from "../../src/kernel/port.ts"
import type { Catalog } from "../../src/model/catalog.ts"
import { FLOOD_MAC, hiddenNamespace, type NetworkState, VXLAN_NAME } from "../../src/model/dataplane.ts"
import { linkLocalOf, macOfIpv6 } from "../../src/model/mac.ts"
import type { NetworkRecord } from "../../src/model/network.ts"
import { type Operation, renderPlan } from "../../src/model/operation.ts"
import { desiredNetwork } from "../../src/overlay/desired.ts"
import { catalogOf, endpointRecord, NODE_1, NODE_2, networkRecord, nodeRecord, RED } from "../../src/overlay/fixture.ts"
import { planNetwork } from "../../src/overlay/plan.ts"

const NODE_3 = "3".repeat(64)
const NS = hiddenNamespace(RED)
const W1 = "/run/netns/w1"
const BOTH = [
  { subnet: "10.65.10.0/24", gateway: "10.65.10.1" },
  { subnet: "fd00:65:10::/64", gateway: "fd00:65:10::1" },
]

function dual(given: Partial<NetworkRecord>, vteps = ["192.168.1.51", "192.168.1.52", "192.168.1.53"]): Catalog {
  const [one = "", two = "", three = ""] = vteps
  return catalogOf({
    nodes: [nodeRecord(NODE_1, one), nodeRecord(NODE_2, two), nodeRecord(NODE_3, three)],
    networks: [networkRecord(RED, 256, { subnets: BOTH, ...given })],
    endpoints: [
      endpointRecord(1, RED, NODE_1, "10.65.10.2/24", { ip6: "fd00:65:10::2/64" }),
      endpointRecord(2, RED, NODE_2, "10.65.10.3/24", { ip6: "fd00:65:10::3/64" }),
      endpointRecord(3, RED, NODE_3, "10.65.10.4/24", { ip6: "fd00:65:10::4/64" }),
    ],
  })
}

/** An underlay of IPv6, and nothing else inside either. */
function onlyIpv6(): Catalog {
  const subnet = [{ subnet: "fd00:65:10::/64", gateway: "fd00:65:10::1" }]
  return catalogOf({
    nodes: [nodeRecord(NODE_1, "::1"), nodeRecord(NODE_2, "fd00:1::52")],
    networks: [networkRecord(RED, 256, { subnets: subnet })],
    endpoints: [
      endpointRecord(1, RED, NODE_1, "fd00:65:10::2/64"),
      endpointRecord(2, RED, NODE_2, "fd00:65:10:0:dead:beef:0:3/64"),
    ],
  })
}

export function familiesContract(kernelOf: () => Kernel): void {
  const wanted = (catalog: Catalog): NetworkState => desiredNetwork(catalog, { nodeId: NODE_1 }, RED)!
  const plan = (state: NetworkState): Operation[] => {
    const kernel = kernelOf()
    const seen = [...state.ports].map(([id, { workload }]) => {
      return [id, kernel.observeInterface(workload.netns, workload.ifname)] as const
    })
    return planNetwork(state, kernel.observeNetwork(NS), new Map(seen))
  }
  const reconcile = (state: NetworkState) => kernelOf().apply(plan(state), "best-effort")
  const rows = (): string[] => {
    const seen = kernelOf().observeNetwork(NS)
    return [
      ...(seen?.fdb ?? []).map(({ mac, dst }) => `${mac} ${dst}`),
      ...(seen?.neighbours ?? []).map(({ ip, mac }) => `${ip} ${mac}`),
    ].sort()
  }
  /** Made, seen to be as wanted, damaged and repaired by difference. */
  const repairs = (catalog: Catalog, damage: Operation) => {
    const state = wanted(catalog)
    kernelOf().apply(planNetwork(state, null), "all-or-nothing")
    expect(renderPlan(plan(state))).toBe("")
    kernelOf().apply([damage], "best-effort")
    expect(renderPlan(plan(state))).not.toBe("")
    reconcile(state)
    expect(renderPlan(plan(state))).toBe("")
  }
  const ipv6Off = (ns: string, device: string): Operation => {
    return { op: "sysctl", ns, key: `net.ipv6.conf.${device}.disable_ipv6`, value: "1", remember: false }
  }

  describe("both families", () => {
    test("an endpoint has a row for each of its addresses, and one for its MAC", () => {
      reconcile(wanted(dual({})))
      expect(rows()).toEqual([
        "02:42:0a:41:0a:03 192.168.1.52",
        "02:42:0a:41:0a:04 192.168.1.53",
        "10.65.10.3 02:42:0a:41:0a:03",
        "10.65.10.4 02:42:0a:41:0a:04",
        "fd00:65:10::3 02:42:0a:41:0a:03",
        "fd00:65:10::4 02:42:0a:41:0a:04",
      ])
      const observed = kernelOf().observeNetwork(NS)
      expect(observed?.bridge).toMatchObject({ ipv6: true, addresses: ["10.65.10.1/24", "fd00:65:10::1/64"] })
      expect(observed?.vxlan).toMatchObject({ ipv6: true, proxy: true, staticMacs: [] })
      expect(kernelOf().observeInterface(W1, "eth0")?.addresses).toEqual([
        "10.65.10.2/24",
        "fd00:65:10::2/64",
        linkLocalOf("02:42:0a:41:0a:02"),
      ])
    })

    const damages: [string, Operation][] = [
      ["IPv6 is off on vxlan1", ipv6Off(NS, VXLAN_NAME)],
      ["IPv6 is off on br0", ipv6Off(NS, "br0")],
      ["IPv6 is off in the workload", ipv6Off(W1, "eth0")],
      ["the gateway has lost its IPv6 address", { op: "addr-del", ns: NS, name: "br0", address: "fd00:65:10::1/64" }],
      ["the gateway has one more", { op: "addr-add", ns: NS, name: "br0", address: "fd00:9::1/64" }],
      [
        "a neighbour is nobody's",
        { op: "neigh-replace", ns: NS, name: VXLAN_NAME, ip: "fd00:65:10::99", mac: "02:42:0a:41:0a:99" },
      ],
      [
        "a neighbour was deleted",
        { op: "neigh-del", ns: NS, name: VXLAN_NAME, ip: "fd00:65:10::3", mac: "02:42:0a:41:0a:03" },
      ],
      ["a flood row is there", { op: "flood-add", ns: NS, name: VXLAN_NAME, dst: "192.168.1.52" }],
    ]
    test.each(damages)("repaired by difference: %s", (_, damage) => repairs(dual({}), damage))

    test("IPv6 alone, inside and outside: the MAC is a hash, the VTEPs are IPv6", () => {
      const state = wanted(onlyIpv6())
      reconcile(state)
      const mac = macOfIpv6("fd00:65:10:0:dead:beef:0:3")
      expect(rows()).toEqual([`${mac} fd00:1::52`, `fd00:65:10:0:dead:beef:0:3 ${mac}`].sort())
      expect(state.mtu).toBe(1430)
      expect(kernelOf().observeNetwork(NS)?.vxlan?.local).toBe("::1")
      expect(kernelOf().observeInterface(W1, "eth0")).toMatchObject({ mac: macOfIpv6("fd00:65:10::2"), mtu: 1430 })
      expect(renderPlan(plan(state))).toBe("")
    })
  })

  describe("several subnets of one family", () => {
    const subnets = [
      ...BOTH,
      { subnet: "10.65.11.0/24", gateway: "10.65.11.1" },
      { subnet: "fd00:65:11::/64", gateway: "fd00:65:11::1" },
    ]
    const catalog = dual({ subnets })
    const route = (op: "route-del" | "route-replace", dst: string, via: string | null = null): Operation => {
      return { op, ns: W1, name: "eth0", dst, via }
    }

    test("are all on the bridge, and what is not the workload's own is reached by its interface", () => {
      const state = wanted(catalog)
      reconcile(state)
      expect(kernelOf().observeNetwork(NS)?.bridge?.addresses.toSorted()).toEqual([
        "10.65.10.1/24",
        "10.65.11.1/24",
        "fd00:65:10::1/64",
        "fd00:65:11::1/64",
      ])
      expect(kernelOf().observeInterface(W1, "eth0")?.routes).toEqual([
        { dst: "10.65.11.0/24", via: null },
        { dst: "fd00:65:11::/64", via: null },
      ])
      expect(renderPlan(plan(state))).toBe("")
    })

    test("a route that was deleted is the whole repair", () => {
      const state = wanted(catalog)
      reconcile(state)
      kernelOf().apply([route("route-del", "10.65.11.0/24"), route("route-del", "fd00:65:11::/64")], "best-effort")
      expect(renderPlan(plan(state))).toBe(
        "ip -n w1 route append 10.65.11.0/24 dev eth0\nip -n w1 route append fd00:65:11::/64 dev eth0\n",
      )
    })

    const damages: [string, Operation][] = [
      ["a route was deleted", route("route-del", "10.65.11.0/24")],
      ["an IPv6 route was deleted", route("route-del", "fd00:65:11::/64")],
      ["the interface is down", { op: "link-set", ns: W1, name: "eth0", up: false }],
      ["the second gateway is gone", { op: "addr-del", ns: NS, name: "br0", address: "10.65.11.1/24" }],
    ]
    test.each(damages)("repaired by difference: %s", (_, damage) => repairs(catalog, damage))

    test("somebody's own route to such a subnet stays, and ours comes behind it", () => {
      const state = wanted(catalog)
      reconcile(state)
      const theirs = route("route-replace", "10.65.11.0/24", "10.65.10.9")
      kernelOf().apply([route("route-del", "10.65.11.0/24"), theirs], "best-effort")
      reconcile(state)
      expect(
        kernelOf()
          .observeInterface(W1, "eth0")
          ?.routes.filter(({ dst }) => dst === "10.65.11.0/24"),
      ).toEqual([
        { dst: "10.65.11.0/24", via: "10.65.10.9" },
        { dst: "10.65.11.0/24", via: null },
      ])
      expect(renderPlan(plan(state))).toBe("")
    })
  })

  describe("multicast", () => {
    const catalog = dual({ multicast: true })

    test("floods to every node that takes part, answers for nobody, and knows the peers' MACs on the bridge", () => {
      reconcile(wanted(catalog))
      expect(rows().filter((row) => row.startsWith(FLOOD_MAC))).toEqual([
        `${FLOOD_MAC} 192.168.1.52`,
        `${FLOOD_MAC} 192.168.1.53`,
      ])
      const observed = kernelOf().observeNetwork(NS)
      expect(observed?.vxlan?.proxy).toBe(false)
      expect(observed?.vxlan?.staticMacs.sort()).toEqual(["02:42:0a:41:0a:03", "02:42:0a:41:0a:04"])
      expect(observed?.ports.map(({ flags }) => flags)).toEqual([{ learning: false, flood: true, isolated: false }])
      expect(renderPlan(plan(wanted(catalog)))).toBe("")
    })

    const damages: [string, Operation][] = [
      ["a flood row was deleted", { op: "flood-del", ns: NS, name: VXLAN_NAME, dst: "192.168.1.53" }],
      ["a flood row is nobody's", { op: "flood-add", ns: NS, name: VXLAN_NAME, dst: "192.168.1.99" }],
      [
        "a peer is not known on the bridge",
        { op: "fdb-del", ns: NS, name: VXLAN_NAME, mac: "02:42:0a:41:0a:03", dst: null },
      ],
      ["somebody else is", { op: "fdb-replace", ns: NS, name: VXLAN_NAME, mac: "02:42:0a:41:0a:99", dst: null }],
      ["the bridge is gone", { op: "link-del", ns: NS, name: "br0" }],
      ["the vxlan device is gone", { op: "link-del", ns: NS, name: VXLAN_NAME }],
      [
        "the port does not flood",
        { op: "port-set", ns: NS, name: "veth2", learning: false, flood: false, isolated: false },
      ],
    ]
    test.each(damages)("repaired by difference: %s", (_, damage) => repairs(catalog, damage))

    test("a destination that is there already is no refusal", () => {
      reconcile(wanted(catalog))
      const again: Operation = { op: "flood-add", ns: NS, name: VXLAN_NAME, dst: "192.168.1.52" }
      kernelOf().apply([again], "all-or-nothing")
      expect(renderPlan(plan(wanted(catalog)))).toBe("")
    })
  })
}
