/** Answers in Consul's form: its JSON, its headers. Its plain-text errors are in ../errors.ts. */
import type { Entry, Store } from "../../store/port.ts"
import { toText } from "./decode.ts"

/** A KV entry as Consul's JSON has it, in the order of fields of the versions that Docker was made for. */
export interface EntryJson {
  CreateIndex: number
  ModifyIndex: number
  LockIndex: number
  Key: string
  /** A raw JSON number: flags go up to 2^64-1 and clients compare them exactly. */
  Flags: unknown
  Value: string | null
  Session?: string
}

/** `JSON.rawJSON` of ECMAScript's JSON.parse source text access, which TypeScript's library does not know yet. */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown }

export function entryJson(key: string, entry: Entry): EntryJson {
  return {
    CreateIndex: entry.createRevision,
    ModifyIndex: entry.modRevision,
    LockIndex: entry.lockIndex,
    Key: toText(key),
    Flags: rawJSON(entry.flags.toString()),
    Value: entry.value.length === 0 ? null : Buffer.from(entry.value).toString("base64"),
    ...(entry.lease === null ? {} : { Session: entry.lease }),
  }
}

/** JSON without a line end; with `?pretty`, indented by four blanks and with one (C1, C2). */
export function consulJson(value: unknown, pretty: boolean, headers: Record<string, string> = {}): Response {
  const body = pretty ? `${JSON.stringify(value, null, 4)}\n` : JSON.stringify(value)
  return new Response(body, { headers: { "Content-Type": "application/json", ...headers } })
}

/** The headers of everything that reads (C3). The index is never 0. */
export function readHeaders(store: Store, index: number): Record<string, string> {
  return {
    "X-Consul-Index": String(Math.max(1, index)),
    "X-Consul-Knownleader": String(store.status().leader),
    "X-Consul-Lastcontact": "0",
  }
}
