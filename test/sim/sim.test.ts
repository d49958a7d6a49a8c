/**
 * Simulated lives, as many as a test run has time for; `make sim` lives thousands. And that the simulation can fail: the
 * quickest of its mutants are caught, and a patch that does not fit the source any more is told.
 */
import { expect, test } from "bun:test"
import { Agenda } from "../../scripts/sim/agenda.ts"
import { Chance } from "../../scripts/sim/chance.ts"
import { Tally } from "../../scripts/sim/coverage.ts"
import { inParallel, runWorker } from "../../scripts/sim/crew.ts"
import type { LifeEnd } from "../../scripts/sim/life.ts"
import { patchSources, StalePatch } from "../../scripts/sim/patches.ts"
import type { Line, Work } from "../../scripts/sim/worker.ts"

const LIVES = Number(process.env.OVL_SIM_SEEDS ?? 300)
const JOBS = 2
/** However slow the machine is. */
const ENOUGH_MS = 40_000
/** So many lives meet every situation. */
const LIVES_THAT_MEET_ALL = 300

const PLAIN: Work = { first: 1, step: 1, count: 1, untilFailure: false, events: null, off: [], mutant: null }

function endOf(line: Line): LifeEnd {
  if ("stale" in line) throw new Error(line.stale)
  return line.end
}

async function lives(work: Partial<Work>): Promise<LifeEnd[]> {
  const ends: LifeEnd[] = []
  await runWorker({ ...PLAIN, ...work }, (line) => ends.push(endOf(line)) > 0)
  return ends
}

test(`${LIVES} lives`, async () => {
  const begun = performance.now()
  const failed: string[] = []
  const tally = new Tally()
  let count = 0
  const hear = ({ seed, failure, situations }: LifeEnd): boolean => {
    count++
    tally.merge(situations)
    if (failure !== null) failed.push(`bun scripts/sim.ts --seed ${seed}: ${failure.text}`)
    return performance.now() - begun < ENOUGH_MS
  }
  const crew = Array.from({ length: JOBS }, (_, job) => () => {
    const work = { ...PLAIN, first: 1 + job, step: JOBS, count: Math.ceil((LIVES - job) / JOBS) }
    return runWorker(work, (line) => hear(endOf(line)))
  })
  await inParallel(crew, JOBS)
  expect(failed).toEqual([])
  if (count >= LIVES_THAT_MEET_ALL) expect(tally.missing()).toEqual([])
}, 90_000)

test("one seed, one life", async () => {
  const [first] = await lives({ first: 7, events: 1_500 })
  const [again] = await lives({ first: 7, events: 1_500 })
  expect(again).toEqual(first!)
}, 30_000)

test.each([
  ["the vote is not stored", "I11"],
  ["a follower acknowledges before its disk", "I12"],
  ["the leader counts itself before its disk", "I13"],
  ["rows are written without the applied index: applied twice after a crash", "I14"],
])(
  "caught: %s",
  async (mutant, invariant) => {
    const ends = await lives({ count: 40, untilFailure: true, mutant })
    expect(ends.at(-1)?.failure?.invariant).toBe(invariant)
  },
  60_000,
)

test("a patch that does not fit the source is stale", () => {
  const patch = { file: "raft/raft.ts", find: "no such text", replace: "" }
  expect(() => patchSources([patch])).toThrow(StalePatch)
})

test("things happen in the order of their time, and at one time in the order in which they were planned", () => {
  const agenda = new Agenda()
  const chance = new Chance(1)
  const seen: string[] = []
  const planned = Array.from({ length: 200 }, (_, i) => ({ at: chance.below(20), i }))
  for (const { at, i } of planned) agenda.after(at, () => seen.push(`${at} ${i}`))
  while (agenda.next());
  expect(seen).toEqual(planned.sort((a, b) => a.at - b.at || a.i - b.i).map(({ at, i }) => `${at} ${i}`))
})
