/** Reading keys by Consul's API (CONSUL-API sections 2.1 and 2.2): one key, or all below a prefix. */
import { KV_PREFIX, kvKey } from "../../registry/keys.ts"
import type { Entry, Store, WaitTarget } from "../../store/port.ts"
import { consulText } from "../errors.ts"
import type { ConsulCall } from "./call.ts"
import { afterWaiting, beforeReading, type Freshness, freshness } from "./consistency.ts"
import { parseUint64 } from "./decode.ts"
import { indentJson } from "./json.ts"
import { type Listing, listing, listingResponse } from "./kv-list.ts"
import { entryHeaders, JSON_TYPE, readHeaders, renderEntry } from "./respond.ts"
import type { SharedAnswer } from "./waits.ts"

export function get(call: ConsulCall, key: string): Response | Promise<Response> {
  const { query } = call
  const isListing = query.has("keys") || query.has("recurse")
  if (key === "" && !isListing) return consulText(400, "Missing key name")
  const wanted = isListing ? whatToList(query, key) : null
  if (wanted instanceof Response) return wanted
  return answerRead(call, {
    target: isListing ? { prefix: kvKey(key) } : { key: kvKey(key) },
    index: () => (isListing ? indexBelow(call.store, key) : indexAt(call.store, key)),
    answer: () => (wanted ? answerListing(call, wanted) : answerKey(call, key)),
  })
}

interface Read {
  target: WaitTarget
  index: () => number
  answer: () => Response
}

async function answerRead(call: ConsulCall, what: Read): Promise<Response> {
  const { store, read, waits, request, holdOpen } = call
  await beforeReading(call)
  if (read.index > 0n) {
    holdOpen()
    const { target, index } = what
    await waits.until(store, { target, options: read, index, signal: request.signal })
    await afterWaiting(call)
  }
  return what.answer()
}

/** That of a key that exists is its own, by which libkv compares and swaps; else that of the last change of any (R1, R2). */
function indexAt(store: Store, key: string): number {
  return store.get(kvKey(key))?.modRevision ?? store.lastChange(KV_PREFIX)
}

/** That of the last change below the prefix, deletions included (R4, R8, B6). */
function indexBelow(store: Store, prefix: string): number {
  return store.lastChange(kvKey(prefix)) || store.lastChange(KV_PREFIX)
}

function answerKey(call: ConsulCall, key: string): Response {
  const { store, query, pretty, read } = call
  const form: KeyForm = { raw: query.has("raw"), pretty, fresh: freshness(call) }
  if (read.index === 0n) return response(renderKey(store, key, form))
  const name = `key ${JSON.stringify(form)} ${key}`
  return response(call.waits.shared(name, store.revision, () => renderKey(store, key, form))!)
}

function response({ body, headers, status }: SharedAnswer): Response {
  return new Response(status === 404 ? null : body, { status, headers })
}

export interface KeyForm {
  raw: boolean
  pretty: boolean
  fresh: Freshness
}

/** One key as JSON, its bare value for `?raw` (R9), or 404 (R2). */
export function renderKey(store: Store, key: string, { raw, pretty, fresh }: KeyForm): SharedAnswer {
  const entry = store.get(kvKey(key))
  if (!entry) return { body: "", headers: readHeaders(store.lastChange(KV_PREFIX), fresh), status: 404 }
  if (raw) return renderRaw(entry, readHeaders(entry.modRevision, fresh))
  const headers = entryHeaders(entry.modRevision, fresh)
  const json = `[${renderEntry(key, entry)}]`
  return { body: pretty ? `${indentJson(json)}\n` : json, headers, status: 200 }
}

/** In such a way that no browser runs it. */
function renderRaw(entry: Entry, headers: Record<string, string>): SharedAnswer {
  const forbidding = { "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox" }
  const body = entry.value as Uint8Array<ArrayBuffer>
  return { body, headers: { ...headers, "Content-Type": "text/plain", ...forbidding }, status: 200 }
}

function whatToList(query: Map<string, string>, prefix: string): Omit<Listing, "pretty"> | Response {
  const limit = parseUint64(query.get("limit") || "0")
  if ("problem" in limit) return consulText(400, "Invalid limit")
  return {
    prefix,
    names: query.has("keys"),
    // Misspelt by old clients (R6).
    separator: query.get("separator") ?? query.get("seperator") ?? "",
    after: query.get("after"),
    limit: limit.value === 0n ? Number.POSITIVE_INFINITY : Number(limit.value),
  }
}

function answerListing(call: ConsulCall, wanted: Omit<Listing, "pretty">): Response {
  const { store, pretty, read, waits } = call
  const what: Listing = { ...wanted, pretty }
  const fresh = freshness(call)
  const headers = { "Content-Type": JSON_TYPE, ...readHeaders(indexBelow(store, what.prefix), fresh) }
  const render = (): SharedAnswer | null => {
    const short = listing(store, what)
    return short === null ? null : { body: short, headers, status: 200 }
  }
  const name = `list ${JSON.stringify([what, fresh])}`
  const short = read.index > 0n ? waits.shared(name, store.revision, render) : render()
  // Nothing there: 404, but for the names below the root (R5, R7), and for a page behind the last one.
  const isFirst = what.after === undefined
  if (short?.body === "[]" && isFirst && !(what.names && what.prefix === "")) {
    const { "Content-Type": _type, ...rest } = headers
    return new Response(null, { status: 404, headers: rest })
  }
  if (short) return response({ ...short, body: pretty ? `${short.body as string}\n` : short.body })
  return listingResponse(store, what, headers)
}
