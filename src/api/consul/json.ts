/**
 * JSON as Go reads and writes it: names of fields without regard to case, numbers exact up to 64 bits, and four blanks
 * of indentation for those who ask for it.
 */

/** A number of a body as it was written there: a JavaScript number would round a large one. */
export class JsonNumber {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

export type JsonObject = Record<string, unknown>

/** Parses a body, its numbers as JsonNumber. Throws SyntaxError, also where it is no UTF-8 or too deep. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes)
    return JSON.parse(text, (_name, value, ...more: unknown[]) => {
      // ECMAScript's JSON.parse source text access, which TypeScript's library does not know yet.
      const [context] = more as [{ source: string }]
      return typeof value === "number" ? new JsonNumber(context.source) : value
    })
  } catch (error) {
    if (error instanceof SyntaxError) throw error
    throw new SyntaxError(error instanceof RangeError ? "nested too deep" : "not UTF-8")
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber)
}

/** The value of a field, whatever the case of its name; the last of several; undefined where there is none or null. */
export function field(object: JsonObject, name: string): unknown {
  let found: unknown
  for (const [key, value] of Object.entries(object))
    if (key === name || key.toLowerCase() === name.toLowerCase()) found = value
  return found ?? undefined
}

/** Compact JSON with line ends and four blanks a level; `depth` is the level it stands on already. */
export function indentJson(json: string, depth = 0): string {
  const line = (level: number) => `\n${"    ".repeat(level)}`
  let level = depth
  // Strings as they are; empty brackets together; then brackets, commas and colons one by one.
  return json.replace(/"(?:[^"\\]|\\.)*"|\[\]|\{\}|[[{\]},:]/g, (token) => {
    switch (token) {
      case "[":
      case "{":
        return token + line(++level)
      case "]":
      case "}":
        return line(--level) + token
      case ",":
        return token + line(level)
      case ":":
        return ": "
      default:
        return token
    }
  })
}
