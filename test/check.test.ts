/** The smaller checks of `make check`, seen to fail. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { localPaths } from "../scripts/check.ts"
import { type Lockfile, lockfileProblems, repairLockfile } from "../scripts/lockfile.ts"

let root = ""

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "check-"))
})

afterAll(() => rmSync(root, { recursive: true, force: true }))

test("a path that is right on one machine only is found", () => {
  mkdirSync(join(root, "node_modules"))
  writeFileSync(join(root, "node_modules/a.js"), root)
  writeFileSync(join(root, "a.ts"), `one\nconst path = "${root}/dist"\n`)
  writeFileSync(join(root, ".b"), `see ${root}\n`)
  writeFileSync(join(root, "c.ts"), `${root}-other ..${root}\n`)
  expect(localPaths(root, [root])).toEqual([
    `.b:1: names a local path: see ${root}`,
    `a.ts:2: names a local path: const path = "${root}/dist"`,
  ])
})

const LOCKFILE: Lockfile = {
  packages: {
    "": {},
    "node_modules/tool": {
      version: "1.0.0",
      dev: true,
      optionalDependencies: {
        "@tool/linux-x64": "1.0.0",
        "@tool/linux-arm64-musl": "1.0.0",
        "@tool/win32-x64": "1.0.0",
      },
    },
    "node_modules/@tool/linux-x64": { version: "1.0.0", os: ["linux"], cpu: ["x64"], optional: true },
    "node_modules/other": { version: "2.0.0", resolved: "https://registry.example/other.tgz" },
  },
}

test("a lockfile with an address or a gap is found, and put right", () => {
  expect(lockfileProblems(LOCKFILE)).toEqual([
    "package-lock.json: node_modules/other records a download address",
    "package-lock.json: @tool/linux-arm64-musl is missing, npm ci would refuse",
    "package-lock.json: @tool/win32-x64 is missing, npm ci would refuse",
  ])
  const repaired = repairLockfile(LOCKFILE)
  expect(lockfileProblems(repaired)).toEqual([])
  expect(repaired.packages["node_modules/@tool/linux-arm64-musl"]).toEqual({
    version: "1.0.0",
    cpu: ["arm64"],
    dev: true,
    libc: ["musl"],
    optional: true,
    os: ["linux"],
  })
})
