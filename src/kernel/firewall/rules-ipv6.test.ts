import { describe, expect, test } from "bun:test"
import type { FirewallState } from "../../model/dataplane.ts"
import { parsePortMapping } from "../../model/port-mapping.ts"
import { changeText } from "./change.ts"
import { wantedTables } from "./rules.ts"
import { parseSaved } from "./saved.ts"

const IPV6 = { subnet: "fd6f:766c:6777:12::/64", guarded: true, bridgesFiltered: false }
const EGRESS = { subnet: "172.18.0.0/16", guarded: ["eth0"], vxlanPort: 4789, published: [], ipv6: IPV6 }
const OURS = '-m comment --comment "ovl: overlay networks" -j'
const ports = (...texts: string[]) =>
  texts.map((text) => ({ ...parsePortMapping(text), to: "172.18.0.2", to6: "fd6f:766c:6777:12::2" }))

function change(egress: Partial<NonNullable<FirewallState["egress"]>>, family: 4 | 6 = 6): string[] {
  const state: FirewallState = { vxlan: null, egress: { ...EGRESS, ...egress } }
  return changeText(wantedTables(state, family, false), parseSaved(""))
    .trimEnd()
    .split("\n")
}

describe("the rules of IPv6", () => {
  test("from nothing: as those of IPv4, with the gateway's neighbour discovery, and no table raw", () => {
    expect(change({})).toEqual([
      "*filter",
      ":OVL-INPUT - [0:0]",
      ":OVL-FORWARD - [0:0]",
      ":OVL-GUARD - [0:0]",
      ":OVL-USER - [0:0]",
      '-A OVL-INPUT -i ovl_gwbridge -p udp -m udp --dport 4789 -m comment --comment "ovl: no VXLAN from workloads" -j DROP',
      `-A OVL-INPUT -i ovl_gwbridge -p ipv6-icmp -m icmp6 --icmpv6-type 135 -m comment --comment "ovl: who has the gateway address" -j ACCEPT`,
      `-A OVL-INPUT -i ovl_gwbridge -p ipv6-icmp -m icmp6 --icmpv6-type 136 -m comment --comment "ovl: who has the gateway address" -j ACCEPT`,
      '-A OVL-INPUT ! -s fd6f:766c:6777:12::/64 -i ovl_gwbridge -m comment --comment "ovl: no foreign source" -j DROP',
      '-A OVL-INPUT -i ovl_gwbridge -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment "ovl: answers to this host" -j RETURN',
      '-A OVL-INPUT -i ovl_gwbridge -m comment --comment "ovl: what the administrator accepts" -j OVL-USER',
      '-A OVL-INPUT -i ovl_gwbridge -m comment --comment "ovl: this host is closed to workloads" -j DROP',
      '-A OVL-FORWARD -i ovl_gwbridge -p udp -m udp --dport 4789 -m comment --comment "ovl: no VXLAN from workloads" -j DROP',
      '-A OVL-FORWARD ! -s fd6f:766c:6777:12::/64 -i ovl_gwbridge -m comment --comment "ovl: no foreign source" -j DROP',
      "-A OVL-FORWARD -i ovl_gwbridge -j OVL-USER",
      "-A OVL-FORWARD -o ovl_gwbridge -j OVL-USER",
      '-A OVL-FORWARD -i ovl_gwbridge -o ovl_gwbridge -m comment --comment "ovl: workloads are apart" -j DROP',
      '-A OVL-FORWARD -o ovl_gwbridge -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment "ovl: answers" -j ACCEPT',
      '-A OVL-FORWARD -o ovl_gwbridge -m comment --comment "ovl: nothing from outside" -j DROP',
      '-A OVL-FORWARD -i ovl_gwbridge -m comment --comment "ovl: to the outside" -j ACCEPT',
      '-A OVL-GUARD ! -i ovl_gwbridge -m comment --comment "ovl: forwards for workloads only" -j DROP',
      `-I INPUT ${OURS} OVL-INPUT`,
      `-I FORWARD ${OURS} OVL-FORWARD`,
      `-A FORWARD ${OURS} OVL-GUARD`,
      "COMMIT",
      "*nat",
      ":OVL-POSTROUTING - [0:0]",
      '-A OVL-POSTROUTING -s fd6f:766c:6777:12::/64 ! -o ovl_gwbridge -m comment --comment "ovl: source NAT" -j MASQUERADE',
      `-I POSTROUTING ${OURS} OVL-POSTROUTING`,
      "COMMIT",
    ])
  })

  test("none where the bridge has no IPv6, and no guard where the host forwards by itself", () => {
    expect(change({ ipv6: null })).toEqual([""])
    expect(change({ ipv6: { ...IPV6, guarded: false } }).join()).not.toContain("OVL-GUARD")
  })

  test("what stays on a bridge is not stopped by the guard", () => {
    expect(change({ ipv6: { ...IPV6, bridgesFiltered: true } })).toContain(
      '-A OVL-GUARD ! -i ovl_gwbridge -m physdev ! --physdev-is-bridged -m comment --comment "ovl: forwards for workloads only" -j DROP',
    )
  })

  test("ports, each by the family that it is for; ::1 is the daemon's", () => {
    const published = ports(
      "8080:80",
      "[2001:db8::51]:81:81/udp",
      "[::]:9000-9009:7000-7009",
      "[::1]:83:83",
      "127.0.0.1:84:84",
    )
    const rules = (family: 4 | 6) => change({ published }, family).filter((line) => line.startsWith("-A OVL-PORTS"))
    const lead = '-m comment --comment "ovl: published" -j DNAT --to-destination'
    expect(rules(6)).toEqual([
      `-A OVL-PORTS -p tcp -m tcp --dport 8080 ${lead} [fd6f:766c:6777:12::2]:80`,
      `-A OVL-PORTS -d 2001:db8::51/128 -p udp -m udp --dport 81 ${lead} [fd6f:766c:6777:12::2]:81`,
      `-A OVL-PORTS -p tcp -m tcp --dport 9000:9009 ${lead} [fd6f:766c:6777:12::2]:7000-7009/9000`,
    ])
    expect(rules(4)).toEqual([
      `-A OVL-PORTS -p tcp -m tcp --dport 8080 ${lead} 172.18.0.2:80`,
      `-A OVL-PORTS -d 127.0.0.1/32 -p tcp -m tcp --dport 84 ${lead} 172.18.0.2:84`,
    ])
    const text = change({ published })
    expect(text).toContain(`-I OUTPUT ! -d ::1/128 -m addrtype --dst-type LOCAL ${OURS} OVL-PORTS`)
    expect(text).toContain(
      '-A OVL-OUTPUT -o ovl_gwbridge -p ipv6-icmp -m icmp6 --icmpv6-type 137 -m comment --comment "ovl: no way past this host" -j DROP',
    )
    expect(text).toContain(
      '-A OVL-POSTROUTING -s fd6f:766c:6777:12::/64 -o ovl_gwbridge -m conntrack --ctstate DNAT -m comment --comment "ovl: from a neighbour to a published port" -j MASQUERADE',
    )
  })
})
