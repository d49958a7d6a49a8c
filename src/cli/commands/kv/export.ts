import { defineCommand } from "../../command.ts"
import { patiently } from "../../render/progress.ts"
import { prefixOf } from "../../kv/key.ts"
import { EXCLUDE_OPTION, exportDocument, without } from "../../kv/transfer.ts"

export const kvExport = defineCommand({
  path: ["kv", "export"],
  task: "Keys and values",
  summary: "Print keys with their flags and values, as JSON for `ovl kv import`",
  details: "The form is that of `consul kv export`: values in base64, flags exact to 64 bits.",
  examples: [
    { what: "All keys below config/", line: "ovl kv export config/ > config.json" },
    { what: "All but the records of networks", line: "ovl kv export --exclude ovl/docker/network/ > keys.json" },
    { what: "From one cluster to another", line: "ovl kv export config/ | ssh other ovl kv import" },
  ],
  arguments: {
    prefix: { name: "PREFIX", description: "What the keys begin with", required: false, takes: "one", holds: "key" },
  },
  options: { exclude: EXCLUDE_OPTION },
  async run(context) {
    const { kv } = await context.client()
    const { entries } = await patiently(context, kv.list(prefixOf(context.arguments.prefix)), "reading the keys")
    context.document(exportDocument(without(entries, context.options.exclude)))
    return 0
  },
})
