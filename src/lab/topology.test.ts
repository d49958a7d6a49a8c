import { expect, test } from "bun:test"
import { formatCidr, parseInterfaceAddress, subnetOf } from "../model/cidr.ts"
import { BUILT_IN_LAB, builtInLab } from "./file/built-in.ts"
import { areConnected, bare, nextSteps, topologySchema } from "./topology.ts"

const RED_GREEN = builtInLab()

test("the built-in lab is the one of the contract", () => {
  expect(topologySchema.parse(RED_GREEN)).toEqual(RED_GREEN)
  expect(RED_GREEN.name).toBe(BUILT_IN_LAB)
  const hosts = RED_GREEN.hosts.map((host) => `${host.name} ${bare(host.address)} ${host.role}`)
  expect(hosts).toEqual(["swarm-01 192.168.1.51 server", "swarm-02 192.168.1.52 client"])
  expect(`${RED_GREEN.outside.name} ${bare(RED_GREEN.outside.address)}`).toBe("outside 203.0.113.1")
  expect(RED_GREEN.kvPrefix).toBe("swarm")
  expect(RED_GREEN.networks).toEqual([
    { name: "red", subnets: [{ subnet: "10.65.10.0/24" }] },
    { name: "green", subnets: [{ subnet: "10.65.10.0/24" }] },
  ])
  expect(RED_GREEN.workloads.map((each) => `${each.name} ${each.networks.join()} ${each.host}`)).toEqual([
    "namespace_01 red swarm-01",
    "namespace_03 red swarm-02",
    "namespace_02 green swarm-01",
    "namespace_04 green swarm-02",
  ])
})

test("every workload's address is its network's and nobody else's, and the other network's too", () => {
  for (const { address } of RED_GREEN.workloads)
    expect(formatCidr(subnetOf(parseInterfaceAddress(`${address}/24`)))).toBe("10.65.10.0/24")
  const places = RED_GREEN.workloads.map(({ networks, address }) => `${networks[0]} ${address}`)
  expect(new Set(places).size).toBe(places.length)
  // The point of the lab: one address, two workloads.
  expect(new Set(RED_GREEN.workloads.map((each) => each.address)).size).toBe(2)
})

test("a topology with an unknown word or a bad name is refused", () => {
  expect(topologySchema.safeParse({ ...RED_GREEN, extra: 1 }).success).toBe(false)
  expect(topologySchema.safeParse({ ...RED_GREEN, name: "../etc" }).success).toBe(false)
})

test("what to try next is real commands, for a lab of another name too", () => {
  expect(nextSteps(RED_GREEN, BUILT_IN_LAB)).toEqual([
    "ovl lab verify",
    "ovl lab exec swarm-02 -- ovl exec namespace_03 ping -c1 namespace_01",
    "ovl lab exec swarm-02 -- curl -s 'localhost:8500/v1/kv/swarm/docker/network/v1.0/overlay/network/?recurse'",
    "ovl lab exec swarm-02 -- ip netns ls",
    "ovl lab exec swarm-02 -- tcpdump -ni eth0 udp port 4789",
    "ovl lab down",
  ])
  const named = nextSteps({ ...RED_GREEN, name: "second" }, BUILT_IN_LAB)
  expect(named[0]).toBe("ovl lab verify --name second")
  expect(named[1]).toStartWith("ovl lab exec --name second swarm-02 -- ")
})

test("who is in touch: all but those that are cut or unplugged", () => {
  const cut = { ...RED_GREEN, cuts: [["swarm-02", "swarm-01"] as [string, string]] }
  expect(areConnected(RED_GREEN, "swarm-01", "swarm-02")).toBe(true)
  expect(areConnected(cut, "swarm-01", "swarm-02")).toBe(false)
  expect(areConnected(cut, "swarm-01", "outside")).toBe(true)
  expect(areConnected(cut, "swarm-01", "swarm-01")).toBe(true)
  const [first, second] = RED_GREEN.hosts
  const unplugged = { ...RED_GREEN, hosts: [first!, { ...second!, cable: "down" as const }] }
  expect(areConnected(unplugged, "outside", "swarm-02")).toBe(false)
})
