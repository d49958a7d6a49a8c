/**
 * Help pages, made from the table of commands: one screen for a start, one page a noun, one page a verb. Written to be
 * read by somebody who has never seen ovl.
 */
import { VERSION } from "../base/version.ts"
import {
  type Argument,
  callOf,
  type Command,
  type Option,
  type OptionTable,
  type Task,
  TASKS,
  variableOf,
} from "./command.ts"
import { GLOBAL_OPTIONS } from "./globals.ts"
import { COMMANDS, commandAt, verbsBelow } from "./registry.ts"
import { PAGE_COLUMNS, wrap } from "./render/lines.ts"
import type { Style } from "./render/style.ts"
import { durationText } from "./values.ts"

/** What a noun stands for, in one line. */
const NOUNS: Record<string, string> = {
  lab: "several nodes on this machine",
  "lab link": "the cables between a lab's nodes",
  config: "the options in force, and where each comes from",
  token: "what lets further nodes join",
  network: "isolated layer-2 segments",
  endpoint: "interfaces of workloads, on every node",
  node: "the hosts of the cluster",
  raft: "the servers that keep the store, and who leads",
  kv: "keys and their values, as in Consul",
  snapshot: "all keys and sessions in a file",
}

/** Words that share a line of the first page, so that it stays one screen, and what that line says. */
const TOGETHER: readonly { words: readonly string[]; about: string }[] = [
  { words: ["leave", "down"], about: "Take the node out of its cluster; clean this host" },
  { words: ["install", "uninstall"], about: "Run ovl as a service of systemd; take everything back" },
  { words: ["stop", "rm"], about: "End workloads; remove them, their endpoints and logs" },
  { words: ["attach", "detach"], about: "Put a container or namespace on a network; take it off" },
  { words: ["completion", "version"], about: "Tab completion for bash, zsh and fish; the version" },
]

/** What the first page says of verbs whose summary is too long for its column. */
const IN_SHORT: Record<string, string> = {
  serve: "Run the first server of a new cluster, in the foreground",
  join: "Run a further node of a cluster, in the foreground",
  run: "Run a command in a namespace on one or more networks",
  exec: "Run a command in a workload; its exit status is passed on",
  ps: "List the workloads that `ovl run` made on this node",
  doctor: "Look for what keeps this node from working",
  explain: "What an error's code means, and what to do",
  wait: "Wait until nodes, networks or workloads are as wanted",
  events: "Show what happened, or with -f what happens",
}

/** Width of the left column on the first page, the same for all tasks, and of the right one. */
const FIRST_PAGE_COLUMN = "install, uninstall".length
const FIRST_PAGE_ROOM = PAGE_COLUMNS - FIRST_PAGE_COLUMN - 4

/** The page for `ovl`, or for a noun such as `ovl network`. */
export function helpPage(path: readonly string[], style: Style): string {
  return path.length === 0 ? firstPage(style) : nounPage(path, style)
}

/** One line for a verb or a noun; "" where there is neither. */
export function summaryOf(path: readonly string[]): string {
  return commandAt(path)?.summary ?? NOUNS[path.join(" ")] ?? ""
}

function firstPage(style: Style): string {
  const built = COMMANDS.filter((command) => !command.unavailable)
  const parts = [
    `${style.bold("ovl")} ${VERSION} - overlay networks between Linux hosts\n`,
    `${style.bold("Usage:")} ovl COMMAND [options]; \`ovl COMMAND --help\` has options and examples\n\n`,
  ]
  for (const task of TASKS) parts.push(`${style.bold(task)}\n`, ...taskRows(task, built))
  const words = COMMANDS.filter((command) => command.unavailable).map((command) => command.path[0]!)
  const missing = [...new Set(words)].filter((word) => !built.some((command) => command.path[0] === word))
  if (missing.length > 0) parts.push(`${style.bold("Not in this version:")} ${missing.join(", ")}\n`)
  parts.push(`New here? As root: ${style.bold("ovl lab up")}, then ${style.bold("ovl lab verify")}.\n`)
  return parts.join("")
}

