/**
 * Numbers and bytes of Raft's messages, written and read one after the other. Big endian; a number of Raft's (an id, a
 * term, an index) is an integer from 0 to 2^53 - 1 in eight bytes. The reader believes nothing: each length is held
 * against what is there before anything is made of it.
 */
import { assert } from "../base/assert.ts"
import { OvlError } from "../base/errors.ts"

export const NUMBER_BYTES = 8
const HALF = 0x1_0000_0000
/** The upper half of 2^53. */
const UPPER_MAX = 0x20_0000

/** Fills a buffer whose length was reckoned before; to go beyond it is a mistake of ours. */
export class ByteWriter {
  readonly bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(length: number) {
    this.bytes = new Uint8Array(length)
    this.#view = new DataView(this.bytes.buffer)
  }

  u8(value: number): void {
    this.#view.setUint8(this.#at, value)
    this.#at += 1
  }

  u32(value: number): void {
    this.#view.setUint32(this.#at, value)
    this.#at += 4
  }

  number(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, "numbers on the wire are integers below 2^53")
    this.#view.setUint32(this.#at, Math.floor(value / HALF))
    this.#view.setUint32(this.#at + 4, value % HALF)
    this.#at += NUMBER_BYTES
  }

  /** With their length before them. */
  data(bytes: Uint8Array): void {
    this.u32(bytes.length)
    this.bytes.set(bytes, this.#at)
    this.#at += bytes.length
  }

  /** The whole, once it is full. */
  done(): Uint8Array {
    assert(this.#at === this.bytes.length, "a message is as long as was reckoned")
    return this.bytes
  }
}

/** Every method throws `raft_message_malformed` (kind invalid) when what it is to read is not there. */
export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1))
  }

  /** One byte that is below `end`. */
  choice(end: number, what: string): number {
    const value = this.u8()
    if (value >= end) throw malformed(`${what} ${value} is not known`)
    return value
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4))
  }

  number(): number {
    const at = this.#take(NUMBER_BYTES)
    const upper = this.#view.getUint32(at)
    if (upper >= UPPER_MAX) throw malformed("a number is too large")
    return upper * HALF + this.#view.getUint32(at + 4)
  }

  /** How many items follow, of at least so many bytes each: no more than there is room for. */
  count(itemMinBytes: number): number {
    const count = this.u32()
    if (count * itemMinBytes > this.#bytes.length - this.#at) throw malformed("it names more than it holds")
    return count
  }

  /** A copy: what was read does not hold on to the whole that came over the network. */
  data(): Uint8Array {
    const length = this.u32()
    const at = this.#take(length)
    return new Uint8Array(this.#bytes.subarray(at, at + length))
  }

  /** Nothing may follow. */
  end(): void {
    if (this.#at !== this.#bytes.length) throw malformed("something follows its end")
  }

  #take(length: number): number {
    const at = this.#at
    if (length > this.#bytes.length - at) throw malformed("it is cut off")
    this.#at += length
    return at
  }
}

export function malformed(why: string): OvlError {
  return new OvlError("raft_message_malformed", `message of another server: not understood, ${why}`, {
    kind: "invalid",
    hint: "do all servers run versions of ovl that go together?",
  })
}
