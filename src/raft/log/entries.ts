/** Sizes of entries, and how many of them fit a limit. */
import type { Entry } from "../types.ts"

/**
 * Bytes that an entry takes when encoded, as etcd's protobuf form counts them, so that limits mean the same here as in
 * its transcripts: a tag of one byte and a varint for each number that is there, and the data.
 */
export function entryBytes(entry: Entry): number {
  const length = entry.data.length
  return (
    (entry.type === "EntryNormal" ? 0 : 2) +
    1 +
    varintBytes(entry.term) +
    1 +
    varintBytes(entry.index) +
    (length === 0 ? 0 : 1 + varintBytes(length) + length)
  )
}

function varintBytes(value: number): number {
  if (value < 2 ** 7) return 1
  if (value < 2 ** 14) return 2
  if (value < 2 ** 21) return 3
  let bytes = 4
  for (let rest = value / 2 ** 21; rest >= 128; rest /= 128) bytes++
  return bytes
}

export function entriesBytes(entries: readonly Entry[]): number {
  let bytes = 0
  for (const entry of entries) bytes += entryBytes(entry)
  return bytes
}

/**
 * Bytes that clients put in. An entry of a new leader has none, nor has one that leaves a joint configuration: such
 * entries are never refused for their size.
 */
export function payloadBytes(entries: readonly { readonly data: Uint8Array }[]): number {
  let bytes = 0
  for (const entry of entries) bytes += entry.data.length
  return bytes
}

/** The longest beginning of `entries` that takes at most `maxBytes`, but at least one: else nothing would move. */
export function limitBytes(entries: readonly Entry[], maxBytes: number): readonly Entry[] {
  let bytes = 0
  for (let i = 0; i < entries.length; i++) {
    bytes += entryBytes(entries[i]!)
    if (bytes > maxBytes && i > 0) return entries.slice(0, i)
  }
  return entries
}

/**
 * Whether entries that follow the entry `(prevIndex, prevTerm)` in the log of a leader of `term` can be what they say:
 * gapless, in terms that never decrease and never exceed the leader's own.
 */
export function isLogSlice(prevTerm: number, prevIndex: number, entries: readonly Entry[], term: number): boolean {
  let lastTerm = prevTerm
  let lastIndex = prevIndex
  for (const entry of entries) {
    if (entry.index !== lastIndex + 1 || entry.term < lastTerm) return false
    lastTerm = entry.term
    lastIndex = entry.index
  }
  return lastTerm <= term
}
