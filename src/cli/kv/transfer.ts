/**
 * The form in which a tree of keys travels between stores: Consul's own, a JSON array of `{"key","flags","value"}` with
 * the value in base64. What is read is checked to the last entry before any of it is used.
 */
import { OvlError } from "../../base/errors.ts"
import { KV_VALUE_MAX_BYTES } from "../../base/limits.ts"
import type { KvEntry, KvWrite } from "../../client/kv.ts"
import { exactNumber, parseExact } from "../../client/kv-json.ts"
import type { Option } from "../command.ts"
import { checkKey, prefixOf } from "./key.ts"
import { UINT64_MAX } from "./numbers.ts"
import { base64 } from "./show.ts"

export function exportDocument(entries: readonly KvEntry[]): object[] {
  return entries.map(({ key, flags, value }) => ({ key, flags: exactNumber(flags), value: base64(value) }))
}

export const EXCLUDE_OPTION = {
  kind: "list",
  value: "PREFIX",
  config: "",
  description: "Leave out the keys that begin so",
  holds: "key",
} as const satisfies Option

/** Those whose key begins with none of the prefixes. */
export function without<Item extends { key: string }>(items: readonly Item[], prefixes: readonly string[]): Item[] {
  return items.filter(({ key }) => !prefixes.some((prefix) => key.startsWith(prefixOf(prefix))))
}

/** `source` names the input. Errors: `import_invalid` (usage), naming the entry by its place from 1. */
export function parseImport(bytes: Uint8Array, source: string, prefix: string): KvWrite[] {
  const list = parse(bytes, source)
  if (!Array.isArray(list)) throw invalid(source, "it is not an array", "`ovl kv export` writes what is wanted")
  const keys = new Set<string>()
  return list.map((item: unknown, at) => {
    const entry = checked(item, prefix, (why) => invalid(`entry ${at + 1} of ${source}`, why, "nothing was written"))
    if (keys.has(entry.key))
      throw invalid(`entry ${at + 1} of ${source}`, `the key ${entry.key} was there before`, "nothing was written")
    keys.add(entry.key)
    return entry
  })
}

function parse(bytes: Uint8Array, source: string): unknown {
  try {
    return parseExact(new TextDecoder("utf-8", { fatal: true }).decode(bytes), "flags")
  } catch (thrown) {
    const why = thrown instanceof SyntaxError ? thrown.message : "it is not UTF-8"
    throw invalid(source, `it is not JSON: ${why}`, "`ovl kv export` writes what is wanted")
  }
}

const FIELDS = ["key", "flags", "value"]

function checked(item: unknown, prefix: string, refuse: (why: string) => OvlError): KvWrite {
  if (typeof item !== "object" || item === null || Array.isArray(item)) throw refuse("it is not an object")
  const unknown = Object.keys(item).find((name) => !FIELDS.includes(name))
  if (unknown !== undefined) throw refuse(`it has an unknown field ${JSON.stringify(unknown)}`)
  const { key, flags = 0n, value } = item as Record<string, unknown>
  if (typeof key !== "string" || prefixOf(key) === "") throw refuse("its key is not a text that can be a key")
  const whole = prefix + prefixOf(key)
  try {
    checkKey(whole)
  } catch (thrown) {
    throw refuse((thrown as OvlError).message)
  }
  if (typeof flags !== "bigint" || flags < 0n || flags > UINT64_MAX)
    throw refuse(`its flags are not a whole number from 0 to ${UINT64_MAX}`)
  if (typeof value !== "string") throw refuse("its value is not a text in base64")
  const decoded = Buffer.from(value, "base64")
  if (base64(decoded) !== value) throw refuse("its value is not base64")
  if (decoded.length > KV_VALUE_MAX_BYTES)
    throw refuse(`its value has ${decoded.length} bytes, more than ${KV_VALUE_MAX_BYTES}`)
  return { key: whole, flags, value: decoded }
}

function invalid(what: string, why: string, hint: string): OvlError {
  return new OvlError("import_invalid", `cannot import ${what}: ${why}`, { kind: "usage", hint })
}
