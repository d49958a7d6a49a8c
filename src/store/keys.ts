/**
 * Byte-string keys: a JavaScript string of which each character is one byte, so that comparing strings with `<` compares
 * bytes. Here is the arithmetic on them: the end of a prefix's range, the folders of a key, numbers that sort.
 */
import { assert } from "../base/assert.ts"
import { FOLDER_DEPTH_MAX } from "../base/limits.ts"

/** Revisions, ids and counters are kept in 48 bits: at 20,000 changes a second that lasts four centuries. */
export const COUNTER_BYTES = 6
export const COUNTER_MAX = 2 ** 48 - 1

// biome-ignore lint/suspicious/noControlCharactersInRegex: a key may hold any byte.
const BYTES_ONLY = /^[\x00-\xff]*$/

export function isByteString(text: string): boolean {
  return BYTES_ONLY.test(text)
}

/** The least string above every string that begins with `prefix`; null where there is none. */
export function successor(prefix: string): string | null {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const byte = prefix.charCodeAt(i)
    if (byte < 0xff) return prefix.slice(0, i) + String.fromCharCode(byte + 1)
  }
  return null
}

/** The folders of a key, outermost first, each with its `/`; only the first FOLDER_DEPTH_MAX of them. */
export function foldersOf(key: string): string[] {
  const folders: string[] = []
  let at = key.indexOf("/")
  while (at >= 0 && folders.length < FOLDER_DEPTH_MAX) {
    folders.push(key.slice(0, at + 1))
    at = key.indexOf("/", at + 1)
  }
  return folders
}

/** The folder just below `prefix` that holds `key`, or null where the key lies in no folder below it. */
export function folderBelow(prefix: string, key: string): string | null {
  const at = key.indexOf("/", prefix.length)
  if (at < 0 || slashes(prefix) >= FOLDER_DEPTH_MAX) return null
  return key.slice(0, at + 1)
}

/** True for what the store keeps a last change of: "", and a folder that is not too deep. */
export function isFolder(prefix: string): boolean {
  return prefix === "" || (prefix.endsWith("/") && slashes(prefix) <= FOLDER_DEPTH_MAX)
}

function slashes(text: string): number {
  let count = 0
  for (let at = text.indexOf("/"); at >= 0; at = text.indexOf("/", at + 1)) count++
  return count
}

/** A number as six bytes, the highest first, so that the order of the strings is the order of the numbers. */
export function counterKey(value: number): string {
  assert(Number.isInteger(value) && value >= 0 && value <= COUNTER_MAX, `counter out of range: ${value}`)
  const high = Math.floor(value / 2 ** 24)
  const low = value % 2 ** 24
  return String.fromCharCode(
    (high >>> 16) & 255,
    (high >>> 8) & 255,
    high & 255,
    (low >>> 16) & 255,
    (low >>> 8) & 255,
    low & 255,
  )
}

export function readCounterKey(key: string, at = 0): number {
  let value = 0
  for (let i = at; i < at + COUNTER_BYTES; i++) value = value * 256 + key.charCodeAt(i)
  return value
}
