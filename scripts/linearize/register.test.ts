import { expect, test } from "bun:test"
import { register } from "./register.ts"

const read = { op: "read" } as const
const cas = { op: "cas", expected: "1", value: "2" } as const

test("a read finds what is there, nil at first", () => {
  expect(register.step(null, read, { value: null })).toBe(null)
  expect(register.step("1", read, { value: "1" })).toBe("1")
  expect(register.step("1", read, { value: "2" })).toBeUndefined()
  expect(register.step("1", read, { value: null })).toBeUndefined()
})

test("a write is always possible", () => {
  expect(register.step(null, { op: "write", value: "1" }, { written: true })).toBe("1")
  expect(register.step("3", { op: "write", value: "1" }, null)).toBe("1")
})

test("a compare-and-swap is answered as the comparison came out", () => {
  expect(register.step("1", cas, { swapped: true })).toBe("2")
  expect(register.step("1", cas, { swapped: false })).toBeUndefined()
  expect(register.step("3", cas, { swapped: true })).toBeUndefined()
  expect(register.step("3", cas, { swapped: false })).toBe("3")
})

test("one of unknown outcome swaps where it can", () => {
  expect(register.step("1", cas, null)).toBe("2")
  expect(register.step("3", cas, null)).toBe("3")
})

test("nil and a value that looks like it have different keys", () => {
  expect(register.key(null)).not.toBe(register.key("nil"))
})
