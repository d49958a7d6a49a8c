/**
 * Watches: whoever waits for changes below a prefix is called once for each revision that touches it, in order and
 * without gaps. A bounded history lets a watch begin in the past; a prefix tree finds the watches that a change concerns,
 * so that a write costs nothing for those that it does not.
 */
import { assert } from "../base/assert.ts"
import { OvlError } from "../base/errors.ts"
import { WATCH_HISTORY_MAX_BYTES, WATCH_HISTORY_MAX_EVENTS, WATCHERS_MAX } from "../base/limits.ts"
import type { Watch, WatchBatch, WatchEvent } from "./port.ts"
import { PrefixTrie } from "./trie.ts"

interface Watcher {
  prefix: string
  /** The last revision that it has seen, or wanted to have seen. */
  seen: number
  /** True until what the history holds for it was handed over; until then live batches pass it by. */
  behind: boolean
  closed: boolean
  onBatch: (batch: WatchBatch) => void
  onEnd: (error: OvlError) => void
}

export class Watchers {
  readonly #trie = new PrefixTrie<Watcher>()
  readonly #history: HistoryRing
  #closed: OvlError | null = null

  /** History begins behind `revision`. */
  constructor(revision: number) {
    this.#history = new HistoryRing(revision)
  }

  get size(): number {
    return this.#trie.size
  }

  /** Throws `store_busy` where there are WATCHERS_MAX already. Nothing is called back before the caller has the watch. */
  add(
    prefix: string,
    fromRevision: number,
    onBatch: (batch: WatchBatch) => void,
    onEnd: (error: OvlError) => void,
  ): Watch {
    if (this.#trie.size >= WATCHERS_MAX)
      throw new OvlError("store_busy", `watch: there are ${WATCHERS_MAX} watches already`, { kind: "unavailable" })
    const watcher: Watcher = { prefix, seen: fromRevision, behind: true, closed: false, onBatch, onEnd }
    this.#trie.add(prefix, watcher)
    queueMicrotask(() => this.#catchUp(watcher))
    return { close: () => this.#remove(watcher) }
  }

  /** All changes of one revision, which is durable. Revisions come in order. */
  publish(batch: WatchBatch): void {
    this.#history.push(batch)
    const eventsOf = new Map<Watcher, WatchEvent[]>()
    for (const event of batch.events)
      this.#trie.visit(event.key, (watchers) => {
        for (const watcher of watchers) collect(eventsOf, watcher, event)
      })
    for (const [watcher, events] of eventsOf) this.#deliver(watcher, { revision: batch.revision, events })
  }

  /** So much changed at `revision` that it is not told change by change: all who watch are to look anew. */
  breakOff(revision: number): void {
    const error = compacted(this.#history.floor, revision)
    this.#history.restart(revision)
    for (const watcher of [...this.#trie.values()]) this.#end(watcher, error)
  }

  /** Ends all watches; each is told. */
  close(error: OvlError): void {
    this.#closed = error
    for (const watcher of [...this.#trie.values()]) this.#end(watcher, error)
  }

  #catchUp(watcher: Watcher): void {
    if (watcher.closed) return
    if (this.#closed) return this.#end(watcher, this.#closed)
    if (watcher.seen < this.#history.floor) return this.#end(watcher, compacted(watcher.seen, this.#history.floor))
    // A callback may write only later, so the history stays as it is while it is handed over.
    const missed = this.#history.after(watcher.seen)
    watcher.behind = false
    for (const { revision, events } of missed) {
      const mine = events.filter((event) => event.key.startsWith(watcher.prefix))
      if (mine.length > 0) this.#deliver(watcher, { revision, events: mine })
    }
  }

  #deliver(watcher: Watcher, batch: WatchBatch): void {
    if (watcher.closed || watcher.behind || batch.revision <= watcher.seen) return
    watcher.seen = batch.revision
    try {
      watcher.onBatch(batch)
    } catch (mistake) {
      // A callback that throws is a mistake of its owner: it ends the program, but not in the middle of a commit.
      queueMicrotask(() => {
        throw mistake
      })
    }
  }

  #end(watcher: Watcher, error: OvlError): void {
    if (watcher.closed) return
    this.#remove(watcher)
    watcher.onEnd(error)
  }

  #remove(watcher: Watcher): void {
    if (watcher.closed) return
    watcher.closed = true
    this.#trie.remove(watcher.prefix, watcher)
  }
}

function collect(eventsOf: Map<Watcher, WatchEvent[]>, watcher: Watcher, event: WatchEvent): void {
  const events = eventsOf.get(watcher)
  if (events) events.push(event)
  else eventsOf.set(watcher, [event])
}

function compacted(from: number, floor: number): OvlError {
  return new OvlError("compacted", `watch from revision ${from}: history goes back to revision ${floor} only`, {
    kind: "conflict",
    hint: "read the range again, and watch from the revision at which it was read",
  })
}

/** The latest batches, bounded by their events and by their bytes. */
class HistoryRing {
  /** A watch may begin with any revision from this one. */
  floor: number
  #batches: (WatchBatch & { bytes: number })[] = []
  /** Index of the oldest batch; those before it are dropped now and then, all together. */
  #head = 0
  #events = 0
  #bytes = 0

  constructor(floor: number) {
    this.floor = floor
  }

  push(batch: WatchBatch): void {
    const last = this.#batches.at(-1)
    assert(batch.revision > (last?.revision ?? this.floor), `history goes back at revision ${batch.revision}`)
    const bytes = batch.events.reduce((sum, event) => sum + event.key.length + (event.entry?.value.length ?? 0), 0)
    this.#batches.push({ ...batch, bytes })
    this.#events += batch.events.length
    this.#bytes += bytes
    while (this.#events > WATCH_HISTORY_MAX_EVENTS || this.#bytes > WATCH_HISTORY_MAX_BYTES) this.#dropOldest()
    if (this.#head > 1_024 && this.#head * 2 > this.#batches.length) {
      this.#batches = this.#batches.slice(this.#head)
      this.#head = 0
    }
  }

  restart(floor: number): void {
    this.floor = floor
    this.#batches = []
    this.#head = 0
    this.#events = 0
    this.#bytes = 0
  }

  /** The batches behind `revision`. */
  after(revision: number): WatchBatch[] {
    let low = this.#head
    let high = this.#batches.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#batches[middle]!.revision <= revision) low = middle + 1
      else high = middle
    }
    return this.#batches.slice(low)
  }

  #dropOldest(): void {
    const oldest = this.#batches[this.#head]!
    this.#batches[this.#head++] = { revision: oldest.revision, events: [], bytes: 0 }
    this.floor = oldest.revision
    this.#events -= oldest.events.length
    this.#bytes -= oldest.bytes
  }
}
