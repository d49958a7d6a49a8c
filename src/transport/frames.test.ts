import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { OvlError } from "../base/errors.ts"
import { encodeFrame, type Frame, FrameDecoder, FrameType } from "./frames.ts"

const MAX_BYTES = 65_536

/** Splits bytes at the given places, each a number from 0 to 1 of the whole. */
function split(bytes: Uint8Array, places: number[]): Uint8Array[] {
  const cuts = [0, ...places.map((p) => Math.floor(p * bytes.length)).sort((a, b) => a - b), bytes.length]
  return cuts.slice(1).map((end, i) => bytes.subarray(cuts[i], end))
}

function decodeAll(pieces: Uint8Array[], maxBytes = MAX_BYTES): Frame[] {
  const decoder = new FrameDecoder(maxBytes)
  return pieces.flatMap((piece) => decoder.push(piece))
}

function codeOf(run: () => unknown): string {
  try {
    run()
    return "nothing thrown"
  } catch (thrown) {
    return thrown instanceof OvlError ? thrown.code : String(thrown)
  }
}

const id = fc.integer({ min: 0, max: 0xffff_ffff })
const spoken = fc.record({
  type: fc.constantFrom(...Object.values(FrameType).filter((type) => type !== FrameType.post)),
  id,
  body: fc.option(fc.jsonValue(), { nil: undefined }),
})
const posts = fc.record({ type: fc.constant(FrameType.post), id, body: fc.uint8Array({ maxLength: 50 }) })
const frames = fc.array(fc.oneof(spoken, posts), { maxLength: 8 })

describe("frames", () => {
  test("any split of the stream gives the same frames", () => {
    fc.assert(
      fc.property(frames, fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 }), (sent, places) => {
        const stream = Buffer.concat(sent.map((f) => encodeFrame(f.type, f.id, f.body, MAX_BYTES)))
        const got = decodeAll(split(stream, places)).map(({ type, id, body }) => ({ type, id, body: reread(body) }))
        const plain = sent.map((f) => ({ ...f, body: reread(f.body) }))
        expect(got).toEqual(plain)
      }),
      { numRuns: 300 },
    )
  })

  test("one byte after the other", () => {
    const stream = encodeFrame(FrameType.call, 7, { method: "echo", value: new Uint8Array([1, 2]) }, MAX_BYTES)
    const got = decodeAll([...stream].map((byte) => new Uint8Array([byte])))
    expect(got).toEqual([
      { type: FrameType.call, id: 7, body: { method: "echo", value: new Uint8Array([1, 2]) }, length: stream.length },
    ])
  })

  test("the head is as documented", () => {
    const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")
    expect(hex(encodeFrame(FrameType.keepAlive, 0, undefined, MAX_BYTES))).toBe("000000050400000000")
    expect(hex(encodeFrame(FrameType.answer, 258, 1, MAX_BYTES))).toBe("00000006060000010231")
    expect(hex(encodeFrame(FrameType.answer, 1, new Uint8Array([255]), MAX_BYTES)).slice(8, 10)).toBe("86")
    expect(hex(encodeFrame(FrameType.post, 1, new Uint8Array([255]), MAX_BYTES))).toBe("000000060c00000001ff")
  })

  test("no garbage ever throws anything but an OvlError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(["nothing thrown", "frame_too_large", "frame_malformed"]).toContain(codeOf(() => decodeAll([bytes])))
      }),
      { numRuns: 500 },
    )
  })

  test("garbage behind a sound head is refused", () => {
    const frame = (type: number, body: string) => {
      const head = Buffer.alloc(9)
      head.writeUInt32BE(5 + Buffer.byteLength(body, "latin1"))
      head[4] = type
      return Buffer.concat([head, Buffer.from(body, "latin1")])
    }
    const refused = [
      frame(0, ""),
      frame(99, ""),
      frame(5, "{"),
      frame(5, "\xff\xff"),
      frame(0x85, '\0\0\0\x0c{"$bytes":5}'),
      frame(0x85, '\0\0\0\x0d{"$object":5}'),
      frame(0x85, "{}"),
      frame(5, "[".repeat(60_000)),
      Buffer.from("00000004", "hex"),
    ]
    expect(refused.map((bytes) => codeOf(() => decodeAll([bytes])))).toEqual(refused.map(() => "frame_malformed"))
  })

  test("a frame over the limit is refused by its head alone, and is not made in the first place", () => {
    const head = Buffer.from("00010000", "hex")
    expect(codeOf(() => decodeAll([head]))).toBe("frame_too_large")
    expect(codeOf(() => encodeFrame(FrameType.call, 1, "x".repeat(MAX_BYTES), MAX_BYTES))).toBe("frame_too_large")
    const largest = encodeFrame(FrameType.call, 1, "x".repeat(MAX_BYTES - 11), MAX_BYTES)
    expect(largest.length).toBe(MAX_BYTES)
    expect(decodeAll(split(largest, [0.3, 0.6]))).toHaveLength(1)
  })

  test("what comes before the end of a cut-off stream is kept, the rest waits", () => {
    const frame = encodeFrame(FrameType.call, 1, "whole", MAX_BYTES)
    expect(decodeAll([Buffer.concat([frame, frame.subarray(0, 12)])])).toHaveLength(1)
  })
})

/** JSON has no negative zero; and whatever holds bytes, they are the same ones. */
function reread(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex")
  if (value === undefined) return undefined
  return JSON.parse(JSON.stringify(value))
}
