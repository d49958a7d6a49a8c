/**
 * Follows keys by asking again and again for what changed after the last index, as Consul's blocking queries allow. What
 * is seen is the state after a change: of several changes between two answers only the last is told.
 */
import { asOvlError, type OvlError } from "../../base/errors.ts"
import { KV_WATCH_RETRY_MAX_MS, KV_WATCH_RETRY_MIN_MS } from "../../base/limits.ts"
import type { KvClient, KvEntry } from "../../client/kv.ts"

export interface Change {
  index: number
  key: string
  /** Null: it was deleted. */
  entry: KvEntry | null
}

export interface WatchOptions {
  /** Every key that begins so. */
  recurse: boolean
  /** First what is there already, as if it had just been written. */
  initial: boolean
  /** Called once when nobody answers any more, and once when somebody does again. */
  onLost(error: OvlError): void
  onBack(): void
  sleep(ms: number): Promise<void>
}

interface Look {
  index: number
  entries: KvEntry[]
}

/** Goes on until the loop is left. Errors of the first answer are thrown; later ones that pass are waited out. */
export async function* watchKeys(kv: KvClient, key: string, options: WatchOptions): AsyncGenerator<Change> {
  const known = new Map<string, number>()
  let index = 0
  for (let first = true; ; first = false) {
    const { index: present, entries } = first
      ? await look(kv, key, 0, options)
      : await patiently(kv, key, index, options)
    const changes = differences(known, entries, present)
    if (!first || options.initial) yield* changes
    // An index that went back is another store's, or of before a restore: begin again (Consul's rule).
    index = present < index ? 0 : present
  }
}

async function look(kv: KvClient, key: string, index: number, { recurse }: WatchOptions): Promise<Look> {
  if (recurse) return kv.list(key, { index })
  const { index: present, entry } = await kv.get(key, { index })
  return { index: present, entries: entry ? [entry] : [] }
}

async function patiently(kv: KvClient, key: string, index: number, options: WatchOptions): Promise<Look> {
  for (let pauseMs = KV_WATCH_RETRY_MIN_MS, lost = false; ; pauseMs = Math.min(pauseMs * 2, KV_WATCH_RETRY_MAX_MS)) {
    try {
      const seen = await look(kv, key, index, options)
      if (lost) options.onBack()
      return seen
    } catch (thrown) {
      const error = asOvlError(thrown)
      if (error.kind !== "unavailable") throw thrown
      if (!lost) options.onLost(error)
      lost = true
      await options.sleep(pauseMs)
    }
  }
}

/** What differs from what was known, in the order of the changes; `known` is brought up to date. */
function differences(known: Map<string, number>, entries: readonly KvEntry[], index: number): Change[] {
  const changes: Change[] = []
  const present = new Set<string>()
  for (const entry of entries) {
    present.add(entry.key)
    if (known.get(entry.key) === entry.modifyIndex) continue
    known.set(entry.key, entry.modifyIndex)
    changes.push({ index: entry.modifyIndex, key: entry.key, entry })
  }
  for (const key of known.keys()) {
    if (present.has(key)) continue
    known.delete(key)
    changes.push({ index, key, entry: null })
  }
  return changes.sort((a, b) => a.index - b.index)
}
