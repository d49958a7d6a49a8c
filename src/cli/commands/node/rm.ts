import { defineCommand } from "../../command.ts"
import { forEachName } from "../../several.ts"

export const nodeRm = defineCommand({
  path: ["node", "rm"],
  task: "Look closer",
  summary: "Remove nodes that will not come back",
  details:
    "Its endpoints are withdrawn, its certificate is refused from then on, and its name is free for another. A server loses its vote too, unless those that are left could not decide any more. A node that is alive leaves by itself: run `ovl leave` there.",
  examples: [
    { what: "A host that died", line: "ovl node rm swarm-02" },
    { what: "Two of them", line: "ovl node rm swarm-02 swarm-03" },
  ],
  arguments: {
    names: { name: "NAME", description: "A node's name or id", required: true, takes: "many", holds: "node" },
  },
  options: {},
  async run(context) {
    const client = await context.client()
    return forEachName(context, context.arguments.names, (name) => client.removeNode(name))
  },
})
