/**
 * The host's rules as text: which chains, with which rules in `iptables-save` form, and which jumps from the standard
 * chains. All of ovl's is in chains named OVL-*; OVL-USER is the administrator's and only ever made, never rewritten.
 * Pure: `change.ts` compares it with what is there.
 */
import { assert } from "../../base/assert.ts"
import { EGRESS_BRIDGE_NAME, type FirewallState, portsOfFamily, type PublishedPort } from "../../model/dataplane.ts"
import { memberChains } from "./members.ts"

export type Family = 4 | 6
export const TABLES = ["raw", "filter", "nat"] as const
export type TableName = (typeof TABLES)[number]

export const CHAIN_PREFIX = "OVL-"
export const USER_CHAIN = "OVL-USER"
/** Docker's own place for other people's rules: there its final drop of foreign bridges is still ahead. */
const DOCKER_USER_CHAIN = "DOCKER-USER"

/** A jump from a chain that is not ours. */
export interface Hook {
  chain: string
  /** Without `-A <chain>`. */
  rule: string
  at: "first" | "last"
}

export interface WantedTable {
  /** Rules by chain, without `-A <chain>`. */
  chains: ReadonlyMap<string, readonly string[]>
  hooks: readonly Hook[]
  /** OVL-USER must be there, whatever is in it. */
  userChain: boolean
}

const NOTHING: WantedTable = { chains: new Map(), hooks: [], userChain: false }

/** The part of the state that concerns one family: rules for IPv6 exist only where a VTEP or the bridge has such an address. */
export function wantedTables(
  state: FirewallState,
  family: Family,
  hasDockerUser: boolean,
): Record<TableName, WantedTable> {
  const members = state.vxlan?.members.filter((member) => member.includes(":") === (family === 6)) ?? []
  const vxlan = state.vxlan !== null && (family === 4 || members.length > 0) ? { ...state.vxlan, members } : null
  const egress = egressOf(state.egress, family)
  if (vxlan === null && egress === null) return { raw: NOTHING, filter: NOTHING, nat: NOTHING }
  return { raw: rawTable(egress), filter: filterTable(vxlan, egress, family, hasDockerUser), nat: natTable(egress) }
}

type Vxlan = NonNullable<FirewallState["vxlan"]>

/** What the rules of one family say. */
interface EgressRules {
  family: Family
  subnet: string
  /** Conditions under which a packet must not pass that nobody accepts. */
  guards: readonly string[]
  vxlanPort: number
  published: readonly PublishedPort[]
}

function egressOf(state: FirewallState["egress"], family: Family): EgressRules | null {
  if (state === null) return null
  const { vxlanPort, ipv6 } = state
  const published = portsOfFamily(state.published, family)
  if (family === 4) {
    const guards = state.guarded.map((device) => `-i ${device}`)
    return { family, subnet: state.subnet, guards, vxlanPort, published }
  }
  if (!ipv6) return null
  // There is one switch for all devices. What stays on a bridge was never stopped by it.
  const routed = ipv6.bridgesFiltered ? " -m physdev ! --physdev-is-bridged" : ""
  const guards = ipv6.guarded ? [`! -i ${EGRESS_BRIDGE_NAME}${routed}`] : []
  return { family, subnet: ipv6.subnet, guards, vxlanPort, published }
}

/**
 * Before connection tracking and routing, and for as long as the bridge is there: where a port is published on 127.0.0.1,
 * the kernel lets such addresses pass on the bridge, and then what listens on them must not be open to the network. It
 * never lets ::1 pass (ip6_rcv_core in net/ipv6/ip6_input.c).
 */
function rawTable(egress: EgressRules | null): WantedTable {
  if (egress === null || egress.family === 6) return NOTHING
  const rule = `-d 127.0.0.0/8 ! -i lo ${comment("127.0.0.1 is for this host alone")} -j DROP`
  return {
    chains: new Map([["OVL-PREROUTING", [rule]]]),
    hooks: [jump("PREROUTING", "OVL-PREROUTING", "first")],
    userChain: false,
  }
}

const REDIRECT: Record<Family, string> = {
  4: "-p icmp -m icmp --icmp-type 5",
  6: "-p ipv6-icmp -m icmp6 --icmpv6-type 137",
}

function filterTable(
  vxlan: Vxlan | null,
  egress: EgressRules | null,
  family: Family,
  hasDockerUser: boolean,
): WantedTable {
  const chains = new Map<string, readonly string[]>()
  chains.set("OVL-INPUT", inputRules(vxlan, egress))
  if (vxlan) for (const [name, rules] of memberChains(vxlan.members, family)) chains.set(name, rules)
  const hooks: Hook[] = [jump("INPUT", "OVL-INPUT", "first")]
  if (egress) {
    chains.set("OVL-FORWARD", forwardRules(egress))
    hooks.push(jump("FORWARD", "OVL-FORWARD", "first"))
    if (egress.published.length > 0) {
      chains.set("OVL-OUTPUT", [
        `-o ${EGRESS_BRIDGE_NAME} ${REDIRECT[family]} ${comment("no way past this host")} -j DROP`,
      ])
      hooks.push(jump("OUTPUT", "OVL-OUTPUT", "first"))
    }
    if (hasDockerUser) hooks.push(jump(DOCKER_USER_CHAIN, "OVL-FORWARD", "first"))
    if (egress.guards.length > 0) {
      const guard = egress.guards.map((condition) => `${condition} ${comment("forwards for workloads only")} -j DROP`)
      chains.set("OVL-GUARD", guard)
      hooks.push(jump("FORWARD", "OVL-GUARD", "last"))
    }
  }
  return { chains, hooks, userChain: egress !== null }
}

