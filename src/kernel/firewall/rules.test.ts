import { describe, expect, test } from "bun:test"
import type { FirewallState } from "../../model/dataplane.ts"
import { parsePortMapping } from "../../model/port-mapping.ts"
import { changeText } from "./change.ts"
import { memberChains } from "./members.ts"
import { wantedTables } from "./rules.ts"
import { parseSaved } from "./saved.ts"

const STATE: FirewallState = {
  vxlan: { port: 4789, members: ["192.168.1.51", "192.168.1.52"] },
  egress: { subnet: "172.18.0.0/16", guarded: ["eth0"], vxlanPort: 4789, published: [] },
}
const NOTHING: FirewallState = { vxlan: null, egress: null }
const OURS = '-m comment --comment "ovl: overlay networks" -j'

function change(state: FirewallState, saved: string): string[] {
  const tables = parseSaved(saved)
  return changeText(wantedTables(state, 4, tables.get("filter")?.chains.has("DOCKER-USER") ?? false), tables)
    .trimEnd()
    .split("\n")
}

describe("the text for iptables-restore", () => {
  test("from nothing", () => {
    expect(change(STATE, "")).toEqual([
      "*raw",
      ":OVL-PREROUTING - [0:0]",
      '-A OVL-PREROUTING -d 127.0.0.0/8 ! -i lo -m comment --comment "ovl: 127.0.0.1 is for this host alone" -j DROP',
      `-I PREROUTING ${OURS} OVL-PREROUTING`,
      "COMMIT",
      "*filter",
      ":OVL-INPUT - [0:0]",
      ":OVL-VXLAN - [0:0]",
      ":OVL-FORWARD - [0:0]",
      ":OVL-GUARD - [0:0]",
      ":OVL-USER - [0:0]",
      '-A OVL-INPUT -i ovl_gwbridge -p udp -m udp --dport 4789 -m comment --comment "ovl: no VXLAN from workloads" -j DROP',
      '-A OVL-INPUT -p udp -m udp --dport 4789 -m comment --comment "ovl: VXLAN only from members" -j OVL-VXLAN',
      '-A OVL-INPUT ! -s 172.18.0.0/16 -i ovl_gwbridge -m comment --comment "ovl: no foreign source" -j DROP',
      '-A OVL-INPUT -i ovl_gwbridge -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment "ovl: answers to this host" -j RETURN',
      '-A OVL-INPUT -i ovl_gwbridge -m comment --comment "ovl: what the administrator accepts" -j OVL-USER',
      '-A OVL-INPUT -i ovl_gwbridge -m comment --comment "ovl: this host is closed to workloads" -j DROP',
      "-A OVL-VXLAN -s 192.168.1.51/32 -j RETURN",
      "-A OVL-VXLAN -s 192.168.1.52/32 -j RETURN",
      "-A OVL-VXLAN -j DROP",
      '-A OVL-FORWARD -i ovl_gwbridge -p udp -m udp --dport 4789 -m comment --comment "ovl: no VXLAN from workloads" -j DROP',
      '-A OVL-FORWARD ! -s 172.18.0.0/16 -i ovl_gwbridge -m comment --comment "ovl: no foreign source" -j DROP',
      "-A OVL-FORWARD -i ovl_gwbridge -j OVL-USER",
      "-A OVL-FORWARD -o ovl_gwbridge -j OVL-USER",
      '-A OVL-FORWARD -i ovl_gwbridge -o ovl_gwbridge -m comment --comment "ovl: workloads are apart" -j DROP',
      '-A OVL-FORWARD -o ovl_gwbridge -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment "ovl: answers" -j ACCEPT',
      '-A OVL-FORWARD -o ovl_gwbridge -m comment --comment "ovl: nothing from outside" -j DROP',
      '-A OVL-FORWARD -i ovl_gwbridge -m comment --comment "ovl: to the outside" -j ACCEPT',
      '-A OVL-GUARD -i eth0 -m comment --comment "ovl: forwards for workloads only" -j DROP',
      `-I INPUT ${OURS} OVL-INPUT`,
      `-I FORWARD ${OURS} OVL-FORWARD`,
      `-A FORWARD ${OURS} OVL-GUARD`,
      "COMMIT",
      "*nat",
      ":OVL-POSTROUTING - [0:0]",
      '-A OVL-POSTROUTING -s 172.18.0.0/16 ! -o ovl_gwbridge -m comment --comment "ovl: source NAT" -j MASQUERADE',
      `-I POSTROUTING ${OURS} OVL-POSTROUTING`,
      "COMMIT",
    ])
  })

  test("published ports", () => {
    const ports = ["127.0.0.1:8080:80", "9000:9000/udp", "7000-7009:7000-7009", "6000-6009:1000-1009/udp"]
    const published = ports.map((text) => ({ ...parsePortMapping(text), to: "172.18.0.2" }))
    const before = change(STATE, "")
    const more = change({ ...STATE, egress: { ...STATE.egress!, published } }, "").filter((l) => !before.includes(l))
    expect(more).toEqual([
      ":OVL-OUTPUT - [0:0]",
      '-A OVL-FORWARD -o ovl_gwbridge -m conntrack --ctstate DNAT -m comment --comment "ovl: published" -j ACCEPT',
      '-A OVL-OUTPUT -o ovl_gwbridge -p icmp -m icmp --icmp-type 5 -m comment --comment "ovl: no way past this host" -j DROP',
      `-I OUTPUT ${OURS} OVL-OUTPUT`,
      ":OVL-PORTS - [0:0]",
      '-A OVL-POSTROUTING -s 127.0.0.0/8 -o ovl_gwbridge -m comment --comment "ovl: from this host to a published port" -j MASQUERADE',
      '-A OVL-POSTROUTING -s 172.18.0.0/16 -o ovl_gwbridge -m conntrack --ctstate DNAT -m comment --comment "ovl: from a neighbour to a published port" -j MASQUERADE',
      '-A OVL-PORTS -d 127.0.0.1/32 -p tcp -m tcp --dport 8080 -m comment --comment "ovl: published" -j DNAT --to-destination 172.18.0.2:80',
      '-A OVL-PORTS -p udp -m udp --dport 9000 -m comment --comment "ovl: published" -j DNAT --to-destination 172.18.0.2:9000',
      '-A OVL-PORTS -p tcp -m tcp --dport 7000:7009 -m comment --comment "ovl: published" -j DNAT --to-destination 172.18.0.2',
      '-A OVL-PORTS -p udp -m udp --dport 6000:6009 -m comment --comment "ovl: published" -j DNAT --to-destination 172.18.0.2:1000-1009/6000',
      `-I PREROUTING -m addrtype --dst-type LOCAL ${OURS} OVL-PORTS`,
      `-I OUTPUT -m addrtype --dst-type LOCAL ${OURS} OVL-PORTS`,
    ])
  })

  test("nothing where nothing is to be done, and a network without egress has no other chain", () => {
    expect(change(NOTHING, "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j DROP\nCOMMIT\n")).toEqual([""])
    const chains = change({ ...STATE, egress: null }, "").filter((line) => line.startsWith(":"))
    expect(chains).toEqual([":OVL-INPUT - [0:0]", ":OVL-VXLAN - [0:0]"])
  })

  test("the administrator's chain is kept while it has rules", () => {
    const filter = (rule: string) => `*filter\n:INPUT ACCEPT [0:0]\n:OVL-USER - [0:0]\n${rule}COMMIT\n`
    expect(change(NOTHING, filter("-A OVL-USER -j ACCEPT\n"))).toEqual([""])
    expect(change(NOTHING, filter(""))).toEqual(["*filter", "-X OVL-USER", "COMMIT"])
    expect(change(STATE, filter("-A OVL-USER -j ACCEPT\n"))).not.toContain(":OVL-USER - [0:0]")
  })

  test("jumps are there once, the guard last; stale chains and foreign tables are told apart", () => {
    const saved = [
      "*filter",
      ":FORWARD DROP [0:0]",
      ":OVL-OLD - [0:0]",
      ":DOCKER-USER - [0:0]",
      "-A FORWARD -j DOCKER-USER",
      `-A FORWARD ${OURS} OVL-FORWARD`,
      `-A FORWARD ${OURS} OVL-GUARD`,
      "-A FORWARD -i eth5 -j ACCEPT",
      "-A FORWARD -j OVL-OLD",
      "-A OVL-OLD -j DROP",
      "COMMIT",
      "",
    ].join("\n")
    const lines = change(STATE, saved)
    expect(lines.filter((line) => / FORWARD | DOCKER-USER |OVL-OLD/.test(line))).toEqual([
      `-D FORWARD ${OURS} OVL-GUARD`,
      "-D FORWARD -j OVL-OLD",
      `-I DOCKER-USER ${OURS} OVL-FORWARD`,
      `-A FORWARD ${OURS} OVL-GUARD`,
      "-F OVL-OLD",
      "-X OVL-OLD",
    ])
  })

  test("IPv6 has rules only where a VTEP has such an address", () => {
    expect(wantedTables(STATE, 6, false).filter.chains.size).toBe(0)
    const mixed = { ...STATE, vxlan: { port: 4789, members: ["192.168.1.51", "fd00::2"] } }
    expect(wantedTables(mixed, 6, false).filter.chains.get("OVL-VXLAN")).toEqual([
      "-s fd00::2/128 -j RETURN",
      "-j DROP",
    ])
    expect(wantedTables(mixed, 4, false).filter.chains.get("OVL-VXLAN")).toEqual([
      "-s 192.168.1.51/32 -j RETURN",
      "-j DROP",
    ])
  })
})

