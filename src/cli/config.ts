/**
 * The configuration file: one YAML mapping. What concerns the node stands at the top (`data-dir`, `http`), what concerns
 * one verb below its name (`network: { create: { mtu: 1400 } }`). Every key is checked against the table of commands, so
 * that a misspelt one is told with its line instead of being passed over.
 */
import { readFileSync } from "node:fs"
import type { Node, Pair } from "yaml"
import { OvlError } from "../base/errors.ts"
import { CONFIG_FILE_MAX_BYTES } from "../base/limits.ts"
import type { Option } from "./command.ts"
import { DEFAULT_CONFIG } from "./globals.ts"
import { nearest, usageError } from "./usage.ts"
import type { GivenTexts } from "./values.ts"

/** What the file says, by dotted key. */
export type Configuration = ReadonlyMap<string, GivenTexts>

/**
 * Reads and checks the file. Only the default one may be missing: another one was named by somebody.
 * Throws `config_not_found`, `config_unreadable`, `config_invalid`.
 */
export async function loadConfiguration(path: string, keys: ReadonlyMap<string, Option>): Promise<Configuration> {
  const text = readText(path, path !== DEFAULT_CONFIG)
  return text === null ? new Map() : parseConfiguration(path, text, keys)
}

function readText(path: string, required: boolean): string | null {
  let text: string
  try {
    text = readFileSync(path, "utf8")
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown"
    if ((code === "ENOENT" || code === "ENOTDIR") && !required) return null
    if (code === "ENOENT")
      throw new OvlError("config_not_found", `cannot read ${path}: there is no such file`, {
        kind: "not_found",
        hint: "name the configuration file with --config",
      })
    throw new OvlError("config_unreadable", `cannot read ${path}: ${code}`, {
      kind: code === "EACCES" ? "forbidden" : "failed",
      hint: "check the file, or name another one with --config",
    })
  }
  if (text.length <= CONFIG_FILE_MAX_BYTES) return text
  throw invalid(
    path,
    null,
    `it is longer than ${CONFIG_FILE_MAX_BYTES} bytes`,
    "this is not a configuration file of ovl",
  )
}

/** Exported for tests: the same, from text. */
export async function parseConfiguration(
  path: string,
  text: string,
  keys: ReadonlyMap<string, Option>,
): Promise<Configuration> {
  const { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } = await import("yaml")
  const counter = new LineCounter()
  const document = parseDocument(text, { lineCounter: counter })
  const syntax = document.errors[0]
  if (syntax) {
    const line = counter.linePos(syntax.pos[0]).line
    throw invalid(
      path,
      line,
      syntax.message.split("\n")[0]!.replace(/ at line.*$/, ""),
      "correct the YAML in this line",
    )
  }
  const found = new Map<string, GivenTexts>()
  const lineOf = (node: unknown) => {
    const range = (node as Node | null)?.range
    return range ? counter.linePos(range[0]).line : null
  }

  function scalarText(node: unknown, key: string): string {
    // The source, not the value: `name: 007` is a name, and YAML would make a number of it.
    if (isScalar(node) && node.value !== null) return node.source ?? String(node.value)
    throw invalid(path, lineOf(node), `${key} wants a single value`, "write it on the key's line")
  }

  function textsOf(option: Option, key: string, node: unknown): string[] {
    if (isAlias(node)) throw invalid(path, lineOf(node), `${key}: aliases are not supported`, "write the value itself")
    if (option.kind === "pair" && isMap(node))
      return node.items.map((item) => `${scalarText(item.key, key)}=${scalarText(item.value, key)}`)
    if ((option.kind === "pair" || option.kind === "list") && isSeq(node))
      return node.items.map((item) => scalarText(item, key))
    const text = scalarText(node, key)
    const type = isScalar(node) ? typeof node.value : "other"
    if (option.kind === "flag" && type !== "boolean")
      throw invalid(path, lineOf(node), `${key} wants true or false, not "${text}"`, "write true or false, unquoted")
    if (option.kind === "integer" && type !== "number")
      throw invalid(path, lineOf(node), `${key} wants a whole number, not "${text}"`, "write it in digits, unquoted")
    return [text]
  }

  function visit(node: unknown, prefix: string): void {
    if (node === null || (isScalar(node) && node.value === null)) return
    if (!isMap(node)) {
      const what = prefix === "" ? "the file" : prefix.slice(0, -1)
      throw invalid(path, lineOf(node), `${what} wants a mapping of keys to values`, "write `key: value` lines")
    }
    for (const item of node.items as Pair[]) visitPair(item, prefix)
  }

  function visitPair({ key: keyNode, value }: Pair, prefix: string): void {
    const name = `${prefix}${scalarText(keyNode, "a key")}`
    const option = keys.get(name)
    if (option) {
      if (value === null || (isScalar(value) && value.value === null)) return
      found.set(name, { given: `${path}:${lineOf(keyNode)}: ${name}`, texts: textsOf(option, name, value) })
    } else if ([...keys.keys()].some((known) => known.startsWith(`${name}.`))) {
      visit(value, `${name}.`)
    } else {
      const meant = nearest(name, keys.keys())
      throw invalid(
        path,
        lineOf(keyNode),
        `unknown key "${name}"`,
        meant ? `did you mean "${meant}"?` : "keys are the long options of `ovl serve --help`, without the dashes",
      )
    }
  }

  visit(document.contents, "")
  return found
}

function invalid(path: string, line: number | null, why: string, hint: string): OvlError {
  return usageError("config_invalid", `cannot use ${path}${line === null ? "" : `:${line}`}: ${why}`, hint)
}
