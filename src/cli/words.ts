/**
 * Takes a command line apart into options, arguments and the command to be run. Only what `cac` cannot do is done here:
 * bundles of short flags (`-it`), values that must stay text (`007`, `-`), options before the verb, and the place where
 * the options of ovl end and the command of somebody else begins.
 */
import type { Command, Option, OptionTable } from "./command.ts"
import { FOREIGN_OPTIONS } from "./foreign-words.ts"
import { GLOBAL_OPTIONS } from "./globals.ts"
import { nearest, usageError } from "./usage.ts"

/** One option as it was given: `texts` are its values in order, `true` and `false` for a flag. */
export interface GivenOption {
  name: string
  /** `--detach` or `-d`. */
  given: string
  texts: string[]
}

export interface SplitLine {
  options: Map<string, GivenOption>
  positionals: string[]
  /** What follows `--`, or what stands where the verb takes a command; null where there is none. */
  command: string[] | null
}

interface Known {
  name: string
  option: Option
}

/**
 * `tables` are the options that may stand here; `positionalsBeforeCommand` says how many arguments the verb has before
 * the command that it takes, or null when it takes none. Throws `unknown_option`, `option_value_missing`.
 */
export function splitLine(
  words: readonly string[],
  tables: readonly OptionTable[],
  positionalsBeforeCommand: number | null,
  call: string,
): SplitLine {
  const line: SplitLine = { options: new Map(), positionals: [], command: null }
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    if (word === "--") {
      if (positionalsBeforeCommand === null) line.positionals.push(...words.slice(i + 1))
      else line.command = words.slice(i + 1)
      break
    }
    if (!isOption(word)) {
      if (line.positionals.length === positionalsBeforeCommand) {
        line.command = words.slice(i)
        break
      }
      line.positionals.push(word)
      continue
    }
    i += takeOption(line.options, word, words[i + 1], tables, call)
  }
  return line
}

export function isOption(word: string): boolean {
  return word.length > 1 && word.startsWith("-")
}

/** Takes one word that begins with a dash; returns how many further words it used: 0 or 1. */
export function takeOption(
  into: Map<string, GivenOption>,
  word: string,
  next: string | undefined,
  tables: readonly OptionTable[],
  call: string,
): number {
  return word.startsWith("--") ? takeLong(into, word, next, tables, call) : takeShort(into, word, next, tables, call)
}

function takeLong(
  into: Map<string, GivenOption>,
  word: string,
  next: string | undefined,
  tables: readonly OptionTable[],
  call: string,
): number {
  const equals = word.indexOf("=")
  const name = word.slice(2, equals < 0 ? undefined : equals)
  const value = equals < 0 ? undefined : word.slice(equals + 1)
  const known = findLong(tables, name)
  if (!known) {
    const positive = name.startsWith("no-") ? findLong(tables, name.slice(3)) : undefined
    if (positive?.option.kind !== "flag" || value !== undefined) throw unknownOption(`--${name}`, tables, call)
    add(into, positive, `--${name}`, "false")
    return 0
  }
  if (known.option.kind === "flag") {
    add(into, known, `--${name}`, value ?? "true")
    return 0
  }
  add(into, known, `--${name}`, value ?? wanted(known, `--${name}`, next))
  return value === undefined ? 1 : 0
}

function takeShort(
  into: Map<string, GivenOption>,
  word: string,
  next: string | undefined,
  tables: readonly OptionTable[],
  call: string,
): number {
  for (let i = 1; i < word.length; i++) {
    const given = `-${word[i]}`
    const known = findShort(tables, word[i]!)
    if (!known) throw unknownOption(given, tables, call)
    if (known.option.kind === "flag") {
      add(into, known, given, "true")
      continue
    }
    const rest = word.slice(i + 1).replace(/^=/, "")
    add(into, known, given, i + 1 < word.length ? rest : wanted(known, given, next))
    return i + 1 < word.length ? 0 : 1
  }
  return 0
}

/** The next word as a value. One that looks like an option is more often a forgotten value than a value. */
function wanted(known: Known, given: string, next: string | undefined): string {
  if (next !== undefined && next !== "--" && !isOption(next)) return next
  const placeholder = known.option.kind === "flag" ? "" : known.option.value
  const hint =
    next !== undefined && next !== "--"
      ? `if "${next}" is the value, write --${known.name}=${next}`
      : `write --${known.name} ${placeholder}`
  throw usageError("option_value_missing", `${given}: a value is wanted (${placeholder})`, hint)
}

function add(into: Map<string, GivenOption>, { name }: Known, given: string, text: string): void {
  const before = into.get(name)
  if (before) before.texts.push(text)
  else into.set(name, { name, given, texts: [text] })
}

function findLong(tables: readonly OptionTable[], name: string): Known | undefined {
  for (const table of tables) if (Object.hasOwn(table, name)) return { name, option: table[name]! }
  return undefined
}

function findShort(tables: readonly OptionTable[], letter: string): Known | undefined {
  for (const table of tables)
    for (const [name, option] of Object.entries(table)) if (option.short === letter) return { name, option }
  return undefined
}

function unknownOption(given: string, tables: readonly OptionTable[], call: string): Error {
  const names = tables.flatMap((table) => Object.keys(table)).map((name) => `--${name}`)
  const meant = given.startsWith("--") ? nearest(given, names) : undefined
  const help = `\`${call} --help\` lists the options`
  const instead = Object.hasOwn(FOREIGN_OPTIONS, given) ? FOREIGN_OPTIONS[given] : undefined
  const hint = instead ? `${instead}; ${help}` : meant ? `did you mean ${meant}? ${help}` : help
  const where = call.replace(/^ovl ?/, "")
  return usageError("unknown_option", `${where === "" ? "" : `${where}: `}unknown option ${given}`, hint)
}

/** How many arguments come before the command that a verb takes; null for a verb that takes none. */
export function positionalsBeforeCommand(command: Command): number | null {
  const takes = Object.values(command.arguments).map((argument) => argument.takes)
  const at = takes.indexOf("command")
  return at < 0 ? null : at
}

/** The options that may stand after a verb: its own, then the global ones. */
export function tablesOf(command: Command): readonly OptionTable[] {
  return [command.options, GLOBAL_OPTIONS]
}
