/**
 * Real daemons whose power is cut, in short: what `make powercut` does at length. A disk that lies about flushes proves
 * that the harness would see it.
 */
import { expect, test } from "bun:test"
import { judge, type Summary } from "../../scripts/powercut/judge.ts"
import { type RecordingOptions, record } from "../../scripts/powercut/recording.ts"

const TEST_TIMEOUT_MS = 120_000
const SEED = 20_261
const IMAGES = 30
/** About one in six of these shows the lie. */
const LATE_IMAGES = 60

const root = test.skipIf(process.getuid?.() !== 0)

type Options = Pick<RecordingOptions, "servers" | "restart" | "flush">

async function tried(options: Options, images = IMAGES): Promise<Summary> {
  const recording = await record({ ...options, seed: SEED, clients: 8, operations: 30 })
  return judge(recording, images, SEED)
}

/** Everything that is wrong, in words. */
function faults({ images, verdicts, examples }: Summary): string[] {
  return images === IMAGES && verdicts.sound + verdicts.unborn === images ? [] : examples
}

root(
  "a server on its own loses nothing that it has answered, whenever the power goes",
  async () => {
    expect(faults(await tried({ servers: 1, restart: true, flush: "honest" }))).toEqual([])
  },
  TEST_TIMEOUT_MS,
)

root(
  "what one of two servers answers is on either one's disk",
  async () => {
    expect(faults(await tried({ servers: 2, restart: false, flush: "honest" }))).toEqual([])
  },
  TEST_TIMEOUT_MS,
)

root(
  "a flush that is not over when it returns loses what was answered, and that is found out",
  async () => {
    const { verdicts } = await tried({ servers: 1, restart: false, flush: "late" }, LATE_IMAGES)
    expect(verdicts.lost).toBeGreaterThan(0)
    expect(verdicts.sound + verdicts.unborn + verdicts.lost).toBe(LATE_IMAGES)
  },
  TEST_TIMEOUT_MS,
)
