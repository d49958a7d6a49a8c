/**
 * The configurations that the decided entries lead through, worked out a second time and more simply than the core does:
 * ovl changes one member at a time, so there are voters, learners, and those who may never come back.
 */
import { decodeConfChange } from "../../../src/raft/confchange/change.ts"
import type { ConfState, Entry, NodeId } from "../../../src/raft/types.ts"
import { violated } from "../violation.ts"

export interface Members {
  /** The entry from which on these are the members. */
  readonly index: number
  readonly voters: ReadonlySet<NodeId>
  readonly learners: ReadonlySet<NodeId>
}

export class Configurations {
  readonly all: Members[]
  readonly removed = new Set<NodeId>()

  constructor(index: number, voters: readonly NodeId[]) {
    this.all = [{ index, voters: new Set(voters), learners: new Set() }]
  }

  get lastRemoved(): NodeId | undefined {
    return [...this.removed].at(-1)
  }

  get last(): Members {
    return this.all.at(-1)!
  }

  /** Those in force for who has applied everything up to `index`. */
  at(index: number): Members {
    for (let i = this.all.length - 1; i > 0; i--) if (this.all[i]!.index <= index) return this.all[i]!
    return this.all[0]!
  }

  /** A change is decided. Gives what it was, in a word. */
  decide(entry: Entry): "joined" | "promoted" | "removed" | "nothing" {
    const change = decodeConfChange(entry.data)
    if (change === undefined) violated("I15", `entry ${entry.index} is a change of the members that cannot be read`)
    const [single] = change.changes
    if (change.changes.length !== 1 || single === undefined) {
      violated("I15", `entry ${entry.index} changes ${change.changes.length} members at once`)
    }
    const before = this.last
    const voters = new Set(before.voters)
    const learners = new Set(before.learners)
    const { node, type } = single
    voters.delete(node)
    learners.delete(node)
    if (type !== "removeNode" && this.removed.has(node)) violated("I15", `${node} was removed and is back`)
    if (type === "addNode") voters.add(node)
    else if (type === "addLearnerNode") learners.add(node)
    else this.removed.add(node)
    if (before.voters.symmetricDifference(voters).size > 1) violated("I15", `entry ${entry.index} changes two voters`)
    this.all.push({ index: entry.index, voters, learners })
    if (type === "removeNode") return "removed"
    if (type === "addLearnerNode") return "joined"
    return before.learners.has(node) ? "promoted" : "nothing"
  }
}

/** Whether a stored or working configuration is the one that it should be. */
export function sameMembers(members: Members, state: ConfState): boolean {
  const { voters, learners, votersOutgoing, learnersNext } = state
  return (
    votersOutgoing.length === 0 &&
    learnersNext.length === 0 &&
    voters.length === members.voters.size &&
    learners.length === members.learners.size &&
    voters.every((id) => members.voters.has(id)) &&
    learners.every((id) => members.learners.has(id))
  )
}

export function membersText({ voters, learners }: Members): string {
  return `voters ${[...voters].join(" ")}${learners.size > 0 ? `, learners ${[...learners].join(" ")}` : ""}`
}
