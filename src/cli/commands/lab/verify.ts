import type { LabVerify } from "../../../model/lab.ts"
import { defineCommand } from "../../command.ts"
import { DEGRADED } from "../../exit-status.ts"
import { LAB_OPTIONS, requireRootForLab, tryNext } from "../../lab.ts"
import { progressOf } from "../../render/progress.ts"
import type { Style } from "../../render/style.ts"
import { cut, visible } from "../../render/text.ts"

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
    requireRootForLab(context.io, "verify")
    const { labVerify: verify } = await import("../../../lab/verify/index.ts")
    const progress = progressOf(context)
    const result = await progress.over(verify(name, progress.step))
    const { io, settings } = context
    const columns = io.stdoutIsTerminal && !settings.verbose ? io.stdoutColumns : null
    context.answer(result, () => verifyText(result, context.style, columns))
    if (settings.json) return result.failed > 0 ? DEGRADED : 0
    if (columns !== null && isCut(result, columns)) context.remark("`ovl lab verify -v` shows the long lines whole.")
    if (result.failed > 0) return DEGRADED
    const { LabPlaces } = await import("../../../lab/places.ts")
    const topology = new LabPlaces(result.lab).topology()
    if (topology) context.remark(await tryNext(topology, io.programName(), true))
    return 0
  },
})

const MARK_CHARS = "FAIL  ".length

/** The mark aside, what the line of a check says. */
function checkLines({ checks }: LabVerify): string[] {
  const width = Math.max(0, ...checks.map((check) => check.name.length))
  return checks.map((check) => `${check.name.padEnd(width)}  ${visible(check.detail)}`.trimEnd())
}

function isCut(result: LabVerify, columns: number): boolean {
  return checkLines(result).some((line, at) => result.checks[at]!.ok && MARK_CHARS + [...line].length > columns)
}

/** One line a check with what was seen, then the sum. Of what went well, lines are cut to `columns` characters, if given. */
export function verifyText(result: LabVerify, style: Style, columns: number | null): string {
  const lines = checkLines(result).map((line, at) => {
    if (!result.checks[at]!.ok) return `${style.bad("FAIL")}  ${line}`
    return `${style.good("ok  ")}  ${columns === null ? line : cut(line, columns - MARK_CHARS)}`
  })
  const sum = `lab ${result.lab}: ${result.passed} passed, ${result.failed} failed`
  return `${[...lines, "", result.failed === 0 ? style.good(sum) : style.bad(sum)].join("\n")}\n`
}
