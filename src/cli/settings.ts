/**
 * Every option that the configuration file may hold, with the value that it has here and now and where that came from.
 * What `ovl config show` prints; pure.
 */
import { type Command, configKeyOf, type Option, type OptionTable, variableOf } from "./command.ts"
import type { Configuration } from "./config.ts"
import { type Environment, type Origin, resolveOptions } from "./parse.ts"
import type { GivenOption } from "./words.ts"

export interface Setting {
  /** In the configuration file, level by level: `network.create.mtu`. */
  key: string
  /** As `--help` and the environment have it. */
  option: string
  variable: string
  value: unknown
  origin: Origin
  /** How it was given: `OVL_MTU`, `/etc/ovl/config.yaml:3`; null for a default. */
  source: string | null
}

/** What stands in the place of a value that is nobody's business. */
export const HIDDEN = "(hidden)"

/**
 * The global options first, then each verb's in the order of `commands`; an option that several verbs share stands there
 * once. `line` holds the global options of the command line. Throws `option_value_invalid`.
 */
export function settingsOf(
  globals: OptionTable,
  commands: readonly Command[],
  line: ReadonlyMap<string, GivenOption>,
  env: Environment,
  configuration: Configuration,
): Setting[] {
  const settings = new Map<string, Setting>()
  const add = (table: OptionTable, command: Command | null) => {
    const { values, origins, given } = resolveOptions(table, command, line, env, configuration)
    for (const [option, declared] of Object.entries(table)) {
      const key = configKeyOf(command, option, declared)
      if (key === null || declared.unavailable || settings.has(key)) continue
      const origin = origins[option] ?? "default"
      const source = given[option] === undefined ? null : sourceOf(given[option], key)
      const value = shown(declared, values[option])
      settings.set(key, { key, option, variable: variableOf(option), value, origin, source })
    }
  }
  add(globals, null)
  for (const command of commands) if (!command.unavailable) add(command.options, command)
  return [...settings.values()]
}

/** A place in a file without the key, which is said already. */
function sourceOf(given: string, key: string): string {
  const end = `: ${key}`
  return given.endsWith(end) ? given.slice(0, -end.length) : given
}

function shown(option: Option, value: unknown): unknown {
  return option.secret && value !== undefined ? HIDDEN : (value ?? null)
}
