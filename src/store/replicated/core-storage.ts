/** The disk as the consensus core sees it when it starts, and while it runs. */
import { assert } from "../../base/assert.ts"
import { isConfChange } from "../../raft/confchange/change.ts"
import type { Storage } from "../../raft/log/storage.ts"
import type { NodeId, Snapshot } from "../../raft/types.ts"
import type { AppliedState } from "./applied-state.ts"
import { isOnlyMember } from "./member-changes.ts"
import type { DurableRaft, RaftDisk } from "./port.ts"

/** `snapshot`: the state as it is now, for a member that lags too far; undefined where none can be kept. */
export function coreStorage(
  self: NodeId,
  disk: RaftDisk,
  state: AppliedState,
  snapshot: () => Snapshot | undefined,
): Storage {
  return {
    initialState: () => ({ hardState: initialHardState(self, disk, state), confState: state.confState }),
    entries: (lo, hi, maxBytes) => disk.entries(lo, hi, maxBytes),
    term: (index) => disk.term(index),
    firstIndex: () => disk.firstIndex(),
    lastIndex: () => disk.lastIndex(),
    snapshot,
  }
}

/**
 * The commit index on disk may be behind what was applied, and what is durable on a lone voter is decided: so its reads
 * need no election. Not beyond a change of the configuration, as what follows that may need others.
 */
function initialHardState(
  self: NodeId,
  disk: RaftDisk,
  { applied, confState }: AppliedState,
): DurableRaft["hardState"] {
  const { hardState } = disk.load()
  if (hardState === undefined) return undefined
  const decided = isOnlyMember(confState, self) ? decidedAlone(disk, applied.index) : 0
  return { ...hardState, commit: Math.max(hardState.commit, applied.index, decided) }
}

/**
 * The last entry for which a lone voter needs nobody: a change of the configuration, be it known to be decided or not,
 * is the last one that is decided by the members before it.
 */
function decidedAlone(disk: RaftDisk, applied: number): number {
  const last = disk.lastIndex()
  for (let at = applied + 1; at <= last; at++) {
    const [entry] = disk.entries(at, at + 1, 0) ?? []
    assert(entry !== undefined, `entry ${at} is not there though it was never applied`)
    if (isConfChange(entry)) return at
  }
  return last
}
