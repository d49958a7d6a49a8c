import { expect, test } from "bun:test"
import { parseJepsen } from "./jepsen.ts"
import { register } from "./register.ts"

const log = (...lines: string[]) => lines.map((line) => `INFO  jepsen.util - ${line}`).join("\n")

function parsed(...lines: string[]): string[] {
  return parseJepsen(log(...lines)).map(({ process, call, answer, invokedAt, returnedAt }) => {
    const outcome = answer === null ? "unknown" : register.answerText(answer)
    return `${process} ${invokedAt}-${returnedAt} ${register.callText(call)}: ${outcome}`
  })
}

test("invocations find their answers, whatever comes between", () => {
  expect(
    parsed(
      "0\t:invoke\t:read\tnil",
      "1\t:invoke\t:write\t3",
      "2   :invoke :cas    [1 -2]",
      ":nemesis\t:info\t:start\tnil",
      "1\t:ok\t:write\t3",
      "0\t:ok\t:read\tnil",
      "2   :ok     :cas    [1 -2]",
    ),
  ).toEqual(["0 1-6 read: nil", "1 2-5 write 3: ok", "2 3-7 cas 1 to -2: ok"])
})

test("info and the end of the log leave an operation open, and its process may be gone", () => {
  expect(parsed("0\t:invoke\t:write\t3", "0\t:info\t:write\t:timed-out", "5\t:invoke\t:cas\t[0 1]")).toEqual([
    "0 1-Infinity write 3: unknown",
    "5 3-Infinity cas 0 to 1: unknown",
  ])
})

test("what failed did not happen, but a failed comparison was answered", () => {
  expect(
    parsed(
      "0\t:invoke\t:read\tnil",
      "0\t:fail\t:read\t:timed-out",
      "0\t:invoke\t:cas\t[1 2]",
      "0\t:fail\t:cas\t[1 2]",
      "0\t:invoke\t:cas\t[1 2]",
      "0\t:fail\t:cas\t:refused",
    ),
  ).toEqual(["0 3-4 cas 1 to 2: not what it expected"])
})

test("what makes no sense is named with its line", () => {
  expect(() => parsed("0\t:ok\t:read\t1")).toThrow("line 1: process 0 did not ask for anything")
  expect(() => parsed("0\t:invoke\t:read\tnil", "0\t:invoke\t:read\tnil")).toThrow(
    "line 2: process 0 has no answer yet to what it asked on line 1",
  )
  expect(() => parsed("0\t:invoke\t:read\tnil", "0\t:ok\t:write\t1")).toThrow(
    "line 2: process 0 asked for :read, not for :write",
  )
  expect(() => parsed("0\t:invoke\t:append\t1")).toThrow("line 1: :append is not an operation of a register")
  expect(() => parsed("0\t:invoke\t:write\tx")).toThrow("line 1: x is neither a number nor nil")
  expect(() => parsed("0\t:invoke\t:cas\t1")).toThrow("line 1: :cas wants [expected value]")
})

test("a Windows line end does no harm", () => {
  expect(parsed("0\t:invoke\t:read\tnil\r", "0\t:ok\t:read\t1\r")).toEqual(["0 1-2 read: 1"])
})
