import { describe, expect, test } from "bun:test"
import { type Entry, NO_DATA, NO_MEMBERS } from "../types.ts"
import { entriesBytes, entryBytes, isLogSlice, limitBytes } from "./entries.ts"
import { RaftLog } from "./log.ts"
import { MemoryStorage } from "./memory-storage.ts"

function entry(term: number, index: number, size = 0): Entry {
  return { term, index, type: "EntryNormal", data: new Uint8Array(size) }
}

/** Entries from `first` on, one of each term. */
function run(first: number, ...terms: number[]): Entry[] {
  return terms.map((term, i) => entry(term, first + i))
}

/** Entries of `stored` terms from index 1 on are durable, those of `fresh` follow and are not. */
function logOf(stored: number[], fresh: number[] = [], maxApplyingBytes = Infinity): RaftLog {
  const storage = new MemoryStorage()
  storage.append(run(1, ...stored))
  const log = new RaftLog(storage, maxApplyingBytes)
  log.append(run(stored.length + 1, ...fresh))
  return log
}

function terms(log: RaftLog): string {
  const all: string[] = []
  for (let i = log.firstIndex(); i <= log.lastIndex(); i++) all.push(String(log.term(i)))
  return all.join()
}

const snapshot = (term: number, index: number) => ({ term, index, confState: NO_MEMBERS, data: NO_DATA })

describe("entries", () => {
  test("are measured as etcd measures them", () => {
    expect(entryBytes(entry(1, 1))).toBe(4)
    expect(entryBytes(entry(1, 128))).toBe(5)
    expect(entryBytes(entry(300, 1, 200))).toBe(5 + 3 + 200)
    expect(entryBytes({ ...entry(1, 1), type: "EntryConfChange" })).toBe(6)
  })

  test("are cut to a limit, but never to nothing", () => {
    const three = run(1, 1, 1, 1)
    expect(limitBytes(three, 0)).toHaveLength(1)
    expect(limitBytes(three, 7)).toHaveLength(1)
    expect(limitBytes(three, 8)).toHaveLength(2)
    expect(limitBytes(three, Infinity)).toHaveLength(3)
    expect(limitBytes([], 0)).toEqual([])
  })

  test("of a leader have no gap, and terms that only grow", () => {
    expect(isLogSlice(1, 3, run(4, 1, 2, 2), 2)).toBe(true)
    expect(isLogSlice(1, 3, [], 1)).toBe(true)
    expect(isLogSlice(1, 3, run(5, 1), 2)).toBe(false)
    expect(isLogSlice(2, 3, run(4, 1), 2)).toBe(false)
    expect(isLogSlice(1, 3, run(4, 2, 1), 2)).toBe(false)
    expect(isLogSlice(1, 3, run(4, 3), 2)).toBe(false)
  })
})

describe("what is not durable", () => {
  test("is handed out once, and kept until it is durable", () => {
    const { unstable } = logOf([1], [1, 1])
    expect(unstable.nextEntries()).toHaveLength(2)
    unstable.acceptInProgress()
    expect(unstable.nextEntries()).toEqual([])
    expect(unstable.lastIndex()).toBe(3)
    unstable.stableTo({ term: 1, index: 2 })
    expect([unstable.offset, unstable.offsetInProgress, unstable.entries.length]).toEqual([3, 4, 1])
  })

  test("stays when what was written is not what is meant any more", () => {
    const log = logOf([1], [1, 1])
    log.unstable.acceptInProgress()
    log.append(run(2, 2))
    log.unstable.stableTo({ term: 1, index: 2 })
    log.unstable.stableTo({ term: 1, index: 3 })
    expect(log.unstable.entries).toHaveLength(1)
    expect(terms(log)).toBe("1,2")
  })

  test.each([
    ["behind the end", 4, [2], "1,1,1,2", 1],
    ["in the midst of it", 3, [2, 2], "1,1,2,2", 2],
    ["where it begins", 2, [2], "1,2", 1],
    ["over what is durable", 1, [2, 2], "2,2", 2],
  ])("takes entries %s, and hands out again what must be written again", (_, first, fresh, all, next) => {
    const log = logOf([1], [1, 1])
    log.unstable.acceptInProgress()
    log.append(run(first, ...fresh))
    expect(terms(log)).toBe(all)
    expect(log.unstable.nextEntries()).toHaveLength(next)
    expect(log.unstable.nextEntries()[0]!.term).toBe(2)
  })

  test("may be a snapshot, that replaces all", () => {
    const log = logOf([1], [1])
    log.restore(snapshot(3, 9))
    expect([log.firstIndex(), log.lastIndex(), log.term(9), log.term(2), log.committed]).toEqual([
      10,
      9,
      3,
      undefined,
      9,
    ])
    expect(log.unstable.nextSnapshot()?.index).toBe(9)
    log.unstable.acceptInProgress()
    expect(log.unstable.nextSnapshot()).toBeUndefined()
    log.unstable.stableSnapTo(8)
    expect(log.unstable.snapshot).toBeDefined()
    log.unstable.stableSnapTo(9)
    expect(log.unstable.snapshot).toBeUndefined()
  })

  test("has no gaps", () => {
    expect(() => logOf([1], [1]).append(run(4, 1))).toThrow("gap")
  })
})

