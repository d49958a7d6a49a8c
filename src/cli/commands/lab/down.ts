import { defineCommand } from "../../command.ts"
import { LAB_OPTIONS, requireRootForLab } from "../../lab.ts"
import { progressOf } from "../../render/progress.ts"

export const labDown = defineCommand({
  path: ["lab", "down"],
  task: "See it work",
  summary: "Take a lab apart and leave nothing of it",
  examples: [
    { what: "The red/green lab", line: "ovl lab down" },
    { what: "Every lab of this machine", line: "ovl lab down --all" },
  ],
  arguments: {},
  options: { ...LAB_OPTIONS, all: { kind: "flag", description: "Every lab" } },
  async run(context) {
    const { name, all } = context.options
    requireRootForLab(context.io, "down")
    const { labDown: takeApart, labsDown } = await import("../../../lab/down.ts")
    const { chooseLab, labList } = await import("../../../lab/state.ts")
    const names = all ? labList().map((lab) => lab.name) : [chooseLab(name)]
    const progress = progressOf(context)
    const [only, ...others] = names
    if (only !== undefined && others.length === 0) await progress.over(takeApart(only, progress.step))
    else await progress.over(labsDown(names, progress.step))
    if (context.settings.json) context.document({ down: names })
    else if (names.length > 1) context.remark(`labs ${names.join(", ")} are down`)
    else context.remark(names.length === 0 ? "no lab is up" : `lab ${names[0]} is down`)
    return 0
  },
})
