import { describe, expect, test } from "bun:test"
import { check, type SearchLimits } from "./checker.ts"
import type { Operation } from "./history.ts"
import { type RegisterAnswer, type RegisterCall, register } from "./register.ts"

type RegisterOperation = Operation<RegisterCall, RegisterAnswer>

const generous: SearchLimits = { maxStates: 100_000, stop: () => false }

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

const verdictWithin = (limits: SearchLimits, ...operations: RegisterOperation[]) =>
  check(register, operations, limits).verdict
const verdict = (...operations: RegisterOperation[]) => verdictWithin(generous, ...operations)

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

  test("overlap where one is asked at the very position of the other's answer", () => {
    expect(verdict(write("1", 1, 2), write("2", 2, 3), read("1", 4, 5))).toBe("linearizable")
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

/** Writes that nobody heard of again, each of a value of its own, among writes and reads that were answered. */
function manyLost(count: number): RegisterOperation[] {
  return Array.from({ length: count }, (_, index) => index * 10).flatMap((at) => [
    open(wish(`lost ${at}`), at),
    write(`kept ${at}`, at + 1, at + 4),
    read(`kept ${at}`, at + 5, at + 6),
  ])
}

/** Writes of as many clients at the same time, and what was read thereafter. */
function manyAtOnce(count: number, thereafter: string): RegisterOperation[] {
  const writes = Array.from({ length: count }, (_, index) => write(String(index), index, 1000 + index))
  return [...writes, read(thereafter, 2000, 2001)]
}

describe("the search", () => {
  const narrow: SearchLimits = { maxStates: 100, stop: () => false }

  test("does not drown in unknown outcomes", () => {
    const lost = manyLost(300)
    expect(verdictWithin(narrow, ...lost)).toBe("linearizable")
    expect(verdictWithin(narrow, ...lost, read("nobody wrote this", 4000, 4001))).toBe("not")
    const found = [read("lost 0", 4000, 4001), read("lost 990", 4002, 4003)]
    expect(verdictWithin(narrow, ...lost, ...found)).toBe("linearizable")
    expect(verdictWithin(narrow, ...lost, ...found, read("lost 0", 4004, 4005))).toBe("not")
  })

  test("does not drown in writes at the same time", () => {
    expect(verdictWithin(narrow, ...manyAtOnce(30, "7"))).toBe("linearizable")
    expect(verdictWithin(narrow, ...manyAtOnce(30, "x"))).toBe("not")
  })

  test("ends with unknown when it is stopped, or has as much to keep as it may", () => {
    expect(verdictWithin({ ...narrow, maxStates: 10 }, ...manyAtOnce(30, "7"))).toBe("unknown")
    expect(verdictWithin({ ...narrow, stop: () => true }, ...manyLost(1000))).toBe("unknown")
  })
})

describe("an explanation", () => {
  test("gives an order as far as there is one, the operation without a place, and the states before it", () => {
    const first = read("9", 5, 6)
    const both = [write("1", 1, 4), write("2", 2, 3)]
    const finding = check(register, [...both, first, read("1", 7, 8)], generous)
    if (finding.verdict !== "not") throw new Error(finding.verdict)
    expect(finding.blocked.operation).toBe(first)
    expect(finding.blocked.order.toSorted((a, b) => a.invokedAt - b.invokedAt)).toEqual(both)
    expect(finding.blocked.states.toSorted()).toEqual(["1", "2"])
  })

  test("has an order that holds", () => {
    const finding = check(register, [...manyLost(50), ...manyAtOnce(5, "x").map(later)], generous)
    if (finding.verdict !== "not") throw new Error(finding.verdict)
    let state = register.initial
    for (const { call, answer } of finding.blocked.order) {
      const next = register.step(state, call, answer)
      if (next === undefined) throw new Error(`${register.callText(call)} cannot follow ${state}`)
      state = next
    }
    expect(finding.blocked.order.length).toBe(105)
  })
})

function later(operation: RegisterOperation): RegisterOperation {
  return { ...operation, invokedAt: operation.invokedAt + 10_000, returnedAt: operation.returnedAt + 10_000 }
}
