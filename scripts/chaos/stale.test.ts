import { expect, test } from "bun:test"
import { attemptOf, type StaleRead } from "./recorder.ts"
import { judgeStale } from "./stale.ts"

const attempts = new Map([
  [attemptOf("k", "old"), { invokedAt: 1 }],
  [attemptOf("k", "new"), { invokedAt: 5 }],
])

function read(
  value: string | null,
  revision: number | null,
  at: [number, number],
  more: Partial<StaleRead> = {},
): StaleRead {
  return {
    source: "a#1",
    key: "k",
    value,
    revision,
    index: revision ?? 0,
    invokedAt: at[0],
    returnedAt: at[1],
    ...more,
  }
}

const verdict = (...stale: StaleRead[]) => judgeStale({ stale, attempts })

test("old is allowed, another node may be older, and so may a later life", () => {
  expect(verdict(read("new", 9, [6, 7]), read("old", 3, [8, 9], { source: "b#1" }))).toEqual([])
  expect(verdict(read("new", 9, [6, 7]), read("old", 3, [8, 9], { source: "a#2" }))).toEqual([])
})

test("one life of a node does not go back, unless the reads overlapped", () => {
  expect(verdict(read("new", 9, [6, 7]), read("old", 3, [8, 9]))[0]).toContain('"old" of revision 3: after stale read')
  expect(verdict(read("new", 9, [6, 9]), read("old", 3, [8, 10]))).toEqual([])
})

test("a key that is not there counts by the state it was missing in", () => {
  expect(verdict(read("new", 9, [6, 7]), read(null, null, [8, 9], { index: 12 }))).toEqual([])
  expect(verdict(read("new", 9, [6, 7]), read(null, null, [8, 9], { index: 4 }))).toHaveLength(1)
})

test("nobody reads what was not yet, or never, asked to be written", () => {
  expect(verdict(read("new", 9, [2, 3]))[0]).toContain("before it was asked to be written")
  expect(verdict(read("odd", 9, [2, 3]))[0]).toContain("nobody ever wrote that")
})
