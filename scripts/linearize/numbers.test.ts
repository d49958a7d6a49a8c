import { expect, test } from "bun:test"
import { has, isPartOf, minus, plus } from "./numbers.ts"

test("numbers come and go in order, and the set that was stays as it was", () => {
  const set = [1, 4]
  expect(plus(set, 3)).toEqual([1, 3, 4])
  expect(plus(set, 5)).toEqual([1, 4, 5])
  expect(plus(set, 4)).toBe(set)
  expect(plus([], 3)).toEqual([3])
  expect(minus(set, 1)).toEqual([4])
  expect(minus(set, 3)).toBe(set)
  expect(set).toEqual([1, 4])
  expect([has(set, 4), has(set, 2)]).toEqual([true, false])
})

test("a set is part of another", () => {
  expect(isPartOf([], [])).toBe(true)
  expect(isPartOf([2, 5], [1, 2, 3, 5])).toBe(true)
  expect(isPartOf([2, 5], [2, 4])).toBe(false)
  expect(isPartOf([2, 5], [5, 6])).toBe(false)
  expect(isPartOf([1, 2], [1])).toBe(false)
})
