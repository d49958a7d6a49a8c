/** Frames byte by byte, as somebody makes them who does not mean well. */

const hex = (mac: string) => Buffer.from(mac.replaceAll(":", ""), "hex")
const address4 = (text: string) => Buffer.from(text.split(".").map(Number))
/** Without abbreviations but `::`. */
const address6 = (text: string) => {
  const [left = "", right = ""] = text.split("::")
  const words = (part: string) => part.split(":").filter((word) => word !== "")
  const [head, tail] = [words(left), words(right)]
  const all = [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => "0"), ...tail]
  return Buffer.from(all.map((word) => word.padStart(4, "0")).join(""), "hex")
}
const word = (value: number) => Buffer.from([value >> 8, value & 255])

/** The one's complement sum of RFC 1071. */
function checksum(bytes: Buffer): Buffer {
  let sum = 0
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) + (bytes[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return word(~sum & 0xffff)
}

export interface Ends {
  /** MACs. */
  from: string
  to: string
}

export function ethernet({ from, to }: Ends, type: number, payload: Buffer): Buffer {
  const frame = Buffer.concat([hex(to), hex(from), word(type), payload])
  return Buffer.concat([frame, Buffer.alloc(Math.max(0, 60 - frame.length))])
}

export function tagged(ends: Ends, type: number, payload: Buffer): Buffer {
  return ethernet(ends, 0x8100, Buffer.concat([word(1), word(type), payload]))
}

export function arpReply(ends: Ends, sender: { mac: string; ip: string }, target: { mac: string; ip: string }): Buffer {
  const form = Buffer.from("0001080006040002", "hex")
  const parts = [hex(sender.mac), address4(sender.ip), hex(target.mac), address4(target.ip)]
  return ethernet(ends, 0x0806, Buffer.concat([form, ...parts]))
}

export function ipv4(from: string, to: string, protocol: number, payload: Buffer): Buffer {
  const length = word(20 + payload.length)
  const head = Buffer.concat([Buffer.from([0x45, 0]), length, Buffer.from([0, 1, 0, 0, 64, protocol])])
  const ends = Buffer.concat([address4(from), address4(to)])
  const sum = checksum(Buffer.concat([head, word(0), ends]))
  return Buffer.concat([head, sum, ends, payload])
}

/** Its checksum left out, as IPv4 allows. */
export function udp(port: number, payload: string): Buffer {
  return Buffer.concat([word(40_000), word(port), word(8 + payload.length), word(0), Buffer.from(payload)])
}

/** From identifier 7. */
export function echoRequest(payload: string, sequence = 1): Buffer {
  const rest = Buffer.concat([word(7), word(sequence), Buffer.from(payload)])
  return Buffer.concat([Buffer.from([8, 0]), checksum(Buffer.concat([Buffer.from([8, 0, 0, 0]), rest])), rest])
}

export function tcpSyn(from: string, to: string, port: number): Buffer {
  const head = Buffer.concat([word(40_001), word(port), Buffer.from("00000001000000005002ffff", "hex")])
  const pseudo = Buffer.concat([address4(from), address4(to), Buffer.from([0, 6, 0, 20])])
  const sum = checksum(Buffer.concat([pseudo, head, word(0), word(0)]))
  return Buffer.concat([head, sum, word(0)])
}

export function ipv6(from: string, to: string, next: number, payload: Buffer): Buffer {
  const head = Buffer.concat([Buffer.from("60000000", "hex"), word(payload.length), Buffer.from([next, 255])])
  return Buffer.concat([head, address6(from), address6(to), payload])
}

/** ICMPv6 of this type: what follows its checksum, which is filled in. */
function icmp6(from: string, to: string, type: number, rest: Buffer): Buffer {
  const body = (sum: Buffer) => Buffer.concat([Buffer.from([type, 0]), sum, rest])
  const bare = body(word(0))
  const pseudo = Buffer.concat([address6(from), address6(to), Buffer.from([0, 0, 0, bare.length, 0, 0, 0, 58])])
  return ipv6(from, to, 58, body(checksum(Buffer.concat([pseudo, bare]))))
}

/** A router that says for how many seconds it may be asked for the way (RFC 4861, 4.2). */
export function routerAdvertisement(from: string, to: string, seconds: number): Buffer {
  return icmp6(from, to, 134, Buffer.concat([Buffer.from([64, 0]), word(seconds), Buffer.alloc(8)]))
}

/** ICMPv6 of this type, about this address as neighbour advertisements are. */
export function icmpv6(from: string, to: string, type: number, about: string): Buffer {
  return icmp6(from, to, type, Buffer.concat([Buffer.from("60000000", "hex"), address6(about)]))
}
