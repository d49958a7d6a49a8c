import { expect, test } from "bun:test"
import { formatDuration, isPrintable, parseDuration, parseQuery, parseUint64, percentDecode, toText } from "./decode.ts"

test.each([
  ["a%2Fb", "a/b"],
  ["a%252Fb", "a%2Fb"],
  ["a+b", "a+b"],
  ["%C3%A7", "\xc3\xa7"],
  ["ç", "\xc3\xa7"],
  ["%ff", "\xff"],
  ["a%zz", null],
  ["a%2", null],
  ["%", null],
])("%j is decoded once, to bytes", (encoded, decoded) => {
  expect(percentDecode(encoded)).toBe(decoded)
})

test("bytes that are no UTF-8 are shown as U+FFFD", () => {
  expect(toText("a\xff\xc3\xa7")).toBe("a\ufffdç")
})

test.each([
  ["a b~ç語😀\ufffd", true],
  ["", true],
  ["a\tb", false],
  ["\x7f", false],
  ["\u00a0", false],
  ["\u2028", false],
  ["\u200b", false],
])("Go calls %j printable: %p", (text, printable) => {
  expect(isPrintable(text)).toBe(printable)
})

test.each([
  ["", []],
  [
    "a&b=&c=1=2&c=9",
    [
      ["a", ""],
      ["b", ""],
      ["c", "1=2"],
    ],
  ],
  ["a+b=c%2Bd+e", [["a b", "c+d e"]]],
  ["&&a", [["a", ""]]],
])("the query %j", (raw, expected) => {
  expect([...parseQuery(raw)!]).toEqual(expected as [string, string][])
})

test.each(["%zz", "a=%2", "a;b", "a=1;b=2"])("the query %j is refused, as Go refuses it", (raw) => {
  expect(parseQuery(raw)).toBeNull()
})

test.each([
  ["10s", 10_000],
  ["1h2m", 3_720_000],
  ["1.5s", 1500],
  [".5s", 500],
  ["1.s", 1000],
  ["15000ms", 15_000],
  ["100us", 0.1],
  ["1µs", 0.001],
  ["-5s", -5000],
  ["+0", 0],
  ["10", null],
  ["", null],
  ["s", null],
  [".s", null],
  ["1d", null],
  ["1s ", null],
])("the duration %j is %p ms", (text, ms) => {
  expect(parseDuration(text)).toBe(ms)
})

test("unsigned numbers up to 2^64-1, however many zeros before them", () => {
  expect(parseUint64("18446744073709551615")).toEqual({ value: 2n ** 64n - 1n })
  expect(parseUint64(`${"0".repeat(100)}7`)).toEqual({ value: 7n })
  expect(parseUint64("18446744073709551616")).toHaveProperty("problem")
  expect(parseUint64("9".repeat(1000))).toHaveProperty("problem")
  for (const text of ["", "+1", "-0", "1e3", "0x1", " 1"]) expect(parseUint64(text)).toHaveProperty("problem")
})

test.each([
  [0, "0s"],
  [1, "1ms"],
  [999, "999ms"],
  [1_500, "1.5s"],
  [10_000, "10s"],
  [60_000, "1m0s"],
  [86_400_000, "24h0m0s"],
])("%d ms is %s to Go", (ms, text) => {
  expect(formatDuration(ms)).toBe(text)
  expect(parseDuration(text)).toBe(ms)
})
