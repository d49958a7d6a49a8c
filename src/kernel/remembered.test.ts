import { afterAll, afterEach, expect, test } from "bun:test"
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Remembered } from "./remembered.ts"

const directory = mkdtempSync(join(tmpdir(), "ovl-remembered-"))
const file = join(directory, "deep", "kernel.json")
afterEach(() => rmSync(file, { force: true }))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

test("what is remembered outlives the process, and the file goes with the last of it", () => {
  new Remembered(file).change((facts) => {
    facts.sysctls["net.ipv4.conf.eth0.forwarding"] = "0"
  })
  const later = new Remembered(file)
  expect(later.read().sysctls).toEqual({ "net.ipv4.conf.eth0.forwarding": "0" })
  expect(readdirSync(join(directory, "deep"))).toEqual(["kernel.json"])
  later.change((facts) => {
    facts.sysctls = {}
  })
  expect(existsSync(file)).toBe(false)
})

test("a file that cannot be understood is not taken for an empty one", () => {
  new Remembered(file).change((facts) => {
    facts.tables = ["4/nat"]
  })
  writeFileSync(file, "{")
  expect(() => new Remembered(file).read()).toThrow(expect.objectContaining({ code: "state_unreadable" }))
})
