/** One run: clients of all kinds on a cluster, a plan of faults carried out on it, and then the verdict. */
import { Clients, readAll } from "./clients.ts"
import { judgeRecorded, judgeSameness } from "./judge-run.ts"
import { Leases } from "./leases.ts"
import type { LockOperation } from "./lock-model.ts"
import { Locks } from "./locks.ts"
import { type NemesisCounts, runNemesis } from "./nemesis.ts"
import type { Round } from "./plan.ts"
import { HistoryRecorder } from "./recorder.ts"
import { Seeded } from "./seeded.ts"
import type { StreamWatch } from "./streams.ts"
import type { Topology } from "./topology.ts"
import { Watchers } from "./watchers.ts"

/** Before the first fault, and after the last: what was right then makes the rest comparable. */
const CALM_MS = 1_000
const LOCKERS = 4
const LEASES = 2

export interface RunOptions {
  topology: Topology
  seed: number
  rounds: readonly Round[]
  /** Clients of the keys. */
  clients: number
  /** Sessions, locks and blocking queries too: what only Consul's API has. */
  consul: boolean
  /** Networks that come and go, and who follows that. */
  streams: StreamWatch | null
  say: (line: string) => void
}

export interface RunResult {
  violations: string[]
  recorder: HistoryRecorder
  locks: LockOperation[]
  nemesis: NemesisCounts
  /** One line. */
  summary: string
}

export async function runChaos(options: RunOptions): Promise<RunResult> {
  const { topology, say } = options
  const random = new Seeded(options.seed)
  const recorder = new HistoryRecorder()
  const { dialect, entrances } = topology
  const clients = new Clients({ dialect, entrances, recorder, random, count: options.clients })
  const locks = options.consul ? new Locks({ entrances, random, count: LOCKERS }) : null
  const leases = options.consul ? new Leases({ entrances, random, count: LEASES }) : null
  const watchers = options.consul ? new Watchers({ entrances, random }) : null
  await options.streams?.start()
  await Bun.sleep(CALM_MS)
  const nemesis = await runNemesis({ topology, rounds: options.rounds, say })
  const violations = await settle(topology)
  if (violations.length === 0) await Bun.sleep(CALM_MS)
  await clients.stop()
  const held = (await locks?.stop()) ?? []
  await leases?.stop()
  await watchers?.stop()
  violations.push(...((await options.streams?.stop()) ?? []))
  if (violations.length === 0) violations.push(...(await readAndCompare(topology, recorder)))
  say("judging")
  violations.push(...(locks?.violations ?? []), ...(leases?.violations ?? []), ...(watchers?.violations ?? []))
  violations.push(...judgeRecorded(recorder, held))
  return {
    violations,
    recorder,
    locks: held,
    nemesis,
    summary: summaryOf(recorder, held, nemesis, { watchers, leases, streams: options.streams }),
  }
}

/** The cluster must come to rest once nobody disturbs it. */
async function settle(topology: Topology): Promise<string[]> {
  try {
    await topology.settled()
    return []
  } catch (error) {
    return [`after the faults: ${(error as Error).message}`]
  }
}

async function readAndCompare(topology: Topology, recorder: HistoryRecorder): Promise<string[]> {
  try {
    await readAll({ dialect: topology.dialect, entrances: topology.entrances, recorder })
    return await judgeSameness(topology)
  } catch (error) {
    return [`after the faults: ${(error as Error).message}`]
  }
}

function summaryOf(
  { counts, stale, keys, pairs }: HistoryRecorder,
  held: readonly LockOperation[],
  nemesis: NemesisCounts,
  others: { watchers: Watchers | null; leases: Leases | null; streams: StreamWatch | null },
): string {
  const asked = `${counts.ok} operations on ${keys.size + pairs.size} keys answered, ${counts.info} of unknown outcome, ${counts.fail} failed`
  const beside = [
    `${stale.length} stale reads`,
    `${held.length} of locks`,
    `${others.leases?.renewals ?? 0} renewals of sessions`,
    `${others.watchers?.answers ?? 0} changes seen by blocking queries`,
    ...(others.streams === null ? [] : [others.streams.summary]),
  ]
  const faults = `${nemesis.rounds} faults (${nemesis.refused} not done), ${nemesis.leaderChanges} changes of leader`
  return `${asked}; ${beside.join(", ")}; ${faults}`
}
