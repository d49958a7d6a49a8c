/**
 * The body of a frame: JSON, because it is what the store holds anyway and what the runtime encodes fastest, with bytes
 * allowed anywhere in it. A body without bytes is plain JSON, untouched. Only one that has some (KV values, mostly) is
 * marked as such and takes the longer way, where a `Uint8Array` travels as `{"$bytes": base64}`.
 */

const BYTES = "$bytes"
/** Wraps an object of the caller's that happens to have a key of ours, so that it comes out as it went in. */
const OBJECT = "$object"

export interface Body {
  bytes: Uint8Array
  /** Whether the body has to be decoded with `decodeBody(..., true)`. */
  hasBytes: boolean
}

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true })

/** Encodes what JSON can hold, and bytes. `undefined` is an empty body. Throws on a cycle or a bigint. */
export function encodeBody(value: unknown): Body {
  const hasBytes = containsBytes(value)
  const text = JSON.stringify(hasBytes ? lower(value, "") : value)
  return { bytes: text === undefined ? new Uint8Array(0) : encoder.encode(text), hasBytes }
}

/** The reverse. Throws a SyntaxError or TypeError when the bytes are no such body. */
export function decodeBody(bytes: Uint8Array, hasBytes: boolean): unknown {
  if (bytes.length === 0) return undefined
  const value: unknown = JSON.parse(decoder.decode(bytes))
  return hasBytes ? raise(value) : value
}

function containsBytes(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false
  if (value instanceof Uint8Array) return true
  if (Array.isArray(value)) return value.some(containsBytes)
  for (const key in value) {
    if (containsBytes((value as Record<string, unknown>)[key])) return true
  }
  return false
}

function lower(value: unknown, key: string): unknown {
  if (value instanceof Uint8Array) return { [BYTES]: Buffer.from(value).toString("base64") }
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return value.map((item, index) => lower(item, String(index)))
  if ("toJSON" in value && typeof value.toJSON === "function") return lower(value.toJSON(key), key)
  // Without a prototype, a key such as `__proto__` is a key like any other.
  const result: Record<string, unknown> = Object.create(null)
  for (const [name, item] of Object.entries(value)) result[name] = lower(item, name)
  return BYTES in result || OBJECT in result ? { [OBJECT]: result } : result
}

function raise(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return value.map(raise)
  const record = value as Record<string, unknown>
  if (Object.hasOwn(record, BYTES)) return bytesOf(record[BYTES])
  if (Object.hasOwn(record, OBJECT)) return raiseEach(record[OBJECT])
  return raiseEach(record)
}

function raiseEach(value: unknown): unknown {
  if (typeof value !== "object" || value === null) throw new TypeError("an escaped object is none")
  const record = value as Record<string, unknown>
  for (const key of Object.keys(record)) record[key] = raise(record[key])
  return record
}

function bytesOf(value: unknown): Uint8Array {
  if (typeof value !== "string") throw new TypeError("bytes are no base64 text")
  return new Uint8Array(Buffer.from(value, "base64"))
}
