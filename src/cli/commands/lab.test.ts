import { expect, test } from "bun:test"
import { tryNext } from "../lab.ts"
import { styleFor } from "../render/style.ts"
import { ovl } from "../testing.ts"
import { line } from "./fixtures.ts"
import { labTable } from "./lab/ls.ts"
import { verifyText } from "./lab/verify.ts"

test("verify shows each check with what was seen, then the sum", () => {
  const checks = [
    { name: "red: namespace_01 reaches namespace_03", ok: true, detail: "3 of 3 answered" },
    { name: "red and green are apart", ok: false, detail: "10.65.10.9 answered" },
  ]
  expect(verifyText({ lab: "red-green", passed: 1, failed: 1, checks }, styleFor(false, false, {}), null)).toBe(
    [
      "ok    red: namespace_01 reaches namespace_03  3 of 3 answered",
      "FAIL  red and green are apart                 10.65.10.9 answered",
      "",
      "lab red-green: 1 passed, 1 failed",
      "",
    ].join("\n"),
  )
})

test("ls shows each host with its daemon", () => {
  const hosts = [
    { name: "outside", daemon: null },
    { name: "swarm-01", daemon: 77 },
  ]
  expect(labTable([{ name: "red-green", hosts }])).toBe(
    ["LAB         HOST       DAEMON", "red-green   outside    -", "red-green   swarm-01   77", ""].join("\n"),
  )
})

test("a name that would lead out of the labs' directory is none", async () => {
  for (const name of ["../x", "a/b", "..", ".hidden"])
    expect([name, (await ovl([...line("lab down --name"), name], { root: true })).status]).toEqual([name, 2])
})

test("what to try next names the lab where it is not the usual one", () => {
  expect(tryNext("red-green", "ovl", false)).toContain("\n  ovl lab verify\n")
  expect(tryNext("red-green", "ovl", true)).not.toContain("verify")
  expect(tryNext("blue", "dist/ovl", true)).toContain("\n  dist/ovl lab exec --name blue swarm-01 -- ip netns ls\n")
})

test("on a terminal long lines of verify are cut to its width", () => {
  const checks = [{ name: "frames", ok: true, detail: "a long story of what was seen on the wire" }]
  const text = verifyText({ lab: "l", passed: 1, failed: 0, checks }, styleFor(false, false, {}), 30)
  expect(text.split("\n")[0]).toBe("ok    frames  a long story of\u2026")
})
