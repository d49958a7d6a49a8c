/** All that is asked of a run when the faults are over, as a list of violations: an empty one is a pass. */
import { judge } from "../linearize/judge.ts"
import { type LockOperation, judgeLocks } from "./lock-model.ts"
import type { HistoryRecorder } from "./recorder.ts"
import { judgeStale } from "./stale.ts"
import type { Topology } from "./topology.ts"

const MAX_STATES = 500_000
const KEY_TIMEOUT_MS = 120_000
const SAME_TIMEOUT_MS = 20_000
const POLL_MS = 100
const LISTED_MAX = 20

function limits() {
  const deadline = performance.now() + KEY_TIMEOUT_MS
  return { maxStates: MAX_STATES, stop: () => performance.now() >= deadline }
}

/** The history of the keys: linearizable, and with it that nothing acknowledged was lost before the last reads. */
export function judgeKeys(recorder: HistoryRecorder): string[] {
  const { verdict, reason } = judge(recorder.text(), { limits: limits(), explain: true })
  if (verdict === "linearizable") return []
  return [`the history of the keys is ${verdict === "not" ? "not linearizable" : "undecided"}: ${reason.join("\n  ")}`]
}

/** Everything that was recorded. */
export function judgeRecorded(recorder: HistoryRecorder, locks: readonly LockOperation[]): string[] {
  return shortened([...judgeKeys(recorder), ...judgeStale(recorder), ...judgeLocks(locks, limits)])
}

/** All members hold the same, each asked by itself; a follower may need a moment. */
export async function judgeSameness(topology: Topology): Promise<string[]> {
  const end = performance.now() + SAME_TIMEOUT_MS
  for (;;) {
    const dumps = await Promise.all(topology.members.map((member) => topology.dump(member)))
    const different = dumps.findIndex((dump) => dump !== dumps[0])
    if (different < 0) return []
    if (performance.now() < end) {
      await Bun.sleep(POLL_MS)
      continue
    }
    const names = [topology.members[0]!.name, topology.members[different]!.name]
    return [`${names.join(" and ")} do not hold the same: ${difference(dumps[0]!, dumps[different]!)}`]
  }
}

function difference(one: string, other: string): string {
  const [ours, theirs] = [one.split("\n"), other.split("\n")]
  const at = ours.findIndex((line, index) => line !== theirs[index])
  const place = at < 0 ? ours.length : at
  return `line ${place + 1}: ${ours[place] ?? "(nothing)"}\n  ${theirs[place] ?? "(nothing)"}`
}

function shortened(violations: string[]): string[] {
  if (violations.length <= LISTED_MAX) return violations
  return [...violations.slice(0, LISTED_MAX), `and ${violations.length - LISTED_MAX} more`]
}
