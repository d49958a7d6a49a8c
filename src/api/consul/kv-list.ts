/**
 * Listings of Consul's KV API: entries or names below a prefix. One that is short is rendered at once; a long one is
 * streamed from one state of the store, a page at a time and only as fast as it is read, so that a million keys cost no
 * more memory than a thousand.
 */
import { LISTING_PAGE_MAX_KEYS, LISTING_PIECE_BYTES } from "../../base/limits.ts"
import { kvKey } from "../../registry/keys.ts"
import type { Reads, Store, View } from "../../store/port.ts"
import { toText } from "./decode.ts"
import { indentJson } from "./json.ts"
import { shownKey } from "./kv-key.ts"
import { renderEntry } from "./respond.ts"

export interface Listing {
  prefix: string
  /** Only the names, cut behind the first separator that follows the prefix. */
  names: boolean
  separator: string
  /** The key or name behind which to begin. */
  after: string | undefined
  limit: number
  pretty: boolean
}

/** The whole listing as JSON, or null where it is so long that it should be streamed. */
export function listing(store: Store, what: Listing): string | null {
  const pieces = render(store, what)
  const first = pieces.next()
  if (first.done) return "[]"
  const second = pieces.next()
  return second.done ? first.value : null
}

/** The listing as a stream. Throws `store_busy` (unavailable) where too many are read at this moment. */
export function listingResponse(store: Store, what: Listing, headers: Record<string, string>): Response {
  const { view, release } = shareView(store)
  const pieces = render(view, what)
  const encoder = new TextEncoder()
  const body = new ReadableStream<Uint8Array>(
    {
      pull(stream) {
        try {
          const { done, value } = pieces.next()
          if (!done) return stream.enqueue(encoder.encode(value))
          if (what.pretty) stream.enqueue(encoder.encode("\n"))
        } catch (error) {
          release()
          return stream.error(error)
        }
        release()
        stream.close()
      },
      cancel: release,
    },
    // Nothing is rendered before it is asked for.
    new CountQueuingStrategy({ highWaterMark: 0 }),
  )
  return new Response(body, { headers })
}

/** Pieces of the JSON, each of about LISTING_PIECE_BYTES; none at all where nothing is listed. */
function* render(reads: Reads, what: Listing): Generator<string, void> {
  const comma = what.pretty ? ",\n    " : ","
  let piece = what.pretty ? "[\n    " : "["
  let isFirst = true
  for (const item of what.names ? names(reads, what) : entries(reads, what)) {
    piece += isFirst ? item : comma + item
    isFirst = false
    if (piece.length >= LISTING_PIECE_BYTES) {
      yield piece
      piece = ""
    }
  }
  if (!isFirst) yield what.pretty ? `${piece}\n]` : `${piece}]`
}

function* names(reads: Reads, { prefix, separator, after, limit }: Listing): Generator<string, void> {
  let last = after === undefined ? undefined : kvKey(after)
  let left = limit
  for (let more = true; more && left > 0; ) {
    const page = reads.keys(kvKey(prefix), separator, { after: last, limit: Math.min(left, LISTING_PAGE_MAX_KEYS) })
    for (const name of page.names) yield JSON.stringify(toText(shownKey(name)))
    last = page.names.at(-1)
    left -= page.names.length
    more = page.more && last !== undefined
  }
}

function* entries(reads: Reads, { prefix, after, limit, pretty }: Listing): Generator<string, void> {
  let last = after === undefined ? undefined : kvKey(after)
  let left = limit
  // Pages begin small and grow to about the size of a piece: a value may have half a megabyte, or none.
  let keys = 4
  for (let more = true; more && left > 0; ) {
    const page = reads.range(kvKey(prefix), { after: last, limit: Math.min(left, keys) })
    let bytes = 0
    for (const entry of page.entries) {
      const json = renderEntry(shownKey(entry.key), entry)
      bytes += json.length
      yield pretty ? indentJson(json, 1) : json
    }
    last = page.entries.at(-1)?.key
    left -= page.entries.length
    more = page.more && last !== undefined
    const average = bytes / Math.max(1, page.entries.length)
    keys = Math.max(
      1,
      Math.min(keys * 4, LISTING_PAGE_MAX_KEYS, Math.floor(LISTING_PIECE_BYTES / Math.max(1, average))),
    )
  }
}

/** Listings that begin at the same revision read the same old state: those are few. */
const views = new WeakMap<Store, { view: View; revision: number; readers: number }>()

function shareView(store: Store): { view: View; release: () => void } {
  let shared = views.get(store)
  if (!shared || shared.readers === 0 || shared.revision !== store.revision) {
    shared = { view: store.view(), revision: store.revision, readers: 0 }
    views.set(store, shared)
  }
  const mine = shared
  mine.readers++
  let released = false
  const release = () => {
    if (released) return
    released = true
    if (--mine.readers === 0) mine.view.close()
  }
  return { view: mine.view, release }
}
