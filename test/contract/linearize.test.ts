/**
 * `scripts/linearize.ts` as people run it: verdicts, exit status, and agreement with those of the histories that Jepsen
 * recorded of a real etcd, where they are at hand: OVL_CONFORMANCE, else ../shared/conformance.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"

const ROOT = resolve(import.meta.dir, "../..")
const HISTORIES = join(process.env.OVL_CONFORMANCE ?? resolve(ROOT, "../shared/conformance"), "linearizability")
const VERDICTS = join(HISTORIES, "VERDICTS.txt")

let folder = ""
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "ovl-linearize-"))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function linearize(...argv: string[]) {
  const child = Bun.spawnSync([process.execPath, join(ROOT, "scripts/linearize.ts"), ...argv], { cwd: folder })
  return { status: child.exitCode, stdout: child.stdout.toString(), stderr: child.stderr.toString() }
}

function file(name: string, ...lines: string[]): string {
  const path = join(folder, name)
  mkdirSync(resolve(path, ".."), { recursive: true })
  writeFileSync(path, lines.map((line) => `${line}\n`).join(""))
  return path
}

const good = () =>
  file(
    "good.jsonl",
    '{"history":"kv","version":1}',
    '{"process":0,"type":"invoke","op":"put","key":"a","value":"1"}',
    '{"process":1,"type":"invoke","op":"get","key":"a"}',
    '{"process":0,"type":"ok","revision":7}',
    '{"process":1,"type":"ok","value":null}',
  )
const bad = () => file("bad.log", "INFO  jepsen.util - 0 :invoke :read nil", "INFO  jepsen.util - 0 :ok :read 1")

describe("the command", () => {
  test("says one line a file, and exits with 0 where all are decided", () => {
    expect(linearize(good(), bad())).toEqual({
      status: 0,
      stdout: "good.jsonl linearizable\nbad.log not\n",
      stderr: "",
    })
  })

  test("says unknown, why, and exits with 2 for what cannot be decided, and goes on", () => {
    const { status, stdout, stderr } = linearize(file("empty.log"), join(folder, "missing.log"), good())
    expect(stdout).toBe("empty.log unknown\nmissing.log unknown\ngood.jsonl linearizable\n")
    expect(stderr).toMatch(/empty\.log: no operation of a register is in it\n.*missing\.log: ENOENT/)
    expect(status).toBe(2)
  })

  test("gives up where it is told to", () => {
    const writes = Array.from({ length: 20 }, (_, index) => `${index} :invoke :write ${index}`)
    const path = file("wide.log", ...writes, ...writes.map((line) => line.replace(":invoke", ":ok")))
    const { status, stdout, stderr } = linearize("--max-states", "5", path)
    expect([status, stdout]).toEqual([2, "wide.log unknown\n"])
    expect(stderr).toContain("gave up")
  })

  test("explains what has no place", () => {
    expect(linearize("--explain", bad()).stdout).toBe(
      [
        "bad.log not",
        "  0 operations can be put in order, up to what was answered on line 2:",
        "  no order has a place for",
        "    lines 1-2, process 0: read -> 1",
        "  where it would have to be, there can only be: nil",
        "",
      ].join("\n"),
    )
  })

  test("gives whole paths where names alone would not tell which file is meant", () => {
    const [one, other] = [file("one/h.log"), file("other/h.log")]
    expect(linearize(one, other).stdout).toBe(`${one} unknown\n${other} unknown\n`)
  })

  test("refuses what it does not understand", () => {
    for (const argv of [[], ["--quick", good()], ["--max-states", "many", good()], ["--max-seconds=-1", good()]]) {
      const { status, stdout, stderr } = linearize(...argv)
      expect([status, stdout]).toEqual([2, ""])
      expect(stderr).toContain("usage: linearize.ts")
    }
  })
})

const isThere = existsSync(VERDICTS)
if (!isThere) console.log(`skipped: no conformance data (${VERDICTS})`)

describe.skipIf(!isThere)("the histories of etcd", () => {
  test("have the verdicts that are published", () => {
    const expected = readFileSync(VERDICTS, "utf8").trim().split("\n")
    const paths = expected.map((line) => join(HISTORIES, line.split(" ")[0]!))
    expect(paths.length).toBeGreaterThan(0)
    const { status, stdout } = linearize(...paths)
    expect(stdout.trim().split("\n")).toEqual(expected)
    expect(status).toBe(0)
  })
})
