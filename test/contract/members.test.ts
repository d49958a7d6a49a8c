/** Members of the replicated store among themselves: elections, replication, crashes, membership, snapshots. */
import { beforeEach, expect, test } from "bun:test"
import { OvlError } from "../../src/base/errors.ts"
import type { Transaction } from "../../src/store/port.ts"
import { idOf, type Member, Members } from "./members.ts"

let members: Members
beforeEach(() => {
  members = new Members()
})

const put = (key: string, text = key): Transaction => ({ operations: [{ op: "put", key, value: Buffer.from(text) }] })
const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "ok",
    (thrown) => (thrown instanceof OvlError ? thrown.code : String(thrown)),
  )
const keys = ({ store }: Member): string => store.keys("", "").names.join(" ")
const roles = ({ replication }: Member): string => {
  const { members: all } = replication.status()
  return all.map(({ nodeId, voter, leader }) => `${nodeId[0]}${voter ? "v" : "l"}${leader ? "*" : ""}`).join(" ")
}

test("what one server decides alone, it has after a crash", async () => {
  const [first] = await members.cluster(1)
  await members.during(first!.store.transact(put("a")))
  await members.during(first!.store.transact(put("b")))
  members.crash(first!)
  const again = members.start(1, false)
  expect([keys(again), again.store.revision]).toEqual(["a b", 2])
})

test("servers join as learners, get everything, and then their votes", async () => {
  const first = members.start(1, false)
  await members.during(first.store.transact(put("before")))
  const second = members.start(2, true)
  expect(roles(second)).toBe("")
  await members.during(first.replication.addLearner(second.nodeId))
  await members.ticks(4)
  expect([roles(first), roles(second), keys(second)]).toEqual(["1v* 2l", "1v* 2l", "before"])
  await members.during(first.replication.promote(second.nodeId))
  await members.ticks(1)
  expect([roles(first), roles(second)]).toEqual(["1v* 2v", "1v* 2v"])
  expect(await code(members.during(first.replication.addLearner(second.nodeId)))).toBe("ok")
  expect(await code(first.replication.promote(idOf(5)))).toBe("member_unknown")
})

test("a write is on all, and all have the same bytes", async () => {
  const all = await members.cluster(3)
  for (let i = 0; i < 20; i++) await members.during(all[0]!.store.transact(put(`k${i}`)))
  await members.during(all[0]!.store.transact({ operations: [{ op: "deletePrefix", prefix: "k1" }] }))
  await members.ticks(2)
  const [one, two, three] = all.map((member) => members.dump(member))
  expect(one!.length).toBeGreaterThan(9)
  expect(two).toEqual(one!)
  expect(three).toEqual(one!)
  expect(await code(all[1]!.store.transact(put("x")))).toBe("not_leader")
})

test("nothing is acknowledged that a majority does not have", async () => {
  const [first] = await members.cluster(3)
  members.isolate(1)
  const written = code(first!.store.transact(put("lost")))
  await members.settle()
  expect(keys(first!)).toBe("")
  await members.ticks(20)
  const second = await members.elect()
  expect(second.nodeId).not.toBe(first!.nodeId)
  await members.during(second.store.transact(put("kept")))
  members.heal()
  await members.ticks(20)
  expect(await written).toBe("outcome_unknown")
  expect(keys(first!)).toBe("kept")
})

test("a leader that ends, or whose disk fails, does not know what the others make of what it took", async () => {
  for (const end of ["close", "disk"]) {
    members = new Members()
    const [first, second] = await members.cluster(3)
    if (end === "disk") members.failing(first!, new OvlError("store_failed", "write: no"))
    const written = code(first!.store.transact(put("kept")))
    first!.consensus.driver.process()
    first!.consensus.driver.close(new OvlError("store_closed", "use the store: it is closed"))
    await members.settle()
    expect(await written).toBe("outcome_unknown")
    members.crash(first!)
    await members.elect()
    await members.ticks(4)
    expect([end, keys(second!)]).toEqual([end, "kept"])
  }
})

test("a leader that is cut off for long does not know what became of what it took", async () => {
  const [first] = await members.cluster(3)
  members.isolate(1)
  const written = code(first!.store.transact(put("lost")))
  await members.ticks(80)
  expect(await written).toBe("outcome_unknown")
  expect(await code(members.during(first!.store.barrier()))).toBe("no_leader")
})

test("a read behind a barrier sees what was acknowledged before it, on any member", async () => {
  const [first, , third] = await members.cluster(3)
  members.cut.add("1>3")
  await members.during(first!.store.transact(put("a")))
  expect(keys(third!)).toBe("")
  members.heal()
  await members.during(third!.store.barrier())
  expect(keys(third!)).toBe("a")
})

test("a follower that crashed comes back with what it had and gets the rest; so does a leader", async () => {
  const [first, second] = await members.cluster(3)
  await members.during(first!.store.transact(put("a")))
  await members.ticks(12)
  members.crash(second!)
  await members.during(first!.store.transact(put("b")))
  const back = members.start(2, true)
  expect([roles(back), keys(back)]).toEqual(["1v 2v 3v", "a"])
  await members.ticks(4)
  expect(keys(back)).toBe("a b")
  members.crash(first!)
  const leader = await members.elect()
  await members.during(leader.store.transact(put("c")))
  const old = members.start(1, true)
  await members.ticks(10)
  expect([keys(old), members.dump(old)]).toEqual(["a b c", members.dump(leader)])
})

