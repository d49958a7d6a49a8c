/**
 * A probe as it travels: a VXLAN packet (RFC 7348) with a VNI that no network has, so that kernels drop it, around an
 * Ethernet frame of the type for experiments (IEEE 802 0x88B5), so that whatever looks at it sees nothing unusual. The
 * frame's payload is as long as the frame that is tried out. Pure: bytes to values and back; what is not exactly as we
 * write it is none.
 */
import { hex } from "../base/random.ts"

/** RFC 7348 leaves it free; ovl's networks have 1 and above. */
export const PROBE_VNI = 0
const VXLAN_FLAGS = 0x08000000
const VXLAN_BYTES = 8
const ETHERNET_BYTES = 14
const PAYLOAD_AT = VXLAN_BYTES + ETHERNET_BYTES
const ETHERTYPE = 0x88b5
/** "ovlp" */
export const PROBE_MAGIC = 0x6f766c70
const VERSION = 1
/** Locally administered, as all that ovl hides: 06. */
const TO_MAC = [0x06, 0x6f, 0x76, 0x6c, 0x70, 0x01]
const FROM_MAC = [0x06, 0x6f, 0x76, 0x6c, 0x70, 0x02]

/** The smallest payload: the fields alone. */
export const PROBE_SMALL_BYTES = 80
/** As the length of an IPv4 packet is a number of 16 bits. */
export const PROBE_PAYLOAD_MAX_BYTES = 65_535 - 20 - 8 - PAYLOAD_AT

/** The words of the UDP payload that tell a probe from all other VXLAN packets, for a filter in the kernel. */
export const PROBE_WORDS: readonly { offset: number; value: number }[] = [
  { offset: 0, value: VXLAN_FLAGS },
  { offset: 4, value: PROBE_VNI << 8 },
  { offset: PAYLOAD_AT, value: PROBE_MAGIC },
]

export interface Probe {
  kind: "ask" | "answer"
  /** The payload of this frame, in bytes: what an overlay of this MTU carries. */
  size: number
  /** Of an ask: how large its answer is to be. Of an answer: how large the ask was. */
  other: number
  /** The cluster's id; the rest is compared up to what travels of it: 16 and 32 digits. */
  cluster: string
  /** Node ids. */
  from: string
  to: string
  /** 16 hexadecimal digits. */
  round: string
  /** The sender's clock, in milliseconds since the epoch. */
  time: number
}

const CLUSTER_DIGITS = 16
const NODE_DIGITS = 32
const ROUND_DIGITS = 16

/** What of an id travels in a probe. */
export function probeNodeTag(nodeId: string): string {
  return nodeId.slice(0, NODE_DIGITS)
}

export function probeClusterTag(clusterId: string): string {
  return clusterId.replaceAll("-", "").slice(0, CLUSTER_DIGITS).padEnd(CLUSTER_DIGITS, "0")
}

/** The UDP payload. */
export function encodeProbe(probe: Probe): Uint8Array {
  const bytes = new Uint8Array(PAYLOAD_AT + probe.size)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, VXLAN_FLAGS)
  view.setUint32(4, PROBE_VNI << 8)
  bytes.set(TO_MAC, VXLAN_BYTES)
  bytes.set(FROM_MAC, VXLAN_BYTES + 6)
  view.setUint16(VXLAN_BYTES + 12, ETHERTYPE)
  view.setUint32(PAYLOAD_AT, PROBE_MAGIC)
  view.setUint8(PAYLOAD_AT + 4, VERSION)
  view.setUint8(PAYLOAD_AT + 5, probe.kind === "ask" ? 1 : 2)
  view.setUint16(PAYLOAD_AT + 6, probe.size)
  view.setUint16(PAYLOAD_AT + 8, probe.other)
  view.setFloat64(PAYLOAD_AT + 16, probe.time)
  putHex(bytes, PAYLOAD_AT + 24, probeClusterTag(probe.cluster))
  putHex(bytes, PAYLOAD_AT + 32, probeNodeTag(probe.from))
  putHex(bytes, PAYLOAD_AT + 48, probeNodeTag(probe.to))
  putHex(bytes, PAYLOAD_AT + 64, probe.round)
  return bytes
}

/** Null for whatever is no probe of this version, or shorter or longer than it says. Ids come as their tags. */
export function decodeProbe(bytes: Uint8Array): Probe | null {
  if (bytes.length < PAYLOAD_AT + PROBE_SMALL_BYTES || bytes.length > PAYLOAD_AT + PROBE_PAYLOAD_MAX_BYTES) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (const { offset, value } of PROBE_WORDS) if (view.getUint32(offset) !== value) return null
  const kind = view.getUint8(PAYLOAD_AT + 5)
  const size = view.getUint16(PAYLOAD_AT + 6)
  const other = view.getUint16(PAYLOAD_AT + 8)
  const time = view.getFloat64(PAYLOAD_AT + 16)
  if (view.getUint8(PAYLOAD_AT + 4) !== VERSION || (kind !== 1 && kind !== 2)) return null
  if (size !== bytes.length - PAYLOAD_AT || other < PROBE_SMALL_BYTES || other > PROBE_PAYLOAD_MAX_BYTES) return null
  if (!Number.isFinite(time)) return null
  const digits = (at: number, count: number) => hex(bytes.subarray(PAYLOAD_AT + at, PAYLOAD_AT + at + count / 2))
  return {
    kind: kind === 1 ? "ask" : "answer",
    size,
    other,
    time,
    cluster: digits(24, CLUSTER_DIGITS),
    from: digits(32, NODE_DIGITS),
    to: digits(48, NODE_DIGITS),
    round: digits(64, ROUND_DIGITS),
  }
}

function putHex(bytes: Uint8Array, at: number, digits: string): void {
  for (let i = 0; i < digits.length; i += 2) bytes[at + i / 2] = Number.parseInt(digits.slice(i, i + 2), 16)
}
