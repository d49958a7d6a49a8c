import { expect, test } from "bun:test"
import { OvlError } from "../base/errors.ts"
import { silentLog } from "../base/log.ts"
import { ManualClock } from "../base/manual-clock.ts"
import type { ChangeBatch } from "../model/catalog.ts"
import { endpointRecord, NODE_1, networkRecord } from "../overlay/fixture.ts"
import type { Cluster } from "../registry/port.ts"
import { Replica } from "./replica.ts"

/** A cluster of which only `follow` is asked. */
function stream() {
  const follows: { from: number; send: (batch: ChangeBatch) => void; end: (error: OvlError) => void }[] = []
  const cluster = {
    follow: (from: number, send: (batch: ChangeBatch) => void, end: (error: OvlError) => void) => {
      follows.push({ from, send, end })
      return { close: () => {} }
    },
  } as unknown as Cluster
  return { cluster, follows }
}

const batch = (revision: number, snapshot = false): ChangeBatch => ({ revision, snapshot, changes: [] })
const lost = new OvlError("peer_closed", "gone", { kind: "unavailable" })

function start() {
  const clock = new ManualClock()
  const { cluster, follows } = stream()
  const seen: number[] = []
  const replica = new Replica({ cluster, clock, log: silentLog, onBatch: ({ revision }) => seen.push(revision) })
  replica.start()
  return { clock, follows, replica, seen }
}

test("a broken stream is taken up again after the last revision seen, later each time", () => {
  const { clock, follows, replica } = start()
  follows[0]?.send(batch(5, true))
  follows[0]?.send(batch(6))
  follows[0]?.end(lost)
  expect(replica.following).toBe(false)
  clock.advance(50)
  expect(follows.map((each) => each.from)).toEqual([0, 6])
  follows[1]?.end(lost)
  clock.advance(50)
  expect(follows.length).toBe(2)
  clock.advance(50)
  expect(follows.length).toBe(3)
})

test("whoever waits for a revision is woken by it, and not before", async () => {
  const { follows, replica } = start()
  let woken = false
  const waiting = replica.waitFor(7).then(() => {
    woken = true
  })
  follows[0]?.send(batch(6, true))
  await Promise.resolve()
  expect(woken).toBe(false)
  follows[0]?.send(batch(7))
  await waiting
  expect(woken).toBe(true)
})

test("a wait has an end, and says how far this node is", async () => {
  const { clock, follows, replica } = start()
  follows[0]?.send(batch(3, true))
  const waiting = replica.waitFor(9)
  clock.advance(3_000)
  expect(waiting).rejects.toMatchObject({ code: "replica_behind", kind: "unavailable" })
  expect(waiting).rejects.toThrow("this node has only 3")
})

test("closing ends the waits and the stream", async () => {
  const { follows, replica, seen } = start()
  const waiting = replica.waitFor(9)
  replica.close()
  expect(waiting).rejects.toMatchObject({ code: "daemon_stopping" })
  follows[0]?.send(batch(10, true))
  expect(seen).toEqual([])
})

test("what was kept on disk may not know of a network that an own endpoint is on: it has not caught up before that is known", async () => {
  const clock = new ManualClock()
  const { cluster, follows } = stream()
  const replica = new Replica({ cluster, clock, log: silentLog, onBatch: () => {}, nodeId: NODE_1 })
  let caughtUp = false
  void replica.synced.then(() => {
    caughtUp = true
  })
  const changes = ["red", "green"].map((id) => ({ type: "network" as const, id, value: networkRecord(id, 256) }))
  replica.restore({ revision: 3, epoch: 0, networks: ["red"], changes })
  replica.start()
  const opening = (networks: string[]) => ({ ...batch(replica.catalog.revision), opening: { head: 5, networks } })
  follows[0]?.send(opening(["red"]))
  const own = endpointRecord(1, "green", NODE_1, "10.65.10.2/24")
  follows[0]?.send({ ...batch(5), changes: [{ type: "endpoint", id: own.id, value: own }] })
  await Bun.sleep(0)
  expect(caughtUp).toBe(false)
  clock.advance(0)
  follows[1]?.send(opening(["red", "green"]))
  await Bun.sleep(0)
  expect([caughtUp, replica.covers("green"), follows.length]).toEqual([true, true, 2])
})
