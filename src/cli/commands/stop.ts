import { STOP_GRACE_MAX_MS, STOP_GRACE_MS } from "../../base/limits.ts"
import { defineCommand } from "../command.ts"
import { forEachName } from "../several.ts"

export const stop = defineCommand({
  path: ["stop"],
  task: "Workloads on this node",
  summary: "Stop workloads: SIGTERM, and SIGKILL when that is not enough",
  examples: [
    { what: "One", line: "ovl stop web" },
    { what: "Two, with a minute each to finish", line: "ovl stop --grace 1m web db" },
  ],
  arguments: {
    names: { name: "NAME", description: "A workload of this node", required: true, takes: "many", holds: "workload" },
  },
  options: {
    grace: {
      kind: "duration",
      value: "DURATION",
      min: 0,
      max: STOP_GRACE_MAX_MS,
      default: STOP_GRACE_MS,
      description: "How long to wait between the two",
    },
  },
  async run(context) {
    const client = await context.client()
    const graceMs = context.options.grace
    return forEachName(context, context.arguments.names, (name) => client.stopWorkload(name, { graceMs }))
  },
})
