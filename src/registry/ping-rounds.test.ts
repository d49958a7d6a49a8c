import { expect, test } from "bun:test"
import { PING_PARTS_AT_ONCE_MAX, PING_ROUNDS_MAX, PING_ROUNDS_PER_ASKER_MAX } from "../base/limits.ts"
import { ManualClock } from "../base/manual-clock.ts"
import type { PingRound } from "../model/ping.ts"
import { PingRounds } from "./ping-rounds.ts"

const roundOf = (number: number) => number.toString(16).padStart(16, "0")
const task = (nodeId: string, at: number) => {
  return { nodeId, task: at, endpointId: `e${at}`, to: "10.0.0.2", onLink: true, count: 1, intervalMs: 10 }
}
const wish = (number: number, ...nodes: string[]): PingRound => {
  return {
    asker: `a${Math.floor(number / PING_ROUNDS_PER_ASKER_MAX)}`,
    round: roundOf(number),
    tasks: nodes.map(task),
    timeoutMs: 1_000,
  }
}
const report = (nodeId: string, number: number) => ({ nodeId, round: roundOf(number), results: [] })

test("each node hears of its own tasks until it has reported; all reports end the round", async () => {
  const rounds = new PingRounds(new ManualClock())
  const asked = rounds.ask(wish(1, "b", "c", "b"))
  expect(rounds.ordersFor("b").map(({ tasks }) => tasks.map((each) => each.endpointId))).toEqual([["e0", "e2"]])
  expect(rounds.ordersFor("a")).toEqual([])
  rounds.report(report("b", 1))
  rounds.report(report("b", 1))
  rounds.report(report("c", 2))
  expect([rounds.ordersFor("b").length, rounds.ordersFor("c").length]).toEqual([0, 1])
  rounds.report(report("c", 1))
  expect((await asked).map(({ nodeId }) => nodeId)).toEqual(["b", "c"])
})

test("a round ends in time with what there is, and nobody hears of it any more", async () => {
  const clock = new ManualClock()
  const rounds = new PingRounds(clock)
  const asked = rounds.ask(wish(1, "b", "c"))
  rounds.report(report("b", 1))
  clock.advance(1_000)
  expect((await asked).map(({ nodeId }) => nodeId)).toEqual(["b"])
  expect(rounds.ordersFor("c")).toEqual([])
})

test("a node is told of no more rounds than it takes part in, the oldest first; further rounds are refused", async () => {
  const rounds = new PingRounds(new ManualClock())
  const all = Array.from({ length: PING_ROUNDS_MAX }, (_, number) => rounds.ask(wish(number, "b")))
  const heard = () => rounds.ordersFor("b").map(({ round }) => Number.parseInt(round, 16))
  const from = (first: number) => Array.from({ length: PING_PARTS_AT_ONCE_MAX }, (_, at) => first + at)
  expect(heard()).toEqual(from(0))
  rounds.report(report("b", 0))
  expect(heard()).toEqual(from(1))
  all.push(rounds.ask(wish(PING_ROUNDS_MAX, "b")))
  const refused = await rounds.ask(wish(PING_ROUNDS_MAX + 1, "b")).catch(({ code, kind }) => `${code} ${kind}`)
  expect(refused).toBe("ping_busy unavailable")
  rounds.close()
  expect((await Promise.all(all)).map((reports) => reports.length)).toEqual([1, ...Array(PING_ROUNDS_MAX).fill(0)])
})

test("one asker cannot take every place", async () => {
  const rounds = new PingRounds(new ManualClock())
  const ask = (number: number, asker: string) => rounds.ask({ ...wish(number, "b"), asker })
  const kept = Array.from({ length: PING_ROUNDS_PER_ASKER_MAX }, (_, number) => ask(number, "a"))
  const refused = await ask(1_000, "a").catch(({ code }) => code)
  kept.push(ask(1_001, "c"))
  rounds.close()
  expect([refused, (await Promise.all(kept)).length]).toEqual(["ping_busy", PING_ROUNDS_PER_ASKER_MAX + 1])
})
