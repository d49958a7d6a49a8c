import { OvlError } from "../../../base/errors.ts"
import type { KvClient, KvEntry } from "../../../client/kv.ts"
import { defineCommand } from "../../command.ts"
import type { Context } from "../../context.ts"
import { keyOf, prefixOf } from "../../kv/key.ts"
import { base64, entryDocument, entryFacts, valueLine } from "../../kv/show.ts"
import { usageError } from "../../usage.ts"

export const kvGet = defineCommand({
  path: ["kv", "get"],
  task: "Keys and values",
  summary: "Show the value of a key, or all below a prefix",
  details:
    "The value comes byte for byte; a line end is added on a terminal only. Exits 3 where there is no such key. With --json flags are exact numbers and values base64.",
  examples: [
    { what: "A value, into a file", line: "ovl kv get config/web/cert > cert.pem" },
    { what: "Also its flags and indexes", line: "ovl kv get config/web/port --detailed" },
    { what: "Every key below config/ with its value", line: "ovl kv get --recurse config/" },
  ],
  arguments: {
    key: {
      name: "KEY",
      description: "A key; a prefix with --recurse or --keys, / for all",
      required: true,
      takes: "one",
      holds: "key",
    },
  },
  options: {
    raw: { kind: "flag", description: "The bytes alone, on a terminal too" },
    detailed: { kind: "flag", description: "All that is known of the key" },
    recurse: { kind: "flag", description: "Every key that begins so, as KEY:VALUE lines" },
    keys: { kind: "flag", description: "Only the keys that begin so" },
    separator: { kind: "text", value: "TEXT", default: "/", description: "With --keys: names end behind it" },
    base64: { kind: "flag", description: "Show values in base64" },
  },
  async run(context) {
    const { options, settings } = context
    const { raw, detailed, recurse, keys } = options
    if (raw && (detailed || recurse || keys || options.base64 || settings.json))
      throw usageError("raw_and_more", "kv get: --raw is the bytes of one value and nothing else", "leave out the rest")
    if (keys && (detailed || options.base64))
      throw usageError("keys_and_values", "kv get: --keys shows no values", "leave out --detailed and --base64")
    if (context.origins.separator === "line" && !keys)
      throw usageError("separator_without_keys", "kv get: --separator goes with --keys", "add --keys")
    const { kv } = await context.client()
    if (keys) return showKeys(context, kv, recurse ? "" : options.separator)
    if (recurse) return showBelow(context, kv)
    return showOne(context, kv)
  },
})

type GetContext = Pick<Context, "io" | "answer" | "write"> & {
  arguments: { key: string }
  options: { raw: boolean; detailed: boolean; base64: boolean }
}

async function showKeys(context: GetContext, kv: KvClient, separator: string): Promise<number> {
  const names = await kv.keys(prefixOf(context.arguments.key), { separator })
  context.answer(names, () => names.map((name) => `${name}\n`).join(""))
  return 0
}

async function showBelow(context: GetContext, kv: KvClient): Promise<number> {
  const { detailed, base64: asBase64 } = context.options
  const { entries } = await kv.list(prefixOf(context.arguments.key))
  const shown = (entry: KvEntry) =>
    `${entry.key}:${asBase64 ? base64(entry.value) : valueText(entry, context.io.stdoutIsTerminal)}\n`
  context.answer(entries.map(entryDocument), () =>
    detailed
      ? entries.map((entry) => entryFacts(entry, asBase64)).join("\n")
      : entries.map((entry) => shown(entry)).join(""),
  )
  return 0
}

/** What is piped is as it is; what a terminal shows must not command it. */
function valueText(entry: KvEntry, onTerminal: boolean): string {
  return onTerminal ? valueLine(entry.value) : new TextDecoder().decode(entry.value)
}

async function showOne(context: GetContext, kv: KvClient): Promise<number> {
  const { raw, detailed, base64: asBase64 } = context.options
  const key = keyOf(context.arguments.key)
  const { entry } = await kv.get(key)
  if (!entry)
    throw new OvlError("key_not_found", `kv get ${key}: there is no such key`, {
      kind: "not_found",
      hint: "`ovl kv ls` lists the keys",
    })
  context.answer(entryDocument(entry), () => {
    if (detailed) return entryFacts(entry, asBase64)
    if (asBase64) return `${base64(entry.value)}\n`
    context.write(entry.value)
    return context.io.stdoutIsTerminal && !raw ? "\n" : ""
  })
  return 0
}
