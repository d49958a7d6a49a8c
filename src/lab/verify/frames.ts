/** Ethernet, IPv4, UDP and VXLAN as far as the checks must read and write them (RFC 791, 768, 7348). */

export interface Frame {
  destination: string
  source: string
  etherType: number
  payload: Uint8Array
}

export interface VxlanFrame {
  outerSource: string
  outerDestination: string
  vni: number
  inner: Frame
}

export const ETHERTYPE_IPV4 = 0x0800
export const ETHERTYPE_ARP = 0x0806
const PROTOCOL_UDP = 17

export function parseFrame(bytes: Uint8Array): Frame | null {
  if (bytes.length < 14) return null
  return {
    destination: macText(bytes.subarray(0, 6)),
    source: macText(bytes.subarray(6, 12)),
    etherType: read16(bytes, 12),
    payload: bytes.subarray(14),
  }
}

/** The VXLAN frame inside an underlay frame, or null if it is something else. */
export function parseVxlan(bytes: Uint8Array, port: number): VxlanFrame | null {
  const outer = parseFrame(bytes)
  if (outer?.etherType !== ETHERTYPE_IPV4 || outer.payload.length < 20) return null
  const ip = outer.payload
  const headerLength = (ip[0]! & 0x0f) * 4
  if (ip[9] !== PROTOCOL_UDP || ip.length < headerLength + 16) return null
  const udp = ip.subarray(headerLength)
  if (read16(udp, 2) !== port) return null
  const inner = parseFrame(udp.subarray(16))
  if (!inner) return null
  return {
    outerSource: ipText(ip.subarray(12, 16)),
    outerDestination: ipText(ip.subarray(16, 20)),
    vni: (udp[12]! << 16) | (udp[13]! << 8) | udp[14]!,
    inner,
  }
}

/** A whole Ethernet frame with one UDP datagram. The UDP checksum is left out, as IPv4 allows. */
export function udpFrame(to: {
  mac: string
  sourceMac: string
  source: string
  destination: string
  port: number
  text: string
}): Uint8Array {
  const data = new TextEncoder().encode(to.text)
  const frame = new Uint8Array(14 + 20 + 8 + data.length)
  frame.set(macBytes(to.mac), 0)
  frame.set(macBytes(to.sourceMac), 6)
  write16(frame, 12, ETHERTYPE_IPV4)
  const ip = frame.subarray(14, 34)
  ip[0] = 0x45
  write16(ip, 2, frame.length - 14)
  ip[8] = 64
  ip[9] = PROTOCOL_UDP
  ip.set(ipBytes(to.source), 12)
  ip.set(ipBytes(to.destination), 16)
  write16(ip, 10, internetChecksum(ip))
  const udp = frame.subarray(34)
  write16(udp, 0, to.port)
  write16(udp, 2, to.port)
  write16(udp, 4, 8 + data.length)
  udp.set(data, 8)
  return frame
}

/** RFC 1071. */
function internetChecksum(header: Uint8Array): number {
  let sum = 0
  for (let at = 0; at < header.length; at += 2) sum += read16(header, at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

function read16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!
}

function write16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8
  bytes[at + 1] = value & 0xff
}

function macText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":")
}

function macBytes(text: string): number[] {
  return text.split(":").map((part) => Number.parseInt(part, 16))
}

function ipText(bytes: Uint8Array): string {
  return bytes.join(".")
}

function ipBytes(text: string): number[] {
  return text.split(".").map(Number)
}
