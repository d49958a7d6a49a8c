/**
 * Ethernet addresses. An endpoint's is 02:42 and its IPv4 address, so that it is a pure function of the address and the
 * peers' neighbour rows stay right when an address is given again. Where it has only an IPv6 address, which does not fit
 * into a MAC, a hash of it stands below another first byte. The hidden devices of a network get theirs here too, below
 * a third, so that they never meet an endpoint's.
 */
import { OvlError } from "../base/errors.ts"
import { canonicalIp } from "./address.ts"
import { formatIpv4, parseIpv4 } from "./cidr.ts"

const MAC_PATTERN = /^[0-9a-f]{2}([:-])[0-9a-f]{2}(\1[0-9a-f]{2}){4}$/
/** What Docker's endpoints begin with: the locally administered bit set (IEEE 802c), the group bit clear. */
const ENDPOINT_MAC_PREFIX = "02:42"
/** Also locally administered and unicast: endpoints without an IPv4 address. */
const IPV6_MAC_PREFIX = "0a"
/** Likewise, but no endpoint's. */
const HIDDEN_MAC_PREFIX = "06"

/**
 * An endpoint's MAC in lower case with colons.
 * Errors: `mac_invalid` (usage) when it is malformed, all zeros, or a group address, which no interface may have.
 */
export function parseMac(text: string): string {
  const lower = text.toLowerCase()
  if (!MAC_PATTERN.test(lower)) throw macInvalid(text, "not an Ethernet address", "write it as 02:42:0a:41:0a:02")
  const mac = lower.replaceAll("-", ":")
  if (mac === "00:00:00:00:00:00") throw macInvalid(text, "all zeros", "write it as 02:42:0a:41:0a:02")
  const first = Number.parseInt(mac.slice(0, 2), 16)
  if (first & 1) throw macInvalid(text, "a group address", "the first byte of an interface's address is even")
  return mac
}

export function macInvalid(text: string, why: string, hint: string): OvlError {
  return new OvlError("mac_invalid", `MAC ${text}: ${why}`, { kind: "usage", hint })
}

/** The MAC of an endpoint, and of the gateway on every node's br0: 02:42 and the IPv4 address. */
export function macOfIpv4(address: number): string {
  const octets = formatIpv4(address)
    .split(".")
    .map((octet) => hexByte(Number(octet)))
  return [ENDPOINT_MAC_PREFIX, ...octets].join(":")
}

/** The address that a MAC of the form 02:42:a:b:c:d stands for; null for any other MAC. */
export function ipv4OfMac(mac: string): number | null {
  if (!mac.startsWith(`${ENDPOINT_MAC_PREFIX}:`)) return null
  const octets = mac
    .split(":")
    .slice(2)
    .map((byte) => Number.parseInt(byte, 16))
  return parseIpv4(octets.join("."))
}

/**
 * The MAC of an endpoint that has no IPv4 address, from the canonical text of its IPv6 address. 40 bits of a hash may
 * meet: whoever gives it out tries one `attempt` after another until it is unique in its network.
 */
export function macOfIpv6(address: string, attempt = 0): string {
  return hashedMac(IPV6_MAC_PREFIX, attempt === 0 ? address : `${address}/${attempt}`)
}

/** The link-local address that belongs to a MAC: modified EUI-64 (RFC 4291 appendix A), with its prefix length. */
export function linkLocalOf(mac: string): string {
  const bytes = mac.split(":").map((byte) => Number.parseInt(byte, 16))
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = bytes
  const groups = [((a ^ 2) << 8) | b, (c << 8) | 0xff, 0xfe00 | d, (e << 8) | f]
  const text = `fe80::${groups.map((group) => group.toString(16)).join(":")}`
  return `${canonicalIp(text) ?? text}/64`
}

/** The host side of an endpoint's veth pair: fixed at creation, so that nothing that renames or re-addresses links races us. */
export function vethMac(endpointId: string): string {
  return hiddenMac(`veth/${endpointId}`)
}

/** The vxlan device of a network on a node. Not the same on each node: a bridge drops what comes from its own port's MAC. */
export function vxlanMac(networkId: string, nodeId: string): string {
  return hiddenMac(`vxlan/${networkId}/${nodeId}`)
}

function hiddenMac(seed: string): string {
  return hashedMac(HIDDEN_MAC_PREFIX, seed)
}

/** FNV-1a, 32 bits twice with different beginnings, cut to the 40 bits that are free after the first byte. */
function hashedMac(prefix: string, seed: string): string {
  const low = fnv1a(seed, 0x811c9dc5)
  const high = fnv1a(seed, 0x050c5d1f)
  const bytes = [high & 255, low >>> 24, (low >>> 16) & 255, (low >>> 8) & 255, low & 255]
  return [prefix, ...bytes.map(hexByte)].join(":")
}

function fnv1a(text: string, basis: number): number {
  let hash = basis
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

function hexByte(byte: number): string {
  return byte.toString(16).padStart(2, "0")
}
