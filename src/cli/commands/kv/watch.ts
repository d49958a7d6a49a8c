import { defineCommand } from "../../command.ts"
import type { Context } from "../../context.ts"
import { keyOf, prefixOf } from "../../kv/key.ts"
import { entryDocument, valueLine } from "../../kv/show.ts"
import { type Change, watchKeys } from "../../kv/watch.ts"
import { cut, visible } from "../../render/text.ts"

export const kvWatch = defineCommand({
  path: ["kv", "watch"],
  task: "Keys and values",
  summary: "Show changes of a key, or below a prefix, as they come",
  details:
    "A line a change: index, put or delete, key, value; with --json a document a line. With CMD it is run for each change, one after another, the value on its standard input and OVL_KV_ACTION, OVL_KV_KEY, OVL_KV_INDEX and OVL_KV_FLAGS in its environment. Of several changes that come at once the last is told. It waits while no daemon answers, and goes on where it was.",
  examples: [
    { what: "Everything below config/", line: "ovl kv watch --recurse config/" },
    {
      what: "Keep a file up to date",
      line: "ovl kv watch --initial config/web/cert -- install /dev/stdin /etc/web.pem",
    },
  ],
  arguments: {
    key: {
      name: "KEY",
      description: "A key; a prefix with --recurse, / for all",
      required: true,
      takes: "one",
      holds: "key",
    },
    command: { name: "CMD", description: "Run for each change", required: false, takes: "command" },
  },
  options: {
    recurse: { kind: "flag", short: "r", description: "Every key that begins so" },
    initial: { kind: "flag", description: "First what is there already" },
  },
  async run(context) {
    const { recurse, initial } = context.options
    const { command } = context.arguments
    const key = recurse ? prefixOf(context.arguments.key) : keyOf(context.arguments.key)
    const { kv } = await context.client()
    const changes = watchKeys(kv, key, {
      recurse,
      initial,
      onLost: (error) => context.remark(`waiting: ${error.message}`),
      onBack: () => context.remark("going on"),
      sleep: (ms) => context.sleep(ms),
    })
    for await (const change of changes) {
      if (command.length > 0) await runFor(context, change, command)
      else if (context.settings.json) context.line(JSON.stringify(changeDocument(change)))
      else context.line(changeLine(change, context.io.stdoutIsTerminal ? context.io.stdoutColumns : null))
    }
    return 0
  },
})

function actionOf({ entry }: Change): string {
  return entry ? "put" : "delete"
}

function changeDocument(change: Change): object {
  const { index, key, entry } = change
  return { index, action: actionOf(change), ...(entry ? entryDocument(entry) : { key }) }
}

function changeLine(change: Change, columns: number | null): string {
  const { index, key, entry } = change
  const line = [index, actionOf(change), visible(key), ...(entry ? [valueLine(entry.value)] : [])].join(" ")
  return columns === null ? line : cut(line, columns)
}

async function runFor(
  context: Pick<Context, "io" | "remark">,
  change: Change,
  command: readonly string[],
): Promise<void> {
  const { index, key, entry } = change
  const status = await context.io.runProgram(command, entry?.value ?? new Uint8Array(), {
    OVL_KV_ACTION: actionOf(change),
    OVL_KV_KEY: key,
    OVL_KV_INDEX: String(index),
    OVL_KV_FLAGS: String(entry?.flags ?? 0),
  })
  if (status !== 0) context.remark(`${command[0]} for ${key}: exit status ${status}`)
}
