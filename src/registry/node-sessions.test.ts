import { expect, test } from "bun:test"
import { silentLog } from "../base/log.ts"
import type { Change } from "../model/catalog.ts"
import type { NodeRecord } from "../model/node.ts"
import type { Store } from "../store/port.ts"
import { NodeSessions } from "./node-sessions.ts"

function harness() {
  const ended: string[] = []
  const store = { invalidateNode: async (name: string) => ended.push(name) } as unknown as Store
  const sessions = new NodeSessions(store, silentLog)
  let revision = 0
  const take = (snapshot: boolean, ...changes: Change[]) => sessions.take({ revision: ++revision, snapshot, changes })
  return { ended, take }
}

const node = (id: string, name: string): Change => ({ type: "node", id, value: { id, name } as NodeRecord })

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
})
