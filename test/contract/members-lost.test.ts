/** Words between members that are lost where nobody sends them again by himself, and data that lack what was acknowledged. */
import { expect, test } from "bun:test"
import type { Transaction } from "../../src/store/port.ts"
import { idOf, Members } from "./members.ts"

const put = (key: string): Transaction => ({ operations: [{ op: "put", key, value: Buffer.from(key) }] })

test("the offer of a state that was lost is made again, at once where that is known, else soon", async () => {
  for (const isKnown of [true, false]) {
    const members = new Members()
    const first = members.start(1, false)
    await members.during(first.store.transact(put("a")))
    const second = members.start(2, true)
    members.lost.add("MsgSnap")
    await members.during(first.replication.addLearner(second.nodeId))
    await members.ticks(3)
    const progress = () => first.replication.status().members.find(({ nodeId }) => nodeId === idOf(2))!.progress!
    expect(progress()).toMatchObject({ state: "snapshot", match: 0 })
    members.lost.clear()
    if (isKnown) first.exchange.unreachable(second.exchange.self)
    await members.ticks(isKnown ? 4 : 50)
    expect(progress()).toMatchObject({ state: "replicate", lag: 0 })
    expect(second.store.keys("", "").names).toEqual(["a"])
  }
})

test("a member on an old copy of its disk stops at the leader's first word: what it had acknowledged is missing", async () => {
  const members = new Members()
  const [first, , third] = await members.cluster(3)
  await members.ticks(2)
  const copy = members.copyOf(third!)
  await members.during(first!.store.transact(put("a")))
  await members.ticks(2)
  members.crash(third!)
  members.restore(third!, copy)
  const again = members.start(3, true)
  await members.ticks(3)
  expect(again.replication.status().failure).toMatchObject({ code: "data_outdated" })
  await members.during(first!.store.transact(put("b")))
})
