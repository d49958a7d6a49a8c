import { expect, test } from "bun:test"
import { OvlError } from "../../base/errors.ts"
import { type Findings, runChecks } from "./check.ts"

async function verdict(look: (findings: Findings) => Promise<void> | void) {
  const [result] = await runChecks([{ name: "c", look }])
  return `${result?.ok ? "ok" : "failed"}: ${result?.detail}`
}

test("what was seen, and what was wrong", async () => {
  expect(await verdict((findings) => findings.expect(true, "a is there", "a is missing"))).toBe("ok: a is there")
  expect(
    await verdict((findings) => {
      findings.seen("a is there")
      findings.expect(false, "b is there", "b is missing")
    }),
  ).toBe("failed: b is missing")
})

test("a check that looked at nothing has failed", async () => {
  expect(await verdict(() => {})).toBe("failed: there was nothing to look at")
})

test("a check that throws has failed, and the others go on", async () => {
  const results = await runChecks([
    {
      name: "broken",
      look: async () => {
        throw new OvlError("x", "no way in")
      },
    },
    { name: "fine", look: (findings) => findings.seen("all") },
  ])
  expect(results).toEqual([
    { name: "broken", ok: false, detail: "no way in" },
    { name: "fine", ok: true, detail: "all" },
  ])
})

test("rows are compared as sets", async () => {
  const compare = (actual: string[], expected: string[]) =>
    verdict((findings) => findings.expectRows("FDB", actual, expected))
  expect(await compare(["b", "a"], ["a", "b"])).toBe("ok: FDB: a, b")
  expect(await compare([], [])).toBe("ok: FDB: none")
  expect(await compare(["a", "c"], ["a", "b"])).toBe("failed: FDB: missing: b; FDB: should not be there: c")
  expect(await compare(["a", "a"], ["a"])).toBe("failed: FDB: 2 rows, not 1: a, a")
})
