/** Reading keys by Consul's API (CONSUL-API sections 2.1 and 2.2): one key, or all below a prefix. */
import { KV_PREFIX, kvKey } from "../../registry/keys.ts"
import type { Entry, Store, WaitTarget } from "../../store/port.ts"
import { consulText } from "../errors.ts"
import type { ConsulCall } from "./call.ts"
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

/** In Consul's three modes: `consistent` makes sure of the leader before, and again after a wait (B10). */
async function answerRead({ store, read, waits, request, holdOpen }: ConsulCall, what: Read): Promise<Response> {
  if (read.consistent) await store.barrier()
  if (read.index > 0n) {
    holdOpen()
    const { target, index } = what
    await waits.until(store, { target, options: read, index, signal: request.signal })
    if (read.consistent) await store.barrier()
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
  if (read.index === 0n) return response(renderKey(store, key, query.has("raw"), pretty))
  const name = `key ${query.has("raw")} ${pretty} ${key}`
  return response(call.waits.shared(name, store.revision, () => renderKey(store, key, query.has("raw"), pretty))!)
}

function response({ body, headers, status }: SharedAnswer): Response {
  return new Response(status === 404 ? null : body, { status, headers })
}

/** One key as JSON, its bare value for `?raw` (R9), or 404 (R2). */
export function renderKey(store: Store, key: string, raw: boolean, pretty: boolean): SharedAnswer {
  const entry = store.get(kvKey(key))
  if (!entry) return { body: "", headers: readHeaders(store, store.lastChange(KV_PREFIX)), status: 404 }
  if (raw) return renderRaw(entry, readHeaders(store, entry.modRevision))
  const headers = entryHeaders(store, entry.modRevision)
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
  const headers = { "Content-Type": JSON_TYPE, ...readHeaders(store, indexBelow(store, what.prefix)) }
  const render = (): SharedAnswer | null => {
    const short = listing(store, what)
    return short === null ? null : { body: short, headers, status: 200 }
  }
  const name = `list ${JSON.stringify(what)}`
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
