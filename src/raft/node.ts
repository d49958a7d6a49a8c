/**
 * One server of a cluster as its driver sees it. The driver's loop:
 *
 *     const ready = node.ready()
 *     send ready.messages                       at once: a leader's disk writes while the followers' do (thesis 10.2.1)
 *     write entries, hardState, snapshot        all of it in one transaction, durable before what comes next
 *     send or step ready.messagesAfterAppend    those addressed to this server itself go to `step`
 *     apply committedEntries                    configuration changes among them to `applyConfChange`
 *     step ready.messagesAfterApply
 *
 * With `asyncStorageWrites` the next `ready` may be taken while the last one is still being written: everything between
 * two points of a crash can be told anew, as long as writes are done, and acknowledged, in the order in which they were
 * handed out. Without, `advance` says that all of it is done.
 */
import { assert } from "../base/assert.ts"
import { type ConfChange, confChangeProposal } from "./confchange/change.ts"
import type { RaftConfig } from "./config.ts"
import { entriesBytes } from "./log/entries.ts"
import { applyConfChange, restoreConfiguration } from "./membership.ts"
import { isLocalMessage, isResponse, isThread, type Message, message } from "./message.ts"
import { whyNotConfChange } from "./proposals.ts"
import { Raft } from "./raft.ts"
import { step } from "./step.ts"
import { tick } from "./tick.ts"
import {
  APPEND_THREAD,
  APPLY_THREAD,
  type ConfState,
  type Entry,
  type HardState,
  type NodeId,
  NONE,
  type Proposal,
  type ReadState,
  type Refusal,
  type Snapshot,
  type SoftState,
} from "./types.ts"

/** What is to be done. Everything in it is immutable. */
export interface Ready {
  /** Given when it has changed. */
  readonly softState: SoftState | undefined
  /** Given when it has changed: to be written. */
  readonly hardState: HardState | undefined
  /** To be written; what storage has from the first one's index on is void. */
  readonly entries: readonly Entry[]
  /** To be written, and applied: it replaces everything before it. */
  readonly snapshot: Snapshot | undefined
  readonly messages: readonly Message[]
  readonly messagesAfterAppend: readonly Message[]
  /** To be applied, in this order. */
  readonly committedEntries: readonly Entry[]
  readonly messagesAfterApply: readonly Message[]
  /** Reads that may be served once their index is applied. */
  readonly readStates: readonly ReadState[]
  /** Whether the write must reach the disk: a commit index alone may be lost (Figure 2 has it as volatile). */
  readonly mustSync: boolean
}

export class RaftNode {
  /** To be looked at, never to be written. */
  readonly raft: Raft
  private lastSoftState: SoftState
  private lastHardState: HardState
  /** What the last `ready` waits for, without `asyncStorageWrites`. */
  private onAdvance: readonly Message[] | undefined

  /** Starts a server on what its storage holds. A new one's storage holds a snapshot that names the first members. */
  constructor(config: RaftConfig) {
    const raft = new Raft(config)
    const { hardState, confState } = config.storage.initialState()
    restoreConfiguration(raft, confState)
    if (hardState !== undefined) raft.loadState(hardState)
    if (config.applied > 0) raft.log.appliedTo(config.applied, 0)
    raft.becomeFollower(raft.term, NONE)
    this.raft = raft
    this.lastSoftState = raft.softState()
    this.lastHardState = raft.hardState()
  }

  /** One tick of time. */
  tick(): void {
    tick(this.raft)
  }

  /** A message from another server, or one that `ready` addressed to this one. */
  step(m: Message): Refusal | undefined {
    if (isLocalMessage(m.type) && !isThread(m.from)) return "localMessage"
    if (isResponse(m.type) && !isThread(m.from) && this.raft.tracker.get(m.from) === undefined) return "unknownPeer"
    return step(this.raft, m)
  }

  /** Stands for election now, with a pre-vote if configured so. */
  campaign(): void {
    this.local("MsgHup", {})
  }

  /** Wants entries in the log; a follower sends them on. That they were taken does not mean that they will commit. */
  propose(proposals: readonly Proposal[]): Refusal | undefined {
    assert(proposals.length > 0, "nothing is proposed")
    const entries = proposals.map(({ type, data }): Entry => ({ term: 0, index: 0, type, data }))
    return this.local("MsgProp", { from: this.raft.id, entries })
  }

  /** Wants a change of the configuration in the log. One that is impossible by then comes out as an empty entry. */
  proposeConfChange(change: ConfChange, type: Entry["type"] = "EntryConfChangeV2"): Refusal | undefined {
    return this.propose([confChangeProposal(change, type)])
  }

  /** Why this leader would turn the change into an empty entry if it were proposed now; undefined when it would not. */
  whyNotConfChange(change: ConfChange): string | undefined {
    return whyNotConfChange(this.raft, change)
  }

  /** To be called for each committed change as it is applied. Returns the configuration from there on. */
  applyConfChange(change: ConfChange): ConfState {
    return applyConfChange(this.raft, change)
  }

  /**
   * Asks up to where a read must wait; the answer comes in `readStates` with the same `context`, a positive integer
   * that this server does not use twice. It may be lost: ask again after a while.
   */
  readIndex(context: number): Refusal | undefined {
    assert(Number.isSafeInteger(context) && context > 0, `a read is named by a positive integer, not ${context}`)
    return this.local("MsgReadIndex", { context })
  }

