import { expect, test } from "bun:test"
import { parseJsonLines } from "./jsonlines.ts"
import { findDisorder } from "./revisions.ts"

function disorder(...events: object[]): string | null {
  const text = [{ history: "kv", version: 1 }, ...events].map((event) => JSON.stringify(event)).join("\n")
  const found = findDisorder(parseJsonLines(text))
  return found && `process ${found.operation.process}: ${found.why}`
}

const put = (process: number, key: string, value: string) => ({ process, type: "invoke", op: "put", key, value })
const get = (process: number, key: string) => ({ process, type: "invoke", op: "get", key })
const ok = (process: number, revision?: number) => ({ process, type: "ok", revision })
const found = (process: number, value: string, revision: number) => ({ process, type: "ok", value, revision })

test("changes one after another have ascending revisions", () => {
  expect(disorder(put(0, "a", "1"), ok(0, 5), put(1, "b", "2"), ok(1, 6))).toBeNull()
  expect(disorder(put(0, "a", "1"), ok(0, 5), put(1, "b", "2"), ok(1, 4))).toBe(
    "process 1: it got revision 4, but line 3 had told of revision 5 before this was asked",
  )
})

test("changes at the same time may have theirs in either order, but each its own", () => {
  expect(disorder(put(0, "a", "1"), put(1, "b", "2"), ok(0, 5), ok(1, 4))).toBeNull()
  expect(disorder(put(0, "a", "1"), put(1, "b", "2"), ok(0, 5), ok(1, 5))).toBe(
    "process 1: its revision 5 is also that of line 4",
  )
})

test("what may have changed nothing may tell the present revision", () => {
  const twice = [put(0, "a", "1"), ok(0, 5), put(1, "a", "1")]
  expect(disorder(...twice, ok(1, 5))).toBeNull()
  expect(disorder(...twice, ok(1, 4))).toBe(
    "process 1: it got revision 4, but line 3 had told of revision 5 before this was asked",
  )
})

test("a read has every change up to a revision that was told of before", () => {
  const slow = [put(0, "a", "1"), ok(0, 5), put(9, "a", "2"), put(1, "b", "3"), ok(1, 7)]
  expect(disorder(...slow, get(2, "a"), found(2, "1", 5), ok(9, 8))).toBeNull()
  expect(disorder(...slow, get(2, "a"), found(2, "1", 5), ok(9, 6))).toBe(
    "process 2: it found revision 5, but the key changed at 6, and line 6 had told of revision 7 before this was asked",
  )
  expect(disorder(...slow.slice(0, 4), get(2, "a"), ok(1, 7), found(2, "1", 5), ok(9, 6))).toBeNull()
})

test("answers without a revision say nothing", () => {
  expect(disorder(put(0, "a", "1"), ok(0), put(1, "b", "2"), ok(1))).toBeNull()
})
