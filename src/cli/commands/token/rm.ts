import { defineCommand } from "../../command.ts"
import { forEachName } from "../../several.ts"

export const tokenRm = defineCommand({
  path: ["token", "rm"],
  task: "Run a node",
  summary: "Take join tokens back",
  details: "Nodes that joined with one stay.",
  examples: [
    { what: "One of them", line: "ovl token rm 3f9c2a7e" },
    { what: "All of them", line: "ovl token rm $(ovl token ls -q)" },
  ],
  arguments: {
    ids: {
      name: "ID",
      description: "A token's id, as `ovl token ls` shows it",
      required: true,
      takes: "many",
      holds: "token",
    },
  },
  options: {},
  async run(context) {
    const client = await context.client()
    return forEachName(context, context.arguments.ids, (id) => client.removeToken(id))
  },
})
