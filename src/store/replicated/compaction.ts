/** How much of the log is kept: enough for members that were away for a while, and never without bound for one that is gone. */
import {
  RAFT_COMPACT_SLICE_ENTRIES,
  RAFT_LOG_KEPT_BYTES,
  RAFT_LOG_KEPT_ENTRIES,
  RAFT_LOG_MAX_BYTES,
  RAFT_LOG_MAX_ENTRIES,
} from "../../base/limits.ts"
import type { RaftDisk } from "./port.ts"

/**
 * The entry up to which the next round may cut the log; 0 where it need not. `durable`: the last entry whose effects are on
 * disk. On a full disk all that is applied goes: members that lack it take the whole state.
 */
export function compactionTo(disk: RaftDisk, durable: number): number {
  const { logEntries, logBytes } = disk
  const before = disk.firstIndex() - 1
  const full = disk.refusal() !== null
  if (!full && logEntries <= RAFT_LOG_MAX_ENTRIES && logBytes <= RAFT_LOG_MAX_BYTES) return 0
  const kept = full ? 0 : Math.min(RAFT_LOG_KEPT_ENTRIES, Math.floor((RAFT_LOG_KEPT_BYTES / logBytes) * logEntries))
  const to = Math.min(durable, disk.lastIndex() - kept, before + RAFT_COMPACT_SLICE_ENTRIES)
  return to > before ? to : 0
}
