/**
 * Help pages, made from the table of commands: one screen for a start, one page a noun, one page a verb. Written to be
 * read by somebody who has never seen ovl.
 */
import { VERSION } from "../base/version.ts"
import { type Argument, callOf, type Command, type Option, type OptionTable, TASKS, variableOf } from "./command.ts"
import { GLOBAL_OPTIONS } from "./globals.ts"
import { COMMANDS, verbsBelow } from "./registry.ts"
import type { Style } from "./render/style.ts"
import { durationText } from "./values.ts"

/** What a noun stands for, in one line, for the first page. */
const NOUNS: Record<string, string> = {
  lab: "several nodes on this machine",
  token: "join tokens",
  network: "isolated layer-2 segments",
  endpoint: "interfaces of workloads on networks, on every node",
  node: "the hosts of the cluster",
  raft: "the servers that keep the store, and who leads",
  kv: "keys and their values, as in Consul",
  snapshot: "all keys and sessions in a file",
}

const LINE_CHARS = 100
/** Width of the words on the first page, the same for all tasks. */
const FIRST_PAGE_COLUMN = 8

/** The page for `ovl`, or for a noun such as `ovl network`. */
export function helpPage(path: readonly string[], style: Style): string {
  return path.length === 0 ? firstPage(style) : nounPage(path, style)
}

function firstPage(style: Style): string {
  const built = COMMANDS.filter((command) => !command.unavailable)
  const parts = [
    `${style.bold("ovl")} ${VERSION} - overlay networks between Linux hosts\n`,
    `${style.bold("Usage:")} ovl COMMAND [options]\n`,
  ]
  for (const task of TASKS) {
    const lines = [...new Set(built.filter((command) => command.task === task).map((command) => command.path[0]!))]
    const pairs = lines.map((word) => [word, wordSummary(word, built)])
    parts.push(`${style.bold(task)}\n${rows(pairs, FIRST_PAGE_COLUMN)}`)
  }
  const later = [...new Set(COMMANDS.filter((c) => c.unavailable).map((c) => c.path[0]!))]
  const missing = later.filter((word) => !built.some((command) => command.path[0] === word))
  parts.push(`${style.bold("Not in this version")}\n${wrapped(missing.join(", "), "  ")}`)
  parts.push(
    `"ovl COMMAND --help" explains a command. New here? As root: ${style.bold("ovl lab up")}, then ${style.bold("ovl lab verify")}.\n`,
  )
  return parts.join("\n")
}

function wordSummary(word: string, built: readonly Command[]): string {
  const own = built.filter((command) => command.path[0] === word)
  if (own[0]!.path.length === 1) return own[0]!.summary
  return `${[...new Set(own.map((command) => command.path[1]))].join(", ")} - ${NOUNS[word] ?? ""}`
}

function nounPage(path: readonly string[], style: Style): string {
  const verbs = verbsBelow(path)
  const about = NOUNS[path.join(" ")]
  const summary = (command: Command) =>
    `${command.summary}${command.unavailable ? " (not available in this version)" : ""}`
  return [
    `${style.bold(`ovl ${path.join(" ")}`)}${about ? ` - ${about}` : ""}\n`,
    `${style.bold("Usage:")} ovl ${path.join(" ")} COMMAND [options]\n`,
    rows(verbs.map((command) => [command.path.slice(path.length).join(" "), summary(command)])),
    `"ovl ${path.join(" ")} COMMAND --help" explains a command.\n`,
  ].join("\n")
}

/** The page of one verb: usage, arguments, options with defaults and variables, examples. */
export function verbPage(command: Command, style: Style): string {
  const note = command.unavailable ? "\nNot available in this version.\n" : ""
  const parts = [`${command.summary}.\n${note}`, `${style.bold("Usage:")} ${usageLine(command)}\n`]
  for (const alias of command.aliases ?? []) parts.push(`${style.bold("Also:")}  ovl ${alias.join(" ")}\n`)
  if (command.details) parts.push(wrapped(command.details, ""))
  const args = Object.values(command.arguments)
  if (args.length > 0) parts.push(`${style.bold("Arguments:")}\n${rows(args.map((a) => [a.name, a.description]))}`)
  if (Object.keys(command.options).length > 0) parts.push(`${style.bold("Options:")}\n${optionRows(command.options)}`)
  parts.push(`${style.bold("Options of every command:")}\n${optionRows(GLOBAL_OPTIONS)}`)
  if (command.examples.length > 0) parts.push(`${style.bold("Examples:")}\n${exampleLines(command, style)}`)
  return parts.join("\n")
}

/** `ovl network create NAME [options]`. */
export function usageLine(command: Command): string {
  const args = Object.values(command.arguments)
  const words = args.filter((argument) => argument.takes !== "command").map(argumentText)
  const inner = args.filter((argument) => argument.takes === "command").map(argumentText)
  const options = Object.keys(command.options).length > 0 ? ["[options]"] : []
  // A command to be run ends the options of ovl, so they are shown in front.
  return [callOf(command), ...(inner.length > 0 ? [...options, ...words, ...inner] : [...words, ...options])].join(" ")
}

function argumentText({ name, required, takes }: Argument): string {
  if (takes === "command") return required ? `[--] ${name}...` : `[-- ${name}...]`
  const text = takes === "many" ? `${name}...` : name
  return required ? text : `[${text}]`
}

function optionRows(table: OptionTable): string {
  return rows(
    Object.entries(table).map(([name, option]) => [optionText(name, option), optionDescription(name, option)]),
  )
}

function optionText(name: string, option: Option): string {
  const short = option.short ? `-${option.short}, ` : "    "
  return `${short}--${name}${option.kind === "flag" ? "" : ` ${option.value}`}`
}

function optionDescription(name: string, option: Option): string {
  if (option.unavailable) return `${option.description} (not available in this version)`
  const notes = [defaultText(option), manyText(option), option.lineOnly ? "" : variableOf(name)].filter((n) => n !== "")
  return notes.length > 0 ? `${option.description} [${notes.join("; ")}]` : option.description
}

function defaultText(option: Option): string {
  if (option.kind === "text" && option.default !== undefined) return `default ${option.default}`
  if (option.kind === "integer" && option.default !== undefined) return `default ${option.default}`
  if (option.kind === "duration" && option.default !== undefined) return `default ${durationText(option.default)}`
  return ""
}

function manyText(option: Option): string {
  return option.kind === "list" || option.kind === "pair" ? "repeatable" : ""
}

function exampleLines(command: Command, style: Style): string {
  return command.examples.map(({ what, line }) => `  ${style.dim(`# ${what}`)}\n  ${line}\n`).join("\n")
}

/** Two columns; the second is wrapped at the line's end and goes on below itself. */
function rows(pairs: readonly (readonly string[])[], least = 0): string {
  const width = Math.max(least, ...pairs.map(([left]) => left!.length))
  return pairs
    .map(([left, right]) => {
      const text = wrapped(right!, " ".repeat(width + 5))
      return `  ${left!.padEnd(width)}   ${text.trimStart()}`
    })
    .join("")
}

function wrapped(text: string, indent: string): string {
  const lines: string[] = []
  let line = indent
  for (const word of text.split(" ")) {
    const longer = line === indent ? line + word : `${line} ${word}`
    if (longer.length > LINE_CHARS && line !== indent) {
      lines.push(line)
      line = indent + word
    } else line = longer
  }
  return `${[...lines, line].join("\n")}\n`
}
