/** A restore, as its proposer sees it: the snapshot goes through the log in pieces, then a command names them. */
import { OvlError } from "../base/errors.ts"
import { RESTORE_PIECE_MAX_BYTES, RESTORE_PIECES_MAX } from "../base/limits.ts"
import type { Applied } from "./applied.ts"
import type { Scratch } from "./backend.ts"
import { discardCommand, pieceCommand, restoreCommand, type Sized } from "./command.ts"
import type { SnapshotInfo, SnapshotScope } from "./port.ts"

export interface RestoreProposal {
  /** Has the whole file, checked; `info` is what `receiveSnapshot` found in it. */
  scratch: Scratch
  info: SnapshotInfo
  scope: SnapshotScope
  /** Milliseconds since the epoch, whole ones. */
  now: () => number
  propose: (proposal: Sized) => Promise<Applied>
  /** The same, for a command that may end sessions. */
  proposeEnd: (proposal: Sized) => Promise<Applied>
}

/**
 * Resolves when the state is the snapshot's. Rejects with `store_busy` when another restore began meanwhile,
 * `snapshot_invalid`, `snapshot_too_large` (too_large), and as `propose` does; what was sent is then dropped if possible,
 * else when the next restore begins.
 */
export async function proposeRestore(proposal: RestoreProposal): Promise<void> {
  const { scratch, info, scope, now, propose, proposeEnd } = proposal
  if (info.bytes > RESTORE_PIECE_MAX_BYTES * RESTORE_PIECES_MAX)
    throw new OvlError("snapshot_too_large", `restore: a snapshot of ${info.bytes} bytes is too large`, {
      kind: "too_large",
    })
  const id = crypto.randomUUID()
  let sent = 0
  try {
    for (; sent < info.bytes; sent += RESTORE_PIECE_MAX_BYTES)
      checkOutcome(await propose(pieceCommand(id, sent, scratch.read(sent, RESTORE_PIECE_MAX_BYTES), now())))
    checkOutcome(await proposeEnd(restoreCommand(id, info, scope, now())))
  } catch (thrown) {
    // Whether this succeeds makes no difference to who asked for the restore.
    if (sent > 0) await propose(discardCommand(id, now())).catch(() => {})
    throw thrown
  }
}

function checkOutcome({ outcome }: Applied): void {
  if (outcome.type === "pieces_lost")
    throw new OvlError("store_busy", "restore: another one has begun meanwhile", { kind: "unavailable" })
  if (outcome.type === "snapshot_invalid") throw new OvlError("snapshot_invalid", outcome.why, { kind: "invalid" })
}
