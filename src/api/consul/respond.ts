/** Answers in Consul's form: its JSON, its headers. Its plain-text errors are in ../errors.ts. */
import { KEPT_HEADERS_MAX } from "../../base/limits.ts"
import type { Entry } from "../../store/port.ts"
import { FRESH, type Freshness } from "./consistency.ts"
import { toText } from "./decode.ts"
import { indentJson } from "./json.ts"

export const JSON_TYPE = "application/json"

/**
 * A KV entry as Consul's JSON has it, in the order of fields of the versions that Docker was made for. Flags are written
 * out whole: they go up to 2^64-1 and clients compare them exactly.
 */
export function renderEntry(key: string, entry: Entry, value: Uint8Array = entry.value): string {
  const { createRevision, modRevision, lockIndex, flags, lease } = entry
  const session = lease === null ? "" : `,"Session":${JSON.stringify(lease)}`
  return `{"CreateIndex":${createRevision},"ModifyIndex":${modRevision},"LockIndex":${lockIndex},"Key":${JSON.stringify(toText(key))},"Flags":${flags},"Value":${renderValue(value)}${session}}`
}

/** Base64, and `null` for an empty value. */
function renderValue(value: Uint8Array): string {
  return value.length === 0 ? "null" : `"${value.toBase64()}"`
}

/** JSON without a line end; with `?pretty`, indented by four blanks and with one (C1, C2). */
export function consulJson(value: unknown, pretty: boolean, headers: Record<string, string> = {}): Response {
  return jsonText(JSON.stringify(value), pretty, headers)
}

/** The same for what is JSON already. */
export function jsonText(json: string, pretty: boolean, headers: Record<string, string> = {}, status = 200): Response {
  const body = pretty ? `${indentJson(json)}\n` : json
  return new Response(body, { status, headers: { "Content-Type": JSON_TYPE, ...headers } })
}

/**
 * The headers of a KV entry as JSON, kept for when they are wanted again: to make them anew for each answer would cost as
 * much as the rest of it.
 */
export function entryHeaders(index: number, fresh: Freshness): Headers {
  if (fresh !== FRESH) return new Headers({ "Content-Type": JSON_TYPE, ...readHeaders(index, fresh) })
  let headers = kept.get(index)
  if (!headers) {
    if (kept.size >= KEPT_HEADERS_MAX) kept.clear()
    headers = new Headers({ "Content-Type": JSON_TYPE, ...readHeaders(index, fresh) })
    kept.set(index, headers)
  }
  return headers
}

const kept = new Map<number, Headers>()

/** The headers of everything that reads (C3). The index is never 0. */
export function readHeaders(index: number, fresh: Freshness): Record<string, string> {
  return { "X-Consul-Index": String(Math.max(1, index)), ...freshnessHeaders(fresh) }
}

export function freshnessHeaders({ knownLeader, lastContactMs }: Freshness): Record<string, string> {
  return { "X-Consul-Knownleader": String(knownLeader), "X-Consul-Lastcontact": String(Math.round(lastContactMs)) }
}
