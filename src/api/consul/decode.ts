/**
 * What arrives on Consul's paths, decoded exactly once and by Go's rules: keys as byte strings (one character, one
 * byte, as the store has them), queries, durations, unsigned numbers.
 */

/** Undoes percent-encoding into a byte string; null where a `%` is not followed by two hexadecimal digits. */
export function percentDecode(encoded: string): string | null {
  const bytes = toByteString(encoded)
  if (!bytes.includes("%")) return bytes
  if (/%(?![0-9a-fA-F]{2})/.test(bytes)) return null
  return bytes.replace(/%(..)/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
}

/** Text as the bytes of its UTF-8, one character each. A target is ASCII already, unless a caller left it unencoded. */
export function toByteString(text: string): string {
  return isAscii(text) ? text : Buffer.from(text, "utf8").toString("latin1")
}

/** The text that a byte string is in UTF-8; what is not UTF-8 becomes U+FFFD, as Go's JSON has it. */
export function toText(byteString: string): string {
  return isAscii(byteString) ? byteString : Buffer.from(byteString, "latin1").toString("utf8")
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false
  return true
}

/** Go's unicode.IsPrint over a whole text, by which Consul refuses paths: letters, marks, digits, signs, and the blank. */
export function isPrintable(text: string): boolean {
  if (/^[\x20-\x7e]*$/.test(text)) return true
  return !/[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u.test(text)
}

/**
 * A query by Go's url.ParseQuery: names and values as byte strings, `+` a blank; null where Go refuses it (`%zz`, `;`).
 * The first of several values of one name counts.
 */
export function parseQuery(raw: string): Map<string, string> | null {
  const query = new Map<string, string>()
  for (const pair of raw.split("&")) {
    if (pair === "") continue
    if (pair.includes(";")) return null
    const equals = pair.indexOf("=")
    const name = unescapeQuery(equals < 0 ? pair : pair.slice(0, equals))
    const value = unescapeQuery(equals < 0 ? "" : pair.slice(equals + 1))
    if (name === null || value === null) return null
    if (!query.has(name)) query.set(name, value)
  }
  return query
}

function unescapeQuery(encoded: string): string | null {
  return percentDecode(encoded.replaceAll("+", " "))
}

const UINT64_MAX = 2n ** 64n - 1n

/** An unsigned 64-bit number, or the message of Go's strconv.ParseUint, which Consul's clients meet (W2). */
export function parseUint64(text: string): { value: bigint } | { problem: string } {
  const quoted = JSON.stringify(toText(text))
  if (!/^\d+$/.test(text)) return { problem: `strconv.ParseUint: parsing ${quoted}: invalid syntax` }
  // Beyond 64 bits whatever its leading zeros, without making a number of megabytes first.
  const digits = text.replace(/^0+(?=\d)/, "")
  const value = digits.length > 20 ? UINT64_MAX + 1n : BigInt(digits)
  if (value > UINT64_MAX) return { problem: `strconv.ParseUint: parsing ${quoted}: value out of range` }
  return { value }
}

const UNIT_MS: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  "\u00b5s": 1e-3,
  "\u03bcs": 1e-3,
  ms: 1,
  s: 1e3,
  m: 6e4,
  h: 3.6e6,
}
const DURATION = /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h))+$/
const DURATION_PART = /(\d+\.?\d*|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/g

/** A duration by Go's time.ParseDuration (`10s`, `1h2m`, `1.5s`, `0`), in milliseconds; null where Go refuses it. */
export function parseDuration(text: string): number | null {
  if (/^[+-]?0$/.test(text)) return 0
  if (!DURATION.test(text)) return null
  let ms = 0
  for (const [, number, unit] of text.matchAll(DURATION_PART)) ms += Number(number) * UNIT_MS[unit!]!
  return text.startsWith("-") ? -ms : ms
}

/** A name or an id in a path as text; null where it cannot be decoded, or has what nobody can print (C22, C23). */
export function decodeSegment(rest: string): string | null {
  const decoded = percentDecode(rest)
  if (decoded === null) return null
  const text = toText(decoded)
  return isPrintable(text) ? text : null
}

/** A duration of whole milliseconds as Go prints it: `10s`, `24h0m0s`, `500ms`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return "0s"
  if (ms < 1_000) return `${ms}ms`
  const seconds = (ms / 1_000) % 60
  const minutes = Math.floor(ms / 60_000) % 60
  const hours = Math.floor(ms / 3_600_000)
  if (hours > 0) return `${hours}h${minutes}m${seconds}s`
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`
}
