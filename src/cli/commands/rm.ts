import { NAMES_AT_ONCE_MAX } from "../../base/limits.ts"
import { defineCommand } from "../command.ts"
import { forEachName } from "../several.ts"

export const rm = defineCommand({
  path: ["rm"],
  task: "Workloads on this node",
  summary: "Remove workloads, their endpoints and their logs",
  details: "A workload whose command runs stays, unless --force kills it.",
  examples: [
    { what: "One that has ended", line: "ovl rm web" },
    { what: "All of them, whatever they do", line: "ovl rm --force $(ovl ps -q)" },
  ],
  arguments: {
    names: { name: "NAME", description: "A workload of this node", required: true, takes: "many", holds: "workload" },
  },
  options: { force: { kind: "flag", short: "f", description: "Kill it first" } },
  async run(context) {
    const client = await context.client()
    const { force } = context.options
    const remove = (name: string) => client.removeWorkload(name, { force })
    return forEachName(context, context.arguments.names, remove, NAMES_AT_ONCE_MAX)
  },
})
