/**
 * Entries of the key-value store in Consul's JSON. Flags are exact: they go up to 2^64-1, which a JavaScript number does
 * not hold, so they are read from the number's own digits (ECMAScript's JSON.parse source text access).
 */

export interface KvEntry {
  key: string
  value: Uint8Array
  flags: bigint
  createIndex: number
  modifyIndex: number
  lockIndex: number
  /** The session that holds the key, or null. */
  session: string | null
}

interface ConsulEntry {
  Key: string
  Value: string | null
  Flags: bigint
  CreateIndex: number
  ModifyIndex: number
  LockIndex: number
  Session?: string
}

/** What TypeScript's library does not know yet of JSON. */
const exactJson = JSON as unknown as {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown
  rawJSON(text: string): unknown
}

/** An unsigned number as JSON.stringify shall write it: all its digits. */
export function exactNumber(value: bigint): unknown {
  return exactJson.rawJSON(value.toString())
}

/**
 * JSON in which the members called `name` are whole numbers of any size; one that is no whole number stays what it is.
 * Throws SyntaxError.
 */
export function parseExact(text: string, name: string): unknown {
  return exactJson.parse(text, (key, value, { source }) =>
    key === name && typeof value === "number" && source !== undefined && /^-?\d+$/.test(source)
      ? BigInt(source)
      : value,
  )
}

export function parseEntries(text: string): KvEntry[] {
  return (parseExact(text, "Flags") as ConsulEntry[]).map((entry) => ({
    key: entry.Key,
    value: entry.Value === null ? new Uint8Array() : Buffer.from(entry.Value, "base64"),
    flags: BigInt(entry.Flags),
    createIndex: entry.CreateIndex,
    modifyIndex: entry.ModifyIndex,
    lockIndex: entry.LockIndex,
    session: entry.Session ?? null,
  }))
}
