/**
 * The members that keep the store equal, as seen from one of them: who leads, who lags, and the changes of who belongs to
 * it. Node ids are those of certificates and of the registry. What a single server answers is the same, with one member.
 */
import type { OvlError } from "../base/errors.ts"

export interface ReplicationMember {
  nodeId: string
  /** False: a learner, which gets everything and has no vote. */
  voter: boolean
  leader: boolean
  /** As the leader knows it; null elsewhere, and where it does not know yet. */
  progress: MemberProgress | null
}

export interface MemberProgress {
  /** The last entry that it is known to have on its disk. */
  match: number
  /** Entries that the leader has and it has not. */
  lag: number
  state: "probe" | "replicate" | "snapshot"
  /** Milliseconds since the leader last heard from it; 0 for the leader itself, null when it never has. */
  lastContactMs: number | null
}

export interface ReplicationStatus {
  /** Node id of this server. */
  self: string
  role: "leader" | "follower" | "candidate" | "learner" | "outsider"
  /** Node id of the leader, or null while none is known. */
  leader: string | null
  term: number
  /** The last entry known to be decided. */
  commit: number
  applied: number
  /** The last entry in this server's log, and how many are kept in all. */
  lastIndex: number
  lastTerm: number
  logEntries: number
  /** Milliseconds since this server last heard from a leader; 0 on the leader, null when it never has. */
  lastContactMs: number | null
  members: ReplicationMember[]
  /** Null while it works. After a failed write it does not, and never will again in this life of the process. */
  failure: OvlError | null
}

/**
 * Changes of membership are made by the leader, one at a time. They reject with `not_leader` (unavailable), `member_change_busy`
 * (conflict: another is under way, or the leader is too new), `member_unknown` (not_found), `member_removed` (conflict: an id
 * is never used twice), `quorum_would_be_lost` (conflict), and as `Store.transact` does; each is idempotent.
 */
export interface Replication {
  status(): ReplicationStatus
  /** Calls back, not often, when the leader, the role, the members or this server's health have changed. */
  onChange(listener: () => void): () => void
  addLearner(nodeId: string): Promise<void>
  /** Gives a learner its vote. Rejects with `member_lagging` (conflict) when it is too far behind. */
  promote(nodeId: string): Promise<void>
  /** Takes a member out for good. The leader hands over before it takes itself out. */
  remove(nodeId: string): Promise<void>
  /** Hands the lead over, to the voter that is furthest ahead if none is named. Rejects with `transfer_failed` (unavailable). */
  transfer(nodeId: string | null): Promise<void>
  /**
   * The majority is lost for good: makes this server the only member, in a term above all that it knows, and adopts every entry in
   * its log, decided or not. The caller raises the cluster's recovery epoch. Nothing else may be under way.
   */
  recoverAlone(): Promise<void>
}
