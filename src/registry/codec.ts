/**
 * Records as the store keeps them: JSON in UTF-8. What is read was written by this program after it was checked, so it is
 * not checked again: a follower takes in tens of thousands of records at its start.
 */
import type { Entry, Operation, Store } from "../store/port.ts"
import { STORE_PAGE_MAX_ENTRIES } from "../base/limits.ts"

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export function encode(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value))
}

export function decode<T>(entry: Entry): T {
  return JSON.parse(decoder.decode(entry.value)) as T
}

/** The record at a key, or undefined. */
export function read<T>(store: Store, key: string): T | undefined {
  const entry = store.get(key)
  return entry && decode<T>(entry)
}

/** A record with the revision that a decision made on it must compare with. `modRevision` 0: there is none. */
export function readVersioned<T>(store: Store, key: string): { value: T | undefined; modRevision: number } {
  const entry = store.get(key)
  return { value: entry && decode<T>(entry), modRevision: entry?.modRevision ?? 0 }
}

export function put(key: string, value: unknown): Operation {
  return { op: "put", key, value: encode(value) }
}

export function remove(key: string): Operation {
  return { op: "delete", key }
}

/** Every entry below a prefix, read page by page. */
export function* entriesBelow(store: Store, prefix: string): Generator<Entry> {
  let after: string | undefined
  for (;;) {
    const page = store.range(prefix, { after, limit: STORE_PAGE_MAX_ENTRIES })
    yield* page.entries
    after = page.entries.at(-1)?.key
    if (!page.more || after === undefined) return
  }
}

export function* recordsBelow<T>(store: Store, prefix: string): Generator<T> {
  for (const entry of entriesBelow(store, prefix)) yield decode<T>(entry)
}
