import { expect, test } from "bun:test"
import { OvlError } from "../base/errors.ts"
import type { LabView } from "../lab/state.ts"
import { isOwnDaemonMissing, withLabHint } from "./lab-hint.ts"
import { ovl } from "./testing.ts"

const gone = new OvlError("no_daemon", "nobody is listening", { kind: "unavailable", hint: "start it" })
const lab = (name: string, daemon: number | null): LabView => {
  return {
    name,
    hosts: [
      { name: "outside", daemon: null },
      { name: "n1", daemon },
    ],
  }
}
const hint = (...labs: LabView[]) => withLabHint(gone, labs).hint

test("where a lab is up, the hint is a line that asks one of its daemons", () => {
  expect(hint(lab("mine", 7))).toBe("`ovl lab exec n1 -- ovl status` asks one of lab mine; start it")
  expect(hint(lab("mine", 7), lab("other", 8))).toStartWith("`ovl lab exec --name mine n1 -- ovl status` asks")
})

test("without a lab whose daemons run, and for other errors, nothing is added", () => {
  expect(hint()).toBe("start it")
  expect(hint(lab("mine", null))).toBe("start it")
  const other = new OvlError("no_leader", "nobody leads", { kind: "unavailable" })
  expect(isOwnDaemonMissing(other, "/run/ovl/ovl.sock")).toBe(false)
})

test("on a host of a lab, its daemon is the lab's business", async () => {
  const world = {
    root: true,
    labs: new OvlError("lab_inside", "lab: this is a host of a lab", { kind: "conflict" }),
    client: { status: () => Promise.reject(gone) },
  }
  const hint =
    "hint: this is a host of a lab: `ovl lab up` with the lab's file, from outside, starts its daemon again\n"
  expect((await ovl(["status"], world)).stderr).toEndWith(hint)
})

test("only for root, who may look, and only where no socket was named", async () => {
  const world = {
    root: true,
    labs: [lab("mine", 7)],
    client: { status: () => Promise.reject(gone) },
  }
  const added = "hint: `ovl lab exec n1 -- ovl status` asks one of lab mine; start it\n"
  expect(await ovl(["status"], world)).toMatchObject({ status: 6, stderr: expect.stringContaining(added) })
  for (const [words, root] of [
    ["status", false],
    ["status --socket /x.sock", true],
    ["status --run-dir /x", true],
  ] as const)
    expect((await ovl(words.split(" "), { ...world, root })).stderr).toEndWith("hint: start it\n")
})
