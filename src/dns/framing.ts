/** DNS over TCP: each message behind its length in two bytes (RFC 1035 4.2.2), cut out of the stream as it comes. */
import { TCP_MESSAGE_MAX_BYTES } from "./answer.ts"

/** The message with its length in front. */
export function framed(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(message.length + 2)
  bytes[0] = message.length >> 8
  bytes[1] = message.length & 255
  bytes.set(message, 2)
  return bytes
}

/** Collects pieces of a stream into messages of at most `maxBytes`. */
export class Unframer {
  readonly #maxBytes: number
  #pending = new Uint8Array(0)

  constructor(maxBytes: number = TCP_MESSAGE_MAX_BYTES) {
    this.#maxBytes = maxBytes
  }

  /** The messages that are whole now; null where one is longer than it may be, and the stream is to be given up. */
  take(piece: Uint8Array): Uint8Array[] | null {
    const bytes = this.#pending.length === 0 ? piece : concat(this.#pending, piece)
    const messages: Uint8Array[] = []
    let at = 0
    while (at + 2 <= bytes.length) {
      const length = (bytes[at]! << 8) | bytes[at + 1]!
      if (length > this.#maxBytes) return null
      if (at + 2 + length > bytes.length) break
      messages.push(new Uint8Array(bytes.subarray(at + 2, at + 2 + length)))
      at += 2 + length
    }
    this.#pending = new Uint8Array(bytes.subarray(at))
    return messages
  }
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(a.length + b.length)
  bytes.set(a)
  bytes.set(b, a.length)
  return bytes
}
