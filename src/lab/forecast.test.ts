import { expect, test } from "bun:test"
import { builtInLab } from "./file/built-in.ts"
import { readLabFile } from "./file/read.ts"
import { dryRun } from "./dry-run.ts"
import { forecast } from "./forecast.ts"

/** Ids, and what follows from them, left out. */
function plain(lines: readonly string[]): string[] {
  return lines.map((line) =>
    line
      .replace(/\b1-[0-9a-f]{10}\b/g, "1-ID")
      .replace(/ovl:[0-9a-f]{64}/g, "ovl:ID")
      .replace(/ovl[0-9a-f]{12}\b/g, "ovlID")
      .replace(/\b06(:[0-9a-f]{2}){5}\b/g, "MAC"),
  )
}

test("each daemon's part of the built-in lab: rules, then networks, then ports", () => {
  const lines = plain(forecast(builtInLab()).get("swarm-02")!)
  for (const line of [
    "iptables -t filter -A OVL-VXLAN -s 192.168.1.51/32 -j RETURN",
    'iptables -t nat -I POSTROUTING -m comment --comment "ovl: overlay networks" -j OVL-POSTROUTING',
    "ip netns add 1-ID",
    "ip -n 1-ID addr add 10.65.10.1/24 dev br0",
    "ip -n 1-ID link add vxlan1 address MAC mtu 1450 master br0 alias ovl:ID up type vxlan id 256 local 192.168.1.52 dstport 4789 nolearning proxy",
    "ip -n 1-ID link add vxlan1 address MAC mtu 1450 master br0 alias ovl:ID up type vxlan id 257 local 192.168.1.52 dstport 4789 nolearning proxy",
    "bridge -n 1-ID fdb replace 02:42:0a:41:0a:02 dev vxlan1 dst 192.168.1.51 self permanent",
    "ip -n 1-ID neigh replace 10.65.10.2 lladdr 02:42:0a:41:0a:02 dev vxlan1 nud permanent",
    "ip -n ovl-namespace_03 addr add 10.65.10.3/24 dev eth0",
    "ip -n ovl-namespace_04 route replace default via 172.18.0.1 dev eth1",
  ])
    expect(lines).toContain(line)
})

test("what the cluster would choose: a subnet, addresses on further networks, and the way out last", () => {
  const topology = readLabFile(
    "f",
    `name: lab
nodes: { n1: }
networks: { auto: , inner: { subnet: 10.66.0.0/24, internal: true, multicast: true, mtu: 1300 } }
workloads: { a: { node: n1, networks: [inner, auto], ports: ["80:80"] } }
`,
  )
  const lines = plain(forecast(topology).get("n1")!)
  for (const line of [
    "ip -n 1-ID addr add 10.0.1.1/24 dev br0",
    "ip -n ovl-a addr add 10.66.0.2/24 dev eth0",
    "ip -n ovl-a addr add 10.0.1.2/24 dev eth1",
    "ip -n ovl-a addr add 172.18.0.2/16 dev eth2",
  ])
    expect(lines).toContain(line)
  expect(lines.some((line) => line.includes("--dport 80 ") && line.includes("DNAT"))).toBe(true)
})

test("several subnets: the next is begun when the first is full, and each workload has a way to the others", () => {
  const topology = readLabFile(
    "f",
    `name: lab
nodes: { n1: }
networks:
  wide: { subnet: [10.65.10.0/30, 10.65.11.0/24, "fd00::/64"], gateway: [10.65.11.9], ip-range: 10.65.11.8/29, internal: true }
  auto: { subnet: [10.66.0.0/30, 10.67.0.0/24], internal: true }
workloads:
  a: { node: n1, networks: [wide, auto] }
  b: { node: n1, networks: [wide, auto] }
  c: { node: n1, network: wide, ip: 10.65.11.200 }
`,
  )
  expect(topology.workloads.map(({ address }) => address)).toEqual(["10.65.10.2", "10.65.11.10", "10.65.11.200"])
  const lines = plain(forecast(topology).get("n1")!).filter(
    (line) => / (addr|route) /.test(line) && !line.includes("fe80"),
  )
  expect(lines).toEqual([
    "ip -n 1-ID addr add 10.65.10.1/30 dev br0",
    "ip -n 1-ID addr add 10.65.11.9/24 dev br0",
    "ip -n 1-ID addr add fd00::1/64 dev br0",
    "ip -n ovl-a addr add 10.65.10.2/30 dev eth0",
    "ip -n ovl-a addr add fd00::2/64 dev eth0",
    "ip -n ovl-a route append 10.65.11.0/24 dev eth0",
    "ip -n ovl-b addr add 10.65.11.10/24 dev eth0",
    "ip -n ovl-b addr add fd00::3/64 dev eth0",
    "ip -n ovl-b route append 10.65.10.0/30 dev eth0",
    "ip -n ovl-c addr add 10.65.11.200/24 dev eth0",
    "ip -n ovl-c addr add fd00::4/64 dev eth0",
    "ip -n ovl-c route append 10.65.10.0/30 dev eth0",
    "ip -n 1-ID addr add 10.66.0.1/30 dev br0",
    "ip -n 1-ID addr add 10.67.0.1/24 dev br0",
    "ip -n ovl-a addr add 10.66.0.2/30 dev eth1",
    "ip -n ovl-a route append 10.67.0.0/24 dev eth1",
    "ip -n ovl-b addr add 10.67.0.2/24 dev eth1",
    "ip -n ovl-b route append 10.66.0.0/30 dev eth1",
  ])
})

test("without root the plan is for a lab from nothing, in sections", async () => {
  const { changes, lines } = await dryRun(builtInLab("lab"), false)
  expect(lines.filter((line) => line.startsWith("#"))).toEqual([
    "# Hosts and cables",
    "# Nodes",
    "# Networks and workloads",
    "# On swarm-01, by its daemon: what will be new there (ids, and what follows from them, will be others)",
    "# On swarm-02, by its daemon: what will be new there (ids, and what follows from them, will be others)",
  ])
  expect(lines).toContain(
    "ovl lab exec --name lab swarm-02 -- ovl join 192.168.1.51:8300 --name swarm-02 --advertise 192.168.1.52",
  )
  expect(changes).toBeGreaterThan(20)
})
