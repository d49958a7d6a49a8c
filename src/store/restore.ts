/**
 * Restoring: what differs between the state and a snapshot, key by key, both being in byte order. What is the same stays
 * untouched, its revision included; what differs gets the restore's revision, so that nobody who knows an index of the
 * time before can take a restored key for what he knew. In an area that never held a key, keys keep their revisions.
 */
import { DELETE_SLICE_KEYS } from "../base/limits.ts"
import { successor } from "./keys.ts"
import type { Entry, Session, SnapshotScope } from "./port.ts"
import type { Reader } from "./reader.ts"
import { sameBytes } from "./verbs.ts"

/** So many bytes of a value are dealt with in the time of one key. */
const VALUE_BYTES_PER_KEY = 8_192

/** A snapshot that was checked. */
export interface RestoreSource {
  /** What is to be replaced. */
  scope: SnapshotScope
  sessions(): Iterable<Session>
  /** In byte order; more than the scope, perhaps. */
  entries(): Iterable<Entry>
}

export interface RestoreActs {
  write(entry: Entry, before: Entry | undefined): void
  remove(entry: Entry): void
  putSession(session: Session): void
  endSession(session: Session): Generator<void, void>
}

export function inScope({ areas, except }: SnapshotScope, key: string): boolean {
  return areas.some((area) => key.startsWith(area)) && !except?.some((spared) => key.startsWith(spared))
}

/** The areas in byte order, each that lies in another left out. */
export function sortedAreas({ areas }: SnapshotScope): string[] {
  const sorted = [...areas].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  return sorted.filter((area, i) => !sorted.slice(0, i).some((outer) => area.startsWith(outer)))
}

/** All entries of the scope, in byte order; exceptions are skipped by seeking past them. */
export function* entriesIn(reader: Reader, scope: SnapshotScope): Generator<Entry> {
  for (const area of sortedAreas(scope)) {
    let from: string | null = area
    while (from?.startsWith(area)) {
      let spared: string | undefined
      for (const entry of reader.entries(area, from)) {
        spared = scope.except?.find((kept) => entry.key.startsWith(kept))
        if (spared !== undefined) break
        yield entry
      }
      from = spared === undefined ? null : successor(spared)
    }
  }
}

export function* restoreSteps(
  reader: Reader,
  source: RestoreSource,
  revision: number,
  acts: RestoreActs,
): Generator<void, void> {
  const fresh = new Set(source.scope.areas.filter((area) => reader.lastChange(area) === 0))
  yield* restoreSessions(reader, source, acts)
  const wanted = source.entries()[Symbol.iterator]()
  let next = nextIn(wanted, source.scope)
  // A large value takes as long as many keys.
  let weight = 0
  const isSlice = (entry: Entry): boolean => {
    weight += 1 + Math.floor(entry.value.length / VALUE_BYTES_PER_KEY)
    if (weight < DELETE_SLICE_KEYS) return false
    weight = 0
    return true
  }
  const revised = (entry: Entry, before: Entry | undefined): Entry => {
    const isFresh = [...fresh].some((area) => entry.key.startsWith(area))
    const createRevision = before?.createRevision ?? entry.createRevision
    return { ...entry, createRevision, modRevision: isFresh ? entry.modRevision : revision }
  }
  for (const before of entriesIn(reader, source.scope)) {
    for (; next && next.key < before.key; next = nextIn(wanted, source.scope)) {
      acts.write(revised(next, undefined), undefined)
      if (isSlice(next)) yield
    }
    if (next?.key !== before.key) acts.remove(before)
    else {
      if (!same(next, before)) acts.write(revised(next, before), before)
      next = nextIn(wanted, source.scope)
    }
    if (isSlice(before)) yield
  }
  for (; next; next = nextIn(wanted, source.scope)) {
    acts.write(revised(next, undefined), undefined)
    if (isSlice(next)) yield
  }
}

/** Those that the snapshot does not know end as any session does; the others are as it has them. */
function* restoreSessions(reader: Reader, source: RestoreSource, acts: RestoreActs): Generator<void, void> {
  const wanted = new Map(Array.from(source.sessions(), (session) => [session.id, session]))
  for (const present of reader.sessions()) {
    const session = wanted.get(present.id)
    if (!session) yield* acts.endSession(present)
    else if (JSON.stringify(session) === JSON.stringify(present)) wanted.delete(present.id)
  }
  for (const session of wanted.values()) acts.putSession(session)
}

function nextIn(entries: Iterator<Entry>, scope: SnapshotScope): Entry | undefined {
  for (;;) {
    const { value, done } = entries.next()
    if (done) return undefined
    if (inScope(scope, value.key)) return value
  }
}

function same(a: Entry, b: Entry): boolean {
  return a.flags === b.flags && a.lease === b.lease && a.lockIndex === b.lockIndex && sameBytes(a.value, b.value)
}
