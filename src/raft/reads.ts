/** Requests to read, on a leader: when they are taken, confirmed and answered (thesis 6.4). */
import { type Message, message } from "./message.ts"
import type { Raft } from "./raft.ts"
import { broadcastHeartbeat, committedInOwnTerm } from "./replication.ts"
import { NONE, type Refusal } from "./types.ts"

/**
 * Takes a read. Until an entry of its own term is committed a leader does not know how far the log is, and the read
 * waits. That holds for a single voter too: after a restart its stored commit index may be behind what it
 * acknowledged (etcd answers at once there).
 */
export function readAsLeader(raft: Raft, request: Message): Refusal | undefined {
  if (raft.pendingReads.length + raft.readOnly.count >= raft.config.maxReads) return "readsFull"
  if (committedInOwnTerm(raft)) confirm(raft, [request])
  else raft.pendingReads.push(request)
  return undefined
}

/** The leader has committed something: if that was the first entry of its term, the reads that waited go on. */
export function releasePendingReads(raft: Raft): void {
  if (raft.pendingReads.length === 0 || !committedInOwnTerm(raft)) return
  const requests = raft.pendingReads
  raft.pendingReads = []
  confirm(raft, requests)
}

function confirm(raft: Raft, requests: readonly Message[]): void {
  const { committed } = raft.log
  if (raft.config.readOnly === "leaseBased") {
    for (const request of requests) answer(raft, request, committed)
    return
  }
  for (const request of requests) raft.readOnly.add(request, committed)
  raft.readOnly.acknowledge(raft.id, raft.readOnly.context())
  // With a single voter that was the quorum.
  answerConfirmed(raft)
  if (raft.readOnly.count > 0) broadcastHeartbeat(raft)
}

/** A heartbeat was answered, or the configuration has changed. */
export function answerConfirmed(raft: Raft): void {
  for (const { request, index } of raft.readOnly.advance(raft.tracker.configuration.voters))
    answer(raft, request, index)
}

function answer(raft: Raft, request: Message, index: number): void {
  if (request.from === NONE || request.from === raft.id) raft.readStates.push({ index, context: request.context })
  else raft.send(message("MsgReadIndexResp", request.from, { index, context: request.context }))
}
