/**
 * What a network's subnets, gateways and range of addresses may be, and which subnet a network gets that asks for none.
 */
import { OvlError } from "../base/errors.ts"
import { SUBNETS_PER_NETWORK_MAX } from "../base/limits.ts"
import {
  type Family,
  familyOf,
  firstHostIp,
  formatIp,
  formatSubnet,
  holds,
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
  const ofFamily = subnets.filter(({ subnet }) => familyOf(subnet) === familyOf(asked))
  const near = (ofFamily.length > 0 ? ofFamily : subnets).map(({ subnet }) => subnet)
  const refuse = (why: string) =>
    new OvlError("ip_range_invalid", `ip range ${text}: ${why}`, {
      kind: "invalid",
      hint: `choose a part of ${near.join(" or ")}`,
    })
  const own = subnets.find(({ subnet }) => holdsSubnet(parseSubnet(subnet), range))
  if (!own) throw refuse(`outside the ${near.length > 1 ? "subnets" : "subnet"} ${near.join(", ")}`)
  const pool = poolFor(addressPools({ subnets, ipRange: text }), own.gateway)
  if (!pool || poolCapacity(pool) < 1) throw refuse("has no address for an endpoint")
  return text
}

/**
 * The subnets that were asked for, checked, with their gateways, IPv4 first and else in the order that was asked for;
 * null when one is to be chosen. Errors: subnet_invalid, subnets_too_many, subnet_overlap (conflict), gateway_invalid,
 * ip_range_invalid.
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
  if (asked.length > SUBNETS_PER_NETWORK_MAX)
    throw new OvlError(
      "subnets_too_many",
      `${asked.length} subnets: a network can have ${SUBNETS_PER_NETWORK_MAX} at most`,
      { kind: "usage", hint: "name larger ones, or make several networks" },
    )
  const chosen = asked.map(({ subnet: text, gateway }) => {
    const subnet = parseSubnet(text)
    checkSubnet(subnet)
    return { subnet, gateway: chooseGateway(subnet, gateway) }
  })
  checkApart(chosen.map(({ subnet }) => subnet))
  chosen.sort((a, b) => a.subnet.family - b.subnet.family)
  const subnets = chosen.map(({ subnet, gateway }) => ({ subnet: formatSubnet(subnet), gateway }))
  return { subnets, ipRange: spec.ipRange === undefined ? null : checkIpRange(subnets, spec.ipRange) }
}

/** Else nobody could say which of them an address is of. Errors: `subnet_overlap` (conflict). */
function checkApart(subnets: readonly Subnet[]): void {
  subnets.forEach((subnet, at) => {
    const other = subnets.slice(0, at).find((each) => subnetsOverlap(each, subnet))
    if (!other) return
    const why = `overlaps ${formatSubnet(other)}, another one of the network`
    throw new OvlError("subnet_overlap", `subnet ${formatSubnet(subnet)}: ${why}`, {
      kind: "conflict",
      hint: "the subnets of one network lie apart; leave one of them out",
    })
  })
}

/**
 * Each gateway put to the subnet that it is of: the one that holds it, or the only one of its family, which then says
 * what is wrong with it. Errors: `gateway_without_subnet` (usage).
 */
export function withGateways(subnets: readonly string[], gateways: readonly string[]): AskedSubnet[] {
  const asked: AskedSubnet[] = subnets.map((subnet) => ({ subnet }))
  for (const gateway of gateways) {
    const own = gatewaySubnet(asked, gateway)
    const refuse = (why: string) =>
      new OvlError("gateway_without_subnet", `gateway ${gateway}: ${why}`, {
        kind: "usage",
        hint: "give each gateway together with the --subnet that it lies in",
      })
    if (asked.length === 0) throw refuse("there is no --subnet for it")
    if (!own) throw refuse(`outside the subnets ${subnets.join(", ")}`)
    if (own.gateway !== undefined) throw refuse(`the subnet ${own.subnet} has the gateway ${own.gateway}`)
    own.gateway = gateway
  }
  return asked
}

/** A text that is no subnet holds nothing, and is refused by who checks the subnets. */
function gatewaySubnet(asked: readonly AskedSubnet[], gateway: string): AskedSubnet | undefined {
  if (asked.length === 1) return asked[0]
  const ip = parseIp(gateway)
  const holder = asked.find(({ subnet }) => {
    try {
      return ip !== null && holds(parseSubnet(subnet), ip)
    } catch {
      return false
    }
  })
  const ofFamily = asked.filter(({ subnet }) => familyOf(subnet) === familyOf(gateway))
  return holder ?? (ofFamily.length === 1 ? ofFamily[0] : undefined)
}

type AskedSubnet = NonNullable<NetworkSpec["subnets"]>[number]
export type AskedSubnets = Pick<NetworkRecord, "subnets" | "ipRange">
