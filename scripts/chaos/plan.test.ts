import { expect, test } from "bun:test"
import { FAULTS, planFaults, roundText } from "./plan.ts"
import { Seeded } from "./seeded.ts"

const plan = (seed: number) => planFaults(new Seeded(seed), 3, 120_000, FAULTS).map(roundText)

test("a seed is a plan, and another seed another one", () => {
  expect(plan(7)).toEqual(plan(7))
  expect(plan(7)).not.toEqual(plan(8))
})

test("every kind of fault comes up, and only those that were asked for", () => {
  const kinds = new Set(
    Array.from({ length: 20 }, (_, seed) => planFaults(new Seeded(seed), 5, 60_000, FAULTS)).flatMap((rounds) =>
      rounds.flatMap(({ faults }) => faults.map(({ kind }) => kind)),
    ),
  )
  expect([...kinds].sort()).toEqual([...FAULTS].sort())
  const asked = planFaults(new Seeded(1), 3, 60_000, ["pause"])
  expect(new Set(asked.flatMap(({ faults }) => faults.map(({ kind }) => kind)))).toEqual(new Set(["pause"]))
})

test("it lasts as long as was asked for, about", () => {
  const total = planFaults(new Seeded(3), 3, 60_000, FAULTS).reduce(
    (sum, round) => sum + round.holdMs + round.restMs,
    0,
  )
  expect(total).toBeGreaterThanOrEqual(60_000)
  expect(total).toBeLessThan(66_000)
})

test("a split leaves both sides somebody", () => {
  for (let seed = 0; seed < 50; seed++) {
    for (const fault of planFaults(new Seeded(seed), 5, 10_000, ["split"]).flatMap(({ faults }) => faults)) {
      if (fault.kind !== "split") throw new Error("only splits were asked for")
      expect([...fault.order].sort()).toEqual([0, 1, 2, 3, 4])
      expect(fault.size).toBeGreaterThanOrEqual(1)
      expect(fault.size).toBeLessThan(5)
    }
  }
})
