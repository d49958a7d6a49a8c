import { describe, expect, test } from "bun:test"
import { check, explain } from "./checker.ts"
import type { Operation } from "./history.ts"
import { type RegisterAnswer, type RegisterCall, register } from "./register.ts"

type RegisterOperation = Operation<RegisterCall, RegisterAnswer>

const generous = { maxStates: 100_000, maxBytes: 100_000_000, stop: () => false }

const open = (call: RegisterCall, invokedAt: number): RegisterOperation => {
  return { process: "p", call, answer: null, invokedAt, returnedAt: Number.POSITIVE_INFINITY }
}
const write = (value: string, invokedAt: number, returnedAt: number): RegisterOperation => {
  return { process: "p", call: { op: "write", value }, answer: { written: true }, invokedAt, returnedAt }
}
const read = (value: string | null, invokedAt: number, returnedAt: number): RegisterOperation => {
  return { process: "p", call: { op: "read" }, answer: { value }, invokedAt, returnedAt }
}
const cas = (expected: string, value: string, swapped: boolean, at: [number, number]): RegisterOperation => {
  return {
    process: "p",
    call: { op: "cas", expected, value },
    answer: { swapped },
    invokedAt: at[0],
    returnedAt: at[1],
  }
}
const wish = (value: string): RegisterCall => ({ op: "write", value })

const verdict = (...operations: RegisterOperation[]) => check(register, operations, generous)

describe("operations of known outcome", () => {
  test("keep the order in which they did not overlap", () => {
    expect(verdict()).toBe("linearizable")
    expect(verdict(write("1", 1, 2), write("2", 3, 4), read("2", 5, 6))).toBe("linearizable")
    expect(verdict(write("1", 1, 2), write("2", 3, 4), read("1", 5, 6))).toBe("not")
    expect(verdict(read("1", 1, 2), write("1", 3, 4))).toBe("not")
  })

  test("may be in either order where they overlapped, but in one for everybody", () => {
    const both = [write("1", 1, 4), write("2", 2, 3)]
    expect(verdict(...both, read("1", 5, 6))).toBe("linearizable")
    expect(verdict(...both, read("2", 5, 6))).toBe("linearizable")
    expect(verdict(...both, read("2", 5, 6), read("1", 7, 8))).toBe("not")
  })

  test("do not depend on the order in which they are given", () => {
    expect(verdict(read("2", 5, 6), write("2", 3, 4), write("1", 1, 2))).toBe("linearizable")
  })
})

describe("operations of unknown outcome", () => {
  test("may take effect, at any time, once, or never", () => {
    expect(verdict(open(wish("1"), 1), read(null, 2, 3))).toBe("linearizable")
    expect(verdict(open(wish("1"), 1), read(null, 2, 3), read("1", 4, 5))).toBe("linearizable")
    expect(verdict(open(wish("1"), 1), read("1", 2, 3), read(null, 4, 5))).toBe("not")
    expect(verdict(open(wish("1"), 1), read("1", 2, 3), write("2", 4, 5), read("1", 6, 7))).toBe("not")
    expect(verdict(read("1", 1, 2), open(wish("1"), 3))).toBe("not")
  })

  test("count each for itself where several asked for the same", () => {
    const twice = [open(wish("1"), 1), open(wish("1"), 4)]
    const between = [read("1", 5, 6), write("2", 7, 8), read("1", 9, 10)]
    expect(verdict(...twice, ...between)).toBe("linearizable")
    expect(verdict(...twice, ...between, write("2", 11, 12), read("1", 13, 14))).toBe("not")
    expect(verdict(...twice, read("1", 2, 3), write("2", 7, 8), read("1", 9, 10))).toBe("linearizable")
  })

  test("build on one another", () => {
    const chain: RegisterCall[] = ["1", "2", "3"].map((from) => ({ op: "cas", expected: from, value: `${+from + 1}` }))
    const opened = [...chain].reverse().map((call, index) => open(call, index + 1))
    expect(verdict(...opened, write("1", 10, 11), read("4", 12, 13))).toBe("linearizable")
    expect(verdict(...opened, write("1", 10, 11), read("4", 12, 13), read("3", 14, 15))).toBe("not")
  })

  test("may be all that explains why a comparison failed", () => {
    expect(verdict(write("1", 1, 2), cas("1", "3", false, [3, 4]))).toBe("not")
    expect(verdict(write("1", 1, 2), open(wish("2"), 1), cas("1", "3", false, [3, 4]))).toBe("linearizable")
  })
})

/** Writes of values of their own that nobody heard of again, among writes and reads that were answered. */
function manyLost(count: number): RegisterOperation[] {
  return Array.from({ length: count }, (_, index) => index * 10).flatMap((at) => [
    open(wish(`lost ${at}`), at),
    write(`kept ${at}`, at + 1, at + 4),
    read(`kept ${at}`, at + 5, at + 6),
  ])
}

describe("the search", () => {
  test("does not drown in unknown outcomes", () => {
    const few = { ...generous, maxStates: 20_000 }
    expect(check(register, manyLost(300), few)).toBe("linearizable")
    expect(check(register, [...manyLost(300), read("nobody wrote this", 4000, 4001)], few)).toBe("not")
    expect(check(register, [...manyLost(300), read("lost 0", 4000, 4001), read("lost 990", 4002, 4003)], few)).toBe(
      "linearizable",
    )
  })

  test("ends with unknown when it is stopped, or has seen as much as it may", () => {
    const hard = [...manyLost(1000), read("nobody wrote this", 40_000, 40_001)]
    expect(check(register, hard, { ...generous, maxStates: 10 })).toBe("unknown")
    expect(check(register, hard, { ...generous, maxBytes: 1000 })).toBe("unknown")
    expect(check(register, hard, { ...generous, stop: () => true })).toBe("unknown")
  })
})

describe("an explanation", () => {
  test("gives the furthest that one can come, and the states there", () => {
    const last = read("9", 5, 6)
    const both = [write("1", 1, 4), write("2", 2, 3)]
    const blocked = explain(register, [...both, last, read("1", 7, 8)], generous)
    expect(blocked?.operation).toBe(last)
    expect(blocked?.order).toEqual(both)
    expect(blocked?.states.toSorted()).toEqual(["1", "2"])
  })

  test("is not given for what is linearizable, nor when a limit comes first", () => {
    expect(explain(register, [write("1", 1, 2)], generous)).toBeNull()
    expect(explain(register, [write("1", 1, 2), read("2", 3, 4)], { ...generous, maxStates: 0 })).toBeNull()
  })
})
