import { defineCommand } from "../command.ts"
import { DATA_DIR_OPTION } from "../daemon.ts"
import { progressOf } from "../render/progress.ts"
import { requireRoot } from "../rights.ts"

export const down = defineCommand({
  path: ["down"],
  task: "Run a node",
  summary: "Remove all that ovl put into this host's kernel, daemon alive or not",
  details:
    "Stops a live daemon and the workloads that `ovl run` made. The cluster still knows the node: its next start frees what is gone, and restores attached namespaces that are still there.",
  examples: [
    { what: "Leave nothing behind in the kernel", line: "ovl down" },
    { what: "Nor on the disk", line: "ovl down --all" },
  ],
  arguments: {},
  options: {
    all: { kind: "flag", description: "Remove the data too: by default those of the daemon that ran here" },
    "data-dir": DATA_DIR_OPTION,
  },
  async run(context) {
    requireRoot(context.io, "down", "to remove namespaces and interfaces")
    const { takeDown } = await import("../../daemon/take-down.ts")
    const { notedDataDir } = await import("../../agent/run-dir.ts")
    const { runDir } = context.settings
    const isGiven = context.origins["data-dir"] !== "default"
    const dataDir = (isGiven ? null : notedDataDir(runDir)) ?? context.options["data-dir"]
    const progress = progressOf(context)
    await progress.over(
      takeDown({
        runDir,
        dataDir,
        all: context.options.all,
        progress: progress.step,
      }),
    )
    return 0
  },
})
