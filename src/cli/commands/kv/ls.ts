import { defineCommand } from "../../command.ts"
import { prefixOf } from "../../kv/key.ts"
import { visible } from "../../render/text.ts"

export const kvLs = defineCommand({
  path: ["kv", "ls"],
  aliases: [["kv", "list"]],
  task: "Keys and values",
  summary: "List keys as a directory is listed",
  details:
    "Keys are whole, one a line; what lies further below shows as the part of it that ends with /. A page of a long listing goes on with the last name of the page before.",
  examples: [
    { what: "What is at the top", line: "ovl kv ls" },
    { what: "All keys below config/", line: "ovl kv ls --recurse config/" },
    { what: "The second hundred", line: "ovl kv ls jobs/ --limit 100 --after jobs/0100" },
  ],
  arguments: {
    prefix: {
      name: "PREFIX",
      description: "What the keys begin with; a folder ends with /",
      required: false,
      takes: "one",
      holds: "key",
    },
  },
  options: {
    recurse: { kind: "flag", short: "r", description: "Every key, not only the first level" },
    limit: { kind: "integer", value: "N", min: 1, description: "No more than so many names" },
    after: { kind: "text", value: "NAME", config: "", description: "Only what follows this name", holds: "key" },
  },
  async run(context) {
    const { recurse, limit, after } = context.options
    const { kv } = await context.client()
    const names = await kv.keys(prefixOf(context.arguments.prefix), { separator: recurse ? "" : "/", limit, after })
    context.answer(names, () => names.map((name) => `${visible(name)}\n`).join(""))
    return 0
  },
})
