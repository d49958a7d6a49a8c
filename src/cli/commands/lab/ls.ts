import type { LabView } from "../../../lab/state.ts"
import { defineCommand } from "../../command.ts"
import { requireRootForLab } from "../../lab.ts"
import { table } from "../../render/text.ts"

export const labLs = defineCommand({
  path: ["lab", "ls"],
  aliases: [["lab", "list"]],
  task: "See it work",
  summary: "List the labs of this machine",
  examples: [
    { what: "Labs and their hosts", line: "ovl lab ls" },
    { what: "Names only", line: "ovl lab ls -q" },
  ],
  arguments: {},
  options: {},
  async run(context) {
    requireRootForLab(context.io, "ls")
    const { labList } = await import("../../../lab/state.ts")
    const labs = labList()
    context.answer(labs, () => {
      if (context.settings.quiet) return labs.map((lab) => `${lab.name}\n`).join("")
      return labTable(labs)
    })
    return 0
  },
})

export function labTable(labs: readonly LabView[]): string {
  const rows = labs.flatMap((lab) => {
    // One whose `up` was cut off early has none yet, and is there all the same.
    const hosts = lab.hosts.length > 0 ? lab.hosts : [{ name: "-", daemon: null }]
    return hosts.map((host) => ({ lab: lab.name, ...host }))
  })
  return table(
    [
      { title: "LAB", text: (row) => row.lab },
      { title: "HOST", text: (row) => row.name },
      { title: "DAEMON", text: (row) => (row.daemon === null ? "-" : String(row.daemon)) },
    ],
    rows,
  )
}
