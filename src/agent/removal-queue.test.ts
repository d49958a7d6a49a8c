import { expect, test } from "bun:test"
import { ENDPOINTS_PER_CALL_MAX } from "../base/limits.ts"
import type { EndpointRecord } from "../model/endpoint.ts"
import { RemovalQueue } from "./removal-queue.ts"

const NETWORKS = ["red", "green", "blue", "grey"]
const CLOCK = {
  now: () => 0,
  monotonic: () => 0,
  after: (_ms: number, run: () => void) => {
    queueMicrotask(run)
    return () => {}
  },
}

function endpoint(id: number): EndpointRecord {
  return { id: String(id), networkId: NETWORKS[id % NETWORKS.length]! } as EndpointRecord
}

test("more than one call takes go network by network, each of them once, and everybody hears", async () => {
  const calls: EndpointRecord[][] = []
  const queue = new RemovalQueue(CLOCK, async (endpoints) => void calls.push(endpoints))
  const count = ENDPOINTS_PER_CALL_MAX * 2
  await Promise.all(Array.from({ length: count }, (_, id) => queue.add([endpoint(id)])))
  expect(
    calls
      .flat()
      .map(({ id }) => Number(id))
      .sort((a, b) => a - b),
  ).toEqual([...Array(count).keys()])
  const networks = calls.map((call) => [...new Set(call.map(({ networkId }) => networkId))].join(" "))
  // The first goes by itself, as nobody else was there yet.
  expect(networks).toEqual(["red", "green blue", "grey red"])
  expect(calls.every((call) => call.length <= ENDPOINTS_PER_CALL_MAX)).toBe(true)
})

test("a call that fails is told to those who were in it", async () => {
  const queue = new RemovalQueue(CLOCK, async (endpoints) => {
    if (endpoints.some(({ id }) => id === "1")) throw new Error("no server")
  })
  const results = await Promise.allSettled([queue.add([endpoint(0)]), queue.add([endpoint(1)])])
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected"])
})
