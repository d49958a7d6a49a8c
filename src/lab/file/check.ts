/** The shape of a lab's file, checked against its schema: what zod found, in words that fit a file. */
import type { z } from "zod"
import { LAB_NETWORKS_MAX, LAB_NODES_MAX, LAB_WORKLOADS_MAX } from "../../base/limits.ts"
import { nearest } from "../../base/nearest.ts"
import type { Mistake } from "./mistakes.ts"
import { keysAt, type LabFile, labFileSchema, NOT_AVAILABLE_KEYS, SECTIONS } from "./schema.ts"
import { type Path, pathText, type Source } from "./source.ts"

type Issue = z.core.$ZodIssue

const MOST: Record<keyof typeof SECTIONS, number> = {
  nodes: LAB_NODES_MAX,
  networks: LAB_NETWORKS_MAX,
  workloads: LAB_WORKLOADS_MAX,
}

/** Null where there are mistakes; they are added to `mistakes`. */
export function checkShape(source: Source, mistakes: Mistake[]): LabFile | null {
  const { data } = source
  if (!isObject(data)) {
    const why = data === null ? "the file is empty" : `a lab is a mapping of keys to values, not ${typeWord(data)}`
    mistakes.push({ ...source.place([]), what: "", why })
    return null
  }
  const filled = fill(data)
  const before = mistakes.length
  for (const [section, most] of Object.entries(MOST)) {
    const count = isObject(filled[section]) ? Object.keys(filled[section]).length : 0
    if (count <= most) continue
    mistakes.push({ ...source.keyPlace([section]), what: section, why: `${count} of them: a lab has ${most} at most` })
  }
  if (mistakes.length > before) return null
  const result = labFileSchema.safeParse(filled)
  if (result.success) return result.data
  const found = result.error.issues.flatMap((issue) => mistakesOf(issue, source, filled))
  mistakes.push(...found.filter((mistake) => !isMisspelt(mistake, found)))
  return null
}

/** What is missing because its key is misspelt is told once. */
function isMisspelt({ what, why }: Mistake, found: readonly Mistake[]): boolean {
  const key = /^(\S+) is missing$/.exec(why)?.[1]
  if (key === undefined) return false
  return found.some((other) => other.what === what && other.why.endsWith(`: did you mean ${key}?`))
}

/** `red:` with nothing after it is a network of which everything is chosen. */
function fill(data: Record<string, unknown>): Record<string, unknown> {
  const filled: Record<string, unknown> = { ...data }
  for (const section of Object.keys(SECTIONS)) {
    const entries = filled[section]
    if (!isObject(entries)) continue
    filled[section] = Object.fromEntries(Object.entries(entries).map(([name, value]) => [name, value ?? {}]))
  }
  for (const [key, value] of Object.entries(filled)) if (value === null) delete filled[key]
  return filled
}

function mistakesOf(issue: Issue, source: Source, data: unknown): Mistake[] {
  const path = issue.path as Path
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => {
      return { ...source.keyPlace([...path, key]), what: pathText(path), why: unknownKey(path, key) }
    })
  }
  if (issue.code === "invalid_key") {
    const why = issue.issues.map((each) => whyOf(each, String(path.at(-1)))).join("; ")
    return [{ ...source.keyPlace(path), what: pathText(path), why }]
  }
  if (issue.code === "invalid_union") {
    // The form that was meant is the one that is wrong only further in.
    const meant = issue.errors.find((each) =>
      each.every(({ path: inner, code }) => inner.length > 0 || code !== "invalid_type"),
    )
    if (meant) return meant.flatMap((each) => mistakesOf({ ...each, path: [...path, ...each.path] }, source, data))
  }
  const value = valueAt(data, path)
  if (value === undefined) {
    // What is missing is shown where it should be.
    const parent = path.slice(0, -1)
    return [{ ...source.keyPlace(parent), what: pathText(parent), why: `${String(path.at(-1))} is missing` }]
  }
  return [{ ...source.place(path), what: pathText(path), why: whyOf(issue, value) }]
}

function unknownKey(path: Path, key: string): string {
  if (path[0] === "networks" && NOT_AVAILABLE_KEYS.includes(key)) return `${key}: not available in this version`
  const known = keysAt(path) ?? []
  const meant = nearest(key, known)
  return `unknown key ${key}: ${meant ? `did you mean ${meant}?` : `there is ${known.join(", ")}`}`
}

function whyOf(issue: Issue, value: unknown): string {
  switch (issue.code) {
    case "invalid_type":
      if (issue.expected === "int") return `${shown(value)} is not a whole number`
      if (issue.expected === "record" || issue.expected === "object")
        return `it wants keys and values, not ${typeWord(value)}${isNames(value) ? `: write "${value[0]}:" for "- ${value[0]}"` : ""}`
      if (issue.expected === "array" || issue.expected === "tuple") return `it wants a list, not ${typeWord(value)}`
      if (issue.expected === "boolean") return `it wants true or false, not ${shown(value)}`
      if (issue.expected === "number" && typeof value === "number") return `${value} is no number to be used`
      if (issue.expected === "number") return `it wants a number, not ${typeWord(value)}`
      return value === null ? "it has no value" : `it wants a text, not ${typeWord(value)}: put it in quotes`
    case "invalid_value": {
      const words = issue.values.map(String)
      const meant = nearest(String(value), words)
      return `${shown(value)} is not one of ${words.join(", ")}${meant ? `: did you mean ${meant}?` : ""}`
    }
    case "too_big":
      return tooMany(issue.origin, Number(issue.maximum), "at most")
    case "too_small":
      return tooMany(issue.origin, Number(issue.minimum), "at least")
    case "invalid_union":
      return `it wants a single value${takesList(issue.errors) ? " or a list" : ""}, not ${typeWord(value)}`
    case "invalid_format":
      return `${shown(value)}: ${issue.message}`
    default:
      return issue.message
  }
}

function takesList(branches: readonly (readonly Issue[])[]): boolean {
  return branches.some((issues) => issues.some((each) => each.code === "invalid_type" && each.expected === "array"))
}

function tooMany(origin: string, bound: number, which: string): string {
  if (origin === "string") return bound === 1 ? "it is empty" : `${which} ${bound} characters`
  if (origin === "array") return `it wants ${which} ${bound} of them`
  return `it must be ${which} ${bound}`
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

function valueAt(data: unknown, path: Path): unknown {
  let value = data
  for (const part of path) {
    if (typeof value !== "object" || value === null) return undefined
    value = (value as Record<string | number, unknown>)[part]
  }
  return value
}

function shown(value: unknown): string {
  return typeof value === "object" ? typeWord(value) : String(value)
}

function typeWord(value: unknown): string {
  if (value === null) return "nothing"
  if (Array.isArray(value)) return "a list"
  if (typeof value === "object") return "keys and values"
  return { number: "a number", boolean: "true or false", string: "a text" }[typeof value as string] ?? typeof value
}

/** What people write who know lists of names from other tools. */
function isNames(value: unknown): value is string[] {
  return Array.isArray(value) && typeof value[0] === "string"
}
