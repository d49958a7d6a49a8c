import { expect, test } from "bun:test"
import { Reached } from "./reached.ts"

/** A clock of which the test fires all timers. */
function harness() {
  const timers = new Set<() => void>()
  const after = (_ms: number, callback: () => void) => {
    timers.add(callback)
    return () => void timers.delete(callback)
  }
  const reached = new Reached(5, { now: () => 0, monotonic: () => 0, after })
  const pass = () => {
    for (const callback of [...timers]) callback()
  }
  return { reached, timers, pass }
}

test("who waits for a revision is told when it is there, or that it is not in time", async () => {
  const { reached, timers, pass } = harness()
  expect(await reached.wait(5, 10)).toBe(true)
  expect(await reached.wait(6, 0)).toBe(false)
  const waiting = [6, 7, 9].map((revision) => reached.wait(revision, 10))
  reached.set(7)
  expect(await Promise.all(waiting.slice(0, 2))).toEqual([true, true])
  expect(timers.size).toBe(1)
  pass()
  expect(await waiting[2]).toBe(false)
  const late = reached.wait(8, 10)
  reached.close()
  expect(await late).toBe(false)
  expect(timers.size).toBe(0)
})