/** Follows the chains as the kernel does; the number of rules looked at, or null where the packet is dropped. */
function pass(chains: ReadonlyMap<string, readonly string[]>, source: string): number | null {
  const number = (address: string) => address.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0)
  let chain = "OVL-VXLAN"
  for (let looked = 0; ; ) {
    let next = ""
    for (const rule of chains.get(chain) ?? []) {
      looked++
      const [, network = "0.0.0.0", prefix = "0"] = /-s (\S+)\/(\d+)/.exec(rule) ?? []
      const size = 2 ** (32 - Number(prefix))
      if (Math.floor(number(source) / size) !== Math.floor(number(network) / size)) continue
      if (rule.endsWith("RETURN")) return looked
      if (rule.endsWith("DROP")) return null
      next = rule.split("-g ")[1] ?? ""
      break
    }
    if (next === "") throw new Error(`fell out of ${chain}`)
    chain = next
  }
}

describe("the filter of members", () => {
  test.each([
    ["one", ["10.0.0.1"]],
    ["a full rack", Array.from({ length: 250 }, (_, i) => `192.168.1.${i + 1}`)],
    [
      "a thousand, here and there",
      Array.from({ length: 1000 }, (_, i) => `10.${(i * 7) % 200}.${(i * 13) % 250}.${i % 250}`),
    ],
    ["the ends of the world", ["0.0.0.1", "255.255.255.254", ...Array.from({ length: 30 }, (_, i) => `128.0.0.${i}`)]],
  ])("%s: all pass after few rules, others do not", (_, members) => {
    const chains = memberChains(members, 4)
    const looked = members.map((member) => pass(chains, member))
    expect(looked).not.toContain(null)
    expect(Math.max(...looked.map(Number))).toBeLessThan(60)
    for (const stranger of ["10.0.0.2", "192.168.2.1", "1.2.3.4", "255.255.255.255"]) {
      expect(pass(chains, stranger)).toBe(members.includes(stranger) ? expect.any(Number) : null)
    }
    for (const name of chains.keys()) expect(name.length).toBeLessThan(29)
  })

  test("no members: nothing passes", () => {
    expect(memberChains([], 4)).toEqual(new Map([["OVL-VXLAN", ["-j DROP"]]]))
  })
})