describe("following a leader", () => {
  test.each([
    ["another term before", 2, 3, [4], 0, undefined, "1,2,3", 1],
    ["nothing there before", 3, 4, [4], 0, undefined, "1,2,3", 1],
    ["nothing new", 3, 3, [], 3, 3, "1,2,3", 3],
    ["a commit index beyond what is known to match", 2, 2, [], 3, 2, "1,2,3", 2],
    ["a lower commit index", 3, 3, [], 0, 3, "1,2,3", 1],
    ["one entry more", 3, 3, [4], 3, 4, "1,2,3,4", 3],
    ["what is there already, and more", 2, 2, [3, 4], 4, 4, "1,2,3,4", 4],
    ["other entries", 1, 1, [4, 4], 3, 3, "1,4,4", 3],
    ["fewer entries than are there", 1, 1, [2], 1, 2, "1,2,3", 1],
  ])("%s", (_, prevTerm, prevIndex, fresh, commit, matched, all, committed) => {
    const log = logOf([1, 2], [3])
    log.commitTo(1)
    const entries = run(prevIndex + 1, ...fresh)
    expect(log.maybeAppend({ term: prevTerm, index: prevIndex }, entries, commit)).toBe(matched)
    expect(terms(log)).toBe(all)
    expect(log.committed).toBe(committed)
  })

  test("never overwrites what is committed", () => {
    const log = logOf([1, 2], [3])
    log.commitTo(2)
    expect(() => log.maybeAppend({ term: 1, index: 1 }, run(2, 4), 0)).toThrow("conflicts")
  })

  test("never commits what it does not have", () => {
    expect(() => logOf([1, 2]).commitTo(3)).toThrow("truncated, damaged or lost")
  })

  test.each([
    [[1, 1, 1], 3, 1, 3],
    [[1, 3, 3, 5, 5], 5, 4, 3],
    [[1, 3, 3, 5, 5], 5, 2, 1],
    [[3, 3, 3], 3, 2, 0],
    [[1, 2, 3], 3, 9, 3],
  ])("looks in %j from %i back for a term up to %i: %i", (all, index, term, expected) => {
    expect(logOf(all).findConflictByTerm(index, term).index).toBe(expected)
  })

  test("is up to date by the last term first, by length second", () => {
    const log = logOf([1, 3])
    expect(log.isUpToDate({ term: 2, index: 9 })).toBe(false)
    expect(log.isUpToDate({ term: 3, index: 1 })).toBe(false)
    expect(log.isUpToDate({ term: 3, index: 2 })).toBe(true)
    expect(log.isUpToDate({ term: 4, index: 1 })).toBe(true)
  })
})

