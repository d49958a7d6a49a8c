import { expect, test } from "bun:test"
import { PROBE_PEERS_AT_ONCE_MAX } from "../base/limits.ts"
import { ManualClock } from "../base/manual-clock.ts"
import { ProbeRounds } from "./probe-rounds.ts"

const round = "0011223344556677"
const report = (nodeId: string, asker = "a") => ({ nodeId, asker, round, small: true, full: false })

test("who is wished for hears of it until it has reported; all reports end the round", async () => {
  const rounds = new ProbeRounds(new ManualClock())
  const asked = rounds.ask({ asker: "a", round }, ["b", "c", "a"], 1_000)
  expect(rounds.wishesOf("b")).toEqual([{ asker: "a", round }])
  expect(rounds.wishesOf("a")).toEqual([])
  rounds.report(report("b"))
  rounds.report(report("b"))
  rounds.report({ ...report("c"), round: "f".repeat(16) })
  expect([rounds.wishesOf("b"), rounds.wishesOf("c").length]).toEqual([[], 1])
  rounds.report(report("c"))
  expect((await asked).map(({ nodeId }) => nodeId)).toEqual(["b", "c"])
  expect(rounds.wishesOf("c")).toEqual([])
})

test("a round ends in time with what there is, and the node may ask again", async () => {
  const clock = new ManualClock()
  const rounds = new ProbeRounds(clock)
  const asked = rounds.ask({ asker: "a", round }, ["b"], 1_000)
  expect(rounds.ask({ asker: "a", round }, ["b"], 1_000)).rejects.toThrow("another one is under way")
  clock.advance(1_000)
  expect(await asked).toEqual([])
  const again = rounds.ask({ asker: "a", round }, ["b"], 1_000)
  rounds.close()
  expect(await again).toEqual([])
})

test("nobody asks for more nodes than a round has", () => {
  const others = Array.from({ length: PROBE_PEERS_AT_ONCE_MAX + 1 }, (_, i) => `n${i}`)
  expect(new ProbeRounds(new ManualClock()).ask({ asker: "a", round }, others, 1)).rejects.toThrow("64 nodes at most")
})
