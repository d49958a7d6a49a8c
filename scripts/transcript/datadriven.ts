/**
 * The format of cockroachdb/datadriven, in which etcd's Raft library tells its conversations: a command with arguments,
 * its input, a line `----`, and the expected output up to the next blank line; or, when the output has blank lines of
 * its own, between `----` twice and `----` twice.
 */

export interface Argument {
  key: string
  values: string[]
}

export interface Case {
  /** Of the command, counted from 1. */
  line: number
  command: string
  args: Argument[]
  input: string
  expected: string
}

/** A file that does not keep to the format, or a command with arguments that it does not take. */
export class FormatError extends Error {
  readonly line: number

  constructor(line: number, message: string) {
    super(message)
    this.line = line
  }
}

export function parseCases(text: string): Case[] {
  const lines = text.split("\n").map((line) => line.replace(/\r$/, ""))
  if (lines.at(-1) === "") lines.pop()
  const cases: Case[] = []
  let at = 0
  while (at < lines.length) {
    const line = at + 1
    let directive = lines[at++]!.trim()
    if (directive.startsWith("#")) continue
    while (directive.endsWith("\\") && at < lines.length) directive = `${directive.slice(0, -1)} ${lines[at++]!.trim()}`
    if (directive === "") continue
    const { command, args } = parseDirective(directive, line)
    if (command === "subtest") continue
    const separator = lines.indexOf("----", at)
    if (separator === -1) throw new FormatError(line, `no ---- after ${command}`)
    const input = lines.slice(at, separator).join("\n").trim()
    const { expected, next } = readExpected(lines, separator + 1)
    cases.push({ line, command, args, input, expected })
    at = next
  }
  return cases
}

function readExpected(lines: string[], start: number): { expected: string; next: number } {
  if (lines[start] !== "----") {
    let end = start
    while (end < lines.length && lines[end]!.trim() !== "") end++
    return { expected: lines.slice(start, end).join("\n"), next: end }
  }
  let end = start + 1
  while (end < lines.length && !(lines[end] === "----" && lines[end + 1] === "----")) end++
  return { expected: lines.slice(start + 1, end).join("\n"), next: end + 2 }
}

/** `cmd key key=value key=(value, value)`; values in parentheses may have parentheses of their own. */
export function parseDirective(text: string, line: number): { command: string; args: Argument[] } {
  const command = /^\S+/.exec(text)![0]
  const args: Argument[] = []
  let rest = text.slice(command.length).trim()
  while (rest !== "") {
    const key = /^[^ =]+/.exec(rest)?.[0]
    if (key === undefined) throw new FormatError(line, `an argument without a name: ${rest}`)
    rest = rest.slice(key.length)
    const values: string[] = []
    if (rest.startsWith("=(")) {
      const end = closing(rest, line)
      values.push(...splitValues(rest.slice(2, end)))
      rest = rest.slice(end + 1)
    } else if (rest.startsWith("=")) {
      const value = /^=(\S*)/.exec(rest)![1]!
      values.push(value)
      rest = rest.slice(1 + value.length)
    }
    args.push({ key, values })
    rest = rest.trim()
  }
  return { command, args }
}

function closing(text: string, line: number): number {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "(") depth++
    else if (text[i] === ")" && --depth === 0) return i
  }
  throw new FormatError(line, `a parenthesis is not closed: ${text}`)
}

function splitValues(text: string): string[] {
  const values: string[] = []
  let depth = 0
  let from = 0
  for (let i = 0; i <= text.length; i++) {
    if (text[i] === "(") depth++
    else if (text[i] === ")") depth--
    else if (i === text.length || (text[i] === "," && depth === 0)) {
      values.push(text.slice(from, i).trim())
      from = i + 1
    }
  }
  return values
}
