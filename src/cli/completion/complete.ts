/**
 * What may stand where the cursor is: read off the table of commands, with the names of what there is now put in. It
 * takes a line that is not finished, and perhaps wrong, so it never complains.
 */
import type { Argument, Command, Held, Option, OptionTable } from "../command.ts"
import { GLOBAL_OPTIONS } from "../globals.ts"
import { summaryOf } from "../help.ts"
import { commandAt, verbsBelow } from "../registry.ts"
import { positionalsBeforeCommand } from "../words.ts"
import { beginningWith, type Candidate, type Completion, fromShell, NOTHING } from "./candidate.ts"

/** The names of what there is now, at least those that begin with what was typed. */
export type Names = (held: Held, typed: string) => Promise<Candidate[]>

/** `words` are those after `ovl`, the last one being what is typed so far, "" where nothing is. */
export async function complete(words: readonly string[], names: Names): Promise<Completion> {
  const typed = words.at(-1) ?? ""
  const line = readLine(words.slice(0, -1))
  if (line.expects) return valuesFor(line.expects, typed, "", names)
  if (line.inner !== null) return fromShell(line.inner === 0 ? "programs" : "files")
  if (!line.ended && typed.startsWith("-")) return optionOrValue(line, typed, names)
  if (!line.command) return { candidates: beginningWith(typed, verbsAfter(line.path)), shell: "nothing" }
  const argument = argumentAt(line.command, line.positionals.length)
  if (!argument || line.help) return NOTHING
  if (argument.takes === "command") return fromShell("programs")
  const { candidates, shell } = await valuesFor(argument, typed, "", names)
  return { candidates: candidates.filter(({ word }) => !line.positionals.includes(word)), shell }
}

interface Line {
  path: string[]
  command: Command | null
  positionals: string[]
  given: Set<string>
  /** The option whose value comes next. */
  expects: Option | null
  /** Words of the command to be run that are complete; null in front of it. */
  inner: number | null
  /** After `--`. */
  ended: boolean
  /** `ovl help ...`: verbs are wanted, and nothing behind them. */
  help: boolean
}

function readLine(words: readonly string[]): Line {
  const line: Line = {
    path: [],
    command: null,
    positionals: [],
    given: new Set(),
    expects: null,
    inner: null,
    ended: false,
    help: false,
  }
  for (const word of words) readWord(line, word)
  return line
}

function readWord(line: Line, word: string): void {
  const before = line.command ? positionalsBeforeCommand(line.command) : null
  if (line.inner !== null) line.inner++
  else if (line.expects) line.expects = null
  else if (!line.ended && word === "--") {
    if (before === null) line.ended = true
    else line.inner = 0
  } else if (!line.ended && word.length > 1 && word.startsWith("-")) readOption(line, word)
  else if (line.command) {
    if (line.positionals.length === before) line.inner = 1
    else line.positionals.push(word)
  } else if (word === "help" && line.path.length === 0 && !line.help) line.help = true
  else {
    line.path.push(word)
    line.command = commandAt(line.path) ?? null
  }
}

function readOption(line: Line, word: string): void {
  const [name, value] = word.split("=", 2)
  const found = word.startsWith("--")
    ? optionsAt(line).find(([each]) => `--${each}` === name)
    : optionsAt(line).find(([, option]) => option.short === word.at(-1))
  if (!found) return
  line.given.add(found[0])
  if (found[1].kind !== "flag" && value === undefined) line.expects = found[1]
}

function optionsAt({ command }: Line): [string, Option][] {
  const tables: OptionTable[] = command ? [command.options, GLOBAL_OPTIONS] : [GLOBAL_OPTIONS]
  return tables.flatMap((table) => Object.entries(table))
}

/** `--net`, or `--network=re`. */
async function optionOrValue(line: Line, typed: string, names: Names): Promise<Completion> {
  const equals = typed.indexOf("=")
  if (equals > 0) {
    const option = optionsAt(line).find(([name]) => `--${name}` === typed.slice(0, equals))?.[1]
    return option ? valuesFor(option, typed.slice(equals + 1), typed.slice(0, equals + 1), names) : NOTHING
  }
  const offered = optionsAt(line).filter(([name, option]) => {
    const again = option.kind === "list" || option.kind === "pair"
    return !option.unavailable && (again || !line.given.has(name))
  })
  const candidates = offered.map(([name, { description }]) => ({ word: `--${name}`, description }))
  return { candidates: beginningWith(typed, candidates), shell: "nothing" }
}

type Place = (Option & { name?: string }) | Argument

/** `before` is what of the word is no part of the value: `--network=`. */
async function valuesFor(place: Place, typed: string, before: string, names: Names): Promise<Completion> {
  if ("kind" in place && place.kind === "list") {
    const comma = typed.lastIndexOf(",") + 1
    const [had, last] = [typed.slice(0, comma), typed.slice(comma)]
    const { candidates, shell } = await oneValue(place, last, before + had, names)
    const again = new Set(had.split(",").map((each) => before + had + each))
    return { candidates: candidates.filter(({ word }) => !again.has(word)), shell }
  }
  return oneValue(place, typed, before, names)
}

async function oneValue(place: Place, typed: string, before: string, names: Names): Promise<Completion> {
  const offered = await offers(place, typed, names)
  if (typeof offered === "string") return fromShell(offered)
  const candidates = beginningWith(typed, offered).map(({ word, description }) => ({
    word: before + word,
    description,
  }))
  return { candidates, shell: "nothing" }
}

async function offers(place: Place, typed: string, names: Names): Promise<Candidate[] | "files" | "folders"> {
  const words = "choices" in place && place.choices ? place.choices : place.suggests
  if (typeof words === "object") return words.map((word) => ({ word, description: "" }))
  const held = place.holds ?? words
  if (held !== undefined) return names(held, typed)
  const placeholder = "value" in place ? place.value : place.name
  if (placeholder === "FILE" || placeholder === "PATH") return "files"
  return placeholder === "DIR" ? "folders" : []
}

function argumentAt({ arguments: table }: Command, at: number): Argument | undefined {
  const all = Object.values(table)
  return all[at] ?? (all.at(-1)?.takes === "many" ? all.at(-1) : undefined)
}

/** The words that may follow, aliases not among them. */
function verbsAfter(path: readonly string[]): Candidate[] {
  const below = verbsBelow(path).filter((command) => !command.unavailable)
  const words = new Set(below.flatMap((command) => command.path[path.length] ?? []))
  return [...words].map((word) => ({ word, description: summaryOf([...path, word]) }))
}
