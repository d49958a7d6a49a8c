import { expect, test } from "bun:test"
import { AUDIT_LINES_PER_SECOND_MAX, AUDIT_OBJECT_MAX_CHARS } from "../base/limits.ts"
import { ManualClock } from "../base/manual-clock.ts"
import { Audit } from "./audit.ts"

const ASKER = { who: "nobody", from: "127.0.0.1:1" }

function made() {
  const told: string[] = []
  const clock = new ManualClock()
  const sink = {
    line: ({ object }: { object: string }) => void told.push(object),
    leftOut: (count: number) => void told.push(`left out ${count}`),
  }
  const audit = new Audit({ scope: "all", node: "n", clock, sinks: [sink] })
  const write = (object: string, bounded = true) => audit.write(ASKER, { what: "kv put", object }, {}, bounded)
  return { told, clock, audit, write }
}

test("what goes over the bound of a second is counted and told, not dropped in silence", () => {
  const { told, clock, write, audit } = made()
  for (let i = 0; i < AUDIT_LINES_PER_SECOND_MAX + 7; i++) write(`k${i}`)
  expect([told.length, told.at(-1)]).toEqual([AUDIT_LINES_PER_SECOND_MAX, `k${AUDIT_LINES_PER_SECOND_MAX - 1}`])
  write("a change of the cluster", false)
  expect(told.at(-1)).toBe("a change of the cluster")
  clock.advance(1_000)
  expect(told.at(-1)).toBe("left out 7")
  write("next")
  expect(told.at(-1)).toBe("next")
  for (let i = 0; i < AUDIT_LINES_PER_SECOND_MAX; i++) write("more")
  audit.close()
  expect([told.at(-1), clock.timers]).toEqual(["left out 1", 0])
})

test("a name of any length makes a line of some length", () => {
  const { told, write } = made()
  write("x".repeat(10_000))
  expect(told[0]).toBe(`${"x".repeat(AUDIT_OBJECT_MAX_CHARS)}...`)
})
