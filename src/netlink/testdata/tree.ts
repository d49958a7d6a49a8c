/**
 * A netlink request as readable text, for comparing ours with those of `ip` and `bridge`: what does not matter to the
 * kernel is taken out. Attributes are sorted by type, since their order is free; the nested flag is dropped, since
 * iproute2 often leaves it off; so are the terminating zeroes of strings, the sequence number and the wish for an
 * acknowledgement, which belong to the sending.
 */
const NLM_F_ACK = 4

interface Shape {
  /** Bytes in front of the attributes. */
  header: number
  strings?: number[]
  nested?: Record<number, Shape>
}

const ALTNAMES: Shape = { header: 0, strings: [53] }
/** Of IFLA_INFO_DATA only a veth's has anything nested: a whole link message of the peer. */
const link = (data: Shape): Shape => ({
  header: 16,
  strings: [3, 20],
  nested: { 12: { header: 0 }, 18: { header: 0, strings: [1], nested: { 2: data } }, 52: ALTNAMES },
})
const PEER = link({ header: 0 })
const LINK = link({ header: 0 })
const VETH = link({ header: 0, nested: { 1: PEER } })
const SHAPES: Record<number, Shape> = {
  16: LINK,
  17: LINK,
  19: LINK,
  108: LINK,
  109: LINK,
  20: { header: 8 },
  21: { header: 8 },
  24: { header: 12 },
  25: { header: 12 },
  28: { header: 12 },
  29: { header: 12 },
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")

function attributes(bytes: Uint8Array, shape: Shape, indent: string): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const found: { type: number; text: string }[] = []
  for (let at = shape.header; at < bytes.length; ) {
    const length = view.getUint16(at, true)
    if (length < 4 || at + length > bytes.length) throw new Error(`a broken attribute at ${at}`)
    const type = view.getUint16(at + 2, true) & 0x3fff
    const payload = bytes.subarray(at + 4, at + length)
    const inner = shape.nested?.[type]
    if (inner !== undefined) {
      const header = inner.header > 0 ? ` ${hex(payload.subarray(0, inner.header))}` : ""
      found.push({ type, text: [`${indent}${type}${header} {`, ...attributes(payload, inner, `${indent}  `)].join("\n") })
    } else if (shape.strings?.includes(type)) {
      found.push({ type, text: `${indent}${type} "${Buffer.from(payload).toString().replace(/\0+$/, "")}"` })
    } else found.push({ type, text: `${indent}${type} ${hex(payload)}` })
    at += (length + 3) & ~3
  }
  return found.sort((a, b) => a.type - b.type).map((one) => one.text)
}

/** `type 16 flags 600`, the fixed header in hexadecimal, then one attribute a line. */
export function requestTree(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const type = view.getUint16(4, true)
  // IFLA_INFO_KIND, with or without its terminating zero.
  const isVeth = type === 16 && /0[89]00010076657468/.test(hex(bytes))
  const shape = isVeth ? VETH : SHAPES[type]
  if (shape === undefined) throw new Error(`no shape for message type ${type}`)
  if (view.getUint32(0, true) !== bytes.length) throw new Error("the length in the header is wrong")
  const flags = (view.getUint16(6, true) & ~NLM_F_ACK).toString(16)
  const fixed = hex(bytes.subarray(16, 16 + shape.header))
  return [`type ${type} flags ${flags}`, fixed, ...attributes(bytes.subarray(16), shape, "")].join("\n")
}
