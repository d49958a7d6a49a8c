import { describe, expect, test } from "bun:test"
import { describeProgress } from "../describe.ts"
import { Inflights } from "./inflights.ts"
import { Progress } from "./progress.ts"

function progress(state: "probe" | "replicate" | "snapshot", match: number, next: number): Progress {
  const made = new Progress(1, false, new Inflights(3, 100))
  made.maybeUpdate(match)
  if (state === "replicate") made.becomeReplicate()
  if (state === "snapshot") made.becomeSnapshot(next - 1)
  made.next = next
  made.recentActive = true
  return made
}

describe("the window", () => {
  test("is full by messages or by bytes", () => {
    const window = new Inflights(3, 100)
    window.add(1, 10)
    window.add(3, 10)
    expect(window.full()).toBe(false)
    window.add(4, 10)
    expect(window.full()).toBe(true)
    const heavy = new Inflights(3, 100)
    heavy.add(1, 99)
    expect(heavy.full()).toBe(false)
    heavy.add(2, 500)
    expect(heavy.full()).toBe(true)
    expect(() => heavy.add(3, 1)).toThrow("full window")
  })

  test("frees all messages that end at an index or before", () => {
    const window = new Inflights(10, 1_000)
    for (const index of [2, 4, 6, 8]) window.add(index, index)
    window.freeTo(1)
    expect([window.count, window.bytes]).toEqual([4, 20])
    window.freeTo(5)
    expect([window.count, window.bytes]).toEqual([2, 14])
    window.add(9, 1)
    window.freeTo(8)
    expect([window.count, window.bytes]).toEqual([1, 1])
    window.freeTo(100)
    expect([window.count, window.bytes]).toEqual([0, 0])
  })
})

describe("progress", () => {
  test("probes with one message, and replicates until the window is full", () => {
    const probing = progress("probe", 3, 5)
    probing.sentEntries(0, 0)
    expect(probing.isPaused()).toBe(false)
    probing.sentEntries(2, 9)
    expect(describeProgress(probing)).toBe("StateProbe match=3 next=5 paused")
    const replicating = progress("replicate", 3, 4)
    replicating.sentEntries(2, 9)
    replicating.sentEntries(1, 9)
    expect(describeProgress(replicating)).toBe("StateReplicate match=3 next=7 inflight=2")
    replicating.sentEntries(1, 9)
    expect(describeProgress(replicating)).toBe("StateReplicate match=3 next=8 paused inflight=3[full]")
  })

  test("goes on after a snapshot where it ends, and where it was if it did not arrive", () => {
    const arrived = progress("snapshot", 3, 11)
    expect(describeProgress(arrived)).toBe("StateSnapshot match=3 next=11 paused pendingSnap=10")
    arrived.becomeProbe()
    expect(arrived.next).toBe(11)
    const failed = progress("snapshot", 3, 11)
    failed.pendingSnapshot = 0
    failed.becomeProbe()
    expect(failed.next).toBe(4)
  })

  test.each([
    ["an old acknowledgement", 3, false, 3, 5],
    ["the same again", 2, false, 3, 5],
    ["news", 4, true, 4, 5],
    ["more than was sent", 9, true, 9, 10],
  ])("takes %s", (_, index, isNews, match, next) => {
    const made = progress("probe", 3, 5)
    expect(made.maybeUpdate(index)).toBe(isNews)
    expect([made.match, made.next]).toEqual([match, next])
  })

  test.each([
    ["replicate", 5, 10, 5, 5, false, 10],
    ["replicate", 5, 10, 4, 4, false, 10],
    ["replicate", 5, 10, 9, 9, true, 6],
    ["probe", 0, 0, 0, 0, false, 0],
    ["probe", 0, 10, 5, 5, false, 10],
    ["probe", 0, 10, 9, 9, true, 9],
    ["probe", 0, 2, 1, 1, true, 1],
    ["probe", 0, 10, 9, 2, true, 3],
    ["probe", 2, 10, 9, 0, true, 3],
  ] as const)("in %s at %i/%i, refused at %i with hint %i: %j, next %i", (state, match, next, at, hint, ok, after) => {
    const made = progress(state, match, next)
    expect(made.maybeDecrease(at, hint)).toBe(ok)
    expect(made.next).toBe(after)
  })

  test("knows when a commit index would be news", () => {
    const made = progress("replicate", 5, 8)
    expect(made.canBumpCommit(5)).toBe(true)
    made.sentCommit(5)
    expect(made.canBumpCommit(5)).toBe(false)
    expect(made.canBumpCommit(6)).toBe(true)
    made.sentCommit(7)
    // What the follower has not got it cannot commit.
    expect(made.canBumpCommit(9)).toBe(false)
    made.maybeDecrease(7, 5)
    expect(made.canBumpCommit(9)).toBe(false)
    made.sentEntries(1, 1)
    expect(made.canBumpCommit(9)).toBe(true)
  })
})
