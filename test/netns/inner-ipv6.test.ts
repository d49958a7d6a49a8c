/**
 * IPv6 on the real kernel (pains 36 and 37): inside a network beside IPv4 and alone, and as the underlay. Neighbour
 * discovery is answered on the asker's own node, and nothing is flooded.
 */
import { afterAll, beforeAll, expect, test } from "bun:test"
import type { EndpointRecord } from "../../src/model/endpoint.ts"
import type { NodeRecord } from "../../src/model/node.ts"
import { endpointRecord, GREEN, networkRecord, nodeRecord, RED } from "../../src/overlay/fixture.ts"
import { describeAsRoot } from "../support/netns.ts"
import { type HostRow, hostRow, nodeIdOf } from "./host-row.ts"
import type { ClusterParts } from "./overlay-host.ts"
import { capture } from "./overlay-lab.ts"

const [ONE, TWO] = [nodeIdOf(0), nodeIdOf(1)]
const RED_NS = `1-${RED.slice(0, 10)}`
const NETWORKS = [
  networkRecord(RED, 256, {
    internal: true,
    subnets: [
      { subnet: "10.65.10.0/24", gateway: "10.65.10.1" },
      { subnet: "fd00:65:10::/64", gateway: "fd00:65:10::1" },
    ],
  }),
  networkRecord(GREEN, 257, { internal: true, subnets: [{ subnet: "fd00:65:10::/64", gateway: "fd00:65:10::1" }] }),
]
const ENDPOINTS = [
  endpointRecord(1, RED, ONE, "10.65.10.2/24", { ip6: "fd00:65:10::2/64" }),
  endpointRecord(2, RED, ONE, "10.65.10.3/24", { ip6: "fd00:65:10::3/64" }),
  endpointRecord(3, RED, TWO, "10.65.10.4/24", { ip6: "fd00:65:10::4/64" }),
  endpointRecord(4, GREEN, ONE, "fd00:65:10::2/64"),
  endpointRecord(5, GREEN, TWO, "fd00:65:10:0:dead:beef:0:4/64"),
]

function nodes(address: (host: number) => string): NodeRecord[] {
  return [0, 1].map((n) => nodeRecord(nodeIdOf(n), address(51 + n)))
}

const ETHERTYPE_IPV6 = 0x86dd
const ICMPV6 = 58
const SOLICITATION = 135

/** An inner frame that is a neighbour solicitation, or any other that is for a group. */
function isFlooded(inner: Buffer): boolean {
  const solicits = inner.readUInt16BE(12) === ETHERTYPE_IPV6 && inner[20] === ICMPV6 && inner[54] === SOLICITATION
  return solicits || (inner[0]! & 1) === 1
}

/** What travels in VXLAN among the frames of an underlay of either family. */
function inner(frames: readonly Buffer[]): Buffer[] {
  return frames.flatMap((frame) => {
    const header = frame.readUInt16BE(12) === ETHERTYPE_IPV6 ? 54 : 34
    const isVxlan = frame.length > header + 16 && frame.readUInt16BE(header + 2) === 4789
    return isVxlan ? [frame.subarray(header + 16)] : []
  })
}