function taskRows(task: Task, built: readonly Command[]): string[] {
  const words = [...new Set(built.filter((command) => command.task === task).map((command) => command.path[0]!))]
  const shared = (word: string) =>
    TOGETHER.find((row) => row.words.includes(word) && row.words.every((each) => words.includes(each)))
  const lines = new Map<string, string>()
  for (const word of words) {
    const row = shared(word)
    if (row) lines.set(row.words.join(", "), row.about)
    else lines.set(word, wordSummary(word, built))
  }
  return [...lines].map(
    ([left, right]) =>
      `  ${left.padEnd(FIRST_PAGE_COLUMN)}  ${wrap(right, PAGE_COLUMNS, PAGE_COLUMNS - FIRST_PAGE_ROOM)}\n`,
  )
}

/** A verb's summary; of a noun its verbs, and what it stands for if there is room. */
function wordSummary(word: string, built: readonly Command[]): string {
  const own = built.filter((command) => command.path[0] === word)
  if (own[0]!.path.length === 1) return IN_SHORT[word] ?? own[0]!.summary
  const verbs = [...new Set(own.map((command) => command.path[1]))].join(", ")
  const both = `${verbs}: ${NOUNS[word] ?? ""}`
  return both.length <= FIRST_PAGE_ROOM ? both : verbs
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

/** A left column that is wider has its text below. */
const LEFT_MAX = 28

/** The page of one verb: usage, arguments, options with defaults and variables, examples. */
export function verbPage(command: Command, style: Style): string {
  const note = command.unavailable ? "\nNot available in this version.\n" : ""
  const parts = [
    `${wrap(`${command.summary}.`, PAGE_COLUMNS)}\n${note}`,
    `${style.bold("Usage:")} ${usageLine(command)}\n`,
  ]
  for (const alias of command.aliases ?? []) parts.push(`${style.bold("Also:")}  ovl ${alias.join(" ")}\n`)
  if (command.details) parts.push(`${wrap(command.details, PAGE_COLUMNS)}\n`)
  const args = Object.values(command.arguments)
  if (args.length > 0) parts.push(`${style.bold("Arguments:")}\n${rows(args.map((a) => [a.name, a.description]))}`)
  if (Object.keys(command.options).length > 0) parts.push(`${style.bold("Options:")}\n${optionRows(command.options)}`)
  if (command.examples.length > 0) parts.push(`${style.bold("Examples:")}\n${exampleLines(command, style)}`)
  parts.push(`${style.bold("Options of every command:")}\n${optionRows(GLOBAL_OPTIONS)}`)
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

/** `-d, --detach`, `    --mtu BYTES`. */
export function optionText(name: string, option: Option): string {
  const short = option.short ? `-${option.short}, ` : "    "
  return `${short}--${name}${option.kind === "flag" ? "" : ` ${option.value}`}`
}

function optionDescription(name: string, option: Option): string {
  if (option.unavailable) return `${option.description} (not available in this version)`
  const notes = [...optionNotes(option), ...(option.lineOnly ? [] : [variableOf(name)])]
  return notes.length > 0 ? `${option.description} [${notes.join("; ")}]` : option.description
}

/** What is to be said of an option besides its description. Also for the reference pages. */
export function optionNotes(option: Option): string[] {
  if (option.unavailable) return ["not available in this version"]
  return [choicesText(option), defaultText(option), manyText(option)].filter((note) => note !== "")
}

/** Where the description does not name them itself. */
function choicesText(option: Option): string {
  const choices = option.kind === "text" ? (option.choices ?? []) : []
  return choices.length < 2 || choices.every((choice) => option.description.includes(choice))
    ? ""
    : choices.join(" or ")
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

/** Two columns; the second is wrapped at the line's end and goes on below itself, or stands below a first one too wide. */
function rows(pairs: readonly (readonly string[])[]): string {
  const width = Math.min(LEFT_MAX, Math.max(...pairs.map(([left]) => left!.length)))
  return pairs
    .map(([left, right]) => {
      const text = wrap(right!, PAGE_COLUMNS, width + 5)
      const gap = left!.length > width ? `\n${" ".repeat(width + 5)}` : " ".repeat(width - left!.length + 3)
      return `  ${left}${gap}${text}\n`
    })
    .join("")
}
