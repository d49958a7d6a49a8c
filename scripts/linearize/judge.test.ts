import { describe, expect, test } from "bun:test"
import { judge } from "./judge.ts"

const generous = { maxStates: 100_000, stop: () => false }

const judged = (text: string, limits = generous) => judge(text, { limits, explain: true })

const STALE_READ = `
INFO  jepsen.util - 0	:invoke	:write	1
INFO  jepsen.util - 0	:ok	:write	1
INFO  jepsen.util - 1	:invoke	:write	2
INFO  jepsen.util - 2	:invoke	:cas	[1 3]
INFO  jepsen.util - 1	:ok	:write	2
INFO  jepsen.util - 0	:invoke	:read	nil
INFO  jepsen.util - 0	:ok	:read	1
`

describe("a Jepsen log", () => {
  test("that is linearizable", () => {
    expect(judged(STALE_READ.replace(":read\t1", ":read\t2"))).toEqual({ verdict: "linearizable", reason: [] })
    expect(judged(STALE_READ.replace("jepsen.util - 1\t:ok", "jepsen.util - 1\t:info")).verdict).toBe("linearizable")
  })

  test("that is not: how far it is, and what has no place", () => {
    const { verdict, reason } = judged(STALE_READ)
    expect(verdict).toBe("not")
    expect(reason.join("\n")).toBe(
      [
        "2 operations can be put in order, up to what was answered on line 8:",
        "  lines 2-3, process 0: write 1 -> ok",
        "  lines 4-6, process 1: write 2 -> ok",
        "no order has a place for",
        "  lines 7-8, process 0: read -> 1",
        "where it would have to be, there can only be: 2",
      ].join("\n"),
    )
    expect(judge(STALE_READ, { limits: generous, explain: false })).toEqual({ verdict: "not", reason: [] })
  })

  test("that is none", () => {
    expect(judged("").verdict).toBe("unknown")
    expect(judged("hello\n")).toEqual({ verdict: "unknown", reason: ["no operation of a register is in it"] })
    expect(judged("0 :ok :read 1").reason).toEqual(["line 1: process 0 did not ask for anything"])
  })

  test("that is too much for a limit", () => {
    const writes = Array.from({ length: 20 }, (_, index) => `${index}\t:invoke\t:write\t${index}\n`)
    const text = [...writes, ...writes.map((line) => line.replace(":invoke", ":ok"))].join("")
    expect(judged(text, { ...generous, maxStates: 0 })).toEqual({
      verdict: "unknown",
      reason: ["gave up: the limit of time or of states was reached before the search had an end"],
    })
  })
})

function store(...events: object[]): string {
  return [{ history: "kv", version: 1 }, ...events].map((event) => `${JSON.stringify(event)}\n`).join("")
}

const put = (process: number, key: string, value: string) => ({ process, type: "invoke", op: "put", key, value })
const get = (process: number, key: string) => ({ process, type: "invoke", op: "get", key })
const ok = (process: number, answer: object = {}) => ({ process, type: "ok", ...answer })

describe("a history of the store", () => {
  test("that is linearizable", () => {
    const text = store(
      put(0, "a", "1"),
      put(1, "b", "2"),
      ok(0, { revision: 5 }),
      ok(1),
      get(0, "a"),
      ok(0, { value: "1" }),
    )
    expect(judged(text)).toEqual({ verdict: "linearizable", reason: [] })
    expect(judged(store())).toEqual({ verdict: "unknown", reason: ["no operation is in it"] })
  })

  test("with a write that was acknowledged and lost: the key is named", () => {
    const text = store(
      put(0, "b", "1"),
      ok(0),
      put(0, "a", "1"),
      ok(0, { revision: 5 }),
      get(1, "a"),
      ok(1, { value: null }),
    )
    expect(judged(text)).toEqual({
      verdict: "not",
      reason: [
        'key "a": 1 operation can be put in order, up to what was answered on line 7:',
        '  lines 4-5, process 0: put "a" = "1" -> revision 5',
        "no order has a place for",
        '  lines 6-7, process 1: get "a" -> no such key',
        'where it would have to be, there can only be: "1", revision 5',
      ],
    })
  })

  test("of two leaders that were each right about their own keys", () => {
    const text = store(put(0, "a", "1"), ok(0, { revision: 5 }), put(1, "b", "2"), ok(1, { revision: 5 }))
    expect(judged(text)).toEqual({
      verdict: "not",
      reason: [
        "the store's revisions contradict each other at",
        '  lines 4-5, process 1: put "b" = "2" -> revision 5',
        "its revision 5 is also that of line 3",
      ],
    })
  })

  test("is not linearizable if one key is not, even where another was too much", () => {
    const wrong = [put(0, "z", "1"), ok(0), get(0, "z"), ok(0, { value: null })]
    const wide = Array.from({ length: 12 }, (_, index) => put(index, "a", String(index)))
    const text = store(...wide, ...wide.map((_, index) => ok(index)), get(0, "a"), ok(0, { value: "x" }), ...wrong)
    const few = { ...generous, maxStates: 100 }
    expect(
      judged(store(...wide, ...wide.map((_, index) => ok(index)), get(0, "a"), ok(0, { value: "x" })), few).verdict,
    ).toBe("unknown")
    expect(judged(text, few).verdict).toBe("not")
  })
})