describeAsRoot("IPv6 in a network", () => {
  let row: HostRow
  const parts = (endpoints: EndpointRecord[], address = (host: number) => `192.168.1.${host}`): ClusterParts => {
    return { nodes: nodes(address), networks: NETWORKS, endpoints }
  }
  const ping = (host: number, from: string, to: string, more = ""): Promise<string> =>
    row.hosts[host]!.shell(`ip netns exec ${from} ping -n -c1 -W2 ${more} ${to}`)

  beforeAll(async () => {
    row = hostRow(2)
    for (const name of ["w1", "w2", "w4"]) await row.hosts[0]!.addWorkload(name)
    for (const name of ["w3", "w5"]) await row.hosts[1]!.addWorkload(name)
    await row.reconcile(parts(ENDPOINTS))
  })
  afterAll(() => row.stop())

  test("the first ping arrives, in both families, and a solicitation is answered without a frame on the wire (pain 36)", async () => {
    const wires = row.hosts.map(({ path }) => capture(path))
    expect(await ping(0, "w1", "fd00:65:10::4")).toContain(" 0% packet loss")
    expect(await ping(0, "w1", "10.65.10.4")).toContain(" 0% packet loss")
    expect(await ping(0, "w4", "fd00:65:10:0:dead:beef:0:4")).toContain(" 0% packet loss")
    const seen = wires.flatMap((wire) => inner(wire.frames()))
    expect(seen.length).toBeGreaterThanOrEqual(6)
    expect(seen.filter(isFlooded)).toEqual([])
    for (const wire of wires) wire.close()
  }, 20_000)

  test("who is nobody's endpoint is asked for in vain, and nothing leaves the host", async () => {
    const wire = capture(row.hosts[0]!.path)
    expect(await ping(0, "w1", "fd00:65:10::99", "-W1")).toContain("100% packet loss")
    await row.hosts[0]!.shell("ip netns exec w1 ping -n -c1 -W1 ff02::1%eth0")
    expect(inner(wire.frames())).toEqual([])
    wire.close()
  }, 20_000)

  test("neighbours on one host and the gateway answer; the same address in another network is somebody else", async () => {
    expect(await ping(0, "w1", "fd00:65:10::3")).toContain(" 0% packet loss")
    expect(await ping(0, "w1", "fd00:65:10::1")).toContain(" 0% packet loss")
    const red = capture(row.hosts[0]!.namespacePath("w1"))
    expect(await ping(1, "w5", "fd00:65:10::2")).toContain(" 0% packet loss")
    expect(red.frames().filter((frame) => frame[20] === ICMPV6)).toEqual([])
    red.close()
  }, 20_000)

  test("an interface has its addresses at once, and what routers say is not heard", async () => {
    const shown = await row.hosts[0]!.shell("ip -n w1 -6 -br addr show eth0; ip -n w1 -6 route show default")
    expect(shown.trim().split(/\s+/).slice(2)).toEqual(["fd00:65:10::2/64", "fe80::42:aff:fe41:a02/64"])
    expect(await row.hosts[0]!.shell("ip -n w1 -6 addr show tentative")).toBe("")
    expect(await row.hosts[0]!.shell("ip netns exec w1 sysctl -n net.ipv6.conf.eth0.accept_ra")).toBe("0\n")
    const hidden = await row.hosts[0]!.shell(`ip -n ${RED_NS} -6 -o addr show | awk '{print $2, $4}'`)
    expect(
      hidden
        .trim()
        .split("\n")
        .filter((line) => !line.startsWith("lo")),
    ).toEqual(["br0 fd00:65:10::1/64"])
    const neighbours = await row.hosts[0]!.shell(`ip -n ${RED_NS} -6 neigh show dev vxlan1 nud permanent`)
    expect(neighbours.trim()).toBe("fd00:65:10::4 lladdr 02:42:0a:41:0a:04 PERMANENT")
  })

  test("a neighbour that is looked after for long stays reachable", async () => {
    await row.hosts[0]!.shell("ip netns exec w1 sysctl -w net.ipv6.neigh.eth0.base_reachable_time_ms=200")
    await row.hosts[0]!.shell("ip netns exec w1 sysctl -w net.ipv6.neigh.eth0.delay_first_probe_time=1")
    const said = await row.hosts[0]!.shell("ip netns exec w1 ping -n -q -i 0.2 -c 25 -W1 fd00:65:10::4")
    expect(said).toContain("25 received")
    expect(await row.hosts[0]!.shell("ip -n w1 -6 neigh show fd00:65:10::4")).not.toContain("FAILED")
  }, 20_000)

  test("a second look finds nothing to do, and a workload that moves is found", async () => {
    expect(await row.reconcile(parts(ENDPOINTS))).toBe("")
    await row.hosts[1]!.addWorkload("w6")
    const moved = ENDPOINTS.map((each) =>
      each.ip === "10.65.10.3/24" ? { ...each, nodeId: TWO, netns: "/run/netns/w6" } : each,
    )
    await row.reconcile(parts(moved))
    expect(await ping(0, "w1", "fd00:65:10::3")).toContain(" 0% packet loss")
    expect(await row.reconcile(parts(moved))).toBe("")
    await row.reconcile(parts(ENDPOINTS))
  }, 20_000)

  test("over an underlay of IPv6: VTEPs, rows and filter are IPv6, and full-size packets pass (pain 37)", async () => {
    const over6 = parts(ENDPOINTS, (host) => `fd00:1::${host}`)
    const said = await row.reconcile(over6)
    expect(said).toContain("type vxlan id 256 local fd00:1::51")
    expect(await row.reconcile(over6)).toBe("")
    expect(await ping(0, "w1", "10.65.10.4")).toContain(" 0% packet loss")
    expect(await ping(0, "w1", "fd00:65:10::4", "-M do -s 1382")).toContain(" 0% packet loss")
    expect(await ping(0, "w1", "fd00:65:10::4", "-M do -s 1383")).toContain("mtu")
    expect(await row.hosts[0]!.shell("ip6tables-save | grep -c 'OVL-VXLAN -s fd00:1::5'")).toBe("2\n")
    const rows = await row.hosts[0]!.shell(`bridge -n ${RED_NS} fdb show dev vxlan1 | grep self`)
    expect(rows.replace(/ link-netnsid \d+/, "").trim()).toBe("02:42:0a:41:0a:04 dst fd00:1::52 self permanent")
    await row.reconcile(parts([], (host) => `fd00:1::${host}`))
    expect((await row.hosts[0]!.inventory()).firewall).toEqual([])
  }, 30_000)
})
