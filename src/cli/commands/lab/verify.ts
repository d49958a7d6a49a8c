import type { LabVerify } from "../../../model/lab.ts"
import { defineCommand } from "../../command.ts"
import { DEGRADED } from "../../exit-status.ts"
import { checkLab, LAB_OPTIONS, tryNext } from "../../lab.ts"
import { progressOf } from "../../render/progress.ts"
import type { Style } from "../../render/style.ts"
import { visible } from "../../render/text.ts"

export const labVerify = defineCommand({
  path: ["lab", "verify"],
  task: "See it work",
  summary: "Prove that the lab does what it should, check by check",
  details:
    "Who reaches whom, who does not, what the kernel holds, and what goes over the wire. Exits 7 when a check fails.",
  examples: [
    { what: "All checks, with what was seen", line: "ovl lab verify" },
    { what: "The failed ones, for a script", line: "ovl lab verify --json | jq '.checks[] | select(.ok | not)'" },
  ],
  arguments: {},
  options: LAB_OPTIONS,
  async run(context) {
    const { name } = context.options
    await checkLab(context.io, "verify", name)
    const { labVerify: verify } = await import("../../../lab/verify/index.ts")
    const progress = progressOf(context)
    const result = await progress.over(verify(name, progress.step))
    context.answer(result, () => verifyText(result, context.style))
    if (result.failed > 0) return DEGRADED
    if (!context.settings.json) context.remark(tryNext(name))
    return 0
  },
})

/** One line a check with what was seen, then the sum. */
export function verifyText(result: LabVerify, style: Style): string {
  const width = Math.max(0, ...result.checks.map((check) => check.name.length))
  const lines = result.checks.map((check) => {
    const mark = check.ok ? style.good("ok  ") : style.bad("FAIL")
    return `${mark}  ${check.name.padEnd(width)}  ${visible(check.detail)}`.trimEnd()
  })
  const sum = `lab ${result.lab}: ${result.passed} passed, ${result.failed} failed`
  return `${[...lines, "", result.failed === 0 ? style.good(sum) : style.bad(sum)].join("\n")}\n`
}
