/**
 * The IPv6 side of the egress bridge: which subnet it takes, which address an endpoint gets there, and what has to be
 * switched on this host for it. There is only as much of it as there are endpoints with an IPv6 subnet of their own.
 */
import { OvlError } from "../base/errors.ts"
import {
  bareIp,
  formatIp,
  formatSubnet,
  holdsSubnet,
  parseIp,
  parseSubnet,
  type Subnet,
  subnetsOverlap,
} from "../model/address.ts"
import type { Catalog } from "../model/catalog.ts"
import { parseInterfaceAddress, subnetOf } from "../model/cidr.ts"
import {
  EGRESS_BRIDGE_NAME,
  type EgressIpv6,
  type EgressState,
  type FirewallState,
  HOST_NAMESPACE,
  type HostFacts,
  type Ipv6Facts,
  type ObservedEgress,
} from "../model/dataplane.ts"
import { EGRESS_IPV6_POOL } from "../model/egress-pool.ts"
import { linkLocalOf } from "../model/mac.ts"
import type { NetworkRecord } from "../model/network.ts"
import type { Operation } from "../model/operation.ts"
import { closeEgressIpv6, enableIpv6, isIpv6Text } from "./steps.ts"

/** As many as IPv4 has to choose from, and numbered alike: `fd6f:766c:6777:12::/64` stands beside 172.18.0.0/16. */
const FIRST_SUBNET = 0x12n
const LAST_SUBNET = 0x1fn
const PREFIX = 64
const SUBNET_SHIFT = 64n

export const IPV6_FORWARDING_KEY = "net.ipv6.conf.all.forwarding"

/**
 * The gateway address of the egress bridge, such as `fd6f:766c:6777:12::1/64`: `current` where the bridge has one, else
 * in the first subnet that no route or address of the host, and no network of the cluster, overlaps. Errors:
 * `egress_subnet_taken` (conflict) when none is free.
 */
export function chooseEgressIpv6(
  addresses: HostFacts["addresses"],
  routes: Ipv6Facts["routes"],
  catalog: Pick<Catalog, "networks">,
  current: string | null,
): string {
  if (current !== null) return current
  const taken = [
    ...routes.filter(({ device }) => device !== EGRESS_BRIDGE_NAME).map(({ dst }) => dst),
    ...addresses.filter(({ device }) => device !== EGRESS_BRIDGE_NAME).map(({ address }) => `${bareIp(address)}/128`),
    ...[...catalog.networks.values()].flatMap((network) => network.subnets.map(({ subnet }) => subnet)),
  ].flatMap(subnetIn)
  for (let number = FIRST_SUBNET; number <= LAST_SUBNET; number++) {
    const subnet: Subnet = { family: 6, address: EGRESS_IPV6_POOL.address | (number << SUBNET_SHIFT), prefix: PREFIX }
    if (taken.some((other) => subnetsOverlap(subnet, other))) continue
    return `${formatIp({ family: 6, value: subnet.address + 1n })}/${PREFIX}`
  }
  throw new OvlError(
    "egress_subnet_taken",
    `egress bridge: all of ${formatSubnet(EGRESS_IPV6_POOL)} overlaps a route`,
    {
      kind: "conflict",
      hint: "look at `ip -6 route`, or make the network with --internal",
    },
  )
}

/** None of `default`, and of IPv4. */
function subnetIn(text: string): Subnet[] {
  if (!isIpv6Text(text)) return []
  return [parseSubnet(text.includes("/") ? text : `${text}/128`)]
}

/** `fd6f:766c:6777:12::/64` of the gateway with its prefix length. */
export function egressIpv6Subnet(address: string): string {
  const value = (parseIp(bareIp(address))?.value ?? 0n) >> SUBNET_SHIFT
  return formatSubnet({ family: 6, address: value << SUBNET_SHIFT, prefix: PREFIX })
}

