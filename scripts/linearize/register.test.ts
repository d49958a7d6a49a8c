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

test("writes of unknown outcome that nobody can tell apart get one value", () => {
  const at = { process: "p", invokedAt: 1, returnedAt: 2 }
  const lost = ["1", "2", "3", "4"].map((value) => ({ ...at, call: { op: "write" as const, value }, answer: null }))
  const seen = { ...at, call: read, answer: { value: "3" } }
  expect(register.alike([...lost, seen, { ...at, call: cas, answer: null }]).map(register.callText)).toEqual([
    "write 1",
    "write not read",
    "write 3",
    "write not read",
    "read",
    "cas 1 to 2",
  ])
})
