import { defineCommand } from "../../command.ts"

export const endpointInspect = defineCommand({
  path: ["endpoint", "inspect"],
  task: "Networks",
  summary: "Show all about an endpoint, as JSON",
  examples: [
    { what: "By the workload's name", line: "ovl endpoint inspect namespace_01" },
    { what: "Its second network", line: "ovl endpoint inspect namespace_01.green" },
  ],
  arguments: {
    name: { name: "NAME", description: "An endpoint's name or id", required: true, takes: "one", holds: "endpoint" },
  },
  options: {},
  async run(context) {
    context.document(await (await context.client()).endpoint(context.arguments.name))
    return 0
  },
})
