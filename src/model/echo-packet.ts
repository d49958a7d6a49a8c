/**
 * Echo requests and what comes back for them: ICMP (RFC 792) and ICMPv6 (RFC 4443), as a raw socket gives and takes them.
 * Ours are told from others' by identifier and by a token in their data.
 */
import { assert } from "../base/assert.ts"
import type { Family } from "./address.ts"

export const ECHO_TOKEN_BYTES = 8
/** As much as `ping` sends: 56 bytes of data. */
const DATA_BYTES = 56
const HEADER_BYTES = 8
const REQUEST: Record<Family, number> = { 4: 8, 6: 128 }
const REPLY: Record<Family, number> = { 4: 0, 6: 129 }
const IPV6_HEADER_BYTES = 40

export interface Echo {
  family: Family
  identifier: number
  /** 16 bits. */
  sequence: number
  token: Uint8Array
}

/** What a packet says of one of our requests. */
export type EchoAnswer = { sequence: number; why: null } | { sequence: number; why: string }

/** The request, from the ICMP header on. The kernel fills in the checksum of ICMPv6, as that covers addresses. */
export function encodeEcho({ family, identifier, sequence, token }: Echo): Uint8Array {
  assert(token.length === ECHO_TOKEN_BYTES, "a token has a fixed length")
  const packet = new Uint8Array(HEADER_BYTES + DATA_BYTES)
  const view = new DataView(packet.buffer)
  packet[0] = REQUEST[family]
  view.setUint16(4, identifier)
  view.setUint16(6, sequence)
  packet.set(token, HEADER_BYTES)
  for (let at = HEADER_BYTES + ECHO_TOKEN_BYTES; at < packet.length; at++) packet[at] = at & 0xff
  if (family === 4) view.setUint16(2, checksum(packet))
  return packet
}

/** RFC 1071. */
export function checksum(bytes: Uint8Array): number {
  let sum = 0
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at]! << 8) | (bytes[at + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

/** Null for what is not about a request of ours. With IPv4 the packet begins with its IP header, with IPv6 after it. */
export function decodeEcho(
  packet: Uint8Array,
  { family, identifier, token }: Pick<Echo, "family" | "identifier" | "token">,
): EchoAnswer | null {
  const message = family === 4 ? packet.subarray((packet[0]! & 0xf) * 4) : packet
  if (message.length < HEADER_BYTES) return null
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength)
  if (message[0] === REPLY[family]) {
    const data = message.subarray(HEADER_BYTES, HEADER_BYTES + ECHO_TOKEN_BYTES)
    const ours =
      view.getUint16(4) === identifier && data.length === token.length && data.every((b, i) => b === token[i])
    return ours ? { sequence: view.getUint16(6), why: null } : null
  }
  const why = whyNot(family, message[0]!, message[1]!)
  return why === null ? null : aboutOurs(message.subarray(HEADER_BYTES), family, identifier, why)
}

/** An error holds the packet that it is about: its IP header, and at least the 8 bytes after it. */
function aboutOurs(original: Uint8Array, family: Family, identifier: number, why: string): EchoAnswer | null {
  const start = family === 4 ? (original[0]! & 0xf) * 4 : IPV6_HEADER_BYTES
  if (original.length < start + HEADER_BYTES || original[start] !== REQUEST[family]) return null
  const view = new DataView(original.buffer, original.byteOffset + start, HEADER_BYTES)
  return view.getUint16(4) === identifier ? { sequence: view.getUint16(6), why } : null
}

const UNREACHABLE_4: Record<number, string> = {
  0: "network unreachable",
  1: "host unreachable",
  2: "protocol unreachable",
  4: "too large for the way",
  9: "prohibited",
  10: "prohibited",
  13: "prohibited",
}
const UNREACHABLE_6: Record<number, string> = {
  0: "network unreachable",
  1: "prohibited",
  3: "host unreachable",
  5: "prohibited",
  6: "network unreachable",
}

function whyNot(family: Family, type: number, code: number): string | null {
  if (family === 4) {
    if (type === 3) return UNREACHABLE_4[code] ?? `unreachable (code ${code})`
    return type === 11 ? "time to live exceeded" : null
  }
  if (type === 1) return UNREACHABLE_6[code] ?? `unreachable (code ${code})`
  if (type === 2) return "too large for the way"
  return type === 3 ? "hop limit exceeded" : null
}
