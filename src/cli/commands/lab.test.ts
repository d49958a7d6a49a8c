import { expect, test } from "bun:test"
import { RED_GREEN } from "../../lab/topology.ts"
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

test("what to try next names the lab where it is not the usual one, and the program as it was called", async () => {
  expect(await tryNext(RED_GREEN, "ovl", false)).toContain("\n  ovl lab verify\n")
  expect(await tryNext(RED_GREEN, "ovl", true)).not.toContain("verify")
  const blue = await tryNext({ ...RED_GREEN, name: "blue" }, "dist/ovl", true)
  expect(blue).toContain("\n  dist/ovl lab exec --name blue swarm-02 -- ovl exec namespace_03 ping -c1 namespace_01\n")
})

test("on a terminal long lines of verify are cut to its width", () => {
  const detail = "a long story of what was seen on the wire"
  const checks = [true, false].map((ok) => ({ name: "frames", ok, detail }))
  const text = verifyText({ lab: "l", passed: 1, failed: 1, checks }, styleFor(false, false, {}), 30)
  expect(text.split("\n").slice(0, 2)).toEqual(["ok    frames  a long story of\u2026", `FAIL  frames  ${detail}`])
})
