import { expect, test } from "bun:test"
import { builtInLab } from "../file/built-in.ts"
import type { Topology } from "../topology.ts"
import { NOTHING_YET, type ObservedLink, type ObservedUnderlay, planApart, planTogether, planUnderlay } from "./plan.ts"
import { renderStep, type UnderlayStep } from "./steps.ts"
import { bucketOf, wantedUnderlay } from "./wanted.ts"

const LAB = builtInLab("lab")

function lines(steps: readonly UnderlayStep[]): string[] {
  return steps.flatMap((step) => renderStep("lab", step))
}

/** As a lab is when all of it was made. */
function made(topology: Topology): ObservedUnderlay {
  const { stations, cuts } = wantedUnderlay(topology)
  const linkOf = (index: number, mtu: number, rateBits: number | null): ObservedLink => {
    return { index, mtu, up: true, master: null, rateBytes: rateBits && bucketOf(rateBits, mtu).rateBytes }
  }
  return {
    switch: {
      loUp: true,
      bridgeUp: true,
      ports: new Map(
        stations.map(({ name, mtu, rateBits, plugged }, at) => {
          return [name, { ...linkOf(at + 3, mtu, rateBits), master: "underlay0", up: plugged }]
        }),
      ),
    },
    stations: new Map(
      stations.map(({ name, mtu, rateBits, address, loopback, gateway }) => [
        name,
        {
          loUp: true,
          link: linkOf(2, mtu, rateBits),
          addresses: [address],
          loopback: ["127.0.0.1/8", ...(loopback === null ? [] : [loopback])],
          gateway,
        },
      ]),
    ),
    cuts,
  }
}

test("from nothing: a switch, and for each station a namespace, a cable, an address and a way out", () => {
  const text = lines(planUnderlay(wantedUnderlay(LAB), NOTHING_YET))
  expect(text.slice(0, 10)).toEqual([
    "ip netns add lab.underlay",
    "ip -n lab.underlay link set lo up",
    "ip -n lab.underlay link add underlay0 index 2 up type bridge mcast_snooping 0",
    "ip netns add lab.swarm-01",
    "ip -n lab.swarm-01 link set lo up",
    "ip -n lab.underlay link add swarm-01 index 3 mtu 1500 type veth peer eth0 index 2 mtu 1500 netns lab.swarm-01",
    "ip -n lab.underlay link set swarm-01 master underlay0 up",
    "ip -n lab.swarm-01 link set eth0 up",
    "ip -n lab.swarm-01 addr add 192.168.1.51/24 dev eth0",
    "ip -n lab.swarm-01 route replace default via 192.168.1.254 dev eth0",
  ])
  expect(text.slice(-2)).toEqual([
    "ip -n lab.outside addr add 192.168.1.254/24 dev eth0",
    "ip -n lab.outside addr add 203.0.113.1/32 dev lo",
  ])
})

test("nothing is done where all is right, cut and unplugged or not", () => {
  const [first, second] = LAB.hosts
  const apart: Topology = { ...LAB, hosts: [first!, { ...second!, cable: "down" }], cuts: [["swarm-02", "outside"]] }
  for (const topology of [LAB, apart]) {
    expect(lines(planUnderlay(wantedUnderlay(topology), made(topology)))).toEqual([])
    expect(lines(planApart(wantedUnderlay(topology), made(topology)))).toEqual([])
  }
})

test("what has changed in the file, and no more", () => {
  const [first, second] = LAB.hosts
  const changed = { ...LAB, hosts: [{ ...first!, mtu: 1400, rateBits: 8_000_000 }, second!] }
  expect(lines(planUnderlay(wantedUnderlay(changed), made(LAB)))).toEqual([
    "ip -n lab.underlay link set swarm-01 mtu 1400",
    "ip -n lab.swarm-01 link set eth0 mtu 1400",
    "tc -n lab.underlay qdisc replace dev swarm-01 root tbf rate 8000000bit burst 16384 limit 66384",
    "tc -n lab.swarm-01 qdisc replace dev eth0 root tbf rate 8000000bit burst 16384 limit 66384",
  ])
  expect(lines(planUnderlay(wantedUnderlay(LAB), made(changed)))).toEqual([
    "ip -n lab.underlay link set swarm-01 mtu 1500",
    "ip -n lab.swarm-01 link set eth0 mtu 1500",
    "tc -n lab.underlay qdisc del dev swarm-01 root",
    "tc -n lab.swarm-01 qdisc del dev eth0 root",
  ])
})

test("a further node gets an index that is free, and the outside loses what it should not have", () => {
  const outside = { ...LAB.outside, address: "198.51.100.1/32" }
  const more = { ...LAB, outside, hosts: [...LAB.hosts, { ...LAB.hosts[1]!, name: "n3", address: "192.168.1.53/24" }] }
  const text = lines(planUnderlay(wantedUnderlay(more), made(LAB)))
  expect(text).toContain(
    "ip -n lab.underlay link add n3 index 6 mtu 1500 type veth peer eth0 index 2 mtu 1500 netns lab.n3",
  )
  expect(text.slice(-2)).toEqual([
    "ip -n lab.outside addr del 203.0.113.1/32 dev lo",
    "ip -n lab.outside addr add 198.51.100.1/32 dev lo",
  ])
})

test("a cable of which one end is gone is laid anew", () => {
  const observed = made(LAB)
  const own = observed.stations.get("swarm-02")!
  const broken = { ...observed, stations: new Map([...observed.stations, ["swarm-02", { ...own, link: null }]]) }
  const text = lines(planUnderlay(wantedUnderlay(LAB), broken))
  expect(text[0]).toStartWith("ip -n lab.underlay link add swarm-02 ")
  expect(text.at(-1)).toBe("ip -n lab.swarm-02 route replace default via 192.168.1.254 dev eth0")
})

test("what keeps hosts apart, and what brings them together", () => {
  const cut: Topology = { ...LAB, cuts: [["swarm-02", "swarm-01"]] }
  expect(lines(planApart(wantedUnderlay(cut), made(LAB)))).toEqual([
    "ip netns exec lab.underlay nft 'add table bridge ovl-lab; delete table bridge ovl-lab'",
    "ip netns exec lab.underlay nft 'add table bridge ovl-lab'",
    "ip netns exec lab.underlay nft 'add chain bridge ovl-lab cuts { type filter hook forward priority filter; }'",
    `ip netns exec lab.underlay nft 'add rule bridge ovl-lab cuts iifname "swarm-01" oifname "swarm-02" drop'`,
    `ip netns exec lab.underlay nft 'add rule bridge ovl-lab cuts iifname "swarm-02" oifname "swarm-01" drop'`,
  ])
  const unplugged: Topology = { ...LAB, hosts: [LAB.hosts[0]!, { ...LAB.hosts[1]!, cable: "down" }] }
  expect(lines(planApart(wantedUnderlay(unplugged), NOTHING_YET))).toEqual([
    "ip -n lab.underlay link set swarm-02 down",
  ])
  expect(lines(planTogether(made({ ...unplugged, cuts: [["swarm-01", "outside"]] })))).toEqual([
    "ip netns exec lab.underlay nft 'add table bridge ovl-lab; delete table bridge ovl-lab'",
    "ip -n lab.underlay link set swarm-02 up",
  ])
})
