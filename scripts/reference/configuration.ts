/** The page of the configuration: every option that can stand in the environment or in the file. */
import { callOf, configKeyOf, type Option } from "../../src/cli/command.ts"
import { DEFAULT_CONFIG } from "../../src/cli/globals.ts"
import { COMMANDS } from "../../src/cli/registry.ts"
import { globalRows, OPTION_HEAD, optionRow } from "./commands.ts"
import { block, code, page, table } from "./markdown.ts"

export function configurationPage(): string {
  return page(
    "# Configuration",
    `An option on the command line beats its environment variable, the variable beats the configuration file, the file beats the default. The file is ${code(DEFAULT_CONFIG)} unless ${code("--config")} or ${code("OVL_CONFIG")} names another one; only the default one may be missing. ${code("ovl config show --origin")} tells which value counts and where it comes from.`,
    "The file is one YAML mapping. What concerns the node stands at the top, what concerns one verb below its name; a flag is true or false, a list is a YAML list. An unknown key is an error.",
    block("yaml", EXAMPLE),
    "A flag's variable is true for `1`, `true`, `yes` and `on`, false for `0`, `false`, `no` and `off`; a list's holds its items separated by commas; an empty variable counts as not set. `NO_COLOR` takes away all colour.",
    `## Options of every command\n\n${table(OPTION_HEAD, globalRows())}`,
    `## Options of the node\n\n${table(OPTION_HEAD, rowsOf(false))}`,
    `## Options of single commands\n\nThe option's variable holds for each command that has the option; its key for one.\n\n${table(
      ["Command", ...OPTION_HEAD],
      rowsOf(true),
    )}`,
  )
}

const EXAMPLE = [
  "# /etc/ovl/config.yaml",
  "name: swarm-01",
  "advertise: 192.168.1.51",
  "http: off",
  "network:",
  "  create:",
  "    mtu: 1400",
]

/** With `ofVerbs` the options whose key is below a verb's name, each verb's; else those at the top, once. */
function rowsOf(ofVerbs: boolean): string[][] {
  const rows = new Map<string, string[]>()
  for (const command of COMMANDS) {
    if (command.unavailable) continue
    for (const [name, option] of Object.entries<Option>(command.options)) {
      const key = configKeyOf(command, name, option)
      if (key === null || option.unavailable || key.includes(".") !== ofVerbs || rows.has(key)) continue
      const row = optionRow(command, name, option)
      rows.set(key, ofVerbs ? [code(callOf(command)), ...row] : row)
    }
  }
  return [...rows.values()]
}
