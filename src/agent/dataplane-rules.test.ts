import { expect, test } from "bun:test"
import { RULES_TOLD_MAX } from "../base/limits.ts"
import { rulesRepair } from "./dataplane-rules.ts"

test("of many rules that were gone the first few are told, and how many more", () => {
  const lines = Array.from({ length: RULES_TOLD_MAX + 2 }, (_, n) => `-A r${n}`)
  expect(rulesRepair(lines.slice(0, 2)).findings).toEqual([
    { object: "iptables rules", expected: "as ovl made them", found: "not so: -A r0; -A r1" },
  ])
  expect(rulesRepair(lines).plan).toBe("iptables-restore --noflush: -A r0; -A r1; -A r2; -A r3; -A r4; and 2 more")
})
