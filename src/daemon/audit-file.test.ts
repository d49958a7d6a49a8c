import { afterEach, beforeEach, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { AuditLine } from "../api/audit.ts"
import { AUDIT_FILES_KEPT } from "../base/limits.ts"
import { AuditFile } from "./audit-file.ts"

let dir: string
let path: string
const logged: string[] = []
const log = {
  debug() {},
  info() {},
  warn: (message: string, fields = {}) => void logged.push(`${message} ${JSON.stringify(fields)}`),
  error: (message: string) => void logged.push(message),
}
const open = (maxBytes?: number) => new AuditFile({ path, now: () => 0, log, maxBytes })
const line = (object: string): AuditLine => ({
  who: "socket",
  from: "local",
  node: "n",
  what: "network rm",
  object,
  revision: 4,
})
const label = ({ missing, object }: { missing?: number; object?: string }) => object ?? `missing ${missing}`
const read = (name: string) => readFileSync(join(dir, name), "utf8").trim().split("\n")

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "ovl-audit-"))
  path = join(dir, "audit.log")
  logged.length = 0
})
afterEach(() => rmSync(dir, { recursive: true }))

test("one JSON object a line, for root alone, appended over restarts", () => {
  for (const name of ["red", "green"]) {
    const file = open()
    file.line(line(name))
    file.close()
  }
  expect(read("audit.log")).toEqual(
    ["red", "green"].map(
      (object) =>
        `{"time":"1970-01-01T00:00:00.000Z","who":"socket","from":"local","node":"n","what":"network rm","object":"${object}","revision":4}`,
    ),
  )
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

test("a full file is set aside, and the oldest goes", () => {
  const file = open(200)
  for (let i = 0; i < 9; i++) file.line(line(`network-${i}`))
  file.leftOut(3, "refused")
  file.close()
  const kept = ["audit.log", ...Array.from({ length: AUDIT_FILES_KEPT - 1 }, (_, i) => `audit.log.${i + 1}`)]
  expect(readdirSync(dir).sort()).toEqual(kept)
  const object = (name: string) => JSON.parse(read(name)[0]!).object
  expect([object("audit.log"), object("audit.log.1"), object("audit.log.4")]).toEqual([
    "network-8",
    "network-7",
    "network-4",
  ])
  expect(read("audit.log")[1]).toContain('"leftOut":3,"of":"refused"')
})

test("what cannot be written is counted, and told when it can be again", () => {
  const file = open(200)
  file.line(line("first"))
  const inTheWay = join(dir, `audit.log.${AUDIT_FILES_KEPT - 1}`)
  mkdirSync(inTheWay)
  for (const name of ["second", "third"]) file.line(line(name))
  rmSync(inTheWay, { recursive: true })
  file.line(line("fourth"))
  file.close()
  expect(logged).toEqual(["cannot write the audit", `the audit is written again {"path":"${path}","missing":2}`])
  expect(read("audit.log").map((each) => label(JSON.parse(each)))).toEqual(["missing 2", "fourth"])
})

test("a place that cannot be written is refused at the start", () => {
  path = join(dir, "none", "audit.log")
  expect(() => open()).toThrow(`cannot write the audit to ${path}: `)
  path = dir
  expect(() => open()).toThrow("EISDIR")
})
