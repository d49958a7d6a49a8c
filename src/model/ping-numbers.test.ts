import { expect, test } from "bun:test"
import { isAnswered, pingNumbers } from "./ping-numbers.ts"

const replies = (...times: (number | null)[]) => times.map((ms, at) => ({ seq: at + 1, ms, why: null }))

test("loss and times follow from the answers", () => {
  expect(pingNumbers(replies(1, null, 4))).toEqual({
    sent: 3,
    received: 2,
    lossPercent: 33.3,
    min: 1,
    avg: 2.5,
    max: 4,
  })
  expect(pingNumbers(replies(null))).toMatchObject({ received: 0, lossPercent: 100, avg: null })
  expect(pingNumbers([])).toMatchObject({ sent: 0, lossPercent: 100, min: null })
})

test("answered is what was sent and came back whole", () => {
  const numbers = { sent: 2, received: 2, problem: null }
  expect(isAnswered(numbers)).toBe(true)
  for (const other of [{ received: 1 }, { sent: 0, received: 0 }, { problem: "gone" }])
    expect(isAnswered({ ...numbers, ...other })).toBe(false)
})
