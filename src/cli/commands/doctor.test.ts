import { expect, test } from "bun:test"
import type { DoctorView } from "../../model/doctor.ts"
import { styleFor } from "../render/style.ts"
import { doctorText } from "./doctor.ts"

const view: DoctorView = {
  checks: [
    { name: "rights", ok: true, level: "ok", detail: "root, with all that it takes", hint: "" },
    { name: "way a -> b", ok: false, level: "failed", detail: "VXLAN from a to b is blocked", hint: "open\nit" },
    { name: "iptables", ok: true, level: "warning", detail: "rules in both", hint: "move them" },
    { name: "clock", ok: true, level: "skipped", detail: "nobody there", hint: "" },
  ],
  passed: 1,
  warnings: 1,
  failed: 1,
  skipped: 1,
  removed: ["namespace /run/netns/1-249690033b"],
}
const plain = styleFor(false, true, {})

test("a line for each check, what to do below it, what was removed above, the sum at the end", () => {
  expect(doctorText(view, plain, null)).toBe(`removed  namespace /run/netns/1-249690033b
ok       rights      root, with all that it takes
FAILED   way a -> b  VXLAN from a to b is blocked
         hint: open\\nit
warning  iptables    rules in both
         hint: move them
skipped  clock       nobody there

1 passed, 1 warning, 1 failed, 1 not looked at
`)
})

test("on a narrow terminal only what is well is cut", () => {
  const lines = doctorText(view, plain, 30).split("\n")
  expect(lines.slice(1, 3)).toEqual([
    "ok       rights      root, ...",
    "FAILED   way a -> b  VXLAN from a to b is blocked",
  ])
})
