import { describe, expect, test } from "bun:test"
import { jointCommittedIndex, jointVoteResult, voterIds } from "./joint.ts"
import { committedIndex, voteResult } from "./majority.ts"

const acked = (indexes: Record<number, number>) => (id: number) => indexes[id]
const votes = (text: string) =>
  new Map([...text].flatMap((c, i) => (c === "_" ? [] : [[i + 1, c === "y"] as [number, boolean]])))

describe("majority", () => {
  test.each([
    [[1], {}, 0],
    [[1], { 1: 7 }, 7],
    [[1, 2], { 1: 7 }, 0],
    [[1, 2], { 1: 7, 2: 5 }, 5],
    [[1, 2, 3], { 1: 7, 2: 5 }, 5],
    [[1, 2, 3], { 1: 7, 2: 5, 3: 6 }, 6],
    [[1, 2, 3, 4], { 1: 7, 2: 7, 3: 3, 4: 1 }, 3],
    [[1, 2, 3, 4, 5], { 1: 10, 2: 9, 3: 8, 4: 100, 5: 2 }, 9],
  ])("of %j with %j has committed %i", (ids, indexes, expected) => {
    expect(committedIndex(new Set(ids), acked(indexes))).toBe(expected)
  })

  test("of nobody sets no limit and wins every vote", () => {
    expect(committedIndex(new Set(), acked({}))).toBe(Infinity)
    expect(voteResult(new Set(), new Map())).toBe("won")
  })

  test.each([
    ["_", "pending"],
    ["n", "lost"],
    ["y", "won"],
    ["y_", "pending"],
    ["yn", "lost"],
    ["yn_", "pending"],
    ["yy_", "won"],
    ["nn_", "lost"],
    ["yynn", "lost"],
    ["yyny", "won"],
  ] as const)("votes %s are %s", (text, expected) => {
    expect(voteResult(new Set([...text].map((_, i) => i + 1)), votes(text))).toBe(expected)
  })
})

describe("joint", () => {
  const both = { incoming: new Set([1, 2, 3]), outgoing: new Set([3, 4, 5]) }

  test("commits what both halves have", () => {
    expect(jointCommittedIndex(both, acked({ 1: 9, 2: 9, 3: 9 }))).toBe(0)
    expect(jointCommittedIndex(both, acked({ 1: 9, 2: 9, 3: 9, 4: 4 }))).toBe(4)
  })

  test("is won by both halves, lost by one", () => {
    expect(jointVoteResult(both, votes("yy___"))).toBe("pending")
    expect(jointVoteResult(both, votes("yy_yy"))).toBe("won")
    expect(jointVoteResult(both, votes("nn_yy"))).toBe("lost")
  })

  test("names each voter once, in order", () => {
    expect(voterIds({ incoming: new Set([10, 3]), outgoing: new Set([3, 2]) })).toEqual([2, 3, 10])
  })
})
