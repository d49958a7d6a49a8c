/**
 * The body of a frame: JSON, because it is what the store holds anyway and what the runtime encodes fastest, with bytes
 * allowed anywhere in it. A body without bytes is plain JSON, untouched. One that has some (KV values, pieces of a
 * snapshot) is marked as such, and they follow the JSON as they are:
 *
 *     u32 length of the JSON (big endian) | JSON | the bytes of the first `Uint8Array`, of the second, ...
 *
 * In the JSON `{"$bytes": length}` stands where each of them was, in the order in which the JSON names them.
 */

const BYTES = "$bytes"
/** Wraps an object of the caller's that happens to have a key of ours, so that it comes out as it went in. */
const OBJECT = "$object"
const LENGTH_BYTES = 4

export interface Body {
  /** What the body is made of, one after the other. */
  parts: Uint8Array[]
  /** Whether the body has to be decoded with `decodeBody(..., true)`. */
  hasBytes: boolean
}

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true })

/** Encodes what JSON can hold, and bytes. `undefined` is an empty body. Throws on a cycle or a bigint. */
export function encodeBody(value: unknown): Body {
  if (!containsBytes(value)) {
    const text = JSON.stringify(value)
    return { parts: text === undefined ? [] : [encoder.encode(text)], hasBytes: false }
  }
  const found: Uint8Array[] = []
  const text = encoder.encode(JSON.stringify(lower(value, "", found)))
  const length = new Uint8Array(LENGTH_BYTES)
  new DataView(length.buffer).setUint32(0, text.length)
  return { parts: [length, text, ...found], hasBytes: true }
}

/**
 * The reverse; bytes come as copies where they are the smaller part of their frame. Throws a SyntaxError, TypeError or
 * RangeError when it is no such body.
 */
export function decodeBody(bytes: Uint8Array, hasBytes: boolean): unknown {
  if (!hasBytes) return bytes.length === 0 ? undefined : JSON.parse(decoder.decode(bytes))
  if (bytes.length < LENGTH_BYTES) throw new TypeError("a body with bytes is too short")
  const end = LENGTH_BYTES + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
  if (end > bytes.length) throw new TypeError("the JSON of a body is cut off")
  const rest = new Rest(bytes.subarray(end))
  const value = raise(JSON.parse(decoder.decode(bytes.subarray(LENGTH_BYTES, end))), rest)
  rest.mustBeEmpty()
  return value
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

function lower(value: unknown, key: string, found: Uint8Array[]): unknown {
  if (value instanceof Uint8Array) {
    found.push(value)
    return { [BYTES]: value.length }
  }
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return value.map((item, index) => lower(item, String(index), found))
  if ("toJSON" in value && typeof value.toJSON === "function") return lower(value.toJSON(key), key, found)
  // Without a prototype, a key such as `__proto__` is a key like any other.
  const result: Record<string, unknown> = Object.create(null)
  for (const [name, item] of Object.entries(value)) result[name] = lower(item, name, found)
  return BYTES in result || OBJECT in result ? { [OBJECT]: result } : result
}

function raise(value: unknown, rest: Rest): unknown {
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return value.map((item) => raise(item, rest))
  const record = value as Record<string, unknown>
  if (Object.hasOwn(record, BYTES)) return rest.take(record[BYTES])
  if (Object.hasOwn(record, OBJECT)) return raiseEach(record[OBJECT], rest)
  return raiseEach(record, rest)
}

function raiseEach(value: unknown, rest: Rest): unknown {
  if (typeof value !== "object" || value === null) throw new TypeError("an escaped object is none")
  const record = value as Record<string, unknown>
  for (const key of Object.keys(record)) record[key] = raise(record[key], rest)
  return record
}

/** What follows the JSON: each of its bytes belongs to one place in it, no more and no less. */
class Rest {
  #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  take(length: unknown): Uint8Array {
    if (!Number.isInteger(length) || Number(length) < 0 || Number(length) > this.#bytes.length) {
      throw new TypeError("bytes are longer than what is there")
    }
    const part = this.#bytes.subarray(0, Number(length))
    this.#bytes = this.#bytes.subarray(Number(length))
    // A copy, so that a small value does not hold on to the whole frame; a Buffer's own `slice` would not be one.
    return part.length * 2 > part.buffer.byteLength
      ? new Uint8Array(part.buffer, part.byteOffset, part.length)
      : new Uint8Array(part)
  }

  mustBeEmpty(): void {
    if (this.#bytes.length > 0) throw new TypeError("there are bytes that belong nowhere")
  }
}
