/**
 * The words of the Raft core: what a log entry, a snapshot, a configuration and the state of a server are. Names are
 * those of the Raft paper (Ongaro and Ousterhout, 2014) and of etcd's library, whose transcripts this core replays.
 * All numbers are integers below 2^53; `Infinity` stands for "no limit".
 */

/** A server. Random, given once, and never given again: a wiped disk is a new server (REPLICATION 3.6). */
export type NodeId = number

/** No server: nobody voted for, no leader known. */
export const NONE: NodeId = 0
/** Not servers but the two ends of a driver: what writes the log, and what applies committed entries. */
export const APPEND_THREAD: NodeId = -1
export const APPLY_THREAD: NodeId = -2

/** Figure 4 of the paper, and the pre-candidate of section 9.6 of the thesis. */
export type Role = "follower" | "preCandidate" | "candidate" | "leader"

/** `EntryConfChange` holds one change, `EntryConfChangeV2` any number; both are decoded by `confchange/change.ts`. */
export type EntryType = "EntryNormal" | "EntryConfChange" | "EntryConfChangeV2"

/** One place of the log. Never changed once made: log, messages and storage share it. */
export interface Entry {
  readonly term: number
  readonly index: number
  readonly type: EntryType
  readonly data: Uint8Array
}

/** What a client wants in the log; the leader gives it its place. */
export interface Proposal {
  readonly type: EntryType
  readonly data: Uint8Array
}

/** Which entry is meant: two logs that agree in both numbers agree in everything before (section 5.3). */
export interface EntryId {
  readonly term: number
  readonly index: number
}

/** What must be durable before it is acted on (Figure 2, "persistent state"), and how far the log is committed. */
export interface HardState {
  readonly term: number
  readonly vote: NodeId
  readonly commit: number
}

/** What is good to know and lost without harm. */
export interface SoftState {
  readonly lead: NodeId
  readonly role: Role
}

/** Who belongs to the cluster, as it is stored with a snapshot. Outgoing voters are there in a joint configuration. */
export interface ConfState {
  readonly voters: readonly NodeId[]
  readonly votersOutgoing: readonly NodeId[]
  readonly learners: readonly NodeId[]
  readonly learnersNext: readonly NodeId[]
  readonly autoLeave: boolean
}

/** Stands for all entries up to and including `index` (section 7). */
export interface Snapshot {
  readonly index: number
  readonly term: number
  readonly confState: ConfState
  readonly data: Uint8Array
}

/** The answer to `readIndex`: once `index` is applied, the read that `context` names may be served. */
export interface ReadState {
  readonly index: number
  readonly context: number
}

export const NO_DATA = new Uint8Array(0)
export const NO_MEMBERS: ConfState = {
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
}

/** Why something was not done. Nothing has changed when one of these is returned. */
export type Refusal =
  /** No leader is known: try again later, or elsewhere. */
  | "noLeader"
  /** A leader is known, but this server was told not to forward to it. */
  | "notForwarding"
  /** This leader has been removed from the cluster. */
  | "notMember"
  /** The leader is handing over. */
  | "transferring"
  /** As much as allowed is proposed and not yet committed. */
  | "uncommittedFull"
  /** As many reads as allowed wait for their confirmation. */
  | "readsFull"
  /** A message that only this server's own driver may send came from somewhere else. */
  | "localMessage"
  /** A response came from a server that is not in the configuration. */
  | "unknownPeer"
  /** A message that no correct server sends. */
  | "malformed"
