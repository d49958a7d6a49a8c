import { expect, test } from "bun:test"
import { judgeLocks, type LockAnswer, type LockCall, type LockOperation } from "./lock-model.ts"

const limits = () => ({ maxStates: 10_000, stop: () => false })
const did: LockAnswer = { done: true }
const didNot: LockAnswer = { done: false }

function operation(
  op: "acquire" | "release" | "destroy",
  session: string,
  answer: LockAnswer | null,
  at: [number, number],
): LockOperation {
  return { process: session, call: { op, key: "k", session }, answer, invokedAt: at[0], returnedAt: at[1] }
}
const acquire = (session: string, answer: LockAnswer | null, ...at: [number, number]) =>
  operation("acquire", session, answer, at)
const release = (session: string, answer: LockAnswer | null, ...at: [number, number]) =>
  operation("release", session, answer, at)
const destroy = (session: string, ...at: [number, number]) => operation("destroy", session, did, at)
const look = (holder: string | null, ...at: [number, number]): LockOperation => {
  const call: LockCall = { op: "look", key: "k" }
  return { process: "looker", call, answer: { holder }, invokedAt: at[0], returnedAt: at[1] }
}
const violations = (...operations: LockOperation[]) => judgeLocks(operations, limits).length

test("one after another is right, in whichever way the first lets go", () => {
  expect(
    violations(acquire("a", did, 1, 2), acquire("b", didNot, 3, 4), release("a", did, 5, 6), acquire("b", did, 7, 8)),
  ).toBe(0)
  expect(violations(acquire("a", did, 1, 2), destroy("a", 3, 4), look(null, 5, 6), acquire("b", did, 7, 8))).toBe(0)
})

test("two at once are wrong, and so is one that is refused although nobody holds it", () => {
  expect(violations(acquire("a", did, 1, 2), acquire("b", did, 3, 4))).toBe(1)
  expect(violations(acquire("a", didNot, 1, 2))).toBe(1)
  expect(violations(acquire("a", did, 1, 2), look(null, 3, 4))).toBe(1)
})

test("an acquisition of unknown outcome may have happened, or may not", () => {
  const open = acquire("a", null, 1, Number.POSITIVE_INFINITY)
  expect(violations(open, acquire("b", did, 3, 4))).toBe(0)
  expect(violations(open, acquire("b", didNot, 3, 4))).toBe(0)
  expect(violations(open, destroy("a", 3, 4), acquire("b", did, 5, 6), look("b", 7, 8))).toBe(0)
})
