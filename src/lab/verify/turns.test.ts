import { expect, test } from "bun:test"
import { inTurns } from "./turns.ts"

test("all are done, each once, and never more at a time than may be", async () => {
  const done: number[] = []
  let now = 0
  let most = 0
  await inTurns([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    most = Math.max(most, ++now)
    await Promise.resolve()
    now--
    done.push(item)
  })
  expect([done, most]).toEqual([[1, 2, 3, 4, 5, 6, 7], 3])
})
