/**
 * From words to typed values. A small `cac` program of one default command binds a verb's arguments and refuses too few
 * and too many (it cannot match several words, and makes numbers of values, so the table finds the verb and `words.ts`
 * the options). What the line does not say comes from the variable, the file or the default.
 */
import { cac } from "cac"
import { type Argument, callOf, nameOf, type Command, configKeyOf, type OptionTable, variableOf } from "./command.ts"
import type { Configuration } from "./config.ts"
import { nearest, usageError } from "./usage.ts"
import { convert, type GivenTexts } from "./values.ts"
import type { GivenOption, SplitLine } from "./words.ts"

export type Environment = Record<string, string | undefined>

/**
 * `cac` would take an argument that begins with a dash (they may follow `--`) for an option. A mark in front of every
 * argument keeps it one; it is taken off again as soon as `cac` has put the text where it belongs.
 */
const MARK = "="

/** What a line gave a verb's arguments, by their key. */
export type BoundArguments = Record<string, string | string[] | undefined>

/** Throws `argument_missing`, `argument_unexpected`, `argument_empty`, `argument_invalid`. */
export function bindArguments(command: Command, line: SplitLine): BoundArguments {
  if (line.positionals.includes(""))
    throw usageError(
      "argument_empty",
      `${nameOf(command)}: an argument is empty`,
      "is a variable of the script not set?",
    )
  const entries = Object.entries(command.arguments).filter(([, argument]) => argument.takes !== "command")
  const program = cac("ovl")
  const values: BoundArguments = {}
  const verb = program.command(entries.map(([, argument]) => pattern(argument)).join(" "))
  verb.action((...bound: (string | string[] | undefined)[]) => {
    for (const [index, [key]] of entries.entries()) values[key] = unmark(bound[index])
  })
  const marked = line.positionals.map((text) => MARK + text)
  try {
    program.parse(["", "", ...marked])
  } catch (error) {
    if (!(error instanceof Error) || error.name !== "CACError") throw error
    throw wrongCount(
      command,
      entries.map(([, argument]) => argument),
      line.positionals,
    )
  }
  checkChoices(command, values)
  return withCommand(command, values, line.command)
}

function checkChoices(command: Command, values: BoundArguments): void {
  for (const [key, { name, choices }] of Object.entries(command.arguments)) {
    const wrong = choices && [values[key] ?? []].flat().find((text) => !choices.includes(text))
    if (!choices || wrong === undefined) continue
    const meant = nearest(wrong, choices)
    throw usageError(
      "argument_invalid",
      `${nameOf(command)}: ${name} "${wrong}" is not one of ${choices.join(", ")}`,
      meant ? `did you mean "${meant}"?` : `choose one of ${choices.join(", ")}`,
    )
  }
}

function pattern({ name, required, takes }: Argument): string {
  const inside = takes === "many" ? `...${name}` : name
  return required ? `<${inside}>` : `[${inside}]`
}

function unmark(bound: string | string[] | undefined): string | string[] | undefined {
  if (Array.isArray(bound)) return bound.map((text) => text.slice(MARK.length))
  return bound?.slice(MARK.length)
}

function withCommand(command: Command, values: BoundArguments, given: string[] | null): BoundArguments {
  for (const [key, argument] of Object.entries(command.arguments)) {
    if (argument.takes !== "command") continue
    if (argument.required && !given?.length) throw missing(command, argument)
    values[key] = given ?? []
  }
  return values
}

function wrongCount(command: Command, wanted: Argument[], given: string[]): Error {
  const lacking = wanted.find((argument, index) => argument.required && index >= given.length)
  if (lacking) return missing(command, lacking)
  const extra = given[wanted.length] ?? given.at(-1)
  return usageError(
    "argument_unexpected",
    `${nameOf(command)}: unexpected argument "${extra}"`,
    `\`${callOf(command)} --help\` shows how it is called`,
  )
}

function missing(command: Command, { name, description }: Argument): Error {
  const what = description.charAt(0).toLowerCase() + description.slice(1)
  return usageError(
    "argument_missing",
    `${nameOf(command)}: ${name} is missing`,
    `${name} is ${what}: ${example(command)}`,
  )
}

/** The first line that calls the command: an example may have others around it. */
function example(command: Command): string {
  const call = callOf(command)
  const lines = command.examples.flatMap(({ line }) => line.split("\n").map((each) => each.trim()))
  return lines.find((line) => line.startsWith(call)) ?? call
}

/** Where a value came from, the strongest first. */
export type Origin = "line" | "variable" | "file" | "default"

export interface ResolvedOptions {
  values: Record<string, unknown>
  origins: Record<string, Origin>
  /** How the one who gave it named it: `--mtu`, `OVL_MTU`, `/etc/ovl/config.yaml:3: mtu`; nothing of a default. */
  given: Record<string, string>
}

/**
 * The values of a table of options: the line beats the variable, the variable the file, the file the default.
 * `command` is null for the global options. Throws `option_value_invalid`.
 */
export function resolveOptions(
  table: OptionTable,
  command: Command | null,
  line: ReadonlyMap<string, GivenOption>,
  env: Environment,
  configuration: Configuration,
): ResolvedOptions {
  const resolved: ResolvedOptions = { values: {}, origins: {}, given: {} }
  for (const [name, option] of Object.entries(table)) {
    if (option.lineOnly) continue
    const variable = variableOf(name)
    const key = configKeyOf(command, name, option)
    const sources: [Origin, GivenTexts | undefined][] = [
      ["line", line.get(name)],
      ["variable", fromVariable(variable, env[variable], option.kind)],
      ["file", key === null ? undefined : configuration.get(key)],
    ]
    const [origin, given] = sources.find(([, texts]) => texts !== undefined) ?? (["default", undefined] as const)
    resolved.origins[name] = origin
    if (given) resolved.given[name] = given.given
    resolved.values[name] = given ? convert(option, given, env) : fallback(option)
  }
  return resolved
}

/** A variable that is set but empty counts as not set, as shells and unit files leave them behind. */
function fromVariable(given: string, text: string | undefined, kind: string): GivenTexts | undefined {
  if (text === undefined || text === "") return undefined
  return { given, texts: kind === "pair" ? text.split("\n").filter((each) => each !== "") : [text] }
}

function fallback(option: OptionTable[string]): unknown {
  if (option.kind === "flag") return false
  if (option.kind === "list" || option.kind === "pair") return []
  return option.default
}