describe("committing", () => {
  test("counts only entries of the leader's own term", () => {
    const log = logOf([1, 2, 2])
    expect(log.maybeCommit(1, 2)).toBe(false)
    expect(log.maybeCommit(2, 2)).toBe(true)
    expect(log.maybeCommit(2, 2)).toBe(false)
    expect(log.maybeCommit(4, 2)).toBe(false)
    expect(log.committed).toBe(2)
  })

  test("hands out entries once, and in asynchronous mode only durable ones", () => {
    const log = logOf([1], [1, 1])
    log.commitTo(3)
    expect(log.nextCommitted(false).map((e) => e.index)).toEqual([1])
    expect(log.nextCommitted(true).map((e) => e.index)).toEqual([1, 2, 3])
    log.acceptApplying(3, 0, true)
    expect(log.nextCommitted(true)).toEqual([])
  })

  test("hands out no more than the bound until it is applied", () => {
    const log = logOf([1, 1, 1], [], 9)
    log.commitTo(3)
    const page = log.nextCommitted(true)
    expect(page.map((e) => e.index)).toEqual([1, 2])
    log.acceptApplying(2, entriesBytes(page), true)
    expect(log.nextCommitted(true)).toEqual([])
    log.appliedTo(2, entriesBytes(page))
    expect(log.nextCommitted(true).map((e) => e.index)).toEqual([3])
  })

  test("hands out nothing while a snapshot waits", () => {
    const log = logOf([1])
    log.restore(snapshot(2, 5))
    log.append(run(6, 2))
    log.commitTo(6)
    expect(log.hasNextCommitted(true)).toBe(false)
    expect(log.hasNextCommitted(false)).toBe(false)
  })

  test("is never undone, nor ahead of itself", () => {
    const log = logOf([1, 1])
    log.commitTo(2)
    log.commitTo(1)
    expect(log.committed).toBe(2)
    log.appliedTo(2, 0)
    expect(() => log.appliedTo(1, 0)).toThrow("outside")
    expect(() => logOf([1]).appliedTo(1, 0)).toThrow("outside")
  })
})

describe("reading", () => {
  test("goes across what is durable and what is not, up to a limit", () => {
    const log = logOf([1, 1], [2, 2])
    const read = (lo: number, hi: number, max: number) => log.slice(lo, hi, max)?.map((e) => e.index)
    expect(read(1, 5, Infinity)).toEqual([1, 2, 3, 4])
    expect(read(2, 4, Infinity)).toEqual([2, 3])
    expect(read(1, 5, 4)).toEqual([1])
    expect(read(1, 5, 8)).toEqual([1, 2])
    expect(read(1, 5, 11)).toEqual([1, 2])
    expect(read(1, 5, 12)).toEqual([1, 2, 3])
    expect(read(3, 5, 0)).toEqual([3])
    expect(read(3, 3, 0)).toEqual([])
    expect(() => log.slice(3, 6, 0)).toThrow("outside")
  })

  test("says when entries are compacted away, but still knows the last of their terms", () => {
    const log = logOf([1, 2, 3])
    log.commitTo(3)
    log.appliedTo(3, 0)
    ;(log.storage as MemoryStorage).compact(2)
    expect(log.slice(2, 4, Infinity)).toBeUndefined()
    expect(log.slice(3, 4, Infinity)).toHaveLength(1)
    expect([log.term(1), log.term(2), log.term(3), log.term(4)]).toEqual([undefined, 2, 3, undefined])
  })

  test("finds an entry in pages", () => {
    const log = logOf([1, 1, 1], [2, 2])
    expect(log.some(0, 5, 0, (e) => e.index === 5)).toBe(true)
    expect(log.some(0, 4, 0, (e) => e.index === 5)).toBe(false)
    expect(log.some(5, 5, 0, () => true)).toBe(false)
  })
})

describe("storage in memory", () => {
  test.each([
    ["goes on", 4, [5], "3,4,5"],
    ["overwrites", 3, [6, 6], "6,6"],
    ["cuts off the rest", 3, [6], "6"],
    ["leaves out what is compacted", 1, [1, 1, 7], "7"],
  ])("%s", (_, first, fresh, expected) => {
    const storage = new MemoryStorage()
    storage.append(run(1, 1, 2, 3, 4))
    storage.compact(2)
    storage.append(first === 4 ? run(5, ...fresh) : run(first, ...fresh))
    const last = storage.lastIndex()
    expect(
      storage
        .entries(3, last + 1, Infinity)!
        .map((e) => e.term)
        .join(),
    ).toBe(expected)
  })

  test("takes no older snapshot, and no gap", () => {
    const storage = new MemoryStorage()
    expect(storage.applySnapshot(snapshot(3, 5))).toBe(true)
    expect(storage.applySnapshot(snapshot(3, 5))).toBe(false)
    expect(storage.compact(5)).toBe(false)
    expect(() => storage.append(run(7, 3))).toThrow("gap")
    storage.append(run(6, 3))
    expect(storage.createSnapshot(6, undefined, NO_DATA)).toMatchObject({ index: 6, term: 3 })
    expect(storage.createSnapshot(6, undefined, NO_DATA)).toBeUndefined()
  })
})
