import { NAMES_AT_ONCE_MAX } from "../../base/limits.ts"
import { defineCommand } from "../command.ts"
import { forEachName } from "../several.ts"

export const detach = defineCommand({
  path: ["detach"],
  task: "Workloads on this node",
  summary: "Take back what `ovl attach` gave a namespace",
  examples: [
    { what: "By the name that attach printed", line: "ovl detach h1" },
    { what: "Its second network only", line: "ovl detach h1.green" },
  ],
  arguments: {
    names: { name: "NAME", description: "An endpoint of this node", required: true, takes: "many", holds: "endpoint" },
  },
  options: {},
  async run(context) {
    const client = await context.client()
    return forEachName(context, context.arguments.names, (name) => client.detach(name), NAMES_AT_ONCE_MAX)
  },
})
