/**
 * What a workload may send through its port, as rules of the table `bridge ovl`: frames of its own MAC and addresses
 * only, and to the node's end of the bridge only what it is there for. Pure: rules as values, each with the line that
 * `nft` would show, which the kernel keeps with the rule.
 */
import { BRIDGE_NAME, type GuardPort, type GuardState, VXLAN_NAME } from "../../model/dataplane.ts"
import { parseIp } from "../../model/address.ts"

export type SetName = "ports" | "macs" | "ipv4" | "ipv6"

/** Length of the keys in bytes: parts begin at multiples of four. */
export const SETS: Readonly<Record<SetName, number>> = { ports: 16, macs: 24, ipv4: 28, ipv6: 40 }

export type Field =
  | { meta: "protocol" | "iifname" | "oifname" | "l4proto" }
  | { base: "link" | "network" | "transport"; offset: number; bytes: number }

export type Match =
  | { field: Field; is: boolean; value: Uint8Array }
  | { fields: readonly Field[]; in: boolean; set: SetName }

export interface Rule {
  /** As a person would write it; told from others by it. */
  line: string
  matches: readonly Match[]
  verdict: "accept" | "drop"
}

export interface Chain {
  name: string
  hook: "prerouting" | "input" | "forward"
  rules: readonly Rule[]
}

const IIFNAME: Field = { meta: "iifname" }
const OIFNAME: Field = { meta: "oifname" }
const ETHER_SOURCE: Field = { base: "link", offset: 6, bytes: 6 }
const IPV4_SOURCE: Field = { base: "network", offset: 12, bytes: 4 }
const IPV4_TARGET: Field = { base: "network", offset: 16, bytes: 4 }
const IPV6_SOURCE: Field = { base: "network", offset: 8, bytes: 16 }
const IPV6_TARGET: Field = { base: "network", offset: 24, bytes: 16 }
/** RFC 826: kinds and lengths of addresses, then sender's MAC and address. */
const ARP_FORM: Field = { base: "network", offset: 0, bytes: 6 }
const ARP_MAC: Field = { base: "network", offset: 8, bytes: 6 }
const ARP_SOURCE: Field = { base: "network", offset: 14, bytes: 4 }
const PORT_TARGET: Field = { base: "transport", offset: 2, bytes: 2 }
const ICMP_TYPE: Field = { base: "transport", offset: 0, bytes: 1 }
/** RFC 4861, 4.4: of whom a neighbour advertisement speaks. */
const ND_TARGET: Field = { base: "transport", offset: 8, bytes: 16 }

const hex = (digits: string) => Buffer.from(digits, "hex")
const is = (field: Field, digits: string): Match => ({ field, is: true, value: hex(digits) })
const isNot = (field: Field, digits: string): Match => ({ field, is: false, value: hex(digits) })
const missing = (set: SetName, ...fields: Field[]): Match => ({ fields, in: false, set })
const within = (set: SetName, ...fields: Field[]): Match => ({ fields, in: true, set })
const protocol = (digits: string) => is({ meta: "protocol" }, digits)
const l4 = (digits: string) => is({ meta: "l4proto" }, digits)
const rule = (line: string, verdict: Rule["verdict"], ...matches: Match[]): Rule => ({
  line: `${line} ${verdict}`,
  matches,
  verdict,
})

const ARP = protocol("0806")
const IPV4 = protocol("0800")
const IPV6 = protocol("86dd")
const ICMPV6 = l4("3a")
const NO_IPV6 = "00".repeat(16)

/** After these, what is left has a MAC and addresses of its own. Tagged frames would hide theirs. */
const OWN_ADDRESSES: readonly Rule[] = [
  // First, as nearly all that is sent is this: one look.
  rule("iifname . ether saddr . ip saddr @ipv4", "accept", IPV4, within("ipv4", IIFNAME, ETHER_SOURCE, IPV4_SOURCE)),
  rule("iifname . ether saddr != @macs", "drop", missing("macs", IIFNAME, ETHER_SOURCE)),
  rule("ether type 8021q", "drop", protocol("8100")),
  rule("ether type 8021ad", "drop", protocol("88a8")),
  rule("arp htype != 1 ptype != ip", "drop", ARP, isNot(ARP_FORM, "000108000604")),
  rule("arp saddr ether != own", "drop", ARP, missing("macs", IIFNAME, ARP_MAC)),
  // A question whether an address is free (RFC 5227), which nobody learns anything from.
  rule("arp saddr ip 0.0.0.0", "accept", ARP, is(ARP_SOURCE, "00000000")),
  rule("iifname . arp saddr != @ipv4", "drop", ARP, missing("ipv4", IIFNAME, ARP_MAC, ARP_SOURCE)),
  rule("ip saddr 0.0.0.0 udp dport 67", "accept", IPV4, is(IPV4_SOURCE, "00000000"), l4("11"), is(PORT_TARGET, "0043")),
  rule("ip, of another", "drop", IPV4),
  rule("icmpv6 nd-router-advert", "drop", IPV6, ICMPV6, is(ICMP_TYPE, "86")),
  rule("icmpv6 nd-redirect", "drop", IPV6, ICMPV6, is(ICMP_TYPE, "89")),
  rule(
    "icmpv6 nd-neighbor-advert taddr != @ipv6",
    "drop",
    IPV6,
    ICMPV6,
    is(ICMP_TYPE, "88"),
    missing("ipv6", IIFNAME, ETHER_SOURCE, ND_TARGET),
  ),
  rule("ip6 saddr :: nd-neighbor-solicit", "accept", IPV6, is(IPV6_SOURCE, NO_IPV6), ICMPV6, is(ICMP_TYPE, "87")),
  rule("ip6 saddr :: mld2-listener-report", "accept", IPV6, is(IPV6_SOURCE, NO_IPV6), ICMPV6, is(ICMP_TYPE, "8f")),
  rule("iifname . ip6 saddr != @ipv6", "drop", IPV6, missing("ipv6", IIFNAME, ETHER_SOURCE, IPV6_SOURCE)),
]

