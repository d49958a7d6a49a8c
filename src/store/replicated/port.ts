/**
 * The ports of a member of the replicated store. `Driver` turns the consensus core's wishes into deeds: it writes to a
 * `RaftDisk`, sends by `DriverPorts`, applies what is decided, and answers who proposed. It is synchronous: no promises,
 * no timers, no clock; time comes in as `tick()`, chance as `random`. The daemon runs it over LMDB and connections, the
 * simulation over a disk and a network of its own.
 */
import type { OvlError } from "../../base/errors.ts"
import type { Log } from "../../base/log.ts"
import type { Storage } from "../../raft/log/storage.ts"
import type { Message } from "../../raft/message.ts"
import type { ConfState, Entry, EntryId, HardState, NodeId } from "../../raft/types.ts"
import type { Applied } from "../applied.ts"
import type { Keeper, Stage } from "../backend.ts"
import type { MachineOptions } from "../kv.ts"
import type { Tables } from "../tables.ts"

export type { Stage }

/** Who belongs to the cluster, beside the core's configuration: names for its numbers, and who may never come back. */
export interface Members {
  /** Node ids by raft id: those in the configuration, and those that a change has named. */
  readonly nodes: ReadonlyMap<NodeId, string>
  /** Raft ids that were taken out. None of them is ever a member again. */
  readonly removed: ReadonlySet<NodeId>
}

/** What lies on disk beside log and state, as it was found at the start. */
export interface DurableRaft {
  readonly hardState: HardState | undefined
  readonly confState: ConfState
  readonly members: Members
  /** The last entry whose effects are in the tables. */
  readonly applied: EntryId
}

/** All of it in one transaction, or nothing. Written in the order of the fields. */
export interface DiskRound {
  /** The staged state takes the place of the present one. */
  readonly install: Stage | null
  /** The log is emptied, and begins behind this entry: with `install`, and at the very first start. */
  readonly startsAt: EntryId | undefined
  /** Whatever the log has from the first one's index on is void. */
  readonly entries: readonly Entry[]
  readonly hardState: HardState | undefined
  /** Rows that applied commands changed in memory. */
  readonly flush: ((tables: Tables) => void) | null
  /** Commands that may touch very many rows, carried out in slices on the disk's own tables. */
  readonly heavy: ((tables: Tables) => Generator<void, void>) | null
  /** How far the tables are after this round, and the configuration as of then. Given with every change of the tables. */
  readonly applied: EntryId | undefined
  readonly confState: ConfState | undefined
  readonly members: Members | undefined
  /** The log keeps nothing up to and including this entry; 0: it keeps what it has. */
  readonly compactTo: number
  /** Somebody waits for nothing but this: a quick disk may write it before `write` returns. */
  readonly urgent: boolean
}

/**
 * Log, hard state and applied state on one disk. `Storage` answers from the last write that is done. Reading a damaged row
 * throws `data_corrupt`: the member stops, it never cuts its log.
 */
export interface RaftDisk extends Omit<Storage, "snapshot" | "initialState">, Keeper {
  load(): DurableRaft
  /** Entries kept, and about how many bytes their data take. */
  readonly logEntries: number
  readonly logBytes: number
  /**
   * One at a time. `done` is called once, perhaps before `write` returns; with an error, nothing of the round stays.
   * After any error but `store_full` the disk is not to be trusted any more.
   */
  write(round: DiskRound, done: (error: OvlError | null) => void): void
  /** Where the disk is full, the error for a command that would need more of it. */
  refusal(): OvlError | null
  /** Whether rows lie about that are not wanted any more: each round takes some of them away, an empty one too. */
  readonly hasLeftovers: boolean
}

/** A state that this member is to pull, piece by piece, from the member `from`. */
export interface SnapshotOffer {
  readonly from: NodeId
  readonly index: number
  readonly term: number
}

export interface RoleChange {
  readonly leader: boolean
  /** Raft id of the leader, 0 while none is known. */
  readonly lead: NodeId
  readonly term: number
}

export interface DriverPorts {
  readonly disk: RaftDisk
  /** To other members; any of them may be lost. */
  send(messages: readonly Message[]): void
  /**
   * Begins to pull the state that the offer means; ends with exactly one call of `driver.snapshotFetched`. There is one at
   * a time.
   */
  fetch(offer: SnapshotOffer): void
  /** The effects of commands, in order; reads show them, and they are decided for good. */
  onApplied(batch: Applied[]): void
  /** The whole state was replaced: whoever follows it must look anew. */
  onInstalled(): void
  /** The role, or the leader, has changed, or the term has. */
  onRole(change: RoleChange): void
  /** Members, or progress worth telling, have changed. */
  onMembers(): void
  /** This member has stopped: a write failed, or its data are damaged. Called once; nothing is sent any more. */
  onFatal(error: OvlError): void
  /** A number from 0 up to but not including `below`. */
  random(below: number): number
  /** Milliseconds that never jump, for nothing but `lastContactMs` and the pace of compaction. */
  monotonic(): number
  readonly log: Log
}

export interface DriverOptions {
  /** This member's node id: 64 hex digits. */
  readonly self: string
  readonly machine?: MachineOptions
}

/** What became of a proposal. */
export type Fate =
  | { readonly applied: Applied }
  /** `not_leader`, `leader_changed`, `store_busy`, `store_full`: nothing was done. `outcome_unknown`: perhaps it was. */
  | { readonly error: OvlError }

/** A piece of a member's state on its way to another one. */
export interface SnapshotPiece {
  readonly bytes: Uint8Array
  /** What to ask for next; null at the end. */
  readonly next: string | null
}

/**
 * What the daemon ties to its connections. Ids in messages are raft ids (`raftIdOf`); `nodes` names them. Everything
 * here may be called at any time, also after the store was closed.
 */
export interface ReplicationTransport {
  readonly self: NodeId
  /** A message from another member, whose certificate was checked against `message.from`. */
  receive(message: Message): void
  /** Where messages go. Until it is set they are lost, as any may be. */
  setSend(send: (messages: readonly Message[]) => void): void
  /** How pieces of a snapshot are asked for at a member: `cursor` is "" at the beginning. Rejects when it is not reached. */
  setFetch(fetch: (from: NodeId, index: number, cursor: string) => Promise<SnapshotPiece>): void
  /** The answer to another member's `fetch`. Throws `snapshot_expired` (not_found) where it is not kept any more. */
  snapshotPiece(index: number, cursor: string): SnapshotPiece
  /** Messages to this member were lost. */
  unreachable(id: NodeId): void
  /** The connection to the leader was reset by its host: its lease need not be waited for. */
  leaderReset(): void
  /** Members as applied here: node ids by raft id. */
  members(): Members
}
