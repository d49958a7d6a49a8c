/**
 * The state of one server, and how it changes its role. It is a pure machine: what it is told comes in by `step.ts`
 * and `tick.ts`, what it wants done piles up in `messages` and in the log until the driver takes it (`node.ts`). The
 * rules stand in files of their own: `election.ts`, `leader.ts`, `replication.ts`, `follower.ts`, `reads.ts`,
 * `membership.ts`. All fields can be read by whoever checks invariants; only those files write them.
 */
import { assert } from "../base/assert.ts"
import type { LogLevel, RaftConfig } from "./config.ts"
import { RaftLog } from "./log/log.ts"
import { attestsDurability, type Message } from "./message.ts"
import { ReadOnly } from "./read-only.ts"
import { ProgressTracker } from "./tracker/tracker.ts"
import { type HardState, type NodeId, NONE, type ReadState, type Role, type SoftState } from "./types.ts"

export class Raft {
  readonly config: RaftConfig
  readonly id: NodeId
  readonly log: RaftLog
  /** Figure 2: latest term seen, and who got the vote in it. */
  term = 0
  vote: NodeId = NONE
  role: Role = "follower"
  lead: NodeId = NONE
  readonly tracker = new ProgressTracker()
  isLearner = false

  /** May go at once. */
  messages: Message[] = []
  /** May go, or be stepped here, only after everything unstable is durable. */
  messagesAfterAppend: Message[] = []
  readStates: ReadState[] = []

  /** Whom a leader is handing over to (thesis 3.10). */
  leadTransferee: NodeId = NONE
  /** A leader takes no change of the configuration before this index is applied: at most one is unapplied at a time. */
  pendingConfIndex = 0
  /** Payload in the log of a leader that is not known to be applied. */
  uncommittedBytes = 0
  readOnly = new ReadOnly()
  /** Reads that came before this leader had committed an entry of its own term (thesis 6.4, step 1). */
  pendingReads: Message[] = []

  /** Ticks since the leader was last heard from; for a leader, since the last look at its quorum. */
  electionElapsed = 0
  heartbeatElapsed = 0
  randomizedElectionTimeout = 0

  constructor(config: RaftConfig) {
    this.config = config
    this.id = config.id
    this.log = new RaftLog(config.storage, config.maxApplyingBytes)
  }

  say(level: LogLevel, text: string): void {
    this.config.log?.(level, text)
  }

  softState(): SoftState {
    return { lead: this.lead, role: this.role }
  }

  hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed }
  }

  /** Takes over what was stored before a restart. */
  loadState(state: HardState): void {
    const last = this.log.lastIndex()
    const { committed } = this.log
    const known = committed <= state.commit && state.commit <= last
    assert(known, `stored commit index ${state.commit} is outside of the stored log [${committed}, ${last}]`)
    this.log.committed = state.commit
    this.term = state.term
    this.vote = state.vote
  }

  /** Whether this server may become leader: a voter that is not still busy with a snapshot. */
  promotable(): boolean {
    const progress = this.tracker.get(this.id)
    return progress !== undefined && !progress.isLearner && this.log.unstable.snapshot === undefined
  }

  /**
   * Queues a message. What attests durability waits for it (thesis 3.8), also when it goes to this server itself:
   * a leader counts its own log, and a candidate its own vote, only once they are on disk (etcd issue 14370).
   */
  send(draft: Message): void {
    const { type, to, logTerm, index, entries, commit, reject, rejectHint, snapshot, context, force } = draft
    const from = draft.from === NONE ? this.id : draft.from
    const term = this.termOf(draft)
    const message: Message = {
      type,
      to,
      from,
      term,
      logTerm,
      index,
      entries,
      commit,
      reject,
      rejectHint,
      snapshot,
      context,
      force,
    }
    if (attestsDurability(message.type)) {
      this.messagesAfterAppend.push(message)
    } else {
      assert(message.to !== this.id, `${message.type} to oneself`)
      this.messages.push(message)
    }
  }

  /**
   * Votes say for which term they are meant, which before an election is not yet this server's own. Proposals and
   * reads sent on to the leader belong to no term. Everything else is of the term that this server is in.
   */
  private termOf({ type, term }: Message): number {
    switch (type) {
      case "MsgVote":
      case "MsgVoteResp":
      case "MsgPreVote":
        assert(term !== 0, `${type} without a term`)
        return term
      case "MsgPreVoteResp":
        // A refusal tells the own term, and that is 0 in a server that has not seen an election.
        return term
      case "MsgProp":
      case "MsgReadIndex":
        return 0
      default:
        return this.term
    }
  }

  becomeFollower(term: number, lead: NodeId): void {
    this.reset(term)
    this.role = "follower"
    this.lead = lead
    this.say("info", `${this.id} is a follower in term ${term}`)
  }

  /** Nothing but the role changes: neither term nor vote (thesis 9.6). */
  becomePreCandidate(): void {
    assert(this.role !== "leader", "a leader does not ask for votes")
    this.tracker.resetVotes()
    this.role = "preCandidate"
    this.lead = NONE
    this.say("info", `${this.id} asks whether it could be elected after term ${this.term}`)
  }

  /** Section 5.2: increments its term and votes for itself. */
  becomeCandidate(): void {
    assert(this.role !== "leader", "a leader does not ask for votes")
    this.reset(this.term + 1)
    this.role = "candidate"
    this.vote = this.id
    this.say("info", `${this.id} is a candidate in term ${this.term}`)
  }

  /** Takes the lead; its first entry is still to be proposed (`election.ts`). */
  becomeLeader(): void {
    assert(this.role === "candidate", `a ${this.role} does not become leader`)
    this.reset(this.term)
    this.role = "leader"
    this.lead = this.id
    const own = this.tracker.get(this.id)
    assert(own !== undefined, "a server outside of the configuration won an election")
    own.becomeReplicate()
    own.recentActive = true
    // There may be a change among the entries of former leaders: none is taken before all of those are applied.
    this.pendingConfIndex = this.log.lastIndex()
    this.say("info", `${this.id} is the leader in term ${this.term}`)
  }

  private reset(term: number): void {
    if (this.term !== term) {
      this.term = term
      this.vote = NONE
    }
    this.lead = NONE
    this.electionElapsed = 0
    this.heartbeatElapsed = 0
    this.randomizedElectionTimeout = this.config.electionTicks + this.config.random(this.config.electionTicks)
    this.leadTransferee = NONE
    this.tracker.resetVotes()
    const last = this.log.lastIndex()
    for (const [id, progress] of this.tracker.progress) progress.reset(id === this.id ? last : 0, last + 1)
    this.pendingConfIndex = 0
    this.uncommittedBytes = 0
    // Reads of an earlier leadership are lost: who asked asks again.
    this.readOnly = new ReadOnly()
    this.pendingReads = []
  }
}
