import { expect, test } from "bun:test"
import { silentLog } from "../base/log.ts"
import { systemClock } from "../linux/system.ts"
import type { Change } from "../model/catalog.ts"
import type { NodeRecord } from "../model/node.ts"
import type { Entry, Store } from "../store/port.ts"
import { encode } from "./codec.ts"
import { aliveKey, nodeKey, nodeNameKey } from "./keys.ts"
import { NodeSessions } from "./node-sessions.ts"
import { FakeReplication } from "./replication-fake.ts"

const SELF = "a".repeat(64)

function harness() {
  const ended: string[] = []
  const records = new Map<string, unknown>()
  const holders: string[] = []
  const store = {
    invalidateNode: async (name: string) => ended.push(name),
    barrier: async () => {},
    sessions: () => holders.map((node) => ({ node })),
    get: (key: string) => (records.has(key) ? ({ key, value: encode(records.get(key)) } as Entry) : undefined),
  } as unknown as Store
  const replication = new FakeReplication(SELF)
  const sessions = new NodeSessions({ store, replication, clock: systemClock, log: silentLog })
  let revision = 0
  const take = (snapshot: boolean, ...changes: Change[]) => sessions.take({ revision: ++revision, snapshot, changes })
  const lead = (nodeId: string) => {
    replication.leader = nodeId
    replication.tell()
  }
  const member = (id: string, name: string, alive: boolean) => {
    records.set(nodeNameKey(name), id)
    records.set(nodeKey(id), { id, name, state: "member" })
    if (alive) records.set(aliveKey(id), true)
    holders.push(name)
  }
  return { ended, take, lead, member, holders }
}

const node = (id: string, name: string): Change => ({ type: "node", id, value: { id, name } as NodeRecord })
const turn = () => new Promise((resolve) => setImmediate(resolve))

test("a node that is not heard from, or is removed, loses its sessions; one that is there keeps them", () => {
  const { ended, take } = harness()
  take(true, node("1", "h1"), node("2", "h2"), { type: "alive", id: "1", value: true })
  expect(ended).toEqual([])
  take(false, { type: "alive", id: "1", value: null })
  expect(ended).toEqual(["h1"])
  take(false, { type: "alive", id: "1", value: true }, node("2", "h2"))
  expect(ended).toEqual(["h1"])
  take(false, { type: "node", id: "2", value: null })
  expect(ended).toEqual(["h1", "h2"])
  take(false, node("3", "h3"), { type: "alive", id: "3", value: true })
  take(true, node("1", "h1"), node("3", "h3"), { type: "alive", id: "1", value: true })
  expect(ended).toEqual(["h1", "h2", "h3"])
})

test("only the leader ends them; a new one makes up for what the one before it did not come to", async () => {
  const { ended, take, lead, member, holders } = harness()
  lead("b".repeat(64))
  take(true, node("1", "h1"), node("2", "h2"), { type: "alive", id: "1", value: true })
  take(false, { type: "alive", id: "1", value: null })
  await turn()
  expect(ended).toEqual([])
  member("1", "h1", false)
  member("2", "h2", true)
  holders.push("h1", "removed")
  lead(SELF)
  await turn()
  expect(ended).toEqual(["h1", "removed"])
})
