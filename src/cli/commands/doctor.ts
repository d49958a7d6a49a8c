import type { DoctorView } from "../../model/doctor.ts"
import { defineCommand } from "../command.ts"
import type { Context } from "../context.ts"
import { DAEMON_OPTIONS, DATA_DIR_OPTION } from "../daemon.ts"
import { DEGRADED } from "../exit-status.ts"
import { progressOf } from "../render/progress.ts"
import type { Style } from "../render/style.ts"
import { count, cut, visible } from "../render/text.ts"
import { requireRoot } from "../rights.ts"

/** All is found out within half of that where nothing is wrong. */
const PATIENCE_MS = 1_500

export const doctor = defineCommand({
  path: ["doctor"],
  task: "Look closer",
  summary: "Look for what keeps this node from working, before it runs and after",
  details:
    "Rights, kernel, addresses, ports, directories, firewall, routes, left-overs; with a daemon also its cluster, the clock, and whether VXLAN passes between it and every other node, each direction on its own, with small and with full-size frames. Nothing is changed without --fix. Exits 7 when something failed.",
  examples: [
    { what: "Before the first start, and whenever something is odd", line: "ovl doctor" },
    { what: "Remove what a daemon that died has left in this host", line: "ovl doctor --fix" },
    { what: "What failed, for a script", line: "ovl doctor --json | jq '.checks[] | select(.ok | not)'" },
  ],
  arguments: {},
  options: {
    fix: { kind: "flag", description: "Remove what a dead run has left: only what carries ovl's mark" },
    "data-dir": DATA_DIR_OPTION,
    advertise: DAEMON_OPTIONS.advertise,
    http: DAEMON_OPTIONS.http,
    bind: DAEMON_OPTIONS.bind,
  },
  async run(context) {
    const { options, settings, io } = context
    if (options.fix) requireRoot(io, "doctor --fix", "to remove namespaces and interfaces")
    const { examine } = await import("../../doctor/doctor.ts")
    const progress = progressOf(context)
    const examination = examine({
      isRoot: io.isRoot,
      runDir: settings.runDir,
      dataDir: options["data-dir"],
      http: options.http === "off" ? null : options.http,
      bind: options.bind,
      advertise: options.advertise ?? null,
      now: context.now(),
      client: await context.client(),
      fix: options.fix,
      progress: settings.verbose ? progress.step : () => {},
    })
    const view = await withPatience(context, examination)
    const columns = io.stdoutIsTerminal && !settings.verbose ? io.stdoutColumns : null
    context.answer(view, () => doctorText(view, context.style, columns))
    const isCut = doctorText(view, context.style, columns) !== doctorText(view, context.style, null)
    if (isCut && !settings.json) context.remark("`ovl doctor -v` shows the long lines whole.")
    return view.failed > 0 ? DEGRADED : 0
  },
})

/** On a terminal, whoever waits for longer than it usually takes is told what for. */
async function withPatience<T>(context: Context, work: Promise<T>): Promise<T> {
  const { io, settings } = context
  if (settings.json || !io.stderrIsTerminal) return work
  let over = false
  void context.sleep(PATIENCE_MS).then(() => {
    if (!over) context.remark("Not every node answers at once: asking them what they hear takes some seconds.")
  })
  return work.finally(() => {
    over = true
  })
}

const MARKS = { ok: "ok", warning: "warning", failed: "FAILED", skipped: "skipped" } as const
const MARK_WIDTH = Math.max(...Object.values(MARKS).map((mark) => mark.length))

/**
 * One line a check, a hint below it where there is something to do, then the sum. Of what is well, lines are cut to
 * `columns` characters, if given.
 */
export function doctorText(view: DoctorView, style: Style, columns: number | null): string {
  const width = Math.max(0, ...view.checks.map(({ name }) => name.length))
  const colour = { ok: style.good, warning: style.warn, failed: style.bad, skipped: style.dim }
  const lines = view.removed.map((what) => `removed  ${visible(what)}`)
  for (const { level, name, detail, hint } of view.checks) {
    const words = `${name.padEnd(width)}  ${visible(detail)}`
    const shown = level === "ok" && columns !== null ? cut(words, columns - MARK_WIDTH - 2) : words
    lines.push(`${colour[level](MARKS[level].padEnd(MARK_WIDTH))}  ${shown}`)
    if (hint !== "") lines.push(`${" ".repeat(MARK_WIDTH + 2)}${style.dim(`hint: ${visible(hint)}`)}`)
  }
  const { passed, warnings, failed, skipped } = view
  const sum = `${passed} passed, ${count(warnings, "warning")}, ${failed} failed${skipped > 0 ? `, ${skipped} not looked at` : ""}`
  const paint = failed > 0 ? style.bad : warnings > 0 ? style.warn : style.good
  return `${lines.join("\n")}\n\n${paint(sum)}\n`
}
