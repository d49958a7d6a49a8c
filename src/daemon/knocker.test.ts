import { beforeEach, expect, test } from "bun:test"
import { KNOCK_INTERVAL_MS, KNOCKS_AT_ONCE_MAX } from "../base/limits.ts"
import { ManualClock } from "../base/manual-clock.ts"
import type { NodeRecord } from "../model/node.ts"
import { nodeRecord } from "../overlay/fixture.ts"
import { Knocker } from "./knocker.ts"

let clock: ManualClock
let leads: boolean
let knocks: string[]
let ends: (() => void)[]
let nodes: Map<string, NodeRecord>
let alive: Set<string>
let knocker: Knocker

beforeEach(() => {
  clock = new ManualClock()
  leads = true
  knocks = []
  ends = []
  nodes = new Map()
  alive = new Set()
})

function start(clients: number): void {
  for (let i = 0; i < clients; i++) nodes.set(`c${i}`, { ...nodeRecord(`c${i}`, `10.0.0.${i}`), role: "client" })
  nodes.set("s", { ...nodeRecord("s", "10.0.1.1"), role: "server" })
  knocker = new Knocker({
    catalog: { nodes, alive },
    leads: () => leads,
    port: 8300,
    clock,
    knock: (address, port) => {
      knocks.push(`${address}:${port}`)
      return new Promise((resolve) => ends.push(resolve))
    },
  })
}

async function turn(): Promise<string[]> {
  knocks = []
  for (const end of ends.splice(0)) end()
  await Bun.sleep(0)
  clock.advance(KNOCK_INTERVAL_MS)
  return knocks
}

test("clients that are not heard from, by the leader, again and again", async () => {
  start(3)
  alive.add("c1")
  expect(await turn()).toEqual(["10.0.0.0:8300", "10.0.0.2:8300"])
  alive.add("c0")
  expect(await turn()).toEqual(["10.0.0.2:8300"])
  leads = false
  expect(await turn()).toEqual([])
  leads = true
  nodes.set("c2", { ...nodes.get("c2")!, state: "left" })
  expect(await turn()).toEqual([])
  knocker.close()
  expect(clock.timers).toBe(0)
})

test("all of them when it has moved; one knock at a time at each", async () => {
  start(3)
  for (const id of nodes.keys()) alive.add(id)
  knocker.moved()
  knocker.moved()
  expect(knocks).toEqual(["10.0.0.0:8300", "10.0.0.1:8300", "10.0.0.2:8300"])
})

test("so many at once, and each has its turn", async () => {
  const clients = KNOCKS_AT_ONCE_MAX + 10
  start(clients)
  const told = new Set([...(await turn()), ...(await turn())])
  expect(told.size).toBe(clients)
  expect(knocks).toHaveLength(KNOCKS_AT_ONCE_MAX)
})
