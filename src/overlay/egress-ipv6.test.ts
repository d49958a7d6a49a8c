import { describe, expect, test } from "bun:test"
import type { EgressIpv6, HostFacts, Ipv6Facts, ObservedEgress } from "../model/dataplane.ts"
import { type Operation, renderOperation } from "../model/operation.ts"
import { desiredEgress, egressBase, egressGuard, publishedPorts } from "./desired.ts"
import { chooseEgressIpv6, currentEgressIpv6, egressIpv6, egressIpv6Beside, egressIpv6Rules } from "./egress-ipv6.ts"
import { catalogOf, endpointRecord, networkRecord, NODE_1, nodeRecord, RED } from "./fixture.ts"
import { planEgress } from "./plan.ts"

const EMPTY = catalogOf({ nodes: [], networks: [], endpoints: [] })
const ADDRESS = "fd6f:766c:6777:12::1/64"
const IPV6: Ipv6Facts = {
  missing: null,
  routes: [],
  forwarding: false,
  listening: ["eth0.100"],
  bridgesFiltered: false,
}
const FACTS: HostFacts = {
  links: [],
  addresses: [],
  routes: [],
  forwarding: true,
  forwardingDevices: ["ovl_gwbridge"],
  switchedDevices: [],
}
const W1 = endpointRecord(1, RED, NODE_1, "10.65.10.2/24", {
  egress: {
    ifname: "eth1",
    ip: "172.18.0.2/16",
    gateway: "172.18.0.1",
    ip6: "fd6f:766c:6777:12::2/64",
    gateway6: "fd6f:766c:6777:12::1",
  },
  ports: [{ protocol: "tcp", address: null, hostPort: 8080, port: 80, count: 1 }],
})
const CATALOG = catalogOf({
  nodes: [nodeRecord(NODE_1, "192.168.1.51")],
  networks: [networkRecord(RED, 256)],
  endpoints: [W1],
})
const route = (dst: string, device = "eth0") => ({ dst, via: null, device })
const text = (operations: Operation[]) => operations.map(renderOperation)
const state = (ipv6: EgressIpv6 | null) => desiredEgress(CATALOG, { nodeId: NODE_1 }, "172.18.0.1/16", FACTS, ipv6)!
const WANTED = egressIpv6(ADDRESS, IPV6, FACTS)!

describe("addresses", () => {
  test("the first subnet that nothing here overlaps", () => {
    const choose = (routes: ReturnType<typeof route>[], addresses: string[] = [], catalog = EMPTY) =>
      chooseEgressIpv6(
        addresses.map((address) => ({ device: "eth0", address })),
        routes,
        catalog,
        null,
      )
    expect(choose([route("default"), route("2001:db8::/32")], ["10.0.0.1/8"])).toBe(ADDRESS)
    expect(choose([route("fd6f:766c:6777:12:8000::/65")])).toBe("fd6f:766c:6777:13::1/64")
    expect(choose([route("fd6f:766c:6777:12::7")], ["fd6f:766c:6777:13::9/48"])).toBe("fd6f:766c:6777:14::1/64")
    expect(choose([route("fd6f:766c:6777:12::/64", "ovl_gwbridge")])).toBe(ADDRESS)
    const subnets = [{ subnet: "fd6f:766c:6777:10::/61", gateway: "fd6f:766c:6777:10::1" }]
    const overlay = catalogOf({ nodes: [], networks: [networkRecord(RED, 256, { subnets })], endpoints: [] })
    expect(choose([], [], overlay)).toBe("fd6f:766c:6777:18::1/64")
    expect(() => choose([route("fd00::/8")])).toThrow("overlaps a route")
  })

  test("the subnet in use is kept, and found again on the bridge", () => {
    const current = currentEgressIpv6(["172.18.0.1/16", "fe80::42:acff:fe12:1/64", "fd6f:766c:6777:13::1/64"])
    expect(current).toBe("fd6f:766c:6777:13::1/64")
    expect(chooseEgressIpv6([], [route("fd00::/8")], EMPTY, current)).toBe("fd6f:766c:6777:13::1/64")
    expect(currentEgressIpv6(["172.18.0.1/16", "fd00::1/64"])).toBeNull()
  })

  test("an endpoint's stands at the place of its IPv4 address", () => {
    expect(egressIpv6Beside("172.18.0.2/16", ADDRESS)).toBe("fd6f:766c:6777:12::2/64")
    expect(egressIpv6Beside("172.19.255.254/16", ADDRESS)).toBe("fd6f:766c:6777:12::fffe/64")
  })
})

