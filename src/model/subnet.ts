/**
 * What a network's subnets, gateways and range of addresses may be, and which subnet a network gets that asks for none.
 */
import { notAvailable, OvlError } from "../base/errors.ts"
import {
  type Family,
  firstHostIp,
  formatIp,
  formatSubnet,
  holdsSubnet,
  parseIp,
  parseSubnet,
  type Subnet,
  subnetsOverlap,
  whyNoHost,
} from "./address.ts"
import { type Cidr, cidrSize, containsAddress, overlaps, parseCidr } from "./cidr.ts"
import { addressPools, nextFit, poolCapacity, poolFor } from "./ipam.ts"
import type { NetworkRecord, NetworkSpec } from "./network.ts"

/** Subnets for networks that ask for none: 10.0.0.0/8 by /24 as in Docker, beginning at 10.0.1.0/24. */
const DEFAULT_POOL = parseCidr("10.0.0.0/8")
const DEFAULT_PREFIX = 24
const DEFAULT_FIRST = 1

/**
 * The next subnet of the default pool after `last` (its number, null at first) that overlaps none of `used` and holds
 * none of the `underlay` addresses. Subnets are taken in turn, as addresses are.
 * Errors: `subnets_exhausted` (conflict).
 */
export function nextDefaultSubnet(
  last: number | null,
  used: Cidr[],
  underlay: number[],
): { subnet: Cidr; number: number } {
  const size = cidrSize({ address: 0, prefix: DEFAULT_PREFIX })
  const subnetNumber = (n: number): Cidr => ({ address: DEFAULT_POOL.address + n * size, prefix: DEFAULT_PREFIX })
  const interval = { first: DEFAULT_FIRST, last: cidrSize(DEFAULT_POOL) / size - 1 }
  const relevant = used.filter((subnet) => overlaps(subnet, DEFAULT_POOL))
  const small = new Set(relevant.filter((s) => s.prefix === DEFAULT_PREFIX).map((s) => s.address))
  const others = relevant.filter((subnet) => subnet.prefix !== DEFAULT_PREFIX)
  const found = nextFit(interval, last, (n) => {
    const subnet = subnetNumber(n)
    if (small.has(subnet.address) || underlay.some((address) => containsAddress(subnet, address))) return true
    return others.some((other) => overlaps(other, subnet))
  })
  if (found !== null) return { subnet: subnetNumber(found), number: found }
  throw new OvlError("subnets_exhausted", "no free subnet: 10.0.0.0/8 is used up", {
    kind: "conflict",
    hint: "name one with --subnet",
  })
}

/**
 * Ranges that are no unicast subnets of anybody. IPv4: "this network", loopback, multicast and reserved (RFC 6890).
 * IPv6: loopback and what embeds IPv4, multicast, and link-local, which every link has.
 */
const NOT_UNICAST = ["0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "::/8", "fe80::/10", "ff00::/8"].map((text) =>
  parseSubnet(text),
)
/** The smallest subnets with room for the gateway and an endpoint. */
const LONGEST_PREFIX: Record<Family, number> = { 4: 30, 6: 126 }
const PRIVATE_EXAMPLES: Record<Family, string> = { 4: "10.65.10.0/24", 6: "fd00:65:10::/64" }

/** Errors: `subnet_invalid` when the subnet is too small for an endpoint or not unicast. */
export function checkSubnet(subnet: Subnet): void {
  const text = formatSubnet(subnet)
  const longest = LONGEST_PREFIX[subnet.family]
  if (subnet.prefix > longest) {
    throw new OvlError("subnet_invalid", `subnet ${text}: too small for a gateway and an endpoint`, {
      kind: "usage",
      hint: `the smallest has the prefix length ${longest}`,
    })
  }
  const clash = NOT_UNICAST.find((reserved) => subnetsOverlap(reserved, subnet))
  if (!clash) return
  throw new OvlError("subnet_invalid", `subnet ${text}: overlaps ${formatSubnet(clash)}, which no host can have`, {
    kind: "usage",
    hint: `choose one of the private ranges, such as ${PRIVATE_EXAMPLES[subnet.family]}`,
  })
}

/** The gateway asked for, or the first address, as canonical text. Errors: `gateway_invalid`. */
export function chooseGateway(subnet: Subnet, asked: string | undefined): string {
  const first = formatIp({ family: subnet.family, value: firstHostIp(subnet) })
  if (asked === undefined) return first
  const ip = parseIp(asked)
  const own = ip?.family === subnet.family ? ip : null
  const why = own === null ? `not an IPv${subnet.family} address` : whyNoHost(subnet, own)
  if (own !== null && why === null) return formatIp(own)
  throw new OvlError("gateway_invalid", `gateway ${asked}: ${why}`, {
    kind: own === null ? "usage" : "invalid",
    hint: `leave it out to get ${first}`,
  })
}

/** Errors: `ip_range_invalid` when the range lies in none of the subnets, or leaves no address for an endpoint. */
export function checkIpRange(subnets: NetworkRecord["subnets"], asked: string): string {
  const range = parseSubnet(asked, "ip_range_invalid")
  const text = formatSubnet(range)
  const own = subnets.find(({ subnet }) => parseSubnet(subnet).family === range.family) ?? subnets[0]
  const refuse = (why: string) =>
    new OvlError("ip_range_invalid", `ip range ${text}: ${why}`, {
      kind: "invalid",
      hint: `choose a part of ${own?.subnet}`,
    })
  if (!own || !holdsSubnet(parseSubnet(own.subnet), range)) throw refuse(`outside the subnet ${own?.subnet}`)
  const pool = poolFor(addressPools({ subnets, ipRange: text }), own.gateway)
  if (!pool || poolCapacity(pool) < 1) throw refuse("has no address for an endpoint")
  return text
}

/**
 * The subnets that were asked for, checked, with their gateways, IPv4 first whatever the order was; null when one is to
 * be chosen. Errors: subnet_invalid, gateway_invalid, ip_range_invalid, not_available for two of one family.
 */
export function askedSubnets(spec: Pick<NetworkSpec, "subnets" | "ipRange">): AskedSubnets | null {
  const asked = spec.subnets ?? []
  if (asked.length === 0) {
    if (spec.ipRange === undefined) return null
    throw new OvlError("ip_range_invalid", `ip range ${spec.ipRange}: there is no subnet for it to be a part of`, {
      kind: "usage",
      hint: "name the subnet with --subnet",
    })
  }
  const chosen = asked.map(({ subnet: text, gateway }) => {
    const subnet = parseSubnet(text)
    checkSubnet(subnet)
    return { family: subnet.family, subnet: formatSubnet(subnet), gateway: chooseGateway(subnet, gateway) }
  })
  if (new Set(chosen.map(({ family }) => family)).size < chosen.length) {
    throw notAvailable("several subnets of one family in one network")
  }
  chosen.sort((a, b) => a.family - b.family)
  const subnets = chosen.map(({ subnet, gateway }) => ({ subnet, gateway }))
  return { subnets, ipRange: spec.ipRange === undefined ? null : checkIpRange(subnets, spec.ipRange) }
}

export type AskedSubnets = Pick<NetworkRecord, "subnets" | "ipRange">
