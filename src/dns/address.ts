/** Addresses as DNS has them: the bytes of A and AAAA records, and the names below in-addr.arpa and ip6.arpa. */
import { canonicalIp, parseIp } from "../model/address.ts"

const REVERSE_V4 = ".in-addr.arpa"
const REVERSE_V6 = ".ip6.arpa"
const OCTETS = 4
const NIBBLES = 32

/** 4 or 16 bytes; null where the text is no address. */
export function addressBytes(text: string): Uint8Array | null {
  const ip = parseIp(text)
  if (ip === null) return null
  if (ip.family === 6) return Uint8Array.from(Buffer.from(ip.value.toString(16).padStart(NIBBLES, "0"), "hex"))
  const value = Number(ip.value)
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value)
}

/** The one text of an address that comes from outside, to look it up by. */
export function addressKey(text: string): string {
  return text.includes(":") ? (canonicalIp(text) ?? text) : text
}

/**
 * The address that a name below in-addr.arpa (RFC 1035 3.5) or ip6.arpa (RFC 3596 2.5) stands for; null for any other
 * name, and for one that stands for a whole range. `name` is folded.
 */
export function reversedAddress(name: string): string | null {
  if (name.endsWith(REVERSE_V4)) {
    const octets = name.slice(0, -REVERSE_V4.length).split(".")
    return octets.length === OCTETS ? canonicalIp(octets.reverse().join(".")) : null
  }
  if (!name.endsWith(REVERSE_V6)) return null
  const nibbles = name.slice(0, -REVERSE_V6.length).split(".")
  if (nibbles.length !== NIBBLES || !nibbles.every((nibble) => /^[0-9a-f]$/.test(nibble))) return null
  return canonicalIp(
    nibbles
      .reverse()
      .join("")
      .replace(/.{4}(?=.)/g, "$&:"),
  )
}
