/** What the driver may say and do before, after and without a write. */
import { expect, test } from "bun:test"
import { bench, lead, leadThree, put } from "./store-driver.ts"
import { OvlError } from "../../src/base/errors.ts"
import { message } from "../../src/raft/message.ts"

test("a lone server answers, and shows, nothing before it is on its disk", async () => {
  const at = await bench([1])
  await lead(at)
  at.propose(put("a"))
  expect([at.keys(), at.told]).toEqual(["", []])
  await at.disk.release()
  expect([at.keys(), at.told]).toEqual(["a", ["applied 1", "put done"]])
})

test("what comes while the disk writes goes into the next write, all of it", async () => {
  const at = await bench([1])
  await lead(at)
  for (const key of ["a", "b", "c"]) at.propose(put(key))
  await at.disk.release()
  expect(at.disk.held!.round.entries.length).toBe(2)
  await at.disk.release()
  expect([at.keys(), at.disk.held]).toEqual(["a b c", null])
})

test("a follower attests an entry, and a vote, when it is on its disk", async () => {
  const at = await bench([1, 2, 3])
  at.driver.receive(message("MsgVote", 1, { from: 2, term: 5, index: 9, logTerm: 4 }))
  at.driver.process()
  expect(at.sent()).toBe("")
  expect(at.disk.held!.round.hardState).toMatchObject({ term: 5, vote: 2 })
  await at.disk.release()
  expect(at.sent()).toBe("MsgVoteResp>2")
  const entries = [{ term: 5, index: 2, type: "EntryNormal" as const, data: new Uint8Array() }]
  at.driver.receive(message("MsgApp", 1, { from: 2, term: 5, index: 1, logTerm: 1, entries, commit: 1 }))
  at.driver.process()
  expect(at.sent()).toBe("")
  await at.disk.release()
  expect(at.sent()).toBe("MsgAppResp>2")
})

test("an entry that was overwritten before it was written is not attested any more", async () => {
  const at = await bench([1, 2, 3])
  const append = (from: number, term: number, index: number): void => {
    const entries = [{ term, index, type: "EntryNormal" as const, data: new Uint8Array() }]
    at.driver.receive(message("MsgApp", 1, { from, term, index: index - 1, logTerm: index === 2 ? 1 : 5, entries }))
    at.driver.process()
  }
  append(2, 5, 2)
  append(2, 5, 3)
  append(3, 6, 3)
  expect(at.disk.held!.round.entries.map(({ index, term }) => `${index}/${term}`)).toEqual(["2/5"])
  await at.disk.release()
  expect(at.sent()).toBe("MsgAppResp>2")
  expect(at.disk.held!.round.entries.map(({ index, term }) => `${index}/${term}`)).toEqual(["3/6"])
  await at.disk.release()
  expect(at.sent()).toBe("MsgAppResp>3")
})

test("a leader sends while it writes, and its own disk counts like any other", async () => {
  const at = await bench([1, 2, 3])
  await leadThree(at)
  at.driver.receive(message("MsgAppResp", 1, { from: 2, term: 2, index: 2 }))
  at.driver.process()
  while (at.disk.held) await at.disk.release()
  at.sent()
  at.propose(put("a"))
  expect(at.sent()).toContain("MsgApp>2")
  expect(at.disk.held).not.toBeNull()
  at.driver.receive(message("MsgAppResp", 1, { from: 2, term: 2, index: 3 }))
  at.driver.process()
  expect(at.told).toEqual([])
  at.driver.receive(message("MsgAppResp", 1, { from: 3, term: 2, index: 3 }))
  at.driver.process()
  // Decided by the others, and not durable here: reads would show what this member could forget.
  expect([at.keys(), at.told]).toEqual(["", []])
  await at.disk.release()
  expect([at.keys(), at.told]).toEqual(["a", ["applied 1", "put done"]])
})

test("after a write that failed nothing is written, said or answered", async () => {
  const at = await bench([1, 2, 3])
  await leadThree(at)
  at.propose(put("a"))
  at.sent()
  at.disk.fail(new OvlError("store_failed", "write: no"))
  // It was sent before: the others may yet decide it.
  expect(at.told).toEqual(["put outcome_unknown", "fatal store_failed"])
  at.driver.receive(message("MsgVote", 1, { from: 2, term: 9, index: 9, logTerm: 9 }))
  for (let i = 0; i < 20; i++) at.driver.tick()
  at.driver.process()
  at.propose(put("b"))
  expect([at.sent(), at.disk.held, at.driver.role.leader]).toEqual(["", null, false])
  expect(at.told.slice(2)).toEqual(["put store_failed"])
})

test("on a full disk a lone server refuses what grows, and tries again what only takes away", async () => {
  const at = await bench([1])
  await lead(at)
  at.propose(put("a"))
  await at.disk.release()
  at.told.length = 0
  at.propose(put("b"))
  at.propose({ op: "delete", key: "a" })
  at.disk.full = new OvlError("store_full", "write: the disk is full")
  at.disk.fail(at.disk.full)
  while (at.disk.held) await at.disk.release()
  expect([at.keys(), at.told]).toEqual(["", ["put store_full", "applied 2", "delete done"]])
  at.propose(put("c"))
  expect(at.told.at(-1)).toBe("put store_full")
  at.disk.full = null
  at.propose(put("d"))
  while (at.disk.held) await at.disk.release()
  expect(at.keys()).toBe("d")
})

test("what is applied reaches the disk with a later write, and once more after a crash only if it did not", async () => {
  const at = await bench([1])
  await lead(at)
  at.propose(put("a"))
  await at.disk.release()
  expect(at.disk.tables.entries.get("a")).toBeUndefined()
  for (let i = 0; i < 12 && !at.disk.held; i++) {
    at.driver.tick()
    at.driver.process()
  }
  const { applied, hardState } = at.disk.held!.round
  expect([applied?.index, (hardState?.commit ?? 0) >= applied!.index]).toEqual([at.driver.applied.index, true])
  await at.disk.release()
  expect(at.disk.tables.entries.get("a")).toBeDefined()
  expect(at.disk.load().applied.index).toBe(at.driver.applied.index)
})
