/**
 * What may be asked even of a stale read. It may be old, but: it tells a value that somebody asked to be written before
 * the read was answered; one life of a node's process never goes back behind what it has shown; and a key that it says
 * is not there was not there in a state at least as new as those it showed before.
 */
import { attemptOf, type HistoryRecorder, type StaleRead } from "./recorder.ts"

/** The violations, each as a line. */
export function judgeStale(recorder: Pick<HistoryRecorder, "stale" | "attempts">): string[] {
  const found: string[] = []
  for (const read of recorder.stale) {
    if (read.value === null) continue
    const attempt = recorder.attempts.get(attemptOf(read.key, read.value))
    if (attempt === undefined) found.push(`${readText(read)}: nobody ever wrote that`)
    else if (attempt.invokedAt > read.returnedAt) found.push(`${readText(read)}: before it was asked to be written`)
  }
  const groups = Map.groupBy(recorder.stale, ({ source, key }) => `${source} ${key}`)
  for (const reads of groups.values()) found.push(...backwards(reads))
  return found
}

/** Reads of one key, answered by one life of one process. Of two that overlap either may have been first. */
function backwards(reads: readonly StaleRead[]): string[] {
  const found: string[] = []
  const byInvocation = [...reads].sort((a, b) => a.invokedAt - b.invokedAt)
  const byReturn = [...reads].sort((a, b) => a.returnedAt - b.returnedAt)
  let newest: StaleRead | null = null
  let next = 0
  for (const read of byInvocation) {
    for (; next < byReturn.length && byReturn[next]!.returnedAt <= read.invokedAt; next++) {
      const earlier = byReturn[next]!
      if (newest === null || reached(earlier) > reached(newest)) newest = earlier
    }
    if (newest !== null && reached(read) < reached(newest)) found.push(`${readText(read)}: after ${readText(newest)}`)
  }
  return found
}

/** The state that a read shows for its key: that of its last change, or, where there is none, what it came from. */
function reached(read: StaleRead): number {
  return read.revision ?? read.index
}

function readText({ source, key, value, revision, index, returnedAt }: StaleRead): string {
  const shown = value === null ? `no such key (state ${index})` : `${JSON.stringify(value)} of revision ${revision}`
  return `stale read of ${key} by ${source} at line ${returnedAt}: ${shown}`
}