describe("the plan", () => {
  test("makes the bridge quiet, gives it its addresses, and switches forwarding on last", () => {
    const operations = planEgress(state(WANTED), null, FACTS)
    expect(text(operations).slice(0, 12)).toEqual([
      "ip link add ovl_gwbridge address 02:42:ac:12:00:01 mtu 1500 alias ovl:egress type bridge mcast_snooping 0 vlan_default_pvid 0",
      "ip link set ovl_gwbridge addrgenmode none",
      "sysctl -w net.ipv6.conf.ovl_gwbridge.accept_ra=0",
      "sysctl -w net.ipv6.conf.ovl_gwbridge.autoconf=0",
      "sysctl -w net.ipv6.conf.ovl_gwbridge.accept_dad=0",
      "sysctl -w net.ipv6.conf.ovl_gwbridge.disable_ipv6=0",
      "ip addr add fd6f:766c:6777:12::1/64 dev ovl_gwbridge",
      "ip addr add fe80::42:acff:fe12:1/64 dev ovl_gwbridge",
      "sysctl -w net.ipv4.conf.ovl_gwbridge.route_localnet=1",
      "ip addr add 172.18.0.1/16 dev ovl_gwbridge",
      "ip link set ovl_gwbridge up",
      "sysctl -w net.ipv4.conf.ovl_gwbridge.forwarding=1",
    ])
    expect(text(operations).slice(12, 14)).toEqual([
      "sysctl -w net.ipv6.conf.eth0/100.accept_ra=2",
      "sysctl -w net.ipv6.conf.all.forwarding=1",
    ])
    const workload = text(operations).filter((line) => line.includes("-n w1") && / (addr|route) /.test(line))
    expect(workload).toEqual([
      "ip -n w1 addr add 172.18.0.2/16 dev eth1",
      "ip -n w1 addr add fd6f:766c:6777:12::2/64 dev eth1",
      "ip -n w1 addr add fe80::42:acff:fe12:2/64 dev eth1",
      "ip -n w1 route replace default via 172.18.0.1 dev eth1",
      "ip -n w1 route replace default via fd6f:766c:6777:12::1 dev eth1",
    ])
  })

  const observed = (given: Partial<ObservedEgress>, addresses: string[]): ObservedEgress => {
    const { mac, mtu } = egressBase("172.18.0.1/16", 1500, FACTS)
    const bridge = { name: "ovl_gwbridge", kind: "bridge", mac, mtu, up: true, alias: "ovl:egress", master: null }
    const rest = { addresses: ["172.18.0.1/16", ...addresses], multicastSnooping: false, ipv6: true }
    return { bridge: { ...bridge, ...rest }, ipv6Off: false, loopback: true, ports: [], ...given }
  }
  const both = [ADDRESS, "fe80::42:acff:fe12:1/64"]
  const repair = (ipv6: EgressIpv6 | null, given: Partial<ObservedEgress>, addresses: string[]) =>
    text(planEgress({ ...state(ipv6), ports: new Map() }, observed(given, addresses), FACTS))
  const done: EgressIpv6 = { ...WANTED, switches: false, listening: [] }

  test("does nothing where all is right, and otherwise what is at fault", () => {
    expect(repair(done, {}, both)).toEqual([])
    expect(repair(done, {}, ["fd00::9/64", both[1]!])).toEqual([
      "ip addr del fd00::9/64 dev ovl_gwbridge",
      "ip addr add fd6f:766c:6777:12::1/64 dev ovl_gwbridge",
    ])
    expect(repair(done, { takesRouters: true }, both)).toContain("sysctl -w net.ipv6.conf.ovl_gwbridge.accept_ra=0")
    expect(repair(done, { ipv6Off: true }, [])).toContain("sysctl -w net.ipv6.conf.ovl_gwbridge.disable_ipv6=0")
    expect(repair({ ...done, switches: true }, {}, both)).toEqual(["sysctl -w net.ipv6.conf.all.forwarding=1"])
  })

  test("keeps IPv6 off a bridge that needs none", () => {
    expect(repair(null, { ipv6Off: true }, [])).toEqual([])
    expect(repair(null, {}, both)).toEqual(["sysctl -w net.ipv6.conf.ovl_gwbridge.disable_ipv6=1"])
  })

  test("puts back what a bridge that is gone has left", () => {
    expect(text(planEgress(null, null, { ...FACTS, ipv6Switched: true }))).toEqual(["sysctl restore"])
  })
})

test("whom a host listens to that forwards by itself is its administrator's business", () => {
  const forwards = { ...IPV6, forwarding: true }
  expect(egressIpv6(ADDRESS, forwards, FACTS)).toMatchObject({ switches: false, listening: [] })
  expect(egressIpv6(ADDRESS, forwards, { ...FACTS, ipv6Switched: true })?.listening).toEqual(["eth0.100"])
  expect(egressIpv6Rules(ADDRESS, forwards, FACTS).guarded).toBe(false)
  expect(egressIpv6Rules(ADDRESS, forwards, { ...FACTS, ipv6Switched: true }).guarded).toBe(true)
  expect(egressIpv6Rules(ADDRESS, IPV6, FACTS)).toEqual({
    subnet: "fd6f:766c:6777:12::/64",
    guarded: true,
    bridgesFiltered: false,
  })
})

test("a workload's own addresses are those of both families, and ports lead to both", () => {
  expect(egressGuard(state(WANTED)).ports).toEqual([
    {
      device: "ovl0001eeeeeeee",
      mac: "02:42:ac:12:00:02",
      addresses: ["172.18.0.2", "fd6f:766c:6777:12::2", "fe80::42:acff:fe12:2"],
    },
  ])
  expect(egressGuard(state({ ...WANTED, bridgesFiltered: true }))).toMatchObject({ ipv6Filtered: true })
  expect(publishedPorts(CATALOG, NODE_1)).toMatchObject([{ to: "172.18.0.2", to6: "fd6f:766c:6777:12::2" }])
})
