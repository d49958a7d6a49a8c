import { expect, test } from "bun:test"
import { Frontier, type Possibility } from "./frontier.ts"
import type { Numbers } from "./numbers.ts"

interface Marks {
  key?: string
  done?: Numbers
  free?: Numbers
  used?: Numbers
}

function possibility({ key = "s", done = [], free = [], used = [] }: Marks): Possibility<string> {
  return { state: key, key, done, free, used, trail: null, base: undefined, kept: true }
}

/** Whether the second is still taken when the first is there, and whether the first is then still kept. */
function meet(first: Marks, second: Marks): string {
  const frontier = new Frontier<string>()
  const there = possibility(first)
  frontier.add(there)
  const isAdded = frontier.add(possibility(second))
  expect(frontier.size).toBe([...frontier].length)
  return isAdded ? (there.kept ? "both" : "second") : "first"
}

test("another state is another possibility", () => {
  expect(meet({ key: "s" }, { key: "t" })).toBe("both")
  expect(meet({ key: "s" }, { key: "s" })).toBe("first")
})

test("the one that used fewer operations of unknown outcome is better", () => {
  expect(meet({ used: [1, 4] }, { used: [4] })).toBe("second")
  expect(meet({ used: [4] }, { used: [1, 4] })).toBe("first")
  expect(meet({ used: [1] }, { used: [4] })).toBe("both")
})

test("to be free is better than to be done, and than not to be done", () => {
  expect(meet({ done: [2] }, { free: [2] })).toBe("second")
  expect(meet({}, { free: [2] })).toBe("second")
  expect(meet({ free: [2] }, { done: [2] })).toBe("first")
  expect(meet({ free: [2] }, {})).toBe("first")
  expect(meet({}, { done: [2] })).toBe("both")
  expect(meet({ done: [1] }, { free: [2] })).toBe("both")
  expect(meet({ done: [1] }, { done: [1], free: [2] })).toBe("second")
})

test("a better one displaces all that are worse", () => {
  const frontier = new Frontier<string>()
  for (const index of [1, 2, 3]) frontier.add(possibility({ used: [index] }))
  expect(frontier.size).toBe(3)
  frontier.add(possibility({}))
  expect([...frontier].map(({ used }) => used)).toEqual([[]])
  expect(frontier.size).toBe(1)
})
