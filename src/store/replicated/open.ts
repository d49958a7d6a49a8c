/** Makes the consensus of a server over its backend, and sees to it that a first server has something to begin with. */
import { asOvlError, type OvlError } from "../../base/errors.ts"
import { raftIdOf } from "../../model/node.ts"
import { Reader } from "../reader.ts"
import { RaftConsensus, type RaftConsensusOptions } from "./consensus.ts"
import { BackendDisk } from "./disk.ts"
import type { Members } from "./port.ts"
import { firstRound } from "./rounds.ts"

/** Of a server that nobody else knows, so that it needs no name: it stays alone. */
const NOBODY_ELSE = `1${"0".repeat(63)}`

/**
 * A server of a cluster. A `joining` one that has neither a log nor data gets both from a leader; one with data from before
 * there was a log takes them over, and any other begins a cluster. What was begun already, by a start that was cut off
 * before it was known under which id, goes on under the id that it was begun with.
 */
export function openMember(options: RaftConsensusOptions, joining: boolean): RaftConsensus {
  const { backend, clock, nodeId } = options
  const disk = new BackendDisk(backend, clock)
  const { hardState, members } = disk.load()
  if (hardState !== undefined)
    return new RaftConsensus({ ...options, nodeId: joining ? nodeId : onlyOf(members, nodeId) }, disk)
  const hasData = new Reader(backend.tables).header().revision > 0
  if (!joining || hasData) begin(disk, nodeId)
  return new RaftConsensus(options, disk)
}

/** The node id of who is alone on the disk; `otherwise` where that is not so. */
function onlyOf({ nodes }: Members, otherwise: string): string {
  const [first, ...others] = nodes.values()
  return first !== undefined && others.length === 0 ? first : otherwise
}

/** A server that is always alone, and so needs no name. */
export function openAlone(options: Omit<RaftConsensusOptions, "nodeId" | "random">): RaftConsensus {
  return openMember({ ...options, nodeId: NOBODY_ELSE, random: () => 0 }, false)
}

/** Throws `store_full` and `store_failed`. */
function begin(disk: BackendDisk, nodeId: string): void {
  let failed: OvlError | null = asOvlError(new Error("not written"))
  disk.write(firstRound(raftIdOf(nodeId), nodeId), (error) => {
    failed = error
  })
  if (failed) throw failed
}
