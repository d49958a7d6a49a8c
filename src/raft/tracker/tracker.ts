/**
 * The active configuration, and for each of its members what the leader knows about it. Members are visited in the
 * order of their ids, so that two runs with one seed send the same messages in the same order.
 */
import { type JointVoters, jointCommittedIndex, jointVoteResult } from "../quorum/joint.ts"
import type { VoteResult } from "../quorum/majority.ts"
import type { ConfState, NodeId } from "../types.ts"
import type { Progress } from "./progress.ts"

/**
 * Who belongs to the cluster. No server is voter and learner at once: one that is to become a learner, but still votes
 * in the outgoing set, stands in `learnersNext` until that set is left.
 */
export interface Configuration {
  readonly voters: JointVoters
  readonly learners: ReadonlySet<NodeId>
  readonly learnersNext: ReadonlySet<NodeId>
  /** The leader ends the joint configuration by itself. */
  readonly autoLeave: boolean
}

export type ProgressMap = ReadonlyMap<NodeId, Progress>

const NOBODY: ReadonlySet<NodeId> = new Set()
export const EMPTY_CONFIGURATION: Configuration = {
  voters: { incoming: NOBODY, outgoing: NOBODY },
  learners: NOBODY,
  learnersNext: NOBODY,
  autoLeave: false,
}

export function isJoint(configuration: Configuration): boolean {
  return configuration.voters.outgoing.size > 0
}

export function confStateOf(configuration: Configuration): ConfState {
  return {
    voters: sorted(configuration.voters.incoming),
    votersOutgoing: sorted(configuration.voters.outgoing),
    learners: sorted(configuration.learners),
    learnersNext: sorted(configuration.learnersNext),
    autoLeave: configuration.autoLeave,
  }
}

function sorted(ids: Iterable<NodeId>): NodeId[] {
  return [...ids].sort((a, b) => a - b)
}

export class ProgressTracker {
  configuration: Configuration = EMPTY_CONFIGURATION
  readonly votes = new Map<NodeId, boolean>()
  private members: ProgressMap = new Map()
  private order: readonly NodeId[] = []

  /** Puts a configuration in force. */
  set(configuration: Configuration, progress: ProgressMap): void {
    this.configuration = configuration
    this.members = progress
    this.order = sorted(progress.keys())
  }

  get progress(): ProgressMap {
    return this.members
  }

  /** The ids of all members, voters and learners, in ascending order. */
  get ids(): readonly NodeId[] {
    return this.order
  }

  get(id: NodeId): Progress | undefined {
    return this.members.get(id)
  }

  /** The largest index that a quorum has. */
  committed(): number {
    return jointCommittedIndex(this.configuration.voters, (id) => this.members.get(id)?.match)
  }

  /** Whether a quorum was heard from recently (thesis 6.2). */
  quorumActive(): boolean {
    const active = new Map<NodeId, boolean>()
    for (const [id, progress] of this.members) if (!progress.isLearner) active.set(id, progress.recentActive)
    return jointVoteResult(this.configuration.voters, active) === "won"
  }

  resetVotes(): void {
    this.votes.clear()
  }

  /** Only a server's first word counts. */
  recordVote(id: NodeId, granted: boolean): void {
    if (!this.votes.has(id)) this.votes.set(id, granted)
  }

  tallyVotes(): VoteResult {
    return jointVoteResult(this.configuration.voters, this.votes)
  }
}
