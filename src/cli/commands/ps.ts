import type { WorkloadView } from "../../model/workload.ts"
import { defineCommand } from "../command.ts"
import { ago, shortId, table } from "../render/text.ts"

type ShowPort = (mapping: WorkloadView["ports"][number]) => string

export const ps = defineCommand({
  path: ["ps"],
  task: "Workloads on this node",
  summary: "List the workloads that `ovl run` made here, ended ones too",
  examples: [
    { what: "What runs here", line: "ovl ps" },
    { what: "Stop all of it", line: "ovl stop $(ovl ps -q)" },
  ],
  options: {},
  arguments: {},
  async run(context) {
    const workloads = await (await context.client()).workloads()
    const { showPortMapping } = await import("../../model/port-text.ts")
    context.answer(workloads, () => {
      if (context.settings.quiet) return workloads.map((workload) => `${workload.name}\n`).join("")
      return workloadTable(workloads, context.now(), showPortMapping)
    })
    return 0
  },
})

/** `showPort` is not imported above, as the start of every other verb would load it too. */
function workloadTable(workloads: readonly WorkloadView[], nowMs: number, showPort: ShowPort): string {
  return table(
    [
      { title: "WORKLOAD ID", text: (workload) => shortId(workload.id) },
      { title: "NAME", text: (workload) => workload.name },
      { title: "NETWORKS", text: (workload) => workload.networks.join(",") },
      { title: "PORTS", text: ({ ports }) => ports.map(showPort).join(", ") || "-" },
      { title: "STATUS", text: statusText },
      { title: "PID", text: (workload) => (workload.pid === null ? "-" : String(workload.pid)) },
      { title: "CREATED", text: (workload) => ago(workload.created, nowMs) },
      { title: "COMMAND", text: (workload) => shortened(workload.command.join(" ")) },
    ],
    workloads,
  )
}

function statusText({ status, exitCode }: WorkloadView): string {
  return status === "exited" && exitCode !== null ? `exited (${exitCode})` : status
}

const COMMAND_CHARS = 40

function shortened(command: string): string {
  if (command === "") return "-"
  return command.length > COMMAND_CHARS ? `${command.slice(0, COMMAND_CHARS - 3)}...` : command
}
