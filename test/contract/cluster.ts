/**
 * The contract of the cluster port, for every implementation: on a server's store and on a client's connection. What it
 * promises about networks and endpoints is here, about nodes, tokens and the stream of changes in cluster-nodes.ts, and
 * what must hold whatever is done, by whomever at once, in cluster-properties.ts.
 */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { macOfIpv6 } from "../../src/model/mac.ts"
import { inconsistencies } from "./cluster-consistency.ts"
import { endpointSpec, type Harness, networkSpec, outcome } from "./cluster-harness.ts"
import { nodesContract } from "./cluster-nodes.ts"
import { propertiesContract } from "./cluster-properties.ts"
import { serversContract } from "./cluster-servers.ts"

/** `servers`: the harness's made-up replication is what the cluster under test goes by. */
export function clusterContract(name: string, open: () => Promise<Harness>, { servers = true } = {}): void {
  describe(`the cluster port, ${name}`, () => {
    let h: Harness
    beforeEach(async () => {
      h = await open()
    })
    afterEach(async () => {
      expect(inconsistencies(h.store)).toEqual([])
      await h.close()
    })
    networksContract(() => h)
    endpointsContract(() => h)
    nodesContract(() => h)
    if (servers) serversContract(() => h)
    propertiesContract(() => h)
  })
}

