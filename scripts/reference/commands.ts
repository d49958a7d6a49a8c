/** The pages of the commands: one for each noun, and one for the bare verbs of each task. */
import { callOf, type Command, configKeyOf, type Option, TASKS, variableOf } from "../../src/cli/command.ts"
import { GLOBAL_OPTIONS } from "../../src/cli/globals.ts"
import { optionNotes, optionText, summaryOf, usageLine } from "../../src/cli/help.ts"
import { COMMANDS } from "../../src/cli/registry.ts"
import { block, code, page, prose, table } from "./markdown.ts"

/** In the order of help: by the name of its file. */
export function commandPages(): Map<string, string> {
  const groups = new Map<string, Command[]>()
  for (const command of COMMANDS) {
    const file = fileOf(command)
    groups.set(file, [...(groups.get(file) ?? []), command])
  }
  return new Map([...groups].map(([file, commands]) => [file, commandPage(commands)]))
}

function fileOf({ path, task }: Command): string {
  return path.length > 1 ? `${path[0]}.md` : `${task.toLowerCase().replaceAll(" ", "-")}.md`
}

function commandPage(commands: readonly Command[]): string {
  const { path, task } = commands[0]!
  const noun = path.length > 1
  const title = noun ? `# ovl ${path[0]}` : `# ${task}`
  const about = noun ? `${capital(summaryOf([path[0]!]))}.` : ""
  const list = commands.map(
    (command) => `- [${callOf(command)}](#${anchor(callOf(command))}) - ${prose(command.summary)}`,
  )
  const rest = `The options of every command are in [configuration](configuration.md#options-of-every-command).`
  return page(title, prose(about), list.join("\n"), ...commands.map(section), rest)
}

function section(command: Command): string {
  const { summary, details = "", aliases = [], unavailable } = command
  return [
    `## ${callOf(command)}`,
    `${prose(summary)}.${unavailable ? " Not available in this version." : ""}`,
    unavailable ? "" : block("text", [usageLine(command), ...aliases.map((alias) => `ovl ${alias.join(" ")}`)]),
    prose(details),
    argumentTable(command),
    optionTable(command),
    examples(command),
  ]
    .filter((part) => part !== "")
    .join("\n\n")
}

function argumentTable({ arguments: all }: Command): string {
  const rows = Object.values(all).map(({ name, required, description, choices }) => [
    code(name),
    `${prose(description)}${choices ? ` (${choices.join(", ")})` : ""}${required ? "" : "; may be left out"}`,
  ])
  return rows.length === 0 ? "" : table(["Argument", "What it is"], rows)
}

function optionTable(command: Command): string {
  const rows = Object.entries(command.options).map(([name, option]) => optionRow(command, name, option))
  return rows.length === 0 ? "" : table(OPTION_HEAD, rows)
}

export const OPTION_HEAD = ["Option", "What it does", "Variable", "Key in the file"] as const

export function optionRow(command: Command | null, name: string, option: Option): string[] {
  const key = configKeyOf(command, name, option)
  const given = option.lineOnly || option.unavailable ? "" : code(variableOf(name))
  const notes = optionNotes(option)
  return [
    code(optionText(name, option).trim()),
    `${prose(option.description)}${notes.length > 0 ? ` (${prose(notes.join("; "))})` : ""}`,
    given,
    key === null || option.unavailable ? "" : code(key),
  ]
}

function examples({ examples: all }: Command): string {
  if (all.length === 0) return ""
  return block(
    "sh",
    all.flatMap(({ what, line }, at) => [...(at > 0 ? [""] : []), `# ${what}`, line.replaceAll(/\n +/g, "\n")]),
  )
}

/** `files` are the other pages. */
export function indexPage(files: readonly string[]): string {
  const pages = commandPages()
  const parts = TASKS.map((task) => {
    const commands = COMMANDS.filter((command) => command.task === task && !command.unavailable)
    const rows = commands.map((command) => [
      `[${callOf(command)}](${fileOf(command)}#${anchor(callOf(command))})`,
      prose(command.summary),
    ])
    return `## ${task}\n\n${table(["Command", "What it does"], rows)}`
  })
  const others = files.filter((file) => !pages.has(file)).map((file) => `[${file.replace(".md", "")}](${file})`)
  const missing = COMMANDS.filter((command) => command.unavailable).map((command) => code(callOf(command)))
  return page(
    "# Reference",
    `Every command, option, error and event. \`ovl COMMAND --help\` says the same of a command in a terminal. Besides: ${others.join(", ")}.`,
    ...parts,
    missing.length > 0 ? `Not available in this version: ${missing.join(", ")}.` : "",
  )
}

export function globalRows(): string[][] {
  return Object.entries<Option>(GLOBAL_OPTIONS).map(([name, option]) => optionRow(null, name, option))
}

/** As GitHub makes them of headings. */
function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\w -]/g, "")
    .replaceAll(" ", "-")
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
