import { expect, test } from "bun:test"
import { EVENT_HISTORY_MAX_EVENTS } from "../base/limits.ts"
import { ManualClock } from "../base/manual-clock.ts"
import { EventBus } from "./events.ts"

const log = { debug() {}, info() {}, warn() {}, error() {} }
const START = 1_000_000

function setUp() {
  const clock = new ManualClock(START)
  const bus = new EventBus(clock, log, "h1")
  const heard = (since?: number) => {
    const messages: string[] = []
    const stop = bus.listen(({ node, message }) => messages.push(`${node} ${message}`), { since })
    return { messages, stop }
  }
  return { clock, bus, heard }
}

test("a listener hears what comes; with a time also what is remembered from then on, in order", () => {
  const { clock, bus, heard } = setUp()
  for (const message of ["a", "b", "c"]) {
    bus.emit("repaired", message)
    clock.advance(10)
  }
  const now = heard()
  const since = heard(START + 10)
  const all = heard(0)
  bus.emit("repaired", "d")
  since.stop()
  bus.emit("repaired", "e")
  expect(now.messages).toEqual(["h1 d", "h1 e"])
  expect(since.messages).toEqual(["h1 b", "h1 c", "h1 d"])
  expect(all.messages).toEqual(["h1 a", "h1 b", "h1 c", "h1 d", "h1 e"])
})

test("the oldest are forgotten first", () => {
  const { bus, heard } = setUp()
  for (let n = 0; n < EVENT_HISTORY_MAX_EVENTS + 2; n++) bus.emit("repaired", String(n))
  const { messages } = heard(0)
  expect([messages.length, messages[0]]).toEqual([EVENT_HISTORY_MAX_EVENTS, "h1 2"])
})
