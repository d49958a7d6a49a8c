/** The runner of the tests, tested: whatever does not pass must not count as passed. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { runTestProcess, totalsLine } from "../scripts/test-process.ts"

const FILES: Record<string, string> = {
  "mixed.test.ts": `test("a", () => {}); test("b & c", () => expect(1).toBe(2)); test.skip("d", () => {})
    test.todo("e"); describe.skip("f", () => { test("g", () => {}) }); describe("h", () => test("i", () => expect(1).toBe(2)))`,
  "good.test.ts": `test("a", () => {})`,
  "skipped.test.ts": `test.skip("a", () => {})`,
  "missing.test.ts": `import "./nothing.ts"; test("a", () => {})`,
  "empty.test.ts": `export const x = 1`,
  "killed.test.ts": `test("a", () => {}); test("b", () => process.kill(process.pid, "SIGKILL"))`,
  "exits.test.ts": `test("a", () => {}); test("b", () => process.exit(0))`,
  "slow.test.ts": `test("a", () => Bun.sleep(60_000))`,
}

let root = ""

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "runner-"))
  for (const [name, text] of Object.entries(FILES)) {
    writeFileSync(join(root, name), `import { describe, expect, test } from "bun:test"\n${text}\n`)
  }
})

afterAll(() => rmSync(root, { recursive: true, force: true }))

/** Totals and failures of one process. */
async function outcome(...files: string[]): Promise<string[]> {
  const slow = files.includes("slow.test.ts")
  const tally = await runTestProcess({
    root,
    files,
    testTimeoutMs: 120_000,
    processTimeoutMs: slow ? 1_500 : 60_000,
    verbose: false,
    output: "ignore",
  })
  return [totalsLine(tally), ...tally.failures]
}

test("passed, failed, skipped and todo are told apart", async () => {
  expect(await outcome("mixed.test.ts", "good.test.ts", "skipped.test.ts")).toEqual([
    "2 passed, 2 failed, 4 skipped",
    "mixed.test.ts: b & c",
    "mixed.test.ts: h > i",
  ])
})

test("a file that cannot be loaded fails, its neighbours count", async () => {
  expect(await outcome("good.test.ts", "missing.test.ts")).toEqual([
    "1 passed, 1 failed, 0 skipped",
    "missing.test.ts: not loaded, or not run to its end (bun test ended with status 1)",
  ])
})

test("a file without a test fails", async () => {
  expect(await outcome("empty.test.ts")).toEqual([
    "0 passed, 1 failed, 0 skipped",
    "empty.test.ts: there is no test in it",
  ])
})

test("a process that is killed or ends itself fails", async () => {
  expect(await outcome("killed.test.ts")).toEqual([
    "0 passed, 1 failed, 0 skipped",
    "killed.test.ts: not loaded, or not run to its end (bun test ended by SIGKILL)",
  ])
  expect((await outcome("exits.test.ts"))[0]).toBe("0 passed, 1 failed, 0 skipped")
})

test("a process that does not end is killed", async () => {
  expect(await outcome("slow.test.ts")).toEqual([
    "0 passed, 1 failed, 0 skipped",
    "slow.test.ts: not loaded, or not run to its end (bun test took longer than 1.5 s and was killed)",
  ])
})