test("the lead is handed over, and leases live on with their full time", async () => {
  const [first, second] = await members.cluster(3)
  await members.during(first!.store.grantLease("l", 10_000))
  await members.ticks(2)
  await members.during(first!.replication.transfer(second!.nodeId))
  expect([roles(first!), roles(second!)]).toEqual(["1v 2v* 3v", "1v 2v* 3v"])
  expect(await code(first!.store.renewLease("l"))).toBe("not_leader")
  expect(await members.during(second!.store.renewLease("l"))).toEqual({ id: "l", ttlMs: 10_000 })
  await members.ticks(280)
  expect([first!.store.leases(), second!.store.leases()]).toEqual([[], []])
})

test("a member is removed for good, and none whose loss would be the majority's", async () => {
  const [first, second, third] = await members.cluster(3)
  members.crash(third!)
  await members.ticks(25)
  expect(await code(first!.replication.remove(second!.nodeId))).toBe("quorum_would_be_lost")
  await members.during(first!.replication.remove(third!.nodeId))
  expect(roles(first!)).toBe("1v* 2v")
  expect(await code(first!.replication.addLearner(third!.nodeId))).toBe("member_removed")
  await members.during(first!.replication.remove(second!.nodeId))
  expect(roles(first!)).toBe("1v*")
  expect(await code(members.during(first!.store.transact(put("alone"))))).toBe("ok")
})

test("a leader that is to go hands over first", async () => {
  const [first] = await members.cluster(3)
  expect(await code(members.during(first!.replication.remove(first!.nodeId)))).toBe("not_leader")
  const next = members.leader()!
  expect(next.nodeId).not.toBe(first!.nodeId)
  await members.ticks(2)
  await members.during(next.replication.remove(first!.nodeId))
  expect(roles(next)).not.toContain("1")
})

test("the last one that is left goes on alone, with all that is in its log", async () => {
  const [first, second, third] = await members.cluster(3)
  await members.during(first!.store.transact(put("a")))
  await members.ticks(2)
  members.crash(second!)
  members.crash(third!)
  const undecided = code(first!.store.transact(put("b")))
  await members.settle()
  const before = first!.replication.status().term
  await members.during(first!.replication.recoverAlone())
  await members.ticks(2)
  expect(await undecided).toBe("ok")
  expect([roles(first!), keys(first!)]).toEqual(["1v*", "a b"])
  expect(first!.replication.status().term).toBeGreaterThan(before)
  expect(await code(members.during(first!.store.transact(put("c"))))).toBe("ok")
  expect(await code(first!.replication.addLearner(second!.nodeId))).toBe("member_removed")
  members.crash(first!)
  const again = members.start(1, false)
  expect([roles(again), keys(again)]).toEqual(["1v*", "a b c"])
})

const large = (key: string, fill: number): Transaction => ({
  operations: [{ op: "put", key, value: new Uint8Array(1_000_000).fill(fill) }],
})

test("a member that was away for too long is given the whole state, also when that is interrupted", async () => {
  const [first, , third] = await members.cluster(3)
  await members.during(first!.store.transact(put("gone")))
  await members.ticks(2)
  const watched: string[] = []
  third!.store.watch(
    "",
    third!.store.revision,
    () => {},
    ({ code }) => void watched.push(code),
  )
  members.isolate(3)
  await members.during(first!.store.transact({ operations: [{ op: "delete", key: "gone" }] }))
  for (let i = 0; i < 75; i++) await members.during(first!.store.transact(large("big", i)))
  await members.ticks(12)
  const { lastIndex, logEntries } = first!.replication.status()
  expect(logEntries).toBeLessThan(lastIndex - 20)
  members.isFetchBroken = true
  members.heal()
  await members.ticks(40)
  expect([keys(third!), members.leader()!.nodeId]).toEqual(["gone", first!.nodeId])
  members.isFetchBroken = false
  await members.ticks(240)
  expect([keys(third!), watched]).toEqual(["big", ["compacted"]])
  expect(members.dump(third!)).toEqual(members.dump(first!))
  expect(third!.replication.status().logEntries).toBeLessThan(30)
  members.crash(third!)
  const back = members.start(3, true)
  await members.during(first!.store.transact(put("after")))
  await members.ticks(12)
  expect(members.dump(back)).toEqual(members.dump(first!))
}, 20_000)

test("nobody hears of a write that fails on one, and that one stops", async () => {
  const [first, second] = await members.cluster(3)
  const failure = new OvlError("store_failed", "write: no")
  members.failing(second!, failure)
  await members.during(first!.store.transact(put("a")))
  await members.ticks(2)
  expect([keys(second!), second!.replication.status().failure]).toEqual(["", failure])
  expect(await code(second!.store.barrier())).toBe("store_failed")
  expect(keys(first!)).toBe("a")
})
