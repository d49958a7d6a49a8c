import { expect, test } from "bun:test"
import { isWithinCall, readJournal } from "./journal.ts"

const KINDS = { write: 1, sync: 2, truncate: 3, end: 4, request: 5, answer: 6, strange: 7, start: 8 }

interface Fields {
  thread?: number
  flags?: number
  place?: number
  value?: number
  text?: string
}

/** A record as journal.c writes it. */
function record(
  kind: keyof typeof KINDS,
  { thread = 1, flags = 0, place = 0, value = 0, text = "" }: Fields = {},
): Buffer {
  const head = Buffer.alloc(32)
  head.writeUInt32LE(0x4a435750, 0)
  head.set([KINDS[kind], flags, 1], 4)
  head.writeUInt32LE(thread, 8)
  head.writeUInt32LE(text.length, 12)
  head.writeBigInt64LE(BigInt(place), 16)
  head.writeBigInt64LE(BigInt(value), 24)
  return Buffer.concat([head, Buffer.from(text)])
}

function read(...records: Buffer[]) {
  return readJournal(Buffer.concat(records))
}

test("an end belongs to what its thread has begun", () => {
  const write = record("write", { thread: 7, place: 4096, text: "abc" })
  const answer = record("answer", { place: 18, text: "HTTP/1.1 200 OK" })
  const events = read(
    record("start"),
    write,
    record("sync", { thread: 8 }),
    answer,
    record("end", { thread: 7, value: 3 }),
  )
  expect(events.map((event) => ({ ...event, member: undefined, bytes: undefined }) as object)).toEqual([
    { kind: "write", offset: 4096 },
    { kind: "sync" },
    { kind: "answer", connection: 18, text: "HTTP/1.1 200 OK" },
    { kind: "end", begun: 0, result: 3, durable: false },
  ])
  expect(isWithinCall(events, 1)).toBe(true)
  expect(isWithinCall(events, 2)).toBe(false)
  expect(isWithinCall(events.slice(0, 1), 1)).toBe(true)
})

test("a journal that cannot be trusted is refused", () => {
  expect(() => read(record("write", { text: "abc" }).subarray(0, 33))).toThrow("cut off")
  expect(() => read(Buffer.alloc(32))).toThrow("no record at byte 0")
  expect(() => read(record("end"))).toThrow("had not begun")
  expect(() => read(record("sync"), record("sync"))).toThrow("two things at once")
  expect(() => read(record("strange", { text: "mmap" }))).toThrow("changed by mmap")
  expect(() => read(record("sync"), record("start"))).toThrow("killed in the midst")
})
