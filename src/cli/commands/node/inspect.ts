import { defineCommand } from "../../command.ts"

export const nodeInspect = defineCommand({
  path: ["node", "inspect"],
  task: "Look closer",
  summary: "Show all about a node, as JSON",
  examples: [
    { what: "By name", line: "ovl node inspect swarm-02" },
    { what: "Its address only", line: "ovl node inspect swarm-02 | jq -r .address" },
  ],
  arguments: {
    name: { name: "NAME", description: "A node's name or id", required: true, takes: "one", holds: "node" },
  },
  options: {},
  async run(context) {
    context.document(await (await context.client()).node(context.arguments.name))
    return 0
  },
})
