/**
 * IPv4 addresses and subnets as numbers: parsing that says what is wrong, and the arithmetic of what is IPv4 by its
 * nature: the egress bridge, the default subnets, the filter of members. Both families together are in `address.ts`.
 */
import { assert } from "../base/assert.ts"
import { OvlError } from "../base/errors.ts"

/** A subnet: `address` is its network address as an unsigned 32-bit number, host bits clear. */
export interface Cidr {
  address: number
  prefix: number
}

/** An address with the prefix length of its subnet, as on an interface. */
export interface InterfaceAddress {
  address: number
  prefix: number
}

const IPV4_PATTERN = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/
const PREFIX_PATTERN = /^(0|[1-9]\d?)$/

/** The address as a number, or null when the text is none. Leading zeros are refused: some programs read them as octal. */
export function parseIpv4(text: string): number | null {
  const match = IPV4_PATTERN.exec(text)
  if (!match) return null
  const octets = match.slice(1).map(Number)
  if (octets.some((octet) => octet > 255)) return null
  return octets.reduce((address, octet) => address * 256 + octet, 0)
}

export function formatIpv4(address: number): string {
  assert(Number.isInteger(address) && address >= 0 && address <= 0xffffffff, `not an IPv4 address: ${address}`)
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".")
}

/** Whether the text is an IPv6 address in any of the forms of RFC 4291 section 2.2. */
export function isIpv6(text: string): boolean {
  const halves = text.split("::")
  if (halves.length > 2) return false
  const groups = halves.map((half) => (half === "" ? [] : half.split(":")))
  const all = groups.flat()
  const embedded = all.at(-1)?.includes(".") ? all.pop() : undefined
  if (embedded !== undefined && parseIpv4(embedded) === null) return false
  if (!all.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return false
  const count = all.length + (embedded === undefined ? 0 : 2)
  return halves.length === 2 ? count < 8 : count === 8
}

/** Whether the text is an address of either family, without a prefix length. */
export function isAddress(text: string): boolean {
  return parseIpv4(text) !== null || isIpv6(text)
}

/**
 * Reads a subnet such as `10.65.10.0/24`.
 * Errors: `code` (usage) when it is none or has host bits set, with the subnet that was probably meant.
 */
export function parseCidr(text: string, code = "subnet_invalid"): Cidr {
  const parsed = splitCidr(text, code)
  const address = networkOf(parsed.address, parsed.prefix)
  if (address !== parsed.address) {
    const meant = formatCidr({ address, prefix: parsed.prefix })
    throw new OvlError(code, `subnet ${text}: host bits are set`, { kind: "usage", hint: `did you mean ${meant}?` })
  }
  return parsed
}

/** Reads an address with its prefix length, such as `10.65.10.2/24`. Errors: `address_invalid` (usage). */
export function parseInterfaceAddress(text: string): InterfaceAddress {
  return splitCidr(text, "address_invalid")
}

/** Both halves of `A.B.C.D/N`, host bits kept. */
function splitCidr(text: string, code: string): InterfaceAddress {
  const slash = text.indexOf("/")
  const addressText = slash < 0 ? text : text.slice(0, slash)
  const address = parseIpv4(addressText)
  const prefixText = slash < 0 ? "" : text.slice(slash + 1)
  const prefix = PREFIX_PATTERN.test(prefixText) ? Number(prefixText) : Number.NaN
  if (address === null || !(prefix <= 32)) {
    const why = address === null ? "not an IPv4 subnet" : "the prefix length must be a number from 0 to 32"
    throw new OvlError(code, `subnet ${text}: ${why}`, { kind: "usage", hint: "write it as 10.65.10.0/24" })
  }
  return { address, prefix }
}

export function formatCidr(cidr: Cidr | InterfaceAddress): string {
  return `${formatIpv4(cidr.address)}/${cidr.prefix}`
}

/** How many addresses the subnet has, network and broadcast included. */
export function cidrSize(cidr: Cidr): number {
  return 2 ** (32 - cidr.prefix)
}

/** The network address of the subnet of length `prefix` in which `address` lies. */
export function networkOf(address: number, prefix: number): number {
  const size = 2 ** (32 - prefix)
  return address - (address % size)
}

export function subnetOf(address: InterfaceAddress): Cidr {
  return { address: networkOf(address.address, address.prefix), prefix: address.prefix }
}

export function broadcastOf(cidr: Cidr): number {
  return cidr.address + cidrSize(cidr) - 1
}

/** First and last address that an interface may have: neither the network's nor the broadcast address. */
export function firstHost(cidr: Cidr): number {
  return cidr.address + 1
}

export function lastHost(cidr: Cidr): number {
  return broadcastOf(cidr) - 1
}

export function containsAddress(cidr: Cidr, address: number): boolean {
  return address >= cidr.address && address <= broadcastOf(cidr)
}

export function containsCidr(outer: Cidr, inner: Cidr): boolean {
  return inner.prefix >= outer.prefix && containsAddress(outer, inner.address)
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  return containsCidr(a, b) || containsCidr(b, a)
}
