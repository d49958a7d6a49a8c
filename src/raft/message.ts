/**
 * What servers say to each other, and what a server's driver says to it. One flat shape for all of them: objects of
 * one shape are what a JavaScript engine is fast with, and a simulation steps a hundred thousand of them a second.
 */
import { APPEND_THREAD, APPLY_THREAD, NONE, type Entry, type NodeId, type Snapshot } from "./types.ts"

export type MessageType =
  /** To oneself: an election timeout passed, or the driver wants an election. */
  | "MsgHup"
  /** To oneself: time for heartbeats; time to see whether a quorum is still there. */
  | "MsgBeat"
  | "MsgCheckQuorum"
  /** Entries to be proposed; a follower sends them on to the leader. */
  | "MsgProp"
  /** AppendEntries and its answer (Figure 2). */
  | "MsgApp"
  | "MsgAppResp"
  /** RequestVote and its answer (Figure 2). */
  | "MsgVote"
  | "MsgVoteResp"
  /** The same asked beforehand, without consequences (thesis 9.6). */
  | "MsgPreVote"
  | "MsgPreVoteResp"
  /** InstallSnapshot (Figure 13). */
  | "MsgSnap"
  | "MsgHeartbeat"
  | "MsgHeartbeatResp"
  /** From the driver: messages to a peer do not arrive; a snapshot's fate. */
  | "MsgUnreachable"
  | "MsgSnapStatus"
  /** Leadership transfer (thesis 3.10). */
  | "MsgTransferLeader"
  | "MsgTimeoutNow"
  /** Reads that need no log entry (thesis 6.4). */
  | "MsgReadIndex"
  | "MsgReadIndexResp"
  /** From the driver: entries, hard state and snapshot are durable; committed entries are applied. */
  | "MsgStorageAppendResp"
  | "MsgStorageApplyResp"
  /** From the driver: the leader is known to be gone. */
  | "MsgForgetLeader"

export interface Message {
  readonly type: MessageType
  readonly to: NodeId
  readonly from: NodeId
  /** 0 in messages that belong to no term. */
  readonly term: number
  /** The term of the entry at `index`: what goes before in MsgApp, the last entry in votes, the hint in a rejection. */
  readonly logTerm: number
  readonly index: number
  readonly entries: readonly Entry[]
  readonly commit: number
  readonly reject: boolean
  /** In a rejected MsgAppResp: where the follower's log may match. */
  readonly rejectHint: number
  readonly snapshot: Snapshot | undefined
  /** The name of a read in MsgReadIndex, how many reads a heartbeat confirms, else 0. */
  readonly context: number
  /** In MsgVote: the leader itself asked for this election, so its lease does not stand against it. */
  readonly force: boolean
}

const NO_ENTRIES: readonly Entry[] = []

/** A message with everything that `fields` does not name left empty; the sender puts in `from` and `term`. */
export function message(type: MessageType, to: NodeId, fields: Partial<Message> = {}): Message {
  return {
    type,
    to,
    from: fields.from ?? NONE,
    term: fields.term ?? 0,
    logTerm: fields.logTerm ?? 0,
    index: fields.index ?? 0,
    entries: fields.entries ?? NO_ENTRIES,
    commit: fields.commit ?? 0,
    reject: fields.reject ?? false,
    rejectHint: fields.rejectHint ?? 0,
    snapshot: fields.snapshot,
    context: fields.context ?? 0,
    force: fields.force ?? false,
  }
}

const LOCAL: ReadonlySet<MessageType> = new Set<MessageType>([
  "MsgHup",
  "MsgBeat",
  "MsgUnreachable",
  "MsgSnapStatus",
  "MsgCheckQuorum",
  "MsgStorageAppendResp",
  "MsgStorageApplyResp",
])

const RESPONSES: ReadonlySet<MessageType> = new Set<MessageType>([
  "MsgAppResp",
  "MsgVoteResp",
  "MsgHeartbeatResp",
  "MsgUnreachable",
  "MsgReadIndexResp",
  "MsgPreVoteResp",
  "MsgStorageAppendResp",
  "MsgStorageApplyResp",
])

/** Never to be believed when it comes over the network. */
export function isLocalMessage(type: MessageType): boolean {
  return LOCAL.has(type)
}

export function isResponse(type: MessageType): boolean {
  return RESPONSES.has(type)
}

/** The driver's two ends, as opposed to servers. */
export function isThread(id: NodeId): boolean {
  return id === APPEND_THREAD || id === APPLY_THREAD
}

/**
 * These attest that something is durable here: a vote, an appended entry. They may leave only after it is (thesis
 * 3.8). Refusals are among them: they too may rest on what is not yet written, and are too rare to be worth a proof.
 */
export function attestsDurability(type: MessageType): boolean {
  return type === "MsgAppResp" || type === "MsgVoteResp" || type === "MsgPreVoteResp"
}
