/**
 * What goes over the wire between two nodes: frames, one after the other.
 *
 *     u32 length of what follows (big endian) | u8 type, 0x80 added when the body holds bytes | u32 id | body
 *
 * The id ties an answer to its call and a message to its subscription; 0 where a frame speaks of the connection itself.
 * In a post it says what kind of post it is, and the body is bytes as they are.
 * The decoder takes the stream in whatever pieces it arrives, and gives up at the first thing that cannot be a frame.
 */
import { OvlError } from "../base/errors.ts"
import { decodeBody, encodeBody } from "./body.ts"

/**
 * Raised when what is said in frames changes its meaning. A node that still understands older ones says so in its
 * greeting by the oldest, so that versions one apart can talk while a cluster is upgraded node by node.
 */
export const PROTOCOL_VERSION = 2
export const PROTOCOL_VERSION_MIN = 2

export const FrameType = {
  /** Connecting side, first of all: who it thinks it talks to. */
  hello: 1,
  /** Listening side: the greeting is accepted. */
  welcome: 2,
  /** Either side: the connection ends, and why. */
  goodbye: 3,
  /** Either side, when it has nothing else to say: still alive. */
  keepAlive: 4,
  call: 5,
  answer: 6,
  failure: 7,
  subscribe: 8,
  message: 9,
  end: 10,
  unsubscribe: 11,
  /** Connecting side: bytes that nobody answers. */
  post: 12,
} as const
export type FrameType = (typeof FrameType)[keyof typeof FrameType]

export interface Frame {
  type: FrameType
  id: number
  /** Of a post: a `Uint8Array`, a part of what was read, not a copy. */
  body: unknown
  /** Bytes on the wire, for those who keep account of memory. */
  length: number
}

const LENGTH_BYTES = 4
export const FRAME_HEAD_BYTES = 9
const HAS_BYTES = 0x80
const LAST_TYPE = Math.max(...Object.values(FrameType))

/** One frame as bytes. Throws `frame_too_large` (kind too_large) when it is over `maxBytes`. */
export function encodeFrame(type: FrameType, id: number, value: unknown, maxBytes: number): Uint8Array {
  if (type === FrameType.post && value instanceof Uint8Array) return assemble(type, id, [value], maxBytes)
  const { parts, hasBytes } = encodeBody(value)
  return assemble(hasBytes ? type | HAS_BYTES : type, id, parts, maxBytes)
}

function assemble(flaggedType: number, id: number, parts: Uint8Array[], maxBytes: number): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, FRAME_HEAD_BYTES)
  if (length > maxBytes) throw tooLarge(length, maxBytes)
  const frame = new Uint8Array(length)
  const view = new DataView(frame.buffer)
  view.setUint32(0, length - LENGTH_BYTES)
  view.setUint8(4, flaggedType)
  view.setUint32(5, id)
  let at = FRAME_HEAD_BYTES
  for (const part of parts) {
    frame.set(part, at)
    at += part.length
  }
  return frame
}

/** Puts frames together from the pieces of a byte stream. After it has thrown it must not be used again. */
export class FrameDecoder {
  readonly #maxBytes: number
  #pieces: Uint8Array[] = []
  #held = 0
  /** How many bytes are needed before another look is worth it. */
  #needed = LENGTH_BYTES

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** The frames that this piece completes, in order. Throws `frame_too_large` or `frame_malformed`. */
  push(piece: Uint8Array): Frame[] {
    this.#pieces.push(piece)
    this.#held += piece.length
    if (this.#held < this.#needed) return []
    const bytes = this.#pieces.length === 1 ? piece : Buffer.concat(this.#pieces, this.#held)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const frames: Frame[] = []
    let at = 0
    while (bytes.length - at >= LENGTH_BYTES) {
      const total = LENGTH_BYTES + this.#lengthAt(view, at)
      if (bytes.length - at < total) break
      frames.push(decodeFrame(bytes.subarray(at, at + total), view, at))
      at += total
    }
    this.#keep(bytes.subarray(at))
    return frames
  }

  #lengthAt(view: DataView, at: number): number {
    const length = view.getUint32(at)
    if (LENGTH_BYTES + length > this.#maxBytes) throw tooLarge(LENGTH_BYTES + length, this.#maxBytes)
    if (LENGTH_BYTES + length < FRAME_HEAD_BYTES) throw malformed("it is shorter than its own head")
    return length
  }

  #keep(rest: Uint8Array): void {
    // A copy, so that a few bytes do not hold on to the whole of what was read; a Buffer's own `slice` would not be
    // one.
    this.#pieces = rest.length === 0 ? [] : [new Uint8Array(rest)]
    this.#held = rest.length
    this.#needed = LENGTH_BYTES
    if (rest.length >= LENGTH_BYTES) this.#needed += new DataView(rest.buffer, rest.byteOffset).getUint32(0)
  }
}

function decodeFrame(bytes: Uint8Array, view: DataView, at: number): Frame {
  const flagged = view.getUint8(at + 4)
  const type = flagged & ~HAS_BYTES
  if (type < 1 || type > LAST_TYPE) throw malformed(`there is no type ${type}`)
  try {
    const content = bytes.subarray(FRAME_HEAD_BYTES)
    const body = type === FrameType.post ? content : decodeBody(content, (flagged & HAS_BYTES) !== 0)
    return { type: type as FrameType, id: view.getUint32(at + 5), body, length: bytes.length }
  } catch (cause) {
    throw malformed("its body cannot be read", cause)
  }
}

function tooLarge(length: number, maxBytes: number): OvlError {
  return new OvlError("frame_too_large", `message between nodes: ${length} bytes are over the limit of ${maxBytes}`, {
    kind: "too_large",
    hint: "send less at once",
  })
}

function malformed(why: string, cause?: unknown): OvlError {
  return new OvlError("frame_malformed", `message between nodes: not understood, ${why}`, {
    kind: "invalid",
    hint: "is something else than ovl talking to this port?",
    cause,
  })
}
