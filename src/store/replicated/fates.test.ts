import { expect, test } from "bun:test"
import { OvlError } from "../../base/errors.ts"
import type { Applied } from "../applied.ts"
import { Fates } from "./fates.ts"

const effect = { revision: 7 } as Applied

/** Proposals at these places, `index/term`, and what they were told. */
function waiting(...places: string[]): { fates: Fates; told: () => string } {
  const fates = new Fates()
  const told: string[] = []
  for (const [since, place] of places.entries()) {
    const [index, term] = place.split("/").map(Number) as [number, number]
    fates.add({ index, term }, since, (fate) => {
      told.push(`${place} ${"error" in fate ? fate.error.code : `revision ${fate.applied?.revision}`}`)
    })
  }
  return { fates, told: () => told.splice(0).join(", ") }
}

test("an entry answers for its proposal, and one of another term in its place says that nothing was done", () => {
  const { fates, told } = waiting("4/2", "5/2", "6/2")
  fates.applied({ index: 4, term: 2 }, effect)
  fates.applied({ index: 5, term: 3 }, effect)
  expect([told(), fates.size]).toEqual(["4/2 revision 7, 5/2 leader_changed", 1])
})

test("what was overwritten here may be decided elsewhere, and only of that nothing is known", () => {
  const { fates, told } = waiting("4/2", "5/2", "6/3")
  fates.overwritten(7, 9)
  fates.overwritten(5, 3)
  expect([told(), fates.size]).toEqual(["5/2 outcome_unknown", 2])
})

test("what a whole state stands for may have been done or not; what comes after it is waited for", () => {
  const { fates, told } = waiting("4/2", "5/2", "6/2")
  fates.skipped(5)
  expect([told(), fates.size]).toEqual(["4/2 outcome_unknown, 5/2 outcome_unknown", 1])
})

test("there is a limit to waiting, counted anew from the loss of the lead", () => {
  const { fates, told } = waiting("4/2", "5/2")
  fates.expire(1)
  expect(told()).toBe("4/2 outcome_unknown")
  fates.restartClocks(9)
  fates.expire(9)
  expect(told()).toBe("")
  fates.expire(10)
  expect(told()).toBe("5/2 outcome_unknown")
})

test("those above an index are handed out and forgotten, the others may all be failed", () => {
  const { fates, told } = waiting("4/2", "5/2", "6/2")
  const error = new OvlError("store_full", "write: no room")
  for (const settle of fates.takeAbove(4)) settle({ error })
  expect([told(), fates.size]).toEqual(["5/2 store_full, 6/2 store_full", 1])
  fates.failAll(error)
  expect([told(), fates.size]).toEqual(["4/2 store_full", 0])
})
