import { defineCommand, type Option } from "../../command.ts"
import { loadConfiguration } from "../../config.ts"
import { GLOBAL_OPTIONS } from "../../globals.ts"
import { type Column, table } from "../../render/text.ts"
import { HIDDEN, type Setting, settingsOf } from "../../settings.ts"
import { durationText } from "../../values.ts"

export const configShow = defineCommand({
  path: ["config", "show"],
  task: "Run a node",
  summary: "Show the options in force here, and where each comes from",
  details:
    "What a command that is called here and now would use: option beats variable beats file beats default. The node's options are shown, and those of verbs that were set somewhere; without --origin in the form of a configuration file. A daemon that runs already keeps what it was started with.",
  examples: [
    { what: "Which value comes from where", line: "ovl config show --origin" },
    { what: "A file to begin with", line: "ovl config show > /etc/ovl/config.yaml" },
  ],
  options: {
    origin: { kind: "flag", description: "Show where each value comes from, and the variable" },
    all: { kind: "flag", short: "a", description: "Also every verb's options that nobody has set" },
  },
  arguments: {},
  async run(context) {
    const { given, io, options, settings } = context
    const { COMMANDS, configKeys } = await import("../../registry.ts")
    const keys = configKeys()
    const configuration = await loadConfiguration(settings.config, keys)
    const found = settingsOf(GLOBAL_OPTIONS, COMMANDS, given, io.env, configuration)
    const shown = found.filter((each) => options.all || !each.key.includes(".") || each.origin !== "default")
    if (settings.json) context.document(shown)
    else if (options.origin) context.write(table(columnsFor(keys), shown))
    else context.write(await asFile(shown, keys))
    return 0
  },
})

function columnsFor(keys: ReadonlyMap<string, Option>): readonly Column<Setting>[] {
  return [
    { title: "KEY", text: ({ key }) => key },
    { title: "VALUE", text: (each) => [asText(each, keys) ?? "-"].flat().join(",") || "-" },
    { title: "ORIGIN", text: ({ origin, source }) => source ?? origin },
    { title: "OPTION", text: ({ option }) => `--${option}` },
    { title: "VARIABLE", text: ({ variable }) => variable },
  ]
}

/** As it would be written: a duration with its unit. */
function asText({ key, value }: Setting, keys: ReadonlyMap<string, Option>): unknown {
  return typeof value === "number" && keys.get(key)?.kind === "duration" ? durationText(value) : value
}

/** What has no value, or one that is not shown, is left out. */
async function asFile(settings: readonly Setting[], keys: ReadonlyMap<string, Option>): Promise<string> {
  const root: Record<string, unknown> = {}
  for (const setting of settings) {
    const value = asText(setting, keys)
    if (value === null || value === HIDDEN || (Array.isArray(value) && value.length === 0)) continue
    const path = setting.key.split(".")
    const last = path.pop()!
    let level = root
    for (const name of path) {
      level[name] ??= {}
      level = level[name] as Record<string, unknown>
    }
    level[last] = value
  }
  const { stringify } = await import("yaml")
  return stringify(root)
}
