/** What judges clusters is judged itself: stores that are wrong, each in its way, and one that is not. */
import { expect, test } from "bun:test"
import { Clients, readAll } from "../../scripts/chaos/clients.ts"
import { judgeRecorded } from "../../scripts/chaos/judge-run.ts"
import { Locks } from "../../scripts/chaos/locks.ts"
import { comesTrue } from "../../scripts/chaos/eventually.ts"
import { HistoryRecorder } from "../../scripts/chaos/recorder.ts"
import { Seeded } from "../../scripts/chaos/seeded.ts"
import { Watchers } from "../../scripts/chaos/watchers.ts"
import { type Wrong, WrongStore } from "./wrong-store.ts"

const CLIENTS = 12
const LOCKERS = 4
/** Enough for every fault to show, however busy the machine is. */
const OPERATIONS = 1_000
const RUN_MAX_MS = 10_000
const TIMEOUT_MS = 30_000

/** All that is found against it; "" where there is nothing. */
async function violationsOf(wrong: Wrong): Promise<string> {
  const store = new WrongStore(wrong)
  try {
    const { dialect, entrances } = store
    const [recorder, random] = [new HistoryRecorder(), new Seeded(1)]
    const clients = new Clients({ dialect, entrances, recorder, random, count: CLIENTS })
    const locks = new Locks({ entrances, random, count: LOCKERS })
    const watchers = new Watchers({ entrances, random })
    await comesTrue(async () => recorder.counts.ok > OPERATIONS, RUN_MAX_MS)
    await clients.stop()
    const held = await locks.stop()
    await watchers.stop()
    await readAll({ dialect, entrances, recorder })
    expect(recorder.counts.ok).toBeGreaterThan(OPERATIONS)
    expect(held.length).toBeGreaterThan(20)
    return [...watchers.violations, ...judgeRecorded(recorder, held)].join("\n")
  } finally {
    await store.close()
  }
}

test(
  "a store that is right is acquitted",
  async () => {
    expect(await violationsOf("nothing")).toBe("")
  },
  TIMEOUT_MS,
)

const CONVICTIONS: [Wrong, RegExp][] = [
  ["stale reads", /history of the keys is not linearizable/],
  ["lost writes", /history of the keys is not linearizable/],
  ["repeated writes", /history of the keys is not linearizable/],
  ["torn transactions", /history of the keys is not linearizable/],
  ["stale reads that go back", /^stale read of .* after stale read of/m],
  ["two holders", /^lock lock\//m],
  ["an index that goes back", /the index went back from/],
]

for (const [wrong, finding] of CONVICTIONS) {
  test(
    `${wrong}: convicted`,
    async () => {
      expect(await violationsOf(wrong)).toMatch(finding)
    },
    TIMEOUT_MS,
  )
}
