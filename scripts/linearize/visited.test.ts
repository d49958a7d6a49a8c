import { expect, test } from "bun:test"
import { Visited, withOne } from "./visited.ts"

test("a place is worth another visit only at a price that does not include one that was paid", () => {
  const visited = new Visited()
  expect(visited.add("a", [2, 5])).toBe(true)
  expect(visited.add("a", [2, 5])).toBe(false)
  expect(visited.add("a", [1, 2, 3, 5])).toBe(false)
  expect(visited.add("a", [2, 4])).toBe(true)
  expect(visited.add("b", [2, 5])).toBe(true)
  expect(visited.add("a", [])).toBe(true)
  expect(visited.add("a", [7])).toBe(false)
  expect(visited.count).toBe(4)
})

test("what it takes is estimated from the lengths of the keys", () => {
  const visited = new Visited()
  visited.add("x".repeat(1000), [1, 2])
  expect(visited.estimatedBytes).toBeGreaterThan(2000)
})

test("a price stays ascending", () => {
  expect(withOne([], 3)).toEqual([3])
  expect(withOne([1, 4], 3)).toEqual([1, 3, 4])
  expect(withOne([1, 4], 5)).toEqual([1, 4, 5])
})
