/**
 * Addresses and subnets of either family, as big integers. What is IPv4 by its nature (the egress bridge, the default
 * subnets) counts in plain numbers instead: `cidr.ts`. The text of an address is canonical (RFC 5952 for IPv6), so that
 * two texts are equal exactly when the addresses are, as keys in the store and rows of the kernel must be.
 */
import { assert } from "../base/assert.ts"
import { OvlError } from "../base/errors.ts"
import { formatIpv4, isIpv6, parseIpv4 } from "./cidr.ts"

export type Family = 4 | 6

export interface Ip {
  family: Family
  value: bigint
}

/** `address` is the first one of the subnet, host bits clear. */
export interface Subnet {
  family: Family
  address: bigint
  prefix: number
}

export const ADDRESS_BITS: Record<Family, number> = { 4: 32, 6: 128 }
const GROUPS = 8
const GROUP_BITS = 16n
const GROUP_MASK = 0xffffn
const PREFIX_PATTERN = /^(0|[1-9]\d{0,2})$/
const EXAMPLES: Record<Family, string> = { 4: "10.65.10.0/24", 6: "fd00:65:10::/64" }

/** Null when the text is no address; a prefix length or a zone does not belong to one. */
export function parseIp(text: string): Ip | null {
  const ipv4 = parseIpv4(text)
  if (ipv4 !== null) return { family: 4, value: BigInt(ipv4) }
  return isIpv6(text) ? { family: 6, value: parseIpv6(text) } : null
}

/** RFC 4291 section 2.2; the text was found to be an address. */
function parseIpv6(text: string): bigint {
  const [head = [], tail = []] = text.split("::").map(groupsOf)
  const gap = Array<bigint>(GROUPS - head.length - tail.length).fill(0n)
  return [...head, ...gap, ...tail].reduce((value, group) => (value << GROUP_BITS) | group, 0n)
}

/** The groups of one half; an IPv4 address at the end makes two. */
function groupsOf(half: string): bigint[] {
  if (half === "") return []
  return half.split(":").flatMap((group) => {
    const embedded = parseIpv4(group)
    if (embedded === null) return [BigInt(`0x${group}`)]
    return [BigInt(Math.floor(embedded / 65_536)), BigInt(embedded % 65_536)]
  })
}

export function formatIp({ family, value }: Ip): string {
  assert(value >= 0n && value >> BigInt(ADDRESS_BITS[family]) === 0n, `no IPv${family} address: ${value}`)
  if (family === 4) return formatIpv4(Number(value))
  const groups = Array.from({ length: GROUPS }, (_, i) => (value >> (GROUP_BITS * BigInt(GROUPS - 1 - i))) & GROUP_MASK)
  const zeros = longestZeroRun(groups)
  const hex = groups.map((group) => group.toString(16))
  if (zeros.length < 2) return hex.join(":")
  return `${hex.slice(0, zeros.start).join(":")}::${hex.slice(zeros.start + zeros.length).join(":")}`
}

/** RFC 5952 section 4.2.3: the first of the longest ones. */
function longestZeroRun(groups: readonly bigint[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  for (let start = 0; start < groups.length; start++) {
    let length = 0
    while (groups[start + length] === 0n) length++
    if (length > best.length) best = { start, length }
  }
  return best
}

/** The bytes of an address in the order of the network: four, or sixteen. The text was found to be an address. */
export function ipBytes(text: string): Uint8Array {
  const ip = parseIp(text)
  assert(ip !== null, `no address: ${text}`)
  const bytes = new Uint8Array(ADDRESS_BITS[ip.family] / 8)
  let rest = ip.value
  for (let at = bytes.length - 1; at >= 0; at--) {
    bytes[at] = Number(rest & 0xffn)
    rest >>= 8n
  }
  return bytes
}

/** The one text of an address, or null when it is none. */
export function canonicalIp(text: string): string | null {
  const ip = parseIp(text)
  return ip && formatIp(ip)
}

/** 6 for what has a colon: for texts that are known to be addresses or subnets. */
export function familyOf(text: string): Family {
  return text.includes(":") ? 6 : 4
}

/**
 * Reads a subnet of either family. Errors: `code` (usage) when it is none or has host bits set, with the subnet that was
 * probably meant.
 */
export function parseSubnet(text: string, code = "subnet_invalid"): Subnet {
  const slash = text.indexOf("/")
  const ip = parseIp(slash < 0 ? text : text.slice(0, slash))
  if (ip === null) throw subnetError(code, text, "not a subnet", `write it as ${EXAMPLES[4]} or ${EXAMPLES[6]}`)
  const { family } = ip
  const bits = ADDRESS_BITS[family]
  const prefixText = slash < 0 ? "" : text.slice(slash + 1)
  const prefix = PREFIX_PATTERN.test(prefixText) ? Number(prefixText) : Number.NaN
  if (!(prefix <= bits)) {
    const why = `the prefix length must be a number from 0 to ${bits}`
    throw subnetError(code, text, why, `write it as ${EXAMPLES[family]}`)
  }
  const address = (ip.value >> BigInt(bits - prefix)) << BigInt(bits - prefix)
  const subnet: Subnet = { family, address, prefix }
  if (address === ip.value) return subnet
  throw subnetError(code, text, "host bits are set", `did you mean ${formatSubnet(subnet)}?`)
}

function subnetError(code: string, text: string, why: string, hint: string): OvlError {
  return new OvlError(code, `subnet ${text}: ${why}`, { kind: "usage", hint })
}

export function formatSubnet({ family, address, prefix }: Subnet): string {
  return `${formatIp({ family, value: address })}/${prefix}`
}

export function subnetSize(subnet: Subnet): bigint {
  return 1n << BigInt(ADDRESS_BITS[subnet.family] - subnet.prefix)
}

export function lastAddress(subnet: Subnet): bigint {
  return subnet.address + subnetSize(subnet) - 1n
}

export function holds(subnet: Subnet, ip: Ip): boolean {
  return ip.family === subnet.family && ip.value >= subnet.address && ip.value <= lastAddress(subnet)
}

export function holdsSubnet(outer: Subnet, inner: Subnet): boolean {
  return inner.prefix >= outer.prefix && holds(outer, { family: inner.family, value: inner.address })
}

export function subnetsOverlap(a: Subnet, b: Subnet): boolean {
  return holdsSubnet(a, b) || holdsSubnet(b, a)
}

/**
 * First and last address that an interface may have. IPv4: neither the network's nor the broadcast address. IPv6 has no
 * broadcast; the first address means "any router of the subnet" (RFC 4291 section 2.6.1).
 */
export function firstHostIp(subnet: Subnet): bigint {
  return subnet.address + 1n
}

export function lastHostIp(subnet: Subnet): bigint {
  return lastAddress(subnet) - (subnet.family === 4 ? 1n : 0n)
}

/** Why an interface in the subnet cannot have the address, or null when it can. */
export function whyNoHost(subnet: Subnet, ip: Ip): string | null {
  if (!holds(subnet, ip)) return `outside the subnet ${formatSubnet(subnet)}`
  if (ip.value === subnet.address) {
    return subnet.family === 4 ? "it is the network address" : "it is the subnet's router anycast address"
  }
  return ip.value > lastHostIp(subnet) ? "it is the broadcast address" : null
}

/** The address alone of `10.65.10.2/24` or `fd00::2/64`. */
export function bareIp(withPrefix: string): string {
  const slash = withPrefix.indexOf("/")
  return slash < 0 ? withPrefix : withPrefix.slice(0, slash)
}
