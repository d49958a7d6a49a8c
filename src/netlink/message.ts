/**
 * Building and reading of netlink messages, in place. A `MessageWriter` appends to one buffer that is allocated once;
 * an `AttributeReader` walks over received bytes without copying them. Both know only the framing (header, attribute,
 * alignment): what the attributes mean is said in the file of each kernel object.
 */
import { assert } from "../base/assert.ts"
import { NETLINK_BATCH_MAX_BYTES, NETLINK_REQUEST_MAX_BYTES } from "../base/limits.ts"
import { NLA_F_NESTED, NLA_TYPE_MASK, NLMSG_HEADER_BYTES } from "./constants.ts"
import { malformed } from "./errors.ts"
import { addressBytes, readAddress, readMac, writeAddress, writeMac } from "./text.ts"

// Netlink is in the host's byte order. ovl is built for x86-64 and arm64 only, and both are little-endian.
assert(new Uint8Array(new Uint32Array([1]).buffer)[0] === 1, "netlink: a little-endian machine is needed")

/** Appends netlink messages to a buffer that grows up to a bound. Numbers are in host byte order unless said. */
export class MessageWriter {
  bytes: Uint8Array
  private view: DataView
  /** Where the next byte goes. */
  position = 0
  /** Where the message under construction starts; all before it is complete. */
  private start = 0

  constructor(capacity: number) {
    this.bytes = new Uint8Array(Math.max(capacity, NETLINK_REQUEST_MAX_BYTES))
    this.view = new DataView(this.bytes.buffer)
  }

  /** Forgets everything written. */
  reset(): void {
    this.position = 0
    this.start = 0
  }

  /** Starts a message, dropping one that was begun and not ended: its encoder had thrown. */
  begin(type: number, flags: number, seq: number): void {
    this.position = this.start
    if (this.bytes.length - this.position < NETLINK_REQUEST_MAX_BYTES) this.grow()
    this.view.setUint32(this.position, 0, true)
    this.view.setUint16(this.position + 4, type, true)
    this.view.setUint16(this.position + 6, flags, true)
    this.view.setUint32(this.position + 8, seq, true)
    this.view.setUint32(this.position + 12, 0, true)
    this.position += NLMSG_HEADER_BYTES
  }

  /** Ends the message: its length goes into its header. */
  end(): void {
    const length = this.position - this.start
    assert(length <= NETLINK_REQUEST_MAX_BYTES, "netlink: a request is too long")
    this.view.setUint32(this.start, length, true)
    this.start = this.position
  }

  private grow(): void {
    const wanted = this.bytes.length * 2
    assert(wanted <= NETLINK_BATCH_MAX_BYTES, `netlink: a batch over ${NETLINK_BATCH_MAX_BYTES} bytes`)
    const bytes = new Uint8Array(wanted)
    bytes.set(this.bytes)
    this.bytes = bytes
    this.view = new DataView(bytes.buffer)
  }

  u8(value: number): void {
    this.bytes[this.position++] = value
  }

  u16(value: number): void {
    this.view.setUint16(this.position, value, true)
    this.position += 2
  }

  u32(value: number): void {
    this.view.setUint32(this.position, value, true)
    this.position += 4
  }

  private attribute(type: number, payload: number): void {
    this.view.setUint16(this.position, payload + 4, true)
    this.view.setUint16(this.position + 2, type, true)
    this.position += 4
  }

  /** Zeroes up to the next multiple of four: the buffer is used again and may hold old bytes. */
  private pad(): void {
    while ((this.position & 3) !== 0) this.bytes[this.position++] = 0
  }

  attributeU8(type: number, value: number): void {
    this.attribute(type, 1)
    this.view.setUint32(this.position, value & 255, true)
    this.position += 4
  }

  attributeU16(type: number, value: number): void {
    this.attribute(type, 2)
    this.view.setUint32(this.position, value & 65535, true)
    this.position += 4
  }

  attributeU32(type: number, value: number): void {
    this.attribute(type, 4)
    this.u32(value)
  }

  /** In network byte order, as ports are. */
  attributeU16be(type: number, value: number): void {
    this.attribute(type, 2)
    this.view.setUint32(this.position, 0, true)
    this.view.setUint16(this.position, value, false)
    this.position += 4
  }

  /** A string with its terminating zero. */
  attributeString(type: number, text: string): void {
    const encoded = Buffer.from(text, "utf8")
    assert(encoded.length < 1024 && !text.includes("\0"), "netlink: a string too long, or with a zero in it")
    this.attribute(type, encoded.length + 1)
    this.bytes.set(encoded, this.position)
    this.position += encoded.length
    this.bytes[this.position++] = 0
    this.pad()
  }

  attributeMac(type: number, mac: string): void {
    this.attribute(type, 6)
    this.view.setUint32(this.position + 4, 0, true)
    writeMac(mac, this.bytes, this.position)
    this.position += 8
  }

  /** An IPv4 or IPv6 address, its length told by the text. */
  attributeAddress(type: number, address: string): void {
    this.attribute(type, addressBytes(address))
    this.position += writeAddress(address, this.bytes, this.position)
  }

