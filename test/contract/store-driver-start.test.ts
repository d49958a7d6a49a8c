/** What a member begins with, and begins anew with: what its disk has, the state of another one, or nobody else. */
import { expect, test } from "bun:test"
import { bench, conf, leadThree, named, nodeId, put } from "./store-driver.ts"
import { confChangeProposal } from "../../src/raft/confchange/change.ts"
import { message } from "../../src/raft/message.ts"
import type { Entry } from "../../src/raft/types.ts"
import { memberChange } from "../../src/store/replicated/member-changes.ts"
import { membersText } from "../../src/store/replicated/raft-rows.ts"

test("a leader that is given a whole state does not know what became of what it took", async () => {
  const at = await bench([1, 2, 3])
  await leadThree(at)
  at.propose(put("a"))
  while (at.disk.held) await at.disk.release()
  const confState = conf([1, 2, 3])
  const data = new TextEncoder().encode(membersText(confState, named([1, 2, 3])))
  const snapshot = { index: 9, term: 3, confState, data }
  at.driver.receive(message("MsgSnap", 1, { from: 2, term: 3, snapshot }))
  at.driver.snapshotFetched(await at.backend.stage())
  at.driver.process()
  while (at.disk.held) await at.disk.release()
  expect([at.driver.applied.index, at.told]).toEqual([9, ["put outcome_unknown"]])
})

const entries = (types: Entry["type"][]): Entry[] =>
  types.map((type, i) => {
    const change = memberChange("addNode", 2, nodeId(2))
    const data = type === "EntryNormal" ? new Uint8Array() : confChangeProposal(change, type).data
    return { term: 1, index: 2 + i, type, data }
  })

test("a lone server takes for decided what its disk has, up to a change of the members", async () => {
  const normal = "EntryNormal"
  const change = "EntryConfChangeV2"
  const committed = async (types: Entry["type"][], voters = [1]): Promise<number> =>
    (await bench(voters, { entries: entries(types) })).driver.raft.log.committed
  expect(await committed([normal, normal, normal])).toBe(4)
  expect(await committed([normal, change, normal])).toBe(3)
  expect(await committed([normal, normal, normal], [1, 2, 3])).toBe(1)
})

test("what is applied is decided, whatever the commit index on the disk says", async () => {
  const applied = { index: 3, term: 1 }
  const { driver } = await bench([1, 2, 3], {
    entries: entries(["EntryNormal", "EntryNormal", "EntryNormal"]),
    applied,
  })
  expect(driver.raft.log.committed).toBe(3)
})

test("who goes on alone does so in a later term, with every entry decided", async () => {
  const at = await bench([1, 2, 3], { entries: entries(["EntryNormal", "EntryNormal"]) })
  const before = at.driver.raft.term
  let settled: unknown = "not yet"
  at.driver.recoverAlone((error) => {
    settled = error
  })
  at.driver.process()
  const { hardState, confState, members } = at.disk.held!.round
  expect(hardState).toEqual({ term: before + 1, vote: 0, commit: 3 })
  expect([confState?.voters, [...members!.removed]]).toEqual([[1], [2, 3]])
  while (at.disk.held) await at.disk.release()
  expect([settled, at.driver.isAlone]).toEqual([null, true])
})
