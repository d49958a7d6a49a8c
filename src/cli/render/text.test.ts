import { expect, test } from "bun:test"
import { ago, count, facts, table, visible } from "./text.ts"

test("tables are aligned, without blanks at the line's end", () => {
  const columns = [
    { title: "NAME", text: (row: [string, string]) => row[0] },
    { title: "X", text: (row: [string, string]) => row[1] },
  ]
  expect(
    table(columns, [
      ["a", "1"],
      ["longer", ""],
    ]),
  ).toBe("NAME     X\na        1\nlonger\n")
  expect(table(columns, [])).toBe("NAME   X\n")
})

test("facts", () => {
  expect(
    facts([
      ["a", "1"],
      ["long", "2"],
    ]),
  ).toBe("a      1\nlong   2\n")
})

test("control characters are shown, not obeyed", () => {
  expect(visible("a\x1b[31m\nb\tc\u0085\x7f")).toBe("a\\x1b[31m\\nb\\tc\\x85\\x7f")
  expect(visible("grün")).toBe("grün")
})

test("ages", () => {
  const now = Date.parse("2026-03-01T12:00:00Z")
  const from = (ms: number) => ago(new Date(now + ms).toISOString(), now)
  expect(from(-500)).toBe("just now")
  expect(from(-30_000)).toBe("30 seconds ago")
  expect(from(-60_000)).toBe("1 minute ago")
  expect(from(-3 * 3_600_000)).toBe("3 hours ago")
  expect(from(86_399_700)).toBe("in 1 day")
  expect(from(-400 * 86_400_000)).toBe("1 year ago")
  expect(ago("never", now)).toBe("never")
})

test("numbers of things", () => {
  expect([count(0, "node"), count(1, "node"), count(2, "node")]).toEqual(["0 nodes", "1 node", "2 nodes"])
})