function natTable(egress: EgressRules | null): WantedTable {
  if (egress === null) return NOTHING
  // Only what has a workload's address is translated, so never the outer packets of the overlay.
  const out = `-s ${egress.subnet} ! -o ${EGRESS_BRIDGE_NAME} ${comment("source NAT")} -j MASQUERADE`
  const hooks = [jump("POSTROUTING", "OVL-POSTROUTING", "first")]
  const chains = new Map([["OVL-POSTROUTING", [out, ...returnRules(egress)]]])
  if (egress.published.length > 0) {
    chains.set("OVL-PORTS", egress.published.map(publishRule))
    // The answer to what is sent to ::1 would not come in.
    const local = egress.family === 6 ? "! -d ::1/128 " : ""
    for (const chain of ["PREROUTING", "OUTPUT"])
      hooks.push(jump(chain, "OVL-PORTS", "first", `${local}-m addrtype --dst-type LOCAL `))
  }
  return { chains, hooks, userChain: false }
}

/** From outside, a workload sees who asks. Where its answer would not come back this way, it sees the bridge's address. */
function returnRules(egress: EgressRules): string[] {
  if (egress.published.length === 0) return []
  const to = `-o ${EGRESS_BRIDGE_NAME}`
  return [
    ...(egress.family === 4
      ? [`-s 127.0.0.0/8 ${to} ${comment("from this host to a published port")} -j MASQUERADE`]
      : []),
    `-s ${egress.subnet} ${to} -m conntrack --ctstate DNAT ${comment("from a neighbour to a published port")} -j MASQUERADE`,
  ]
}

function publishRule({ protocol, address, hostPort, port, count, to }: PublishedPort): string {
  const where = address === null ? "" : `-d ${address}/${address.includes(":") ? 128 : 32} `
  const host = to.includes(":") ? `[${to}]` : to
  const [hostLast, last] = [hostPort + count - 1, port + count - 1]
  const asked = count === 1 ? String(hostPort) : `${hostPort}:${hostLast}`
  const given = count === 1 ? `${host}:${port}` : port === hostPort ? to : `${host}:${port}-${last}/${hostPort}`
  return `${where}-p ${protocol} -m ${protocol} --dport ${asked} ${comment("published")} -j DNAT --to-destination ${given}`
}

/** Solicitation and advertisement (RFC 4861); whose they may be, the guard of the bridge's ports sees to. */
const NEIGHBOUR_DISCOVERY = [135, 136]

function neighbourRule(from: string, type: number): string {
  return `${from} -p ipv6-icmp -m icmp6 --icmpv6-type ${type} ${comment("who has the gateway address")} -j ACCEPT`
}

function inputRules(vxlan: Vxlan | null, egress: EgressRules | null): string[] {
  const from = `-i ${EGRESS_BRIDGE_NAME}`
  const rules: string[] = []
  // A workload may write any source address, a member's too.
  if (egress) rules.push(`${from} ${udpTo(egress.vxlanPort)} ${comment("no VXLAN from workloads")} -j DROP`)
  if (vxlan) rules.push(`${udpTo(vxlan.port)} ${comment("VXLAN only from members")} -j OVL-VXLAN`)
  if (!egress) return rules
  return [
    ...rules,
    ...(egress.family === 6 ? NEIGHBOUR_DISCOVERY.map((type) => neighbourRule(from, type)) : []),
    `! -s ${egress.subnet} ${from} ${comment("no foreign source")} -j DROP`,
    `${from} -m conntrack --ctstate RELATED,ESTABLISHED ${comment("answers to this host")} -j RETURN`,
    `${from} ${comment("what the administrator accepts")} -j ${USER_CHAIN}`,
    `${from} ${comment("this host is closed to workloads")} -j DROP`,
  ]
}

/**
 * The first two come before the administrator's chain, since an accept there must not open them: a VXLAN packet that
 * a workload made would leave with this node's address, and the other nodes would take it for ours.
 */
function forwardRules(egress: EgressRules): string[] {
  const from = `-i ${EGRESS_BRIDGE_NAME}`
  const to = `-o ${EGRESS_BRIDGE_NAME}`
  return [
    `${from} ${udpTo(egress.vxlanPort)} ${comment("no VXLAN from workloads")} -j DROP`,
    `! -s ${egress.subnet} ${from} ${comment("no foreign source")} -j DROP`,
    `${from} -j ${USER_CHAIN}`,
    `${to} -j ${USER_CHAIN}`,
    ...(egress.published.length === 0 ? [] : [`${to} -m conntrack --ctstate DNAT ${comment("published")} -j ACCEPT`]),
    `${from} ${to} ${comment("workloads are apart")} -j DROP`,
    `${to} -m conntrack --ctstate RELATED,ESTABLISHED ${comment("answers")} -j ACCEPT`,
    `${to} ${comment("nothing from outside")} -j DROP`,
    `${from} ${comment("to the outside")} -j ACCEPT`,
  ]
}

function udpTo(port: number): string {
  return `-p udp -m udp --dport ${port}`
}

function jump(chain: string, target: string, at: "first" | "last", condition = ""): Hook {
  return { chain, rule: `${condition}-m comment --comment "ovl: overlay networks" -j ${target}`, at }
}

/** What iptables-save would write in another way is never found as it was asked for, and would be put back for ever. */
function comment(text: string): string {
  assert(!/['"\\]/.test(text), `a quote in the comment ${text}`)
  return `-m comment --comment "ovl: ${text}"`
}
