/** When other members were last heard from: for people, and for decisions of which a wrong one does no harm. */
import type { Message } from "../../raft/message.ts"
import type { NodeId } from "../../raft/types.ts"

export class Contacts {
  readonly #now: () => number
  readonly #heard = new Map<NodeId, number>()
  #leaderHeard: number | null = null

  constructor(now: () => number) {
    this.#now = now
  }

  /** `term`: this member's own. What was said by a leader of before does not count as the leader's. */
  hear({ type, from, term: theirs }: Message, term: number): void {
    const now = this.#now()
    this.#heard.set(from, now)
    const isLeaders = type === "MsgApp" || type === "MsgHeartbeat" || type === "MsgSnap"
    if (isLeaders && theirs >= term) this.#leaderHeard = now
  }

  /** When a member, or the leader, was last heard from; null where it never was. */
  heardFrom(id: NodeId | "leader"): number | null {
    return (id === "leader" ? this.#leaderHeard : this.#heard.get(id)) ?? null
  }
}
