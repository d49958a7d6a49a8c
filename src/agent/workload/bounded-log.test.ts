import { afterEach, beforeEach, expect, test } from "bun:test"
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { BoundedLog } from "./bounded-log.ts"

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "ovl-log-"))
})
afterEach(() => rmSync(dir, { recursive: true }))

const line = (n: number) => new TextEncoder().encode(`line ${String(n).padStart(4, "0")}\n`)

test("never outgrows its bound, keeps the newest lines, and only whole ones", () => {
  const path = join(dir, "w.log")
  const log = new BoundedLog(path, 200)
  for (let n = 0; n < 100; n++) {
    log.append(line(n))
    expect(statSync(path).size).toBeLessThanOrEqual(200)
  }
  log.close()
  const lines = readFileSync(path, "utf8").trimEnd().split("\n")
  expect(lines.at(-1)).toBe("line 0099")
  expect(lines.length).toBeGreaterThanOrEqual(10)
  for (const each of lines) expect(each).toMatch(/^line \d{4}$/)
})

test("a chunk larger than the bound leaves its end", () => {
  const path = join(dir, "w.log")
  const log = new BoundedLog(path, 200)
  log.append(new TextEncoder().encode(`${"x".repeat(1000)}end`))
  log.close()
  expect(readFileSync(path, "utf8")).toBe(`${"x".repeat(97)}end`)
})

test("goes on where an earlier run stopped", () => {
  const path = join(dir, "w.log")
  for (let n = 0; n < 30; n++) {
    const log = new BoundedLog(path, 200)
    log.append(line(n))
    log.close()
  }
  expect(statSync(path).size).toBeLessThanOrEqual(200)
  expect(readFileSync(path, "utf8")).toEndWith("line 0029\n")
})
