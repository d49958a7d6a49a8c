/** Addresses as DNS has them: the bytes of A and AAAA records, and the names below in-addr.arpa and ip6.arpa. */
import { parseIpv4 } from "../model/cidr.ts"

const REVERSE_V4 = ".in-addr.arpa"
const REVERSE_V6 = ".ip6.arpa"
const NIBBLES = 32

/** 4 or 16 bytes; null where the text is no address. RFC 4291 section 2.2 has the forms. */
export function addressBytes(text: string): Uint8Array | null {
  const v4 = parseIpv4(text)
  if (v4 !== null) return Uint8Array.of(v4 >>> 24, (v4 >>> 16) & 255, (v4 >>> 8) & 255, v4 & 255)
  if (!text.includes(":")) return null
  const halves = text.split("::")
  if (halves.length > 2) return null
  const [head, tail] = halves.map(groups)
  if (!head || tail === null) return null
  const gap = 16 - head.length - (tail?.length ?? 0)
  if (halves.length === 1 ? gap !== 0 : gap < 2) return null
  return Uint8Array.from([...head, ...new Array<number>(gap).fill(0), ...(tail ?? [])])
}

/** Bytes of groups between colons, the last of which may be an IPv4 address. */
function groups(half: string): number[] | null {
  if (half === "") return []
  const bytes: number[] = []
  const texts = half.split(":")
  for (const [index, text] of texts.entries()) {
    const v4 = index === texts.length - 1 && text.includes(".") ? addressBytes(text) : null
    if (v4 !== null) bytes.push(...v4)
    else if (/^[0-9a-f]{1,4}$/i.test(text)) bytes.push(Number.parseInt(text, 16) >> 8, Number.parseInt(text, 16) & 255)
    else return null
  }
  return bytes
}

/** One form for every way to write an address, to look it up by; a text that is no address stays as it is. */
export function addressKey(text: string): string {
  if (!text.includes(":")) return text
  const bytes = addressBytes(text)
  return bytes === null ? text : keyOf(bytes)
}

function keyOf(bytes: Uint8Array): string {
  return bytes.length === 4 ? bytes.join(".") : Buffer.from(bytes).toString("hex")
}

/**
 * The address that a name below in-addr.arpa (RFC 1035 3.5) or ip6.arpa (RFC 3596 2.5) stands for, as its bytes; null
 * for any other name, and for one that stands for a whole range. `name` is folded.
 */
export function reversedAddress(name: string): Uint8Array | null {
  if (name.endsWith(REVERSE_V4)) {
    const octets = name.slice(0, -REVERSE_V4.length).split(".")
    return octets.length === 4 ? addressBytes(octets.reverse().join(".")) : null
  }
  if (!name.endsWith(REVERSE_V6)) return null
  const nibbles = name.slice(0, -REVERSE_V6.length).split(".")
  if (nibbles.length !== NIBBLES || !nibbles.every((nibble) => /^[0-9a-f]$/.test(nibble))) return null
  return Uint8Array.from(Buffer.from(nibbles.reverse().join(""), "hex"))
}

/** The key of `addressKey` for bytes. */
export function bytesKey(bytes: Uint8Array): string {
  return keyOf(bytes)
}

/** Whether `address` lies in `subnet`, written `ADDRESS/PREFIX`; false where they are of different families. */
export function isInside(address: Uint8Array, subnet: string): boolean {
  const [text = "", length = ""] = subnet.split("/")
  const base = addressBytes(text)
  if (base === null || base.length !== address.length) return false
  const prefix = Number(length)
  const whole = prefix >> 3
  for (let at = 0; at < whole; at++) if (base[at] !== address[at]) return false
  const rest = prefix & 7
  return rest === 0 || ((base[whole] ?? 0) ^ (address[whole] ?? 0)) >> (8 - rest) === 0
}