  /** Opens a nested attribute; what it returns goes to `endNest`. iproute2 leaves the nested flag off in places. */
  nest(type: number, flag: number = NLA_F_NESTED): number {
    const at = this.position
    this.attribute(type | flag, 0)
    return at
  }

  endNest(at: number): void {
    this.view.setUint16(at, this.position - at, true)
  }
}

/** Walks over the attributes between two offsets: `while (reader.next()) switch (reader.type) ...`. */
export class AttributeReader {
  /** The attribute's type without its flags. */
  type = 0
  /** Where its payload starts and ends. */
  start = 0
  end = 0
  private position = 0
  private limit = 0

  constructor(
    readonly bytes: Uint8Array,
    readonly view: DataView,
  ) {}

  /** Sets the range to walk; the whole range must lie within the bytes. */
  over(start: number, limit: number): this {
    if (start > limit || limit > this.bytes.length) throw malformed(`attributes at ${start} to ${limit}`)
    this.position = start
    this.limit = limit
    return this
  }

  /** A reader of what is nested in the current attribute. */
  nested(): AttributeReader {
    return new AttributeReader(this.bytes, this.view).over(this.start, this.end)
  }

  /** Moves to the next attribute; false at the end. Throws on one that does not fit: never loops. */
  next(): boolean {
    if (this.position >= this.limit) return false
    if (this.limit - this.position < 4) throw malformed(`${this.limit - this.position} bytes after the attributes`)
    const length = this.view.getUint16(this.position, true)
    if (length < 4 || this.position + length > this.limit) throw malformed(`an attribute of ${length} bytes`)
    this.type = this.view.getUint16(this.position + 2, true) & NLA_TYPE_MASK
    this.start = this.position + 4
    this.end = this.position + length
    this.position += (length + 3) & ~3
    return true
  }

  private need(length: number): void {
    if (this.end - this.start < length) throw malformed(`attribute ${this.type} of ${this.end - this.start} bytes`)
  }

  u8(): number {
    this.need(1)
    return this.bytes[this.start]!
  }

  u16(): number {
    this.need(2)
    return this.view.getUint16(this.start, true)
  }

  u16be(): number {
    this.need(2)
    return this.view.getUint16(this.start, false)
  }

  u32(): number {
    this.need(4)
    return this.view.getUint32(this.start, true)
  }

  i32(): number {
    this.need(4)
    return this.view.getInt32(this.start, true)
  }

  /** A string up to its zero, or to the attribute's end where it has none. */
  string(): string {
    let end = this.start
    while (end < this.end && this.bytes[end] !== 0) end++
    return textOf(this.bytes).toString("utf8", this.start, end)
  }

  /** A hardware address of six bytes; null for those of other lengths (tunnels, loopback over other media). */
  mac(): string | null {
    return this.end - this.start === 6 ? readMac(this.bytes, this.start) : null
  }

  /** An IPv4 or IPv6 address by its length; null for any other. */
  address(): string | null {
    const length = this.end - this.start
    return length === 4 || length === 16 ? readAddress(this.bytes, this.start, length) : null
  }

  /** A copy of the payload, for decoders that want a Buffer of their own. */
  copy(): Buffer {
    return Buffer.from(this.bytes.subarray(this.start, this.end))
  }
}

let lastText: { bytes: Uint8Array; buffer: Buffer } | undefined

/** A view that can decode text: made once for thousands of names in the same bytes. */
function textOf(bytes: Uint8Array): Buffer {
  if (lastText?.bytes !== bytes) {
    lastText = { bytes, buffer: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) }
  }
  return lastText.buffer
}

/** One received message, in place: valid until the buffer is filled again. */
export interface ReceivedMessage {
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly type: number
  readonly flags: number
  readonly seq: number
  readonly port: number
  /** Where the payload starts and ends. */
  readonly start: number
  readonly end: number
}

/** Calls back for each message in the first `length` bytes. A header that does not fit is an error, never a loop. */
export function forEachMessage(bytes: Uint8Array, length: number, visit: (message: ReceivedMessage) => void): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let position = 0
  while (position < length) {
    if (length - position < NLMSG_HEADER_BYTES) throw malformed(`${length - position} bytes after the messages`)
    const size = view.getUint32(position, true)
    if (size < NLMSG_HEADER_BYTES || position + size > length) throw malformed(`a message of ${size} bytes`)
    visit({
      bytes,
      view,
      type: view.getUint16(position + 4, true),
      flags: view.getUint16(position + 6, true),
      seq: view.getUint32(position + 8, true),
      port: view.getUint32(position + 12, true),
      start: position + NLMSG_HEADER_BYTES,
      end: position + size,
    })
    position += (size + 3) & ~3
  }
}

/** The attributes behind a fixed header of `headerBytes`; throws where the message is shorter than that. */
export function attributesAfter(message: ReceivedMessage, headerBytes: number): AttributeReader {
  if (message.end - message.start < headerBytes) throw malformed(`a message of type ${message.type} without its header`)
  return new AttributeReader(message.bytes, message.view).over(message.start + headerBytes, message.end)
}
