/**
 * Reads that need no log entry (thesis 6.4): a leader notes its commit index, makes sure by one round of heartbeats
 * that it still was the leader afterwards, and the read may be served as soon as that index is applied. Reads are
 * numbered, heartbeats carry the number of the last one, and so one round confirms all reads that came before it.
 */
import { jointCommittedIndex, type JointVoters } from "./quorum/joint.ts"
import type { Message } from "./message.ts"
import type { NodeId } from "./types.ts"

export interface Read {
  readonly request: Message
  /** The commit index when the request came. */
  readonly index: number
}

export class ReadOnly {
  /** Reads not confirmed yet; the first of them has the number `confirmed + 1`. */
  private waiting: Read[] = []
  private confirmed = 0
  /** The number of the last read that each server's heartbeat answer confirms. */
  private readonly acks = new Map<NodeId, number>()

  get count(): number {
    return this.waiting.length
  }

  add(request: Message, index: number): void {
    this.waiting.push({ request, index })
  }

  /** What a heartbeat sent now confirms: the number of the last read, or 0 when none waits. */
  context(): number {
    return this.waiting.length === 0 ? 0 : this.confirmed + this.waiting.length
  }

  acknowledge(from: NodeId, context: number): void {
    if (context > (this.acks.get(from) ?? 0)) this.acks.set(from, context)
  }

  /** Takes out the reads that a quorum has confirmed, in the order in which they came. */
  advance(voters: JointVoters): readonly Read[] {
    if (this.waiting.length === 0) return []
    // How many reads a quorum has confirmed is found exactly as how many entries it has.
    const confirmed = Math.min(
      jointCommittedIndex(voters, (id) => this.acks.get(id)),
      this.confirmed + this.waiting.length,
    )
    if (confirmed <= this.confirmed) return []
    const reads = this.waiting.splice(0, confirmed - this.confirmed)
    this.confirmed = confirmed
    return reads
  }
}
