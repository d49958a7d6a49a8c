import { defineCommand } from "../../command.ts"
import { tellingWhenInterrupted } from "../../interrupt.ts"
import { LAB_OPTIONS, labOfFile, requireRootForLab, tryNext } from "../../lab.ts"
import { progressOf } from "../../render/progress.ts"

export const labUp = defineCommand({
  path: ["lab", "up"],
  task: "See it work",
  summary: "Bring a lab up: several nodes on this machine, networks and workloads",
  details:
    "Everything is made in namespaces of its own. Without FILE it is the red/green lab: two hosts, two networks with the subnet 10.65.10.0/24, and each address in both. Run again, it repairs, and applies what has changed in the file; what was made by hand beside it stays.",
  examples: [
    { what: "Up, proved, and down again", line: "ovl lab up && ovl lab verify; ovl lab down" },
    {
      what: "A lab of one's own, after a look at what it would do",
      line: "ovl lab up mine.yaml --dry-run\n  ovl lab up mine.yaml",
    },
    { what: "The same once more beside it", line: "ovl lab up mine.yaml --name second" },
  ],
  arguments: {
    file: {
      name: "FILE",
      description: "A lab as YAML, or - for standard input (default: the red/green lab)",
      required: false,
      takes: "one",
    },
  },
  options: {
    name: { ...LAB_OPTIONS.name, description: "The lab's name (default: the one in the file)" },
    "dry-run": {
      kind: "flag",
      config: "",
      description: "Print what would be done as ip, bridge and iptables lines, and change nothing",
    },
  },
  async run(context) {
    const { io, options, settings } = context
    const topology = await labOfFile(io, context.arguments.file, options.name)
    if (options["dry-run"]) {
      const { dryRun } = await import("../../../lab/dry-run.ts")
      const plan = await dryRun(topology, io.isRoot)
      for (const remark of plan.remarks) context.remark(remark)
      context.answer({ lab: topology.name, changes: plan.changes, lines: plan.lines }, () =>
        plan.lines.map((line) => `${line}\n`).join(""),
      )
      return 0
    }
    requireRootForLab(io, "up")
    const { labUp: bringUp } = await import("../../../lab/up.ts")
    const progress = progressOf(context)
    const { isChanged } = await tellingWhenInterrupted(progress.over(bringUp(topology, progress.step)), () => {
      const down = `${io.programName()} lab down --name ${topology.name}`
      // Below the line of the step, and the terminal's own ^C.
      const begin = io.stderrIsTerminal ? "\n" : ""
      context.remark(`${begin}lab ${topology.name} is half up: the same line again goes on, \`${down}\` takes it away`)
    })
    if (settings.json) context.document({ lab: topology.name, changed: isChanged })
    else if (isChanged) context.remark(await tryNext(topology, io.programName(), false))
    else context.remark(`lab ${topology.name} is as its file says: nothing was to be done`)
    return 0
  },
})
