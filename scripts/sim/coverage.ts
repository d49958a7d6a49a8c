/**
 * What has happened in lives. A run over many seeds must have met every situation at least once: invariants that hold
 * where nothing happens prove nothing.
 */

export const SITUATIONS = [
  // Of the network.
  "message lost",
  "message repeated",
  "message filtered by type",
  "stale message",
  "stale message of an earlier life",
  "path full",
  "path clogged",
  "partition both ways",
  "partition one-way",
  // Of processes, clocks and disks.
  "crash",
  "crash with a write on its way",
  "write lost with its entries",
  "write kept that nobody heard of",
  "vote lost with its write",
  "everybody dead at once",
  "pause longer than an election",
  "clock drift",
  "disk slower than an election",
  "disk failed",
  "disk full",
  "write refused by a full disk",
  "fail-stop",
  // Of the core.
  "leader",
  "leader of a single voter",
  "election without a winner",
  "leader without a quorum stepped down",
  "conflicting entries cut off",
  "entry of an earlier term decided",
  "log compacted",
  "follower's log replaced by a snapshot",
  "snapshot broke off",
  "snapshot not needed any more",
  "lead handed over",
  "read waited for the leader's first decision",
  "read answered while the lead changed",
  // Of the members.
  "learner joined",
  "learner promoted",
  "member removed",
  "former leader removed",
  "members changed under a partition",
  "change of the members refused",
  "disk wiped, server replaced",
  // Of clients.
  "write acknowledged",
  "write refused",
  "write unknown that was decided",
  "write unknown that never was",
  "compare failed",
  "read answered",
  "log replayed after a crash",
] as const

export type Situation = (typeof SITUATIONS)[number]

export class Tally {
  private readonly counts = new Map<Situation, number>()

  add(situation: Situation, count = 1): void {
    this.counts.set(situation, (this.counts.get(situation) ?? 0) + count)
  }

  get(situation: Situation): number {
    return this.counts.get(situation) ?? 0
  }

  merge(other: Iterable<[Situation, number]>): void {
    for (const [situation, count] of other) this.add(situation, count)
  }

  entries(): [Situation, number][] {
    return SITUATIONS.map((situation) => [situation, this.get(situation)])
  }

  missing(): Situation[] {
    return SITUATIONS.filter((situation) => this.get(situation) === 0)
  }
}
