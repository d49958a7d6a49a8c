import { expect, test } from "bun:test"
import { AUDIT_EVERYDAY_LINES_PER_SECOND_MAX as MAX, AUDIT_OBJECT_MAX_CHARS } from "../base/limits.ts"
import { ManualClock } from "../base/manual-clock.ts"
import { Audit, type Crowd } from "./audit.ts"

const ASKER = { who: "nobody", from: "127.0.0.1:1" }

function made() {
  const told: string[] = []
  const clock = new ManualClock()
  const sink = {
    line: ({ object }: { object: string }) => void told.push(object),
    leftOut: (count: number, of: Crowd) => void told.push(`left out ${count} ${of}`),
  }
  const audit = new Audit({ scope: "all", node: "n", clock, sinks: [sink] })
  const write = (object: string, crowd: Crowd | null = "everyday") =>
    audit.write(ASKER, { what: "kv put", object }, {}, crowd)
  return { told, clock, audit, write }
}

test("what goes over the bound of a second is counted and told, not dropped in silence", () => {
  const { told, clock, write, audit } = made()
  for (let i = 0; i < MAX + 7; i++) write(`k${i}`)
  expect([told.length, told.at(-1)]).toEqual([MAX, `k${MAX - 1}`])
  write("a change of the cluster", null)
  write("somebody at the door", "refused")
  expect(told.slice(-2)).toEqual(["a change of the cluster", "somebody at the door"])
  clock.advance(1_000)
  expect(told.at(-1)).toBe("left out 7 everyday")
  write("next")
  expect(told.at(-1)).toBe("next")
  for (let i = 0; i < MAX; i++) write("more")
  audit.close()
  expect([told.at(-1), clock.timers]).toEqual(["left out 1 everyday", 0])
})

test("a name of any length and any content makes a line of some length that a terminal just shows", () => {
  const { told, write } = made()
  write("x".repeat(10_000))
  write("a\u001b[2J\u009b1m\nfake line")
  expect(told).toEqual([`${"x".repeat(AUDIT_OBJECT_MAX_CHARS)}...`, "a\\x1b[2J\\x9b1m\\x0afake line"])
})
