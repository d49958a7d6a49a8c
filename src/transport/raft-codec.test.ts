import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { OvlError } from "../base/errors.ts"
import { type Message, message } from "../raft/message.ts"
import { decodeRaftMessage, encodeRaftMessage, isRaftWireMessage, raftMessageLength } from "./raft-codec.ts"

const number = fc.oneof(fc.nat(), fc.maxSafeNat())
const ids = fc.array(fc.integer({ min: 1, max: 2 ** 48 - 1 }), { maxLength: 5 })
const data = fc.uint8Array({ maxLength: 40 })

const messages: fc.Arbitrary<Message> = fc.record({
  type: fc.constantFrom("MsgApp", "MsgVote", "MsgSnap", "MsgHeartbeat", "MsgAppResp", "MsgProp", "MsgReadIndexResp"),
  to: number,
  from: number,
  term: number,
  logTerm: number,
  index: number,
  commit: number,
  rejectHint: number,
  context: number,
  reject: fc.boolean(),
  force: fc.boolean(),
  entries: fc.array(
    fc.record({
      term: number,
      index: number,
      type: fc.constantFrom("EntryNormal", "EntryConfChange", "EntryConfChangeV2"),
      data,
    }),
    { maxLength: 5 },
  ),
  snapshot: fc.option(
    fc.record({
      index: number,
      term: number,
      confState: fc.record({
        voters: ids,
        votersOutgoing: ids,
        learners: ids,
        learnersNext: ids,
        autoLeave: fc.boolean(),
      }),
      data,
    }),
    { nil: undefined },
  ),
})

/** What decoding says, in a word. */
function verdict(bytes: Uint8Array): string {
  try {
    decodeRaftMessage(bytes)
    return "a message"
  } catch (thrown) {
    return thrown instanceof OvlError ? thrown.code : `threw ${thrown}`
  }
}

describe("messages of Raft as bytes", () => {
  test("what goes in comes out, and is as long as was said", () => {
    fc.assert(
      fc.property(messages, (sent) => {
        const bytes = encodeRaftMessage(sent)
        expect(bytes.length).toBe(raftMessageLength(sent))
        expect(decodeRaftMessage(bytes)).toEqual(sent)
      }),
      { numRuns: 500 },
    )
  })

  test("the bytes of a message stay as they are", () => {
    const entry = { term: 2, index: 9, type: "EntryNormal" as const, data: new Uint8Array([0xab]) }
    const bytes = encodeRaftMessage(message("MsgApp", 2 ** 48 - 1, { from: 1, term: 2, index: 8, entries: [entry] }))
    expect(Buffer.from(bytes).toString("hex")).toBe(
      "010100" +
        "0000ffffffffffff" +
        "0000000000000001" +
        "0000000000000002" +
        "0000000000000000" +
        "0000000000000008" +
        "000000000000000000000000000000000000000000000000" +
        "00000001" +
        "0000000000000002" +
        "0000000000000009" +
        "00" +
        "00000001ab",
    )
  })

  test("entries are copies: the frame that they came in may be used again", () => {
    const entry = { term: 1, index: 1, type: "EntryNormal" as const, data: new Uint8Array([1, 2, 3]) }
    const frame = Buffer.from(encodeRaftMessage(message("MsgApp", 2, { entries: [entry] })))
    const got = decodeRaftMessage(frame)
    frame.fill(0)
    expect(got.entries[0]?.data).toEqual(new Uint8Array([1, 2, 3]))
    expect(got.entries[0]?.data.buffer.byteLength).toBe(3)
  })

  test("every message that is cut off is refused, and so is one with something behind it", () => {
    fc.assert(
      fc.property(messages, fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (sent, share) => {
        const bytes = encodeRaftMessage(sent)
        expect(verdict(bytes.subarray(0, Math.floor(share * bytes.length)))).toBe("raft_message_malformed")
        expect(verdict(Buffer.concat([bytes, Buffer.from([0])]))).toBe("raft_message_malformed")
      }),
      { numRuns: 300 },
    )
  })

  test("no garbage throws anything else, nor does a message with some bytes turned over", () => {
    const outcomes = ["a message", "raft_message_malformed"]
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => expect(outcomes).toContain(verdict(bytes))),
      { numRuns: 1_000 },
    )
    const places = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(messages, places, (sent, changes) => {
        const bytes = encodeRaftMessage(sent)
        for (const [at, value] of changes) bytes[at % bytes.length] = value
        expect(outcomes).toContain(verdict(bytes))
      }),
      { numRuns: 1_000 },
    )
  })

  test("lengths that lie make nothing large", () => {
    const bytes = encodeRaftMessage(message("MsgApp", 2))
    const lying = (at: number) => {
      const changed = new Uint8Array(bytes)
      changed.set([0xff, 0xff, 0xff, 0xff], at)
      return verdict(changed)
    }
    // The number of entries; the upper half of a number.
    expect([lying(bytes.length - 4), lying(3)]).toEqual(["raft_message_malformed", "raft_message_malformed"])
    const withEntry = encodeRaftMessage(
      message("MsgApp", 2, { entries: [{ term: 1, index: 1, type: "EntryNormal", data: new Uint8Array(1) }] }),
    )
    withEntry.set([0xff, 0xff, 0xff, 0xff], withEntry.length - 5)
    expect(verdict(withEntry)).toBe("raft_message_malformed")
  })

  test("another version, type or flag is refused", () => {
    const bytes = encodeRaftMessage(message("MsgVote", 2))
    const changed = (at: number, value: number) =>
      verdict(Uint8Array.from(bytes, (byte, i) => (i === at ? value : byte)))
    expect([changed(0, 2), changed(1, 13), changed(2, 8), changed(2, 4)]).toEqual(
      Array(4).fill("raft_message_malformed"),
    )
  })

  test("what a server says to itself is not sent", () => {
    const words = [message("MsgHup", 2), message("MsgStorageAppendResp", 2), message("MsgTransferLeader", 2)]
    expect([...words, message("MsgApp", -1)].map(isRaftWireMessage)).toEqual([false, false, false, false])
    expect(isRaftWireMessage(message("MsgApp", 2))).toBe(true)
    expect(() => encodeRaftMessage(message("MsgHup", 2))).toThrow()
    expect(() => encodeRaftMessage(message("MsgApp", 2, { commit: Number.POSITIVE_INFINITY }))).toThrow()
  })
})
