/** For tests: questions as a client writes them, and messages as a person reads them. Not part of the program. */
import { TYPE } from "./message.ts"

const TYPE_NAMES = new Map(Object.entries(TYPE).map(([name, number]) => [number, name]))
const RCODE_NAMES = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"]
const FLAGS = [
  [0x8000, "qr"],
  [0x0400, "aa"],
  [0x0200, "tc"],
  [0x0100, "rd"],
  [0x0080, "ra"],
  [0x0020, "ad"],
  [0x0010, "cd"],
] as const

export type TypeName = keyof typeof TYPE | "TXT" | "MX"

export interface QuestionOptions {
  id?: number
  flags?: number
  class?: number
  /** The client's buffer, by EDNS. */
  edns?: number
  ednsVersion?: number
  dnssecOk?: boolean
}

const u16 = (value: number) => [value >> 8, value & 255]

export function wireName(name: string): number[] {
  const labels = name === "." ? [] : name.replace(/\.$/, "").split(".")
  return [...labels.flatMap((label) => [label.length, ...Buffer.from(label, "latin1")]), 0]
}

export function typeNumber(type: TypeName): number {
  return type === "TXT" ? 16 : type === "MX" ? 15 : TYPE[type]
}

export function question(name: string, type: TypeName = "A", options: QuestionOptions = {}): Uint8Array {
  const { id = 0x1234, flags = 0x0100, edns, ednsVersion = 0, dnssecOk = false } = options
  const opt = [0, ...u16(41), ...u16(edns ?? 0), 0, ednsVersion, dnssecOk ? 0x80 : 0, 0, 0, 0]
  return Uint8Array.from([
    ...u16(id),
    ...u16(flags),
    ...[0, 1, 0, 0, 0, 0, 0, edns === undefined ? 0 : 1],
    ...wireName(name),
    ...u16(typeNumber(type)),
    ...u16(options.class ?? 1),
    ...(edns === undefined ? [] : opt),
  ])
}

/**
 * `NOERROR qr aa rd ra; web A?; web 1 A 10.65.10.2; edns 1232`: code and flags, question, records with their TTL, one
 * after the other. Throws where it is no message.
 */
export function readable(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const flags = view.getUint16(2)
  const said = FLAGS.filter(([bit]) => flags & bit).map(([, name]) => name)
  const parts = [[RCODE_NAMES[flags & 15], ...said].join(" ")]
  let at = 12
  for (let left = view.getUint16(4); left > 0; left--) {
    const name = readName(bytes, at)
    parts.push(`${name.text} ${typeName(view.getUint16(name.end))}?`)
    at = name.end + 4
  }
  for (let left = view.getUint16(6) + view.getUint16(8) + view.getUint16(10); left > 0; left--) {
    const name = readName(bytes, at)
    const [type, ttl, length] = [view.getUint16(name.end), view.getUint32(name.end + 4), view.getUint16(name.end + 8)]
    const [start, end] = [name.end + 10, name.end + 10 + length]
    if (end > bytes.length) throw new Error("a record is cut off")
    if (type === TYPE.OPT) parts.push(describeOpt(view, name.end))
    else parts.push(`${name.text} ${ttl} ${typeName(type)} ${data(bytes, type, start, end)}`)
    at = end
  }
  if (at !== bytes.length) throw new Error(`${bytes.length - at} bytes too many`)
  return parts.join("; ")
}

function describeOpt(view: DataView, at: number): string {
  const extended = view.getUint8(at + 4)
  return `edns ${view.getUint16(at + 2)}${extended > 0 ? ` rcode+${extended << 4}` : ""}${view.getUint8(at + 6) & 0x80 ? " do" : ""}`
}

function typeName(type: number): string {
  return TYPE_NAMES.get(type) ?? (type === 16 ? "TXT" : type === 15 ? "MX" : String(type))
}

function data(bytes: Uint8Array, type: number, start: number, end: number): string {
  const raw = bytes.subarray(start, end)
  if (type === TYPE.A) return raw.join(".")
  if (type === TYPE.PTR) return readName(bytes, start).text
  const hex = Buffer.from(raw).toString("hex")
  return type === TYPE.AAAA ? (hex.match(/.{4}/g) ?? []).join(":") : hex
}

function readName(bytes: Uint8Array, start: number): { text: string; end: number } {
  const labels: string[] = []
  let [at, end, jumps] = [start, -1, 0]
  for (;;) {
    const length = bytes[at]
    if (length === undefined || jumps > 10) throw new Error("a name that does not end")
    if (length >= 0xc0) {
      if (end < 0) end = at + 2
      at = ((length & 63) << 8) | bytes[at + 1]!
      jumps++
      continue
    }
    at++
    if (length === 0) break
    labels.push(Buffer.from(bytes.subarray(at, at + length)).toString("latin1"))
    at += length
  }
  return { text: labels.length === 0 ? "." : labels.join("."), end: end < 0 ? at : end }
}
