/**
 * What the leader does next about the servers, worked out from their records and from what replication knows of them.
 * Pure. The one rule above all: no step may leave fewer live voters than a majority of those that then vote.
 */
import { OvlError } from "../base/errors.ts"
import {
  MEMBER_CONTACT_MAX_MS,
  MEMBER_LAG_MAX_ENTRIES,
  MEMBER_LIVE_MAX_MS,
  MEMBER_STABLE_FROM_VOTERS,
  MEMBER_STABLE_MS,
} from "../base/limits.ts"
import type { NodeRecord } from "../model/node.ts"
import type { ReplicationMember, ReplicationStatus } from "../store/replication.ts"

export type MemberStep =
  | { type: "add"; nodeId: string }
  | { type: "promote"; nodeId: string }
  | { type: "remove"; nodeId: string }
  /** The node's record is to say whether it votes. */
  | { type: "record"; nodeId: string; voter: boolean }

/**
 * The next step, or null where all is as it should be, or nothing can be done about it now. `servers` are the records of
 * the servers that are members of the cluster; `stableMs` says for how long a learner has kept up without a break.
 */
export function nextStep(
  status: ReplicationStatus,
  servers: readonly NodeRecord[],
  stableMs: (nodeId: string) => number,
): MemberStep | null {
  // Without its own record the leader's records are not those of this cluster's servers: better nothing than a mistake.
  if (!servers.some(({ id }) => id === status.self)) return null
  const steps = [ended(status, servers), recorded(status, servers), ready(status, stableMs), arrived(status, servers)]
  return steps.find((step) => step !== null) ?? null
}

/** A member whose membership of the cluster is over; one without a vote first, as that costs nothing. */
function ended({ members, ...status }: ReplicationStatus, servers: readonly NodeRecord[]): MemberStep | null {
  const over = members.filter(({ nodeId }) => !servers.some(({ id }) => id === nodeId))
  over.sort((a, b) => Number(a.voter) - Number(b.voter))
  const next = over.find(({ nodeId }) => survivesWithout({ ...status, members }, nodeId))
  return next ? { type: "remove", nodeId: next.nodeId } : null
}

function recorded({ members }: ReplicationStatus, servers: readonly NodeRecord[]): MemberStep | null {
  const votes = (id: string) => members.some(({ nodeId, voter }) => nodeId === id && voter)
  const wrong = servers.find(({ id, voter }) => votes(id) !== voter)
  return wrong ? { type: "record", nodeId: wrong.id, voter: !wrong.voter } : null
}

function ready(status: ReplicationStatus, stableMs: (nodeId: string) => number): MemberStep | null {
  const voters = status.members.filter(({ voter }) => voter).length
  const needsMs = voters < MEMBER_STABLE_FROM_VOTERS ? 0 : MEMBER_STABLE_MS
  const learner = status.members.find(
    (member) => !member.voter && keepsUp(member) && stableMs(member.nodeId) >= needsMs,
  )
  return learner && survivesWith(status) ? { type: "promote", nodeId: learner.nodeId } : null
}

/** One that is on its way in at a time: several that load the whole store at once would be a burden on the leader. */
function arrived({ members }: ReplicationStatus, servers: readonly NodeRecord[]): MemberStep | null {
  const loading = members.some((member) => !member.voter && isLive(member) && !keepsUp(member))
  if (loading) return null
  const waiting = servers.find(
    ({ id, peerAddress }) => peerAddress !== null && !members.some(({ nodeId }) => nodeId === id),
  )
  return waiting ? { type: "add", nodeId: waiting.id } : null
}

/** Whether a learner has nearly all that the leader has, and was just heard from. */
export function keepsUp({ progress }: ReplicationMember): boolean {
  if (progress?.state !== "replicate" || progress.lastContactMs === null) return false
  return progress.lag < MEMBER_LAG_MAX_ENTRIES && progress.lastContactMs <= MEMBER_CONTACT_MAX_MS
}

/** Whether the leader can count on a member. */
function isLive({ leader, progress }: ReplicationMember): boolean {
  return leader || (progress?.lastContactMs ?? Number.POSITIVE_INFINITY) <= MEMBER_LIVE_MAX_MS
}

/** Whether `live` of so many voters can decide. Without voters nobody can. */
export function isMajority(live: number, voters: number): boolean {
  return live > voters / 2
}

/** Whether the voters that remain without this member, and that are live, are a majority of those that remain. */
export function survivesWithout({ members }: ReplicationStatus, nodeId: string): boolean {
  if (!members.some((member) => member.nodeId === nodeId && member.voter)) return true
  const remaining = members.filter((member) => member.voter && member.nodeId !== nodeId)
  return isMajority(remaining.filter(isLive).length, remaining.length)
}

/** The same with one more voter, which is live. */
function survivesWith({ members }: ReplicationStatus): boolean {
  const voters = members.filter(({ voter }) => voter)
  return isMajority(voters.filter(isLive).length + 1, voters.length + 1)
}

export function quorumWouldBeLost(
  { members }: ReplicationStatus,
  nodeId: string,
  nameOf: (nodeId: string) => string,
): OvlError {
  const remaining = members.filter((member) => member.voter && member.nodeId !== nodeId)
  const lost = remaining.filter((member) => !isLive(member)).map((member) => nameOf(member.nodeId))
  const learners = members.filter(({ voter }) => !voter).map((member) => nameOf(member.nodeId))
  return tooFewLeft(nameOf(nodeId), lost, learners)
}

/** Why a server cannot go now, and what to do first; all by name. */
export function tooFewLeft(name: string, lost: readonly string[], learners: readonly string[]): OvlError {
  const why = lost.length > 0 ? `${lost.join(", ")} is not heard from` : "no other server has a vote"
  const hint =
    lost.length > 0
      ? `bring ${lost.join(", ")} back first, or remove it: ovl raft rm ${lost[0]}`
      : learners.length > 0
        ? `wait until ${learners[0]} has its vote: ovl raft ls`
        : "add a server first: ovl join --server"
  const what = `cannot take ${name} out of the servers: too few would be left to decide: ${why}`
  return new OvlError("quorum_would_be_lost", what, { kind: "conflict", hint })
}
