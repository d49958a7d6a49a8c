/**
 * What a network's subnet, gateway and range of addresses may be, and which subnet a network gets that asks for none.
 */
import { OvlError } from "../base/errors.ts"
import {
  type Cidr,
  cidrSize,
  containsAddress,
  containsCidr,
  firstHost,
  formatCidr,
  formatIpv4,
  overlaps,
  parseCidr,
  parseIpv4,
} from "./cidr.ts"
import { addressPool, nextFit, poolCapacity, whyNotHost } from "./ipam.ts"

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

/** Ranges that are no unicast subnets of anybody: "this network", loopback, multicast and reserved (RFC 6890). */
const NOT_UNICAST = ["0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3"].map((text) => parseCidr(text))
/** The smallest subnet with room for the gateway and an endpoint. */
const LONGEST_PREFIX = 30

/** Errors: `subnet_invalid` when the subnet is too small for an endpoint or not unicast. */
export function checkSubnet(subnet: Cidr): void {
  const text = formatCidr(subnet)
  if (subnet.prefix > LONGEST_PREFIX) {
    throw new OvlError("subnet_invalid", `subnet ${text}: too small for a gateway and an endpoint`, {
      kind: "usage",
      hint: `the smallest has the prefix length ${LONGEST_PREFIX}`,
    })
  }
  const clash = NOT_UNICAST.find((reserved) => overlaps(reserved, subnet))
  if (!clash) return
  throw new OvlError("subnet_invalid", `subnet ${text}: overlaps ${formatCidr(clash)}, which no host can have`, {
    kind: "usage",
    hint: "choose one of the private ranges, such as 10.65.10.0/24",
  })
}

/** The gateway asked for, or the first address. Errors: `gateway_invalid`. */
export function chooseGateway(subnet: Cidr, asked: string | undefined): number {
  if (asked === undefined) return firstHost(subnet)
  const address = parseIpv4(asked)
  const why = address === null ? "not an IPv4 address" : whyNotHost(subnet, address)
  if (address !== null && why === null) return address
  throw new OvlError("gateway_invalid", `gateway ${asked}: ${why}`, {
    kind: address === null ? "usage" : "invalid",
    hint: `leave it out to get ${formatIpv4(firstHost(subnet))}`,
  })
}

/** Errors: `ip_range_invalid` when the range lies outside the subnet, or leaves no address for an endpoint. */
export function checkIpRange(subnet: Cidr, gateway: number, asked: string): string {
  const range = parseCidr(asked, "ip_range_invalid")
  const text = formatCidr(range)
  const refuse = (why: string) =>
    new OvlError("ip_range_invalid", `ip range ${text}: ${why}`, {
      kind: "invalid",
      hint: `choose a part of ${formatCidr(subnet)}`,
    })
  if (!containsCidr(subnet, range)) throw refuse(`outside the subnet ${formatCidr(subnet)}`)
  const record = { subnets: [{ subnet: formatCidr(subnet), gateway: formatIpv4(gateway) }], ipRange: text }
  if (poolCapacity(addressPool(record)) < 1) throw refuse("has no address for an endpoint")
  return text
}