function networksContract(harness: () => Harness): void {
  test("a network gets id, VNI, gateway, and its record in Docker's form", async () => {
    const { cluster, store } = harness()
    const red = await cluster.createNetwork(networkSpec("red", "10.65.10.0/24", { labels: { team: "a" } }))
    const green = await cluster.createNetwork(networkSpec("green"))
    expect(red.network).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{64}$/),
      name: "red",
      tenant: "default",
      vni: 256,
      subnets: [{ subnet: "10.65.10.0/24", gateway: "10.65.10.1" }],
      ipRange: null,
      mtu: 0,
      internal: false,
      secure: false,
      multicast: false,
      labels: { team: "a" },
      created: "2026-01-01T00:00:00.000Z",
    })
    expect(green.network.vni).toBe(257)
    expect(green.revision).toBeGreaterThan(red.revision)
    const entry = store.get(`kv/swarm/docker/network/v1.0/overlay/network/${red.network.id}/`)
    expect(new TextDecoder().decode(entry?.value)).toBe(
      '{"mtu":0,"secure":false,"subnets":[{"SubnetIP":"10.65.10.0/24","GwIP":"10.65.10.1/24","Vni":256}]}',
    )
    expect(entry?.flags).toBe(3304740253564472344n)
  })

  test("what is wrong with a network is said, and nothing is changed", async () => {
    const { cluster, store } = harness()
    await cluster.createNetwork(networkSpec("Red", "10.65.10.0/24", { vni: 300 }))
    const before = store.revision
    const attempts = {
      malformed: networkSpec("-x"),
      taken: networkSpec("rED"),
      "host bits": networkSpec("a", "10.65.10.5/24"),
      small: networkSpec("a", "10.65.10.0/31"),
      gateway: { name: "a", subnets: [{ subnet: "10.65.10.0/24", gateway: "10.65.10.255" }] },
      range: networkSpec("a", "10.65.10.0/24", { ipRange: "10.66.0.0/25" }),
      "range alone": { name: "a", ipRange: "10.66.0.0/25" },
      "VNI 0": networkSpec("a", "10.0.0.0/8", { vni: 0 }),
      "VNI too large": networkSpec("a", "10.0.0.0/8", { vni: 16_777_216 }),
      "VNI taken": networkSpec("a", "10.0.0.0/8", { vni: 300 }),
      "MTU 0": networkSpec("a", "10.0.0.0/8", { mtu: 0 }),
      "MTU too large": networkSpec("a", "10.0.0.0/8", { mtu: 1451 }),
      driver: networkSpec("a", "10.0.0.0/8", { driver: "bridge" }),
      secure: networkSpec("a", "10.0.0.0/8", { secure: true }),
      tenant: networkSpec("a", "10.0.0.0/8", { tenant: "blue" }),
      IPv6: networkSpec("a", "fe80:1::/64"),
      overlap: { name: "a", subnets: [{ subnet: "10.1.0.0/16" }, { subnet: "10.1.2.0/24" }] },
      "too many": { name: "a", subnets: Array.from({ length: 9 }, (_, n) => ({ subnet: `10.${n}.0.0/24` })) },
      labels: networkSpec("a", "10.0.0.0/8", { labels: { a: "x".repeat(2000) } }),
    }
    const said: Record<string, string> = {}
    for (const [what, spec] of Object.entries(attempts)) said[what] = await outcome(cluster.createNetwork(spec))
    expect(said).toEqual({
      malformed: 'usage name_invalid: network name "-x": malformed',
      taken: "conflict network_name_taken: network rED: the name is taken",
      "host bits": "usage subnet_invalid: subnet 10.65.10.5/24: host bits are set",
      small: "usage subnet_invalid: subnet 10.65.10.0/31: too small for a gateway and an endpoint",
      gateway: "invalid gateway_invalid: gateway 10.65.10.255: it is the broadcast address",
      range: "invalid ip_range_invalid: ip range 10.66.0.0/25: outside the subnet 10.65.10.0/24",
      "range alone": "usage ip_range_invalid: ip range 10.66.0.0/25: there is no subnet for it to be a part of",
      "VNI 0": "usage vni_invalid: VNI 0: must be a whole number from 1 to 16777215",
      "VNI too large": "usage vni_invalid: VNI 16777216: must be a whole number from 1 to 16777215",
      "VNI taken": "conflict vni_taken: VNI 300: in use by network Red",
      "MTU 0": "usage mtu_invalid: MTU 0: must be a whole number from 68 to 65535",
      "MTU too large": expect.stringMatching(
        /^invalid mtu_too_large: MTU 1451: node swarm-0\d has an underlay of 1500 bytes, less 50 for VXLAN$/,
      ),
      driver: 'usage driver_unknown: driver "bridge": there is no such driver',
      secure: "failed not_available: --secure: not available in this version",
      tenant: "failed not_available: --tenant blue: not available in this version",
      IPv6: "usage subnet_invalid: subnet fe80:1::/64: overlaps fe80::/10, which no host can have",
      overlap: "conflict subnet_overlap: subnet 10.1.2.0/24: overlaps 10.1.0.0/16, another one of the network",
      "too many": "usage subnets_too_many: 9 subnets: a network can have 8 at most",
      labels: expect.stringMatching(/^usage labels_invalid: /),
    })
    expect(store.revision).toBe(before)
  })

  test("a subnet that is not asked for is one that nobody has", async () => {
    const { cluster, node } = harness()
    await cluster.updateNode(node, { egressSubnet: "10.0.2.0/24" })
    const subnet = async (name: string, asked?: string) =>
      (await cluster.createNetwork(asked ? networkSpec(name, asked) : { name })).network.subnets[0]?.subnet
    expect(await subnet("a")).toBe("10.0.1.0/24")
    expect(await subnet("b", "10.0.3.0/25")).toBe("10.0.3.0/25")
    expect(await subnet("c")).toBe("10.0.4.0/24")
    await cluster.removeNetwork((await cluster.createNetwork({ name: "d" })).network.id, { force: false })
    expect(await subnet("e")).toBe("10.0.6.0/24")
  })

  test("a network with egress may not overlap a node's egress bridge", async () => {
    const { cluster, node } = harness()
    await cluster.updateNode(node, { egressSubnet: "172.18.0.0/16" })
    expect(await outcome(cluster.createNetwork(networkSpec("a", "172.18.5.0/24")))).toBe(
      `conflict subnet_overlap: subnet 172.18.5.0/24: overlaps the egress bridge 172.18.0.0/16 of node ${nodeName(harness())}`,
    )
    expect(await outcome(cluster.createNetwork(networkSpec("b", "172.18.5.0/24", { internal: true })))).toBe("ok")
    expect(await outcome(cluster.createNetwork(networkSpec("c", "192.168.1.0/24")))).toBe("ok")
  })

  test("a freed VNI is not given again at once", async () => {
    const { cluster } = harness()
    const vni = async (name: string, asked?: number) => (await create(name, asked)).vni
    const create = async (name: string, asked?: number) =>
      (await cluster.createNetwork(networkSpec(name, "10.65.10.0/24", { vni: asked }))).network
    const first = await create("a")
    const second = await create("b", 257)
    for (const { id } of [first, second]) await cluster.removeNetwork(id, { force: false })
    expect([await vni("c"), await vni("d", 257), await vni("e", 260), await vni("f"), await vni("g")]).toEqual([
      258, 257, 260, 259, 261,
    ])
  })

  test("a network in use goes only by force, with all its endpoints and all that speaks of them", async () => {
    const { cluster, store, node } = harness()
    const { network } = await cluster.createNetwork(networkSpec("red", "10.64.0.0/16"))
    const { network: green } = await cluster.createNetwork(networkSpec("green"))
    const specs = Array.from({ length: 300 }, (_, n) => endpointSpec(network.id, node, `w${n}`))
    await cluster.createEndpoints(specs.slice(0, 200))
    await cluster.createEndpoints(specs.slice(200))
    const both = [endpointSpec(green.id, node, "both"), endpointSpec(network.id, node, "both", { name: "both.red" })]
    await cluster.createEndpoints(both)
    expect(await outcome(cluster.removeNetwork(network.id, { force: false }))).toMatch(
      /^conflict network_in_use: network red: has endpoints: w\d+ on swarm-0\d, w\d+ on swarm-0\d, w\d+ on swarm-0\d, \.\.\.$/,
    )
    const { network: six } = await cluster.createNetwork({
      name: "six",
      subnets: [{ subnet: "10.64.0.0/16" }, { subnet: "fd00::/64" }],
    })
    const many = Array.from({ length: 250 }, (_, n) => endpointSpec(six.id, node, `s${n}`))
    await cluster.createEndpoints(many.slice(0, 200))
    await cluster.createEndpoints(many.slice(200))
    await cluster.removeNetwork(six.id, { force: true })
    await cluster.removeNetwork(network.id, { force: true })
    expect(store.range("ovl/endpoints/").entries.length).toBe(1)
    expect(await outcome(cluster.removeNetwork(network.id, { force: true }))).toMatch(/^not_found network_not_found/)
    expect(store.range("kv/").entries.length).toBe(1)
    await cluster.removeNetwork(green.id, { force: true })
    expect(store.range("kv/").entries.length).toBe(0)
    expect(store.range("ovl/addresses/").entries.length).toBe(0)
  })
}

