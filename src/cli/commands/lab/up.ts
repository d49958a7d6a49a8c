import { notAvailable } from "../../../base/errors.ts"
import { defineCommand } from "../../command.ts"
import { DEFAULT_LAB, LAB_OPTIONS, requireRootForLab, tryNext } from "../../lab.ts"
import { progressOf } from "../../render/progress.ts"

export const labUp = defineCommand({
  path: ["lab", "up"],
  task: "See it work",
  summary: "Bring the red/green lab up: two hosts, two networks, four workloads",
  details:
    "Everything is made in namespaces of its own on this machine. Both networks have the subnet 10.65.10.0/24, and each address lives in both. Run again, it repairs.",
  examples: [
    { what: "Up, proved, and down again", line: "ovl lab up && ovl lab verify; ovl lab down" },
    { what: "Without a word, for a script", line: "ovl lab up --quiet" },
  ],
  arguments: {
    file: {
      name: "FILE",
      description: "A lab of one's own (not available in this version)",
      required: false,
      takes: "one",
    },
  },
  options: { name: { ...LAB_OPTIONS.name, default: DEFAULT_LAB, description: "The lab's name" } },
  async run(context) {
    const { name } = context.options
    if (context.arguments.file !== undefined) throw notAvailable("lab up FILE")
    requireRootForLab(context.io, "up")
    const { labUp: bringUp } = await import("../../../lab/up.ts")
    const { RED_GREEN } = await import("../../../lab/topology.ts")
    const progress = progressOf(context)
    await progress.over(bringUp({ ...RED_GREEN, name }, progress.step))
    if (context.settings.json) context.document({ lab: name })
    else context.remark(await tryNext({ ...RED_GREEN, name }, context.io.programName(), false))
    return 0
  },
})
