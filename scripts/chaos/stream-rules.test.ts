import { expect, test } from "bun:test"
import { judgeStreams } from "./stream-rules.ts"
import type { FollowedBatch } from "./streams.ts"

const batch = (revision: number, ...networks: [string, string | null][]): FollowedBatch => ({
  revision,
  snapshot: false,
  networks: networks.map(([id, name]) => ({ id, name })),
})
const snapshot = (revision: number, ...ids: string[]): FollowedBatch => ({
  ...batch(revision, ...ids.map((id) => [id, `net-${id}`] as [string, string])),
  snapshot: true,
})

const right = [snapshot(5), batch(6, ["a", "net-a"]), batch(7), batch(9, ["b", "net-b"]), batch(10, ["a", null])]

test("every revision once, in order, is right; going on where it broke repeats nothing but the place", () => {
  expect(judgeStreams([right, [...right.slice(0, 3), batch(7), ...right.slice(3)]], ["a", "b"], ["b"])).toEqual([])
})

test("a revision told twice, or after a later one", () => {
  expect(judgeStreams([[...right, right.at(-1)!]], ["a", "b"], ["b"])).toContain(
    "follower 1: revision 10 came after 10",
  )
  const swapped = [snapshot(5), batch(9, ["b", "net-b"]), batch(6, ["a", "net-a"])]
  expect(judgeStreams([swapped], ["a", "b"], ["a", "b"])).toContain("follower 1: revision 6 came after 9")
})

test("a revision that only the others were told of", () => {
  const short = right.filter(({ revision }) => revision !== 9)
  expect(judgeStreams([right, short], ["a"], ["b"])).toContain("follower 2: revision 9 is missing")
})

test("a revision told in two ways, and an end that is not what there is", () => {
  const other = [snapshot(5), batch(6, ["c", "net-c"])]
  const found = judgeStreams([right, other], ["a", "b"], ["b"])
  expect(found).toContain("follower 2: revision 6 is told in two ways")
  expect(found).toContain("follower 2: at the end it has c and the cluster b")
})

test("a snapshot in mid-stream stands for what was before it", () => {
  expect(judgeStreams([[snapshot(5), batch(6, ["a", "net-a"]), snapshot(10, "b")]], ["a", "b", "x"], ["b"])).toEqual([])
})
