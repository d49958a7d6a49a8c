/**
 * MAC and IP addresses between their text and their bytes, written straight into and read straight out of a message:
 * ten thousand rows go through here, so nothing is allocated on the way in. Bad text is the caller's mistake.
 */
import { AssertionError, assert } from "../base/assert.ts"

const HEX: string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"))

/** A function of its own, so that the message is not put together for every good address. */
function bad(what: string, text: string): never {
  throw new AssertionError(`not ${what}: ${text}`)
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48
  const letter = code | 32
  return letter >= 97 && letter <= 102 ? letter - 87 : -1
}

/** Writes the six bytes of `02:42:0a:41:0a:02` at `offset`. */
export function writeMac(text: string, into: Uint8Array, offset: number): void {
  if (text.length !== 17) bad("a MAC address", text)
  for (let i = 0; i < 6; i++) {
    const high = hexDigit(text.charCodeAt(i * 3))
    const low = hexDigit(text.charCodeAt(i * 3 + 1))
    const separated = i === 5 || text.charCodeAt(i * 3 + 2) === 58
    if (high < 0 || low < 0 || !separated) bad("a MAC address", text)
    into[offset + i] = (high << 4) | low
  }
}

export function readMac(bytes: Uint8Array, offset: number): string {
  const b = bytes
  const o = offset
  return `${HEX[b[o]!]}:${HEX[b[o + 1]!]}:${HEX[b[o + 2]!]}:${HEX[b[o + 3]!]}:${HEX[b[o + 4]!]}:${HEX[b[o + 5]!]}`
}

/** 4 for `10.65.10.2`, 16 for anything with a colon: the length of the address in bytes. */
export function addressBytes(text: string): 4 | 16 {
  return text.includes(":") ? 16 : 4
}

/** Writes an IPv4 or IPv6 address at `offset` and returns its length in bytes. */
export function writeAddress(text: string, into: Uint8Array, offset: number): 4 | 16 {
  if (addressBytes(text) === 16) {
    writeAddress6(text, into, offset)
    return 16
  }
  let byte = -1
  let index = 0
  for (let i = 0; i <= text.length; i++) {
    const code = i === text.length ? 46 : text.charCodeAt(i)
    if (code === 46) {
      if (byte < 0 || index > 3) bad("an IPv4 address", text)
      into[offset + index++] = byte
      byte = -1
    } else {
      byte = (byte < 0 ? 0 : byte * 10) + code - 48
      if (code < 48 || code > 57 || byte > 255) bad("an IPv4 address", text)
    }
  }
  if (index !== 4) bad("an IPv4 address", text)
  return 4
}

/** RFC 4291 section 2.2, without the form that ends in an IPv4 address. */
function writeAddress6(text: string, into: Uint8Array, offset: number): void {
  const halves = text.split("::")
  const head = halves[0] === "" ? [] : halves[0]!.split(":")
  const tail = halves[1] === undefined || halves[1] === "" ? [] : halves[1].split(":")
  const gap = 8 - head.length - tail.length
  assert(halves.length === 2 ? gap >= 1 : halves.length === 1 && gap === 0, `not an IPv6 address: ${text}`)
  const groups = [...head, ...Array<string>(halves.length === 2 ? gap : 0).fill("0"), ...tail]
  for (let i = 0; i < 8; i++) {
    assert(/^[0-9a-fA-F]{1,4}$/.test(groups[i]!), `not an IPv6 address: ${text}`)
    const group = Number.parseInt(groups[i]!, 16)
    into[offset + i * 2] = group >> 8
    into[offset + i * 2 + 1] = group & 255
  }
}

/** The text of an address of 4 or 16 bytes; IPv6 as RFC 5952 writes it. */
export function readAddress(bytes: Uint8Array, offset: number, length: number): string {
  if (length === 4) return `${bytes[offset]}.${bytes[offset + 1]}.${bytes[offset + 2]}.${bytes[offset + 3]}`
  assert(length === 16, `an address of ${length} bytes`)
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[offset + i * 2]! << 8) | bytes[offset + i * 2 + 1]!)
  let [bestStart, bestLength] = [-1, 1]
  for (let i = 0; i < 8; i++) {
    let run = 0
    while (i + run < 8 && groups[i + run] === 0) run++
    if (run > bestLength) [bestStart, bestLength] = [i, run]
  }
  const hex = groups.map((group) => group.toString(16))
  if (bestStart < 0) return hex.join(":")
  return `${hex.slice(0, bestStart).join(":")}::${hex.slice(bestStart + bestLength).join(":")}`
}

/** `10.65.10.1/24` in its two parts; an address alone has its full length. `default` is for routes: length 0. */
export function splitPrefix(text: string): { address: string; length: number } {
  const slash = text.indexOf("/")
  if (slash < 0) return { address: text, length: addressBytes(text) * 8 }
  const digits = text.slice(slash + 1)
  const length = Number(digits)
  const address = text.slice(0, slash)
  if (!/^\d{1,3}$/.test(digits) || length > addressBytes(address) * 8) bad("a prefix", text)
  return { address, length }
}
