/**
 * From text to value: what a person typed, exported or wrote into the configuration file is text first, and becomes a
 * number, a duration or a pair here and nowhere else. A wrong one is told with the name under which it was given.
 */
import type { OvlError } from "../base/errors.ts"
import type { NumberOption, Option, TextOption } from "./command.ts"
import { nearest, usageError } from "./usage.ts"

type Value = boolean | number | string | string[]

/** Texts of one option, from one source. `given` is how the person named it: `--vni`, `OVL_VNI`, `config.yaml:3: vni`. */
export interface GivenTexts {
  given: string
  texts: string[]
}

/** Throws `option_value_invalid`. `env` serves options that inherit from the caller's environment. */
export function convert(option: Option, { given, texts }: GivenTexts, env: Record<string, string | undefined>): Value {
  for (const text of texts) if (text === "") throw wrong(given, "it is empty", "give it a value, or leave it out")
  switch (option.kind) {
    case "flag":
      return truth(given, texts.at(-1)!)
    case "text":
      return chosen(option, given, texts.at(-1)!)
    case "integer":
      return bounded(option, given, integer(given, texts.at(-1)!))
    case "duration":
      return bounded(option, given, duration(given, texts.at(-1)!))
    case "list":
      return texts.flatMap((text) => items(given, text))
    case "pair":
      return texts.flatMap((text) => pair(given, text, option.inherit === true, env))
  }
}

function wrong(given: string, why: string, hint: string): OvlError {
  return usageError("option_value_invalid", `${given}: ${why}`, hint)
}

const TRUE = ["true", "1", "yes", "on"]
const FALSE = ["false", "0", "no", "off"]

function truth(given: string, text: string): boolean {
  const word = text.toLowerCase()
  if (TRUE.includes(word)) return true
  if (FALSE.includes(word)) return false
  throw wrong(given, `"${text}" is neither true nor false`, "write true or false")
}

function chosen(option: TextOption, given: string, text: string): string {
  if (!option.choices || option.choices.includes(text)) return text
  const meant = nearest(text, option.choices)
  throw wrong(
    given,
    `"${text}" is not one of ${option.choices.join(", ")}`,
    meant ? `did you mean "${meant}"?` : `choose ${option.choices.join(" or ")}`,
  )
}

function integer(given: string, text: string): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (Number.isNaN(value)) throw wrong(given, `"${text}" is not a whole number`, "write it in decimal digits")
  return value
}

const UNIT_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** `24h`, `1h30m`, `1.5h`, `500ms`, in milliseconds: Go's durations, with days and weeks. */
function duration(given: string, text: string): number {
  const hint = "write a number with a unit, such as 90s, 30m, 24h or 7d"
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d|w))+$/.test(text)) throw wrong(given, `"${text}" is not a duration`, hint)
  let total = 0
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhdw])/g)) total += Number(count) * UNIT_MS[unit!]!
  return Math.round(total)
}

function bounded(option: NumberOption, given: string, value: number): number {
  const show = (bound: number) => (option.kind === "duration" ? durationText(bound) : String(bound))
  const { min, max } = option
  if (min !== undefined && value < min) throw wrong(given, `it must be at least ${show(min)}`, "give a larger value")
  if (max !== undefined && value > max) throw wrong(given, `it must be at most ${show(max)}`, "give a smaller value")
  return value
}

function items(given: string, text: string): string[] {
  const parts = text.split(",")
  if (parts.includes("")) throw wrong(given, `"${text}" has an empty item`, "separate the items with single commas")
  return parts
}

function pair(given: string, text: string, inherit: boolean, env: Record<string, string | undefined>): string[] {
  const equals = text.indexOf("=")
  if (equals > 0) return [text]
  if (equals === 0) throw wrong(given, `"${text}" has no key`, "write KEY=VALUE")
  if (!inherit) throw wrong(given, `"${text}" has no value`, "write KEY=VALUE")
  const inherited = env[text]
  return inherited === undefined ? [] : [`${text}=${inherited}`]
}

/** `24h` for 86400000: the largest unit that leaves a whole number, hours before days as people say it. */
export function durationText(ms: number): string {
  for (const unit of ["h", "m", "s"]) {
    const count = ms / UNIT_MS[unit]!
    if (Number.isInteger(count) && count > 0)
      return count > 72 && count % 24 === 0 && unit === "h" ? `${count / 24}d` : `${count}${unit}`
  }
  return `${ms}ms`
}

/** Splits `127.0.0.1:8500` or `[::1]:8500`. Throws `option_value_invalid`. */
export function addressAndPort(given: string, text: string, leastPort: number): { address: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (!match || port < leastPort || port > 65_535)
    throw wrong(given, `"${text}" is not ADDR:PORT`, "write it as 127.0.0.1:8500 or [::1]:8500")
  return { address: match[1] ?? match[2]!, port }
}
