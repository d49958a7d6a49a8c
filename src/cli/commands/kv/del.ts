import { defineCommand } from "../../command.ts"
import { keyOf, prefixOf } from "../../kv/key.ts"
import { casIndex } from "../../kv/numbers.ts"
import { usageError } from "../../usage.ts"
import { casFailed } from "./put.ts"

export const kvDel = defineCommand({
  path: ["kv", "del"],
  aliases: [["kv", "delete"]],
  task: "Keys and values",
  summary: "Delete a key, or all below a prefix",
  details: "A key that is not there is no error. The records of networks stay, whatever the prefix.",
  examples: [
    { what: "One key", line: "ovl kv del config/web/port" },
    { what: "Everything below config/", line: "ovl kv del --recurse config/" },
  ],
  arguments: {
    key: {
      name: "KEY",
      description: "A key; a prefix with --recurse, / for all",
      required: true,
      takes: "one",
      holds: "key",
    },
  },
  options: {
    recurse: { kind: "flag", short: "r", config: "", description: "Every key that begins so" },
    cas: { kind: "flag", config: "", description: "Only if the key's index is that of --modify-index" },
    "modify-index": { kind: "text", value: "N", config: "", description: "The key's ModifyIndex", holds: "uint64" },
  },
  async run(context) {
    const { recurse } = context.options
    const cas = casIndex("kv del", context.options.cas, context.options["modify-index"])
    if (recurse && cas !== undefined)
      throw usageError("recurse_and_cas", "kv del: --recurse and --cas: only one can be used", "leave one of them out")
    const key = recurse ? prefixOf(context.arguments.key) : keyOf(context.arguments.key)
    const { kv } = await context.client()
    if (!(await kv.delete(key, { recurse, cas }))) throw casFailed(`kv del ${key}`, key)
    if (context.settings.json) context.document({ key, recurse, deleted: true })
    else context.remark(recurse ? `deleted all keys that begin with ${key || "/"}` : `deleted ${key}`)
    return 0
  },
})