export function guardChains(state: GuardState): Chain[] {
  if (state.place === "egress") return egressChains(state.ipv6Filtered ?? false)
  const foreign = [
    rule(`iifname ${VXLAN_NAME}`, "accept", is(IIFNAME, Buffer.from(nameBytes(VXLAN_NAME)).toString("hex"))),
    ...OWN_ADDRESSES,
  ]
  return [
    { name: "spoofing", hook: "prerouting", rules: state.allowSpoof ? [] : foreign },
    { name: "host", hook: "input", rules: hostRules(state.gateways) },
  ]
}

/** The hidden namespace answers for the gateway, and to nothing else: ARP and its like, echo, DNS. */
function hostRules(gateways: readonly string[]): Rule[] {
  const rules = [rule("arp", "accept", ARP)]
  for (const gateway of gateways) {
    const ip = parseIp(gateway)
    if (ip === null) continue
    const [kind, target, digits] =
      ip.family === 4 ? ([IPV4, IPV4_TARGET, 8] as const) : ([IPV6, IPV6_TARGET, 32] as const)
    const to = is(target, ip.value.toString(16).padStart(digits, "0"))
    const echo = ip.family === 4 ? [l4("01"), is(ICMP_TYPE, "08")] : [ICMPV6, is(ICMP_TYPE, "80")]
    rules.push(
      rule(`daddr ${gateway} udp dport 53`, "accept", kind, to, l4("11"), is(PORT_TARGET, "0035")),
      rule(`daddr ${gateway} tcp dport 53`, "accept", kind, to, l4("06"), is(PORT_TARGET, "0035")),
      rule(`daddr ${gateway} echo-request`, "accept", kind, to, ...echo),
    )
  }
  if (gateways.some((gateway) => gateway.includes(":"))) {
    rules.push(
      rule("icmpv6 nd-neighbor-solicit", "accept", IPV6, ICMPV6, is(ICMP_TYPE, "87")),
      rule("icmpv6 nd-neighbor-advert", "accept", IPV6, ICMPV6, is(ICMP_TYPE, "88")),
    )
  }
  return [...rules, rule(`to ${BRIDGE_NAME}`, "drop")]
}

/**
 * On the egress bridge nothing but what the host's own rules then see may go from port to port, whatever the ports' flags
 * are: IPv4, and IPv6 where they do.
 */
function egressChains(ipv6: boolean): Chain[] {
  const others = rule("iifname != @ports", "accept", missing("ports", IIFNAME))
  const both = [within("ports", IIFNAME), within("ports", OIFNAME)]
  const notIp = [isNot({ meta: "protocol" }, "0800"), ...(ipv6 ? [isNot({ meta: "protocol" }, "86dd")] : [])]
  const apart = rule(`iifname @ports oifname @ports not ip${ipv6 ? ", not ip6" : ""}`, "drop", ...both, ...notIp)
  return [
    { name: "spoofing", hook: "prerouting", rules: [others, ...OWN_ADDRESSES] },
    { name: "apart", hook: "forward", rules: [apart] },
  ]
}

/** A device's name as the kernel holds it: 16 bytes. */
export function nameBytes(device: string): Buffer {
  const padded = Buffer.alloc(16)
  padded.write(device, "latin1")
  return padded
}

/** The elements that stand for a port, by set. */
export function elementsOf(port: GuardPort): [SetName, Buffer][] {
  const name = nameBytes(port.device)
  const mac = Buffer.concat([hex(port.mac.replaceAll(":", "")), Buffer.alloc(2)])
  const elements: [SetName, Buffer][] = [
    ["ports", name],
    ["macs", Buffer.concat([name, mac])],
  ]
  for (const address of port.addresses) {
    const ip = parseIp(address)
    if (ip === null) continue
    const value = hex(ip.value.toString(16).padStart(ip.family === 4 ? 8 : 32, "0"))
    elements.push([ip.family === 4 ? "ipv4" : "ipv6", Buffer.concat([name, mac, value])])
  }
  return elements
}
