/**
 * Finds every error and problem code in the sources, in each of the forms in which this tree writes them, so that a test
 * can hold the table of codes against them. A form that it cannot read is reported, not passed over.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"

export interface CodeSite {
  code: string
  /** Kinds that the place itself names; null where they come from elsewhere. */
  kinds: readonly string[] | null
  /** `src/model/mac.ts:34` */
  place: string
}

export interface CodeSites {
  sites: CodeSite[]
  /** Places that make an error of a code that stands neither there nor in a form known here. */
  unread: string[]
}

/** Functions that are given a code, and the argument in which it stands. */
const CARRIERS: Readonly<Record<string, number>> = {
  "new OvlError": 0,
  usageError: 0,
  schemaError: 2,
  parseSubnet: 1,
  parseCidr: 1,
  splitCidr: 1,
}
/** The same where a name is only told apart by its file. */
const LOCAL_CARRIERS: Readonly<Record<string, string>> = { "src/store/command.ts": "tooLarge" }

/** Files that take codes out of tables of their own: `["peer_refused", "connection refused", ...]`. */
const TABLES = ["src/transport/tls-errors.ts", "src/client/consul-error.ts"]

/** Files in which `code:` is a reason inside the store that becomes no error. */
const OTHER_CODES = /^src\/store\//

const CODE = /"([a-z][a-z0-9]*(?:_[a-z0-9]+)*)"/g

export function findCodeSites(root: string): CodeSites {
  const found: CodeSites = { sites: [], unread: [] }
  for (const file of sourceFiles(root)) readFile(file, readFileSync(join(root, file), "utf8"), found)
  return found
}

function sourceFiles(root: string): string[] {
  const files = [...new Bun.Glob("src/**/*.ts").scanSync({ cwd: root })]
  return files.filter((file) => !/(\.test|fake|fixtures|testing)\.ts$/.test(file) && !file.includes("/codes/")).sort()
}

/** Exported for its test: the same of one text. */
export function readFile(file: string, text: string, found: CodeSites): void {
  const carriers = [...Object.entries(CARRIERS)]
  if (LOCAL_CARRIERS[file]) carriers.push([LOCAL_CARRIERS[file], 0])
  if (text.includes(" extends OvlError {")) carriers.push(["super", 0])
  for (const [name, at] of carriers) {
    for (const match of text.matchAll(new RegExp(`(?<![\\w.])${name}\\(`, "g"))) {
      if (/function $/.test(text.slice(0, match.index))) continue
      const args = argumentsFrom(text, match.index + match[0].length)
      readCall(name, args, args[at], `${file}:${lineAt(text, match.index)}`, found)
    }
  }
  readProperties(file, text, found)
  if (!TABLES.includes(file)) return
  for (const match of text.matchAll(/\[\s*"([a-z]+_[a-z_]+)"/g))
    found.sites.push({ code: match[1]!, kinds: null, place: `${file}:${lineAt(text, match.index)}` })
}

function readCall(name: string, args: readonly string[], code: string | undefined, place: string, found: CodeSites) {
  if (code === undefined) return
  // `linux_${name}`: all that begin so have one row.
  const family = /^`([a-z_]+)\$/.exec(code)?.[1]
  const codes = family ? [`${family}*`] : [...code.matchAll(CODE)].map((match) => match[1]!)
  const kinds =
    name === "usageError" ? ["usage"] : name === "new OvlError" || name === "super" ? kindsIn(args[2]) : null
  for (const each of codes) found.sites.push({ code: each, kinds, place })
  // An error's own code, or one that a carrier, a table or a `const code` has given.
  if (codes.length === 0 && !/(^|\.)code$|^name$/.test(code)) found.unread.push(`${place}: ${code}`)
}

/** `{ kind: "conflict" }`; none is `failed`; null where it is not to be seen from here. */
function kindsIn(options: string | undefined): readonly string[] | null {
  if (options === undefined) return ["failed"]
  const kind = /\bkind: ([^,}]*)/.exec(options)?.[1]
  if (kind === undefined) return /\bkind\b|\.\.\.|^\w+$/.test(options) ? null : ["failed"]
  const kinds = [...kind.replace(/^[^?]*\?/, "").matchAll(CODE)].map((match) => match[1]!)
  return kinds.length === 0 || /\?\?|\.kind/.test(kind) ? null : kinds
}

/** `code: "even_voters"` of a problem, `const code = full ? "disk_full" : ...`, `code = "subnet_invalid"` as a default. */
function readProperties(file: string, text: string, found: CodeSites): void {
  if (OTHER_CODES.test(file)) return
  for (const match of text.matchAll(/\bcode(?:: | = |: string = )((?:\w+ \? )?"[a-z].*)/g)) {
    const own = match[1]!.split(/[,;})]/)[0]!
    for (const [, code] of own.matchAll(CODE))
      found.sites.push({ code: code!, kinds: null, place: `${file}:${lineAt(text, match.index)}` })
  }
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length
}

const OPENING = "([{"
const CLOSING = ")]}"

/** The arguments of a call as source, from behind its opening bracket; what stands in strings does not count. */
function argumentsFrom(text: string, start: number): string[] {
  const args: string[] = []
  let depth = 0
  let begin = start
  for (let at = start; at < text.length; at++) {
    const character = text[at]!
    if (`"'\``.includes(character)) at = endOfString(text, at)
    else if (OPENING.includes(character)) depth++
    else if (CLOSING.includes(character) && depth-- === 0)
      return [...args, text.slice(begin, at).trim()].filter(Boolean)
    else if (character === "," && depth === 0) {
      args.push(text.slice(begin, at).trim())
      begin = at + 1
    }
  }
  return args
}

function endOfString(text: string, start: number): number {
  const quote = text[start]!
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === "\\") at++
    else if (text[at] === quote) return at
    else if (quote === "`" && text.startsWith("${", at)) at = endOfPlaceholder(text, at + 2)
  }
  return text.length
}

function endOfPlaceholder(text: string, start: number): number {
  let depth = 0
  for (let at = start; at < text.length; at++) {
    const character = text[at]!
    if (`"'\``.includes(character)) at = endOfString(text, at)
    else if (character === "{") depth++
    else if (character === "}" && depth-- === 0) return at
  }
  return text.length
}
