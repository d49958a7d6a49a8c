/** Random lives of a cluster: whatever happens, all agree; and when nothing happens any more, all catch up. */
import { expect, test } from "bun:test"
import { Life, type Tally } from "./raft-random.ts"

const SEEDS = Number(process.env.OVL_RAFT_SEEDS ?? 60)
const FIRST = Number(process.env.OVL_RAFT_SEED ?? 1)
const EVENTS = 10_000

test(`${SEEDS} lives from seed ${FIRST} on`, () => {
  const sum: Tally = { leaders: 0, crashes: 0, snapshots: 0, conflicts: 0, changes: 0, reads: 0, committed: 0 }
  const failed: string[] = []
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
    try {
      const life = new Life(seed).run(EVENTS)
      const wrong = life.calm()
      if (wrong !== undefined) failed.push(`OVL_RAFT_SEED=${seed} OVL_RAFT_SEEDS=1: ${wrong}`)
      for (const key of Object.keys(sum) as (keyof Tally)[]) sum[key] += life.tally[key]
    } catch (error) {
      failed.push(`OVL_RAFT_SEED=${seed} OVL_RAFT_SEEDS=1: ${error}`)
    }
  }
  expect(failed).toEqual([])
  // Lives in which nothing happens prove nothing.
  if (SEEDS >= 20)
    for (const key of Object.keys(sum) as (keyof Tally)[]) expect([key, sum[key] > 0]).toEqual([key, true])
}, 60_000)
