/** What waits for others is bounded (I20). */
import { payloadBytes } from "../../../src/raft/log/entries.ts"
import type { Raft } from "../../../src/raft/raft.ts"
import type { Entry, NodeId } from "../../../src/raft/types.ts"
import { violated } from "../violation.ts"

/** Looks at a leader that has just put `entries` into its log. */
export function checkBounds(id: NodeId, raft: Raft, entries: readonly Entry[]): void {
  const { maxUncommittedBytes, maxReads, maxInflightMessages } = raft.config
  // What is proposed together may be more, where nothing else is undecided.
  const most = Math.max(maxUncommittedBytes, payloadBytes(entries))
  if (raft.uncommittedBytes > most) violated("I20", `${id} has ${raft.uncommittedBytes} bytes undecided, not ${most}`)
  const reads = raft.readOnly.count + raft.pendingReads.length
  if (reads > maxReads) violated("I20", `${reads} reads wait at ${id}, ${maxReads} may`)
  for (const [to, { inflights }] of raft.tracker.progress) {
    if (inflights.count > maxInflightMessages) {
      violated("I20", `${inflights.count} messages are on their way from ${id} to ${to}`)
    }
  }
}