/** The IPv6 address that goes with an IPv4 one on the bridge: at the same place, so it is free when that is. */
export function egressIpv6Beside(ip: string, bridgeAddress: string): string {
  const own = parseInterfaceAddress(ip)
  const network = (parseIp(bareIp(bridgeAddress))?.value ?? 0n) >> SUBNET_SHIFT
  const place = BigInt(own.address - subnetOf(own).address)
  return `${formatIp({ family: 6, value: (network << SUBNET_SHIFT) | place })}/${PREFIX}`
}

/** Whether egress of this network is by IPv6 too. */
export function hasIpv6Subnet(network: Pick<NetworkRecord, "subnets"> | undefined): boolean {
  return network?.subnets.some(({ subnet }) => isIpv6Text(subnet)) ?? false
}

/** What of it is wanted on this host. */
export function egressIpv6(address: string | null, ipv6: Ipv6Facts | null, facts: HostFacts): EgressIpv6 | null {
  if (address === null || ipv6 === null) return null
  const switches = !ipv6.forwarding
  // Where the host was a router before, it is the administrator's business whom it listens to.
  const listening = switches || facts.ipv6Switched ? ipv6.listening : []
  return { address, switches, listening, bridgesFiltered: ipv6.bridgesFiltered }
}

/** What the host's rules must know of it. */
export function egressIpv6Rules(
  address: string,
  ipv6: Ipv6Facts,
  facts: HostFacts,
): NonNullable<NonNullable<FirewallState["egress"]>["ipv6"]> {
  const guarded = (facts.ipv6Switched ?? false) || !ipv6.forwarding
  return { subnet: egressIpv6Subnet(address), guarded, bridgesFiltered: ipv6.bridgesFiltered }
}

/** On the bridge as it is made: the switches, and the addresses in order. */
export function addEgressIpv6({ mac, ipv6 }: Pick<EgressState, "mac" | "ipv6">): Operation[] {
  if (ipv6 === null) return [closeEgressIpv6()]
  const name = EGRESS_BRIDGE_NAME
  const addresses = egressIpv6Addresses({ mac, ipv6 })
  return [
    ...enableIpv6(HOST_NAMESPACE, name),
    ...addresses.map((address): Operation => ({ op: "addr-add", ns: HOST_NAMESPACE, name, address })),
  ]
}

/** The second one is what the host asks from for the neighbours to whom it forwards. */
export function egressIpv6Addresses({ mac, ipv6 }: Pick<EgressState, "mac" | "ipv6">): string[] {
  return ipv6 === null ? [] : [ipv6.address, linkLocalOf(mac)]
}

/** The switches of a bridge that is there; its addresses are compared as all others are. */
export function repairEgressIpv6({ ipv6 }: Pick<EgressState, "ipv6">, observed: ObservedEgress): Operation[] {
  if (ipv6 === null) return observed.ipv6Off ? [] : [closeEgressIpv6()]
  return observed.ipv6Off || observed.takesRouters ? enableIpv6(HOST_NAMESPACE, EGRESS_BRIDGE_NAME) : []
}

/**
 * Forwarding, last: at that moment the kernel forgets the routers that it has heard of by a device that does not listen
 * while forwarding (rt6_purge_dflt_routers in net/ipv6/route.c).
 */
export function switchIpv6Forwarding({ ipv6 }: Pick<EgressState, "ipv6">): Operation[] {
  if (ipv6 === null) return []
  const on = (key: string, value: string): Operation => {
    return { op: "sysctl", ns: HOST_NAMESPACE, key, value, remember: true }
  }
  return [
    ...ipv6.listening.map((device) => on(`net.ipv6.conf.${device.replaceAll(".", "/")}.accept_ra`, "2")),
    ...(ipv6.switches ? [on(IPV6_FORWARDING_KEY, "1")] : []),
  ]
}

/** The one of the bridge's addresses by which a later start knows what subnet it took; null where there is none. */
export function currentEgressIpv6(addresses: readonly string[]): string | null {
  return addresses.find((address) => subnetIn(egressIpv6Subnet(address)).some(isOfPool)) ?? null
}

function isOfPool(subnet: Subnet): boolean {
  return holdsSubnet(EGRESS_IPV6_POOL, subnet)
}