function nodeName({ node, otherNode, store }: Harness): string {
  const record = JSON.parse(new TextDecoder().decode(store.get(`ovl/nodes/${node}`)!.value))
  return otherNode === node ? "?" : record.name
}

function endpointsContract(harness: () => Harness): void {
  const withNetwork = async (subnet = "10.65.10.0/24") => {
    const h = harness()
    const { network } = await h.cluster.createNetwork(networkSpec("red", subnet))
    const create = async (workload: string, changes = {}) => {
      const { endpoints } = await h.cluster.createEndpoints([endpointSpec(network.id, h.node, workload, changes)])
      return endpoints[0]!
    }
    return { ...h, network, create, said: (workload: string, changes = {}) => outcome(create(workload, changes)) }
  }

  test("endpoints get the addresses after the gateway in order, and MACs that follow from them", async () => {
    const { create, network, node } = await withNetwork()
    expect(await create("web", { netns: "/run/netns/web", netnsId: "4:26" })).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{64}$/),
      networkId: network.id,
      nodeId: node,
      workload: "web",
      name: "web",
      ip: "10.65.10.2/24",
      mac: "02:42:0a:41:0a:02",
      ifname: "eth0",
      netns: "/run/netns/web",
      netnsId: "4:26",
      origin: "run",
      egress: null,
      state: "up",
      created: "2026-01-01T00:00:00.000Z",
    })
    expect((await create("db")).ip).toBe("10.65.10.3/24")
  })

  const BOTH = [{ subnet: "10.65.10.0/29" }, { subnet: "fd00:65:10::/64" }]

  test("on a network of both families an endpoint gets an address of each, and its MAC follows from the IPv4 one", async () => {
    const { cluster, node, store } = harness()
    const { network } = await cluster.createNetwork({ name: "both", subnets: BOTH.toReversed(), multicast: true })
    expect([network.subnets, network.multicast]).toEqual([
      [
        { subnet: "10.65.10.0/29", gateway: "10.65.10.1" },
        { subnet: "fd00:65:10::/64", gateway: "fd00:65:10::1" },
      ],
      true,
    ])
    const record = store.get(`kv/swarm/docker/network/v1.0/overlay/network/${network.id}/`)
    expect(JSON.parse(new TextDecoder().decode(record?.value)).subnets[1]).toEqual({
      SubnetIP: "fd00:65:10::/64",
      GwIP: "fd00:65:10::1/64",
      Vni: network.vni,
    })
    const create = async (workload: string, changes = {}) => {
      const { endpoints } = await cluster.createEndpoints([endpointSpec(network.id, node, workload, changes)])
      const [{ ip, ip6, mac } = { ip: "", ip6: "", mac: "" }] = endpoints
      return `${ip} ${ip6} ${mac}`
    }
    expect(await create("a")).toBe("10.65.10.2/29 fd00:65:10::2/64 02:42:0a:41:0a:02")
    expect(await create("b", { ip: "FD00:65:10:0::9" })).toBe("10.65.10.3/29 fd00:65:10::9/64 02:42:0a:41:0a:03")
    expect(await outcome(cluster.removeNetwork(network.id, { force: false }))).toMatch(
      /^conflict network_in_use: network both: has endpoints: a on swarm-0\d, b on swarm-0\d$/,
    )
    expect(await create("c", { ip: "10.65.10.6", ip6: "fd00:65:10:0:dead::1" })).toBe(
      "10.65.10.6/29 fd00:65:10:0:dead::1/64 02:42:0a:41:0a:06",
    )
    expect(await outcome(create("d", { ip6: "fd00:65:10::9" }))).toBe(
      "conflict address_taken: address fd00:65:10::9: in use by b on network both",
    )
    expect(await outcome(create("d", { ip6: "fd00:65:10::1" }))).toBe(
      "invalid address_invalid: address fd00:65:10::1: it is the gateway's",
    )
    await create("e")
    await create("f")
    const before = store.revision
    expect(await outcome(create("g"))).toBe("conflict addresses_exhausted: no free address in 10.65.10.1 to 10.65.10.6")
    expect(store.revision).toBe(before)
  })

  test("of several subnets of one family the next is begun when the first is full; a freed address goes before it", async () => {
    const { cluster, node, store } = harness()
    const subnets = ["10.65.10.0/30", "fd00:65:10::/126", "10.65.11.0/29", "fd00:65:11::/64"]
    const { network } = await cluster.createNetwork({
      name: "wide",
      subnets: subnets.map((subnet) => (subnet === "10.65.11.0/29" ? { subnet, gateway: "10.65.11.3" } : { subnet })),
      ipRange: "10.65.11.0/30",
    })
    expect(network.subnets.map(({ subnet, gateway }) => `${subnet} by ${gateway}`)).toEqual([
      "10.65.10.0/30 by 10.65.10.1",
      "10.65.11.0/29 by 10.65.11.3",
      "fd00:65:10::/126 by fd00:65:10::1",
      "fd00:65:11::/64 by fd00:65:11::1",
    ])
    const record = store.get(`kv/swarm/docker/network/v1.0/overlay/network/${network.id}/`)
    expect(JSON.parse(new TextDecoder().decode(record?.value)).subnets[1]).toEqual({
      SubnetIP: "10.65.11.0/29",
      GwIP: "10.65.11.3/29",
      Vni: network.vni,
    })
    const create = async (workload: string, changes = {}) => {
      const { endpoints } = await cluster.createEndpoints([endpointSpec(network.id, node, workload, changes)])
      return endpoints[0]!
    }
    const given = async (workload: string, changes = {}) => {
      const { ip, ip6, mac } = await create(workload, changes)
      return `${ip} ${ip6} ${mac}`
    }
    const a = await create("a")
    expect([a.ip, a.ip6]).toEqual(["10.65.10.2/30", "fd00:65:10::2/126"])
    expect(await given("b")).toBe("10.65.11.1/29 fd00:65:10::3/126 02:42:0a:41:0b:01")
    expect(await given("c", { ip: "10.65.11.6" })).toBe("10.65.11.6/29 fd00:65:11::2/64 02:42:0a:41:0b:06")
    expect(await given("d", { ip: "fd00:65:11::9" })).toBe("10.65.11.2/29 fd00:65:11::9/64 02:42:0a:41:0b:02")
    expect(await outcome(create("e"))).toBe(
      "conflict addresses_exhausted: no free address in 10.65.10.1 to 10.65.10.2, 10.65.11.1 to 10.65.11.3",
    )
    expect(await outcome(create("e", { ip: "10.65.12.2" }))).toBe(
      "invalid address_invalid: address 10.65.12.2: outside the subnets 10.65.10.0/30, 10.65.11.0/29",
    )
    expect(await outcome(create("e", { ip: "10.65.11.3" }))).toBe(
      "invalid address_invalid: address 10.65.11.3: it is the gateway's",
    )
    expect(await outcome(create("e", { mac: "02:42:0a:41:0b:05", ip: "10.65.11.4" }))).toMatch(/^usage mac_invalid/)
    await cluster.removeEndpoints([a.id])
    expect(await given("e")).toBe("10.65.10.2/30 fd00:65:10::2/126 02:42:0a:41:0a:02")
    await cluster.removeNetwork(network.id, { force: true })
    expect(store.range("ovl/addresses/").entries.length).toBe(0)
  })

  test("on a network of IPv6 alone the MAC is the address's own, unique and free again afterwards", async () => {
    const { cluster, node, store } = harness()
    const { network } = await cluster.createNetwork({ name: "six", subnets: [{ subnet: "fd00:65:10::/125" }] })
    const create = async (workload: string, changes = {}) => {
      const { endpoints } = await cluster.createEndpoints([endpointSpec(network.id, node, workload, changes)])
      return endpoints[0]!
    }
    const a = await create("a")
    expect([a.ip, a.ip6 ?? null, a.mac]).toEqual(["fd00:65:10::2/125", null, macOfIpv6("fd00:65:10::2")])
    // Somebody asks for the MAC that the next address would have.
    const b = await create("b", { ip: "fd00:65:10::7", mac: macOfIpv6("fd00:65:10::3") })
    const c = await create("c")
    expect([b.mac, c.ip, c.mac]).toEqual([
      macOfIpv6("fd00:65:10::3"),
      "fd00:65:10::3/125",
      macOfIpv6("fd00:65:10::3", 1),
    ])
    expect(await outcome(create("d", { mac: a.mac }))).toMatch(/^conflict mac_taken/)
    expect(await outcome(create("d", { ip: "10.0.0.2" }))).toBe(
      "invalid address_invalid: address 10.0.0.2: network six has no IPv4 subnet",
    )
    for (const name of ["d", "e", "f"]) await create(name)
    expect(await outcome(create("g"))).toMatch(/^conflict addresses_exhausted: no free address in fd00:65:10::1 to /)
    await cluster.removeEndpoints([a.id, b.id])
    expect([(await create("g")).ip, (await create("h")).ip]).toEqual(["fd00:65:10::2/125", "fd00:65:10::7/125"])
    await cluster.removeNetwork(network.id, { force: true })
    expect(store.range("ovl/macs/").entries.length).toBe(0)
    expect(store.range("ovl/addresses/").entries.length).toBe(0)
  })

  test("equal subnets are independent of each other", async () => {
    const { cluster, create, node } = await withNetwork()
    const { network: green } = await cluster.createNetwork(networkSpec("green"))
    const { endpoints } = await cluster.createEndpoints([endpointSpec(green.id, node, "other", { ip: "10.65.10.2" })])
    expect([endpoints[0]?.ip, (await create("web")).ip]).toEqual(["10.65.10.2/24", "10.65.10.2/24"])
  })

  test("a freed address comes round again only after the others", async () => {
    const { cluster, create, said } = await withNetwork("10.65.10.0/29")
    const first = await create("a")
    await cluster.removeEndpoints([first.id])
    const given: string[] = []
    for (const name of ["b", "c", "d", "e", "f"]) given.push((await create(name)).ip)
    expect(given).toEqual(["10.65.10.3/29", "10.65.10.4/29", "10.65.10.5/29", "10.65.10.6/29", "10.65.10.2/29"])
    expect(await said("g")).toBe("conflict addresses_exhausted: no free address in 10.65.10.1 to 10.65.10.6")
  })

  test("what is wrong with an endpoint is said, and nothing is changed", async () => {
    const { cluster, create, said, store, network, node } = await withNetwork()
    await create("web", { ip: "10.65.10.9", mac: "0E-00-00-00-00-01" })
    const before = store.revision
    expect(await said("-web")).toBe('usage name_invalid: workload name "-web": malformed')
    expect(await said("WEB")).toMatch(/^conflict name_taken: workload WEB: the name is taken on node swarm-0\d$/)
    expect(await said("a", { name: "b" })).toBe("usage name_invalid: endpoint name b: not one of workload a")
    expect(await said("a", { ip: "10.65.10.999" })).toBe(
      "usage address_invalid: address 10.65.10.999: not an IP address",
    )
    expect(await said("a", { ip: "10.65.11.1" })).toBe(
      "invalid address_invalid: address 10.65.11.1: outside the subnet 10.65.10.0/24",
    )
    expect(await said("a", { ip: "10.65.10.1" })).toBe(
      "invalid address_invalid: address 10.65.10.1: it is the gateway's",
    )
    expect(await said("a", { ip: "fd00::1" })).toBe(
      "invalid address_invalid: address fd00::1: network red has no IPv6 subnet",
    )
    expect(await said("a", { ip: "10.65.10.7", ip6: "10.65.10.8" })).toBe(
      "usage address_invalid: addresses 10.65.10.7 and 10.65.10.8: both are IPv4",
    )
    expect(await said("a", { ip: "10.65.10.9" })).toBe(
      "conflict address_taken: address 10.65.10.9: in use by web on network red",
    )
    expect(await said("a", { mac: "0e:00:00:00:00:01" })).toBe(
      "conflict mac_taken: MAC 0e:00:00:00:00:01: in use by web on network red",
    )
    expect(await said("a", { mac: "01:00:5e:00:00:01" })).toMatch(/^usage mac_invalid: /)
    expect(await said("a", { mac: "02:42:0a:41:0a:07" })).toBe(
      "usage mac_invalid: MAC 02:42:0a:41:0a:07: belongs to the address 10.65.10.7",
    )
    expect(await said("a", { ifname: "interface-name-0" })).toMatch(/^usage ifname_invalid: /)
    expect(await said("a", { networkId: "b".repeat(64) })).toMatch(/^not_found network_not_found: /)
    const twice = [endpointSpec(network.id, node, "x", { ip: "10.65.10.20" }), endpointSpec(network.id, node, "X")]
    expect(await outcome(cluster.createEndpoints(twice))).toMatch(/^conflict name_taken/)
    expect(store.revision).toBe(before)
  })

  test("all endpoints of a call are created or none, and those that ask for an address get it", async () => {
    const { cluster, node, network, store } = await withNetwork()
    const { network: green } = await cluster.createNetwork(networkSpec("green"))
    const specs = [
      endpointSpec(network.id, node, "web"),
      endpointSpec(green.id, node, "web", { name: "web.green", ifname: "eth1" }),
      endpointSpec(network.id, node, "db", { ip: "10.65.10.2" }),
    ]
    const { endpoints } = await cluster.createEndpoints(specs)
    expect(endpoints.map((e) => `${e.name} ${e.ip} ${e.ifname}`)).toEqual([
      "web 10.65.10.3/24 eth0",
      "web.green 10.65.10.2/24 eth1",
      "db 10.65.10.2/24 eth0",
    ])
    const before = store.revision
    const half = [endpointSpec(green.id, node, "new"), endpointSpec(network.id, node, "new2", { ip: "10.65.10.2" })]
    expect(await outcome(cluster.createEndpoints(half))).toMatch(/^conflict address_taken/)
    expect(store.revision).toBe(before)
  })

  test("a workload's name is its node's while one of its endpoints stands, and an exact name may look like a derived one", async () => {
    const { cluster, local, node, otherNode, network } = await withNetwork()
    const { network: green } = await cluster.createNetwork(networkSpec("green"))
    const both = [endpointSpec(network.id, node, "web"), endpointSpec(green.id, node, "web", { name: "web.green" })]
    const { endpoints } = await cluster.createEndpoints(both)
    const exact = endpointSpec(network.id, node, "web.green")
    expect(await outcome(cluster.createEndpoints([exact]))).toBe("ok")
    await cluster.removeEndpoints([endpoints[0]!.id])
    const elsewhere = endpointSpec(network.id, otherNode, "web")
    expect(await outcome(local.createEndpoints([elsewhere]))).toMatch(/^conflict name_taken/)
    await cluster.removeEndpoints([endpoints[1]!.id])
    expect(await outcome(local.createEndpoints([elsewhere]))).toBe("ok")
  })

  test("updates change what they name and nothing else; removals can be repeated", async () => {
    const { cluster, create, store } = await withNetwork()
    const web = await create("web")
    const egress = { ifname: "eth1", ip: "172.18.0.2/16", gateway: "172.18.0.1" }
    const { revision } = await cluster.updateEndpoints([{ id: web.id, state: "up", egress }])
    const stored = () => JSON.parse(new TextDecoder().decode(store.get(`ovl/endpoints/${web.id}`)!.value))
    expect(stored()).toEqual({ ...web, state: "up", egress })
    expect((await cluster.updateEndpoints([{ id: web.id, state: "up" }])).revision).toBe(revision)
    await cluster.updateEndpoints([{ id: web.id, egress: null, netns: "/run/netns/x" }])
    expect(stored()).toEqual({ ...web, state: "up", netns: "/run/netns/x" })
    const removed = await cluster.removeEndpoints([web.id, "c".repeat(64), web.id])
    expect((await cluster.removeEndpoints([web.id])).revision).toBe(removed.revision)
    expect(await outcome(cluster.updateEndpoints([{ id: web.id, state: "up" }]))).toMatch(
      /^not_found endpoint_not_found/,
    )
  })
}
