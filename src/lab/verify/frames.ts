/** Ethernet, ARP, IPv4, UDP and VXLAN as far as the checks must read and write them (RFC 791, 768, 826, 7348). */

export interface EthernetFrame {
  destination: string
  source: string
  etherType: number
  payload: Uint8Array
}

export interface VxlanFrame {
  outerSource: string
  outerDestination: string
  vni: number
  inner: EthernetFrame
}

export interface ArpMessage {
  operation: "request" | "reply" | "other"
  senderMac: string
  senderIp: string
  targetIp: string
}

export const BROADCAST_MAC = "ff:ff:ff:ff:ff:ff"
const ETHERTYPE_IPV4 = 0x0800
const ETHERTYPE_ARP = 0x0806
const PROTOCOL_UDP = 17
const ETHERNET_BYTES = 14
const IPV4_BYTES = 20
const UDP_BYTES = 8
const VXLAN_BYTES = 8
const ARP_BYTES = 28
/** RFC 7348 section 5: the flag that says that the VNI is valid. */
const VXLAN_FLAG_VNI = 0x08

/** Null for what is too short to be a frame. */
export function parseFrame(bytes: Uint8Array): EthernetFrame | null {
  if (bytes.length < ETHERNET_BYTES) return null
  return {
    destination: macText(bytes.subarray(0, 6)),
    source: macText(bytes.subarray(6, 12)),
    etherType: read16(bytes, 12),
    payload: bytes.subarray(ETHERNET_BYTES),
  }
}

/** True for broadcast and multicast addresses: the group bit of IEEE 802. */
export function isGroupMac(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1
}

/** Where frames to an IPv4 group go (RFC 1112, 6.4): its lower 23 bits behind 01:00:5e. */
export function groupMac(group: string): string {
  const [, second = 0, third = 0, fourth = 0] = group.split(".").map(Number)
  return macText(Uint8Array.of(0x01, 0x00, 0x5e, second & 0x7f, third, fourth))
}

/** The ARP message in a frame, or null if it is something else. */
export function parseArp(frame: EthernetFrame): ArpMessage | null {
  const { etherType, payload } = frame
  if (etherType !== ETHERTYPE_ARP || payload.length < ARP_BYTES) return null
  const operation = read16(payload, 6)
  return {
    operation: operation === 1 ? "request" : operation === 2 ? "reply" : "other",
    senderMac: macText(payload.subarray(8, 14)),
    senderIp: ipText(payload.subarray(14, 18)),
    targetIp: ipText(payload.subarray(24, 28)),
  }
}

/** The VXLAN frame inside a frame of the underlay, or null if it is something else. */
export function parseVxlan(bytes: Uint8Array, port: number): VxlanFrame | null {
  const outer = parseFrame(bytes)
  if (outer?.etherType !== ETHERTYPE_IPV4 || outer.payload.length < IPV4_BYTES) return null
  const ip = outer.payload
  const headerBytes = (ip[0]! & 0x0f) * 4
  if (ip[9] !== PROTOCOL_UDP || ip.length < headerBytes + UDP_BYTES + VXLAN_BYTES) return null
  const udp = ip.subarray(headerBytes)
  const vxlan = udp.subarray(UDP_BYTES)
  if (read16(udp, 2) !== port || (vxlan[0]! & VXLAN_FLAG_VNI) === 0) return null
  const inner = parseFrame(vxlan.subarray(VXLAN_BYTES))
  if (!inner) return null
  return {
    outerSource: ipText(ip.subarray(12, 16)),
    outerDestination: ipText(ip.subarray(16, 20)),
    vni: (vxlan[4]! << 16) | (vxlan[5]! << 8) | vxlan[6]!,
    inner,
  }
}

export interface UdpFrameSpec {
  mac: string
  sourceMac: string
  destination: string
  source: string
  port: number
  text: string
}

/** A whole Ethernet frame with one UDP datagram. The UDP checksum is left out, as IPv4 allows. */
export function udpFrame(spec: UdpFrameSpec): Uint8Array {
  const data = new TextEncoder().encode(spec.text)
  const frame = new Uint8Array(ETHERNET_BYTES + IPV4_BYTES + UDP_BYTES + data.length)
  frame.set(macBytes(spec.mac), 0)
  frame.set(macBytes(spec.sourceMac), 6)
  write16(frame, 12, ETHERTYPE_IPV4)
  const ip = frame.subarray(ETHERNET_BYTES, ETHERNET_BYTES + IPV4_BYTES)
  ip[0] = 0x45
  write16(ip, 2, frame.length - ETHERNET_BYTES)
  ip[8] = 64
  ip[9] = PROTOCOL_UDP
  ip.set(ipBytes(spec.source), 12)
  ip.set(ipBytes(spec.destination), 16)
  write16(ip, 10, internetChecksum(ip))
  const udp = frame.subarray(ETHERNET_BYTES + IPV4_BYTES)
  write16(udp, 0, spec.port)
  write16(udp, 2, spec.port)
  write16(udp, 4, UDP_BYTES + data.length)
  udp.set(data, UDP_BYTES)
  return frame
}

/** What VXLAN puts into its UDP datagram: the header and the inner frame. */
export function vxlanPayload(vni: number, inner: Uint8Array): Uint8Array {
  const payload = new Uint8Array(VXLAN_BYTES + inner.length)
  payload[0] = VXLAN_FLAG_VNI
  payload[4] = vni >>> 16
  write16(payload, 5, vni & 0xffff)
  payload.set(inner, VXLAN_BYTES)
  return payload
}

/** RFC 1071, over an even number of bytes. */
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
