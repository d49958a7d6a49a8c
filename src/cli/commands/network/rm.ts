import { defineCommand } from "../../command.ts"
import { forEachName } from "../../several.ts"

export const networkRm = defineCommand({
  path: ["network", "rm"],
  aliases: [["network", "delete"]],
  task: "Networks",
  summary: "Remove networks from the whole cluster",
  details: "A network with endpoints is in use and stays, unless --force takes its endpoints away too.",
  examples: [
    { what: "Two at once", line: "ovl network rm red green" },
    { what: "With all its endpoints", line: "ovl network rm --force red" },
  ],
  arguments: {
    names: { name: "NAME", description: "A network's name or id", required: true, takes: "many", holds: "network" },
  },
  options: { force: { kind: "flag", short: "f", description: "Remove its endpoints too" } },
  async run(context) {
    const client = await context.client()
    const { force } = context.options
    return forEachName(context, context.arguments.names, (name) => client.removeNetwork(name, { force }))
  },
})
