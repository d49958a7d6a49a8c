import { asOvlError, OvlError } from "../../../base/errors.ts"
import { KV_IMPORT_BATCH_MAX_BYTES, KV_IMPORT_MAX_BYTES, TXN_OPERATIONS_MAX } from "../../../base/limits.ts"
import type { KvClient, KvWrite } from "../../../client/kv.ts"
import { defineCommand } from "../../command.ts"
import { patiently } from "../../render/progress.ts"
import { readInput, sourceName } from "../../input.ts"
import { prefixOf } from "../../kv/key.ts"
import { EXCLUDE_OPTION, parseImport, without } from "../../kv/transfer.ts"
import { count } from "../../render/text.ts"

export const kvImport = defineCommand({
  path: ["kv", "import"],
  task: "Keys and values",
  summary: "Write the keys that `ovl kv export` or `consul kv export` printed",
  details:
    "All of it is checked before anything is written. It is then written in transactions of up to 128 keys; an error says how many keys are in. Keys that are there already get the new value, others stay.",
  examples: [
    { what: "From a file", line: "ovl kv import config.json" },
    { what: "From Consul, below another prefix", line: "consul kv export web/ | ovl kv import --prefix old/" },
  ],
  arguments: {
    file: { name: "FILE", description: "A file, or - for standard input (default)", required: false, takes: "one" },
  },
  options: {
    prefix: {
      kind: "text",
      value: "PREFIX",
      config: "",
      description: "Put in front of every key, before --exclude looks at it",
      holds: "key",
    },
    exclude: EXCLUDE_OPTION,
  },
  async run(context) {
    const source = context.arguments.file ?? "-"
    const bytes = readInput(context.io, source, KV_IMPORT_MAX_BYTES, "keys to import")
    const all = parseImport(bytes, sourceName(source), prefixOf(context.options.prefix))
    const writes = without(all, context.options.exclude)
    const { kv } = await context.client()
    await patiently(context, writeAll(kv, writes), `writing ${count(writes.length, "key")}`)
    if (context.settings.json) context.document({ imported: writes.length })
    else context.remark(`imported ${count(writes.length, "key")}`)
    return 0
  },
})

/** Errors: those of the first batch that is refused, and how much was written before. */
async function writeAll(kv: KvClient, writes: readonly KvWrite[]): Promise<void> {
  let done = 0
  for (const batch of batches(writes)) {
    try {
      await writeBatch(kv, batch)
    } catch (thrown) {
      const error = asOvlError(thrown)
      const { code, kind, message } = error
      const hint = code === "key_protected" ? "leave out what ovl alone writes with --exclude PREFIX" : error.hint
      const so = `${done} of ${count(writes.length, "key")} written`
      throw new OvlError(code, `kv import: ${so}: ${message}`, { kind, hint, cause: error })
    }
    done += batch.length
  }
}

/** One key alone goes as it is: a transaction would make more of it than Consul's bound allows. */
async function writeBatch(kv: KvClient, batch: readonly KvWrite[]): Promise<void> {
  if (batch.length === 1) await kv.put(batch[0]!)
  else await kv.putAll(batch)
}

function* batches(writes: readonly KvWrite[]): Generator<KvWrite[]> {
  let batch: KvWrite[] = []
  let bytes = 0
  for (const write of writes) {
    const more = Buffer.byteLength(write.key) + write.value.length
    if (batch.length === TXN_OPERATIONS_MAX || (batch.length > 0 && bytes + more > KV_IMPORT_BATCH_MAX_BYTES)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(write)
    bytes += more
  }
  if (batch.length > 0) yield batch
}
