import { expect, test } from "bun:test"
import type { Clock } from "../base/clock.ts"
import { Gate } from "./gate.ts"

function manualClock() {
  let now = 0
  const timers = new Map<symbol, { at: number; callback: () => void }>()
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    after: (ms, callback) => {
      const key = Symbol("timer")
      timers.set(key, { at: now + ms, callback })
      return () => timers.delete(key)
    },
  }
  const advance = (ms: number) => {
    now += ms
    for (const [key, timer] of [...timers]) {
      if (timer.at <= now && timers.delete(key)) timer.callback()
    }
  }
  return { clock, advance, timers }
}

test("the oldest goes when it is full, whoever stays too long goes too, and who is known is left alone", () => {
  const { clock, advance, timers } = manualClock()
  const gate = new Gate({ maxStrangers: 2, timeoutMs: 100, clock })
  const gone: string[] = []
  const arrive = (name: string) => gate.admit((why) => gone.push(`${name} ${why}`))
  arrive("a")
  const known = arrive("b")
  arrive("c")
  expect(gone).toEqual(["a full"])
  known()
  known()
  advance(50)
  arrive("d")
  expect(gone).toEqual(["a full"])
  advance(50)
  expect(gone).toEqual(["a full", "c timeout"])
  advance(50)
  expect(gone).toEqual(["a full", "c timeout", "d timeout"])
  expect(timers.size).toBe(0)
})
