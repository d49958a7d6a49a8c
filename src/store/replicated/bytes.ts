/** Numbers, byte strings and texts one behind the other: how entries and rows of the log are written and read back. */
import { assert } from "../../base/assert.ts"
import { OvlError } from "../../base/errors.ts"

/** Above this size a view is cheaper than a copy. */
const COPY_MAX_BYTES = 1_024

/** How a number that may have a fraction stands there. */
const WHOLE = 0
const ANY = 1
/** Strings up to this length are written byte by byte: a call into the runtime costs more. */
const LOOP_MAX_BYTES = 128

/** What is small is put together here, and then copied, which saves an array each time; taken while somebody writes. */
let desk: Uint8Array | null = new Uint8Array(COPY_MAX_BYTES)

export class ByteWriter {
  #bytes: Uint8Array
  #length = 0
  #isAtDesk: boolean

  /** `room`: bytes that will probably do. */
  constructor(room: number) {
    this.#isAtDesk = desk !== null && room <= COPY_MAX_BYTES
    this.#bytes = this.#isAtDesk ? desk! : new Uint8Array(room)
    if (this.#isAtDesk) desk = null
  }

  uint8(value: number): void {
    const at = this.#take(1)
    this.#bytes[at] = value
  }

  uint32(value: number): void {
    const at = this.#take(4)
    const bytes = this.#bytes
    bytes[at] = value >>> 24
    bytes[at + 1] = value >>> 16
    bytes[at + 2] = value >>> 8
    bytes[at + 3] = value
  }

  /** From 0 up to but not including 2^48. */
  counter(value: number): void {
    assert(Number.isInteger(value) && value >= 0 && value < 2 ** 48, `counter out of range: ${value}`)
    this.#uint48(value)
  }

  float(value: number): void {
    // Times and revisions are whole and small enough: the sign and the rest go the long way.
    const isWhole = Number.isInteger(value) && value >= 0 && value < 2 ** 48
    this.uint8(isWhole ? WHOLE : ANY)
    if (isWhole) return this.#uint48(value)
    this.bytes(new Uint8Array(Float64Array.of(value).buffer))
  }

  uint64(value: bigint): void {
    if (value === 0n) {
      this.uint32(0)
      return this.uint32(0)
    }
    this.uint32(Number(value >> 32n))
    this.uint32(Number(value & 0xffff_ffffn))
  }

  bytes(value: Uint8Array): void {
    this.uint32(value.length)
    const at = this.#take(value.length)
    this.#bytes.set(value, at)
  }

  /** A string of which each character is one byte. */
  byteString(value: string): void {
    const { length } = value
    this.uint32(length)
    let at = this.#take(length)
    if (length > LOOP_MAX_BYTES) this.#bytes.set(Buffer.from(value, "latin1"), at)
    else for (let i = 0; i < length; i++) this.#bytes[at++] = value.charCodeAt(i)
  }

  /** Any text. */
  text(value: string): void {
    this.bytes(Buffer.from(value, "utf8"))
  }

  /** All of it; nothing may be added after that. */
  done(): Uint8Array {
    const bytes = this.#bytes
    const length = this.#length
    if (this.#isAtDesk) desk = bytes
    return length <= COPY_MAX_BYTES ? bytes.slice(0, length) : bytes.subarray(0, length)
  }

  #uint48(value: number): void {
    const high = Math.floor(value / 2 ** 32)
    const at = this.#take(2)
    this.#bytes[at] = high >>> 8
    this.#bytes[at + 1] = high
    this.uint32(value - high * 2 ** 32)
  }

  #take(count: number): number {
    const at = this.#length
    this.#length += count
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#length)
      larger.set(this.#bytes.subarray(0, at))
      if (this.#isAtDesk) desk = this.#bytes
      this.#isAtDesk = false
      this.#bytes = larger
    }
    return at
  }
}

/** Reads what a `ByteWriter` wrote. Every method throws `data_corrupt` where that ends too early. */
export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #what: string
  #at = 0

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes
    this.#what = what
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  uint8(): number {
    return this.#bytes[this.#take(1)]!
  }

  uint32(): number {
    return this.#uint(4)
  }

  counter(): number {
    return this.#uint(6)
  }

  float(): number {
    if (this.uint8() === WHOLE) return this.#uint(6)
    return new Float64Array(Uint8Array.from(this.bytes()).buffer)[0]!
  }

  uint64(): bigint {
    const high = this.#uint(4)
    const low = this.#uint(4)
    return high === 0 && low === 0 ? 0n : (BigInt(high) << 32n) + BigInt(low)
  }

  /** Perhaps a view: the bytes it came from must not change. */
  bytes(): Uint8Array {
    const length = this.uint32()
    const at = this.#take(length)
    return length <= COPY_MAX_BYTES
      ? Uint8Array.prototype.slice.call(this.#bytes, at, at + length)
      : this.#bytes.subarray(at, at + length)
  }

  byteString(): string {
    const length = this.uint32()
    const at = this.#take(length)
    return Buffer.prototype.latin1Slice.call(this.#bytes, at, at + length)
  }

  text(): string {
    const length = this.uint32()
    const at = this.#take(length)
    return Buffer.prototype.utf8Slice.call(this.#bytes, at, at + length)
  }

  #uint(count: number): number {
    let value = 0
    for (let at = this.#take(count), end = at + count; at < end; at++) value = value * 256 + this.#bytes[at]!
    return value
  }

  #take(count: number): number {
    const at = this.#at
    this.#at += count
    if (this.#at > this.#bytes.length) throw dataDamaged(this.#what)
    return at
  }
}

/** A member that finds this stops: what it has can no longer be told from what it should have. */
export function dataDamaged(what: string): OvlError {
  return new OvlError("data_corrupt", `read ${what}: it is damaged`, {
    hint: "take this server out of the cluster and let it join anew; if it is the only one, restore a snapshot",
  })
}

/** What this member acknowledged it has no more: an old copy of its data has taken their place, or the disk lost writes. */
export function dataOutdated(has: number, acknowledged: number): OvlError {
  const why = `they end at entry ${has}, and it had acknowledged entry ${acknowledged}: is this an old copy?`
  return new OvlError("data_outdated", `go on with this server's data: ${why}`, {
    hint: "`ovl node rm` of this server on another one, `ovl down --all` here, then join anew",
  })
}