  /** Hands the lead over to a voter; does nothing if that is not possible. */
  transferLeader(to: NodeId): Refusal | undefined {
    return this.local("MsgTransferLeader", { from: to })
  }

  /** The leader is known to be gone: lets others, and this server, be elected without waiting for its lease to end. */
  forgetLeader(): void {
    this.local("MsgForgetLeader", {})
  }

  /** Messages to a member were lost. */
  reportUnreachable(id: NodeId): void {
    this.local("MsgUnreachable", { from: id })
  }

  /** A snapshot sent to a member has arrived, or has failed. */
  reportSnapshot(id: NodeId, arrived: boolean): void {
    this.local("MsgSnapStatus", { from: id, reject: !arrived })
  }

  private local(type: Message["type"], fields: Partial<Message>): Refusal | undefined {
    return step(this.raft, message(type, this.raft.id, fields))
  }

  /** Whether `ready` would have anything in it. */
  hasReady(): boolean {
    const { raft } = this
    return (
      raft.messages.length > 0 ||
      raft.messagesAfterAppend.length > 0 ||
      raft.readStates.length > 0 ||
      raft.log.unstable.hasNextEntries() ||
      raft.log.unstable.nextSnapshot() !== undefined ||
      raft.log.hasNextCommitted(this.appliesUnstable()) ||
      this.newSoftState() !== undefined ||
      this.newHardState() !== undefined
    )
  }

  /** Takes what there is to do. It must be done, and acknowledged. */
  ready(): Ready {
    assert(this.onAdvance === undefined, "the last ready has not been advanced")
    const { raft } = this
    const entries = raft.log.unstable.nextEntries()
    const hardState = this.newHardState()
    const snapshot = raft.log.unstable.nextSnapshot()
    const committedEntries = raft.log.nextCommitted(this.appliesUnstable())
    const { term, vote } = raft
    const ready: Ready = {
      softState: this.newSoftState(),
      hardState,
      entries,
      snapshot,
      messages: raft.messages,
      messagesAfterAppend: this.afterAppend(entries, hardState, snapshot),
      committedEntries,
      messagesAfterApply: committedEntries.length > 0 ? [this.applyResponse(committedEntries)] : [],
      readStates: raft.readStates,
      mustSync: entries.length > 0 || vote !== this.lastHardState.vote || term !== this.lastHardState.term,
    }
    this.accept(ready)
    return ready
  }

  private accept(ready: Ready): void {
    const { raft } = this
    this.lastSoftState = ready.softState ?? this.lastSoftState
    this.lastHardState = ready.hardState ?? this.lastHardState
    raft.messages = []
    raft.messagesAfterAppend = []
    raft.readStates = []
    raft.log.unstable.acceptInProgress()
    const last = ready.committedEntries.at(-1)
    if (last !== undefined) {
      raft.log.acceptApplying(last.index, entriesBytes(ready.committedEntries), this.appliesUnstable())
    }
    if (raft.config.asyncStorageWrites) return
    const toSelf = ready.messagesAfterAppend.filter((m) => m.to === raft.id)
    this.onAdvance = [...toSelf, ...ready.messagesAfterApply]
  }

  /** Without `asyncStorageWrites`: everything in the last `ready` is durable, sent and applied. */
  advance(): void {
    const messages = this.onAdvance
    assert(messages !== undefined, "there is no ready to advance")
    this.onAdvance = undefined
    for (const m of messages) step(this.raft, m)
  }

  /** Where everything is done in one go, what is committed is also durable by the time it is applied. */
  private appliesUnstable(): boolean {
    return !this.raft.config.asyncStorageWrites
  }

  private newSoftState(): SoftState | undefined {
    const { lead, role } = this.raft
    return lead === this.lastSoftState.lead && role === this.lastSoftState.role ? undefined : { lead, role }
  }

  private newHardState(): HardState | undefined {
    const { term, vote, log } = this.raft
    const { lastHardState: last } = this
    const same = term === last.term && vote === last.vote && log.committed === last.commit
    return same ? undefined : this.raft.hardState()
  }

  /**
   * What waits for the write, and last the acknowledgement of the write itself. That one tells the last entry of the
   * whole log and the term in which it was handed out. If the term has changed when it comes back, it does not count:
   * entries with the same index and term may have been overwritten and written again meanwhile, and the write of what
   * was between still be to come. A change of term always brings a write of its own, and this acknowledgement comes
   * with every write while anything is unstable: so one that counts follows (etcd-io/raft 76f1249).
   */
  private afterAppend(
    entries: readonly Entry[],
    hardState: HardState | undefined,
    snapshot: Snapshot | undefined,
  ): readonly Message[] {
    const { raft } = this
    const waiting = raft.messagesAfterAppend
    if (entries.length === 0 && hardState === undefined && snapshot === undefined && waiting.length === 0) return []
    const unstable = raft.log.unstable.entries.length > 0
    if (!unstable && snapshot === undefined) return waiting
    const last = unstable ? raft.log.lastId() : { index: 0, term: 0 }
    return [
      ...waiting,
      message("MsgStorageAppendResp", raft.id, {
        from: APPEND_THREAD,
        term: raft.term,
        index: last.index,
        logTerm: last.term,
        snapshot,
      }),
    ]
  }

  private applyResponse(entries: readonly Entry[]): Message {
    return message("MsgStorageApplyResp", this.raft.id, { from: APPLY_THREAD, entries })
  }
}
