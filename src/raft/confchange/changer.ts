/**
 * Works out the configuration that follows from a change, or why there is none. Nothing is changed in place: who asks
 * puts the outcome in force, or only wanted to know whether the change is possible.
 */
import { assert } from "../../base/assert.ts"
import { voterIds } from "../quorum/joint.ts"
import { Inflights } from "../tracker/inflights.ts"
import { Progress } from "../tracker/progress.ts"
import { type Configuration, isJoint, type ProgressMap } from "../tracker/tracker.ts"
import type { NodeId } from "../types.ts"
import { type ConfChange, entersJoint, leavesJoint, type SingleChange } from "./change.ts"

export interface Membership {
  readonly configuration: Configuration
  readonly progress: ProgressMap
}

/** What a member that is new begins with. */
export interface Newcomer {
  /** The last index of the log: the first thing tried is whether the newcomer has it. */
  lastIndex: number
  maxInflightMessages: number
  maxInflightBytes: number
}

/** The configuration after the change, or in words why it is impossible. */
export type Outcome = Membership | string

/** Applies a change in the way that it asks for. */
export function changeMembership(now: Membership, change: ConfChange, newcomer: Newcomer): Outcome {
  if (leavesJoint(change)) return leaveJoint(now)
  const joint = entersJoint(change)
  if (joint !== undefined) return enterJoint(now, joint.autoLeave, change.changes, newcomer)
  return simple(now, change.changes, newcomer)
}

/**
 * From `(1 2 3)` by way of `(1 2 3)&&(1 2 3)` to whatever the changes make of the incoming half: section 6 of the
 * paper, and 4.3 of the thesis, where it is called C_old,new.
 */
export function enterJoint(
  now: Membership,
  autoLeave: boolean,
  changes: readonly SingleChange[],
  newcomer: Newcomer,
): Outcome {
  const draft = new Draft(now, newcomer)
  if (isJoint(now.configuration)) return "config is already joint"
  if (draft.incoming.size === 0) return "can't make a zero-voter config joint"
  for (const id of draft.incoming) draft.outgoing.add(id)
  draft.autoLeave = autoLeave
  return draft.apply(changes) ?? draft.finish()
}

/** From C_old,new to C_new: the incoming half decides alone, and those who only voted in the outgoing half are gone. */
export function leaveJoint(now: Membership): Outcome {
  if (!isJoint(now.configuration)) return "can't leave a non-joint config"
  const draft = new Draft(now, undefined)
  for (const id of draft.learnersNext) draft.becomeLearner(id)
  draft.learnersNext.clear()
  for (const id of draft.outgoing) {
    if (!draft.incoming.has(id) && !draft.learners.has(id)) draft.progress.delete(id)
  }
  draft.outgoing.clear()
  draft.autoLeave = false
  return draft.finish()
}

/** Changes that together add or remove at most one voter: any two majorities still overlap (thesis 4.1). */
export function simple(now: Membership, changes: readonly SingleChange[], newcomer: Newcomer): Outcome {
  if (isJoint(now.configuration)) return "can't apply simple config change in joint config"
  const draft = new Draft(now, newcomer)
  const failed = draft.apply(changes)
  if (failed !== undefined) return failed
  const before = now.configuration.voters.incoming
  if (before.symmetricDifference(draft.incoming).size > 1) {
    return "more than one voter changed without entering joint config"
  }
  return draft.finish()
}

/** A configuration in the making. */
class Draft {
  readonly incoming: Set<NodeId>
  readonly outgoing: Set<NodeId>
  readonly learners: Set<NodeId>
  readonly learnersNext: Set<NodeId>
  readonly progress = new Map<NodeId, Progress>()
  autoLeave: boolean
  private readonly newcomer: Newcomer | undefined

  constructor(now: Membership, newcomer: Newcomer | undefined) {
    assertConsistent(now)
    const { voters, learners, learnersNext, autoLeave } = now.configuration
    this.incoming = new Set(voters.incoming)
    this.outgoing = new Set(voters.outgoing)
    this.learners = new Set(learners)
    this.learnersNext = new Set(learnersNext)
    this.autoLeave = autoLeave
    for (const [id, progress] of now.progress) this.progress.set(id, progress.copy())
    this.newcomer = newcomer
  }

  /** Returns what is wrong with the changes, if something is. They only concern the incoming voters, and learners. */
  apply(changes: readonly SingleChange[]): string | undefined {
    for (const { type, node } of changes) {
      if (node === 0) continue
      if (type === "addNode") this.makeVoter(node)
      else if (type === "addLearnerNode") this.makeLearner(node)
      else if (type === "removeNode") this.remove(node)
    }
    return this.incoming.size === 0 ? "removed all voters" : undefined
  }

  private makeVoter(id: NodeId): void {
    const progress = this.progress.get(id) ?? this.join(id)
    progress.isLearner = false
    this.learners.delete(id)
    this.learnersNext.delete(id)
    this.incoming.add(id)
  }

  private makeLearner(id: NodeId): void {
    const progress = this.progress.get(id) ?? this.join(id)
    if (progress.isLearner) return
    this.remove(id)
    this.progress.set(id, progress)
    // A voter of the outgoing half stays one until that half is left: nobody is voter and learner at once.
    if (this.outgoing.has(id)) this.learnersNext.add(id)
    else this.becomeLearner(id)
  }

  becomeLearner(id: NodeId): void {
    this.learners.add(id)
    this.progress.get(id)!.isLearner = true
  }

  private remove(id: NodeId): void {
    this.incoming.delete(id)
    this.learners.delete(id)
    this.learnersNext.delete(id)
    if (!this.outgoing.has(id)) this.progress.delete(id)
  }

  private join(id: NodeId): Progress {
    const { newcomer } = this
    assert(newcomer !== undefined, "nobody joins by leaving a joint configuration")
    const inflights = new Inflights(newcomer.maxInflightMessages, newcomer.maxInflightBytes)
    const progress = new Progress(Math.max(newcomer.lastIndex, 1), false, inflights)
    // It counts as heard of, else the leader might step down before it had a chance to say a word (thesis 6.2).
    progress.recentActive = true
    this.progress.set(id, progress)
    return progress
  }

  finish(): Membership {
    const { incoming, outgoing, learners, learnersNext, autoLeave, progress } = this
    const result: Membership = {
      configuration: { voters: { incoming, outgoing }, learners, learnersNext, autoLeave },
      progress,
    }
    assertConsistent(result)
    return result
  }
}

/** Members and what is known about them belong together, and nobody has two parts. */
function assertConsistent({ configuration, progress }: Membership): void {
  const { voters, learners, learnersNext, autoLeave } = configuration
  for (const id of [...voterIds(voters), ...learners, ...learnersNext])
    assert(progress.has(id), `no progress for ${id}`)
  for (const id of learnersNext) {
    assert(voters.outgoing.has(id), `${id} is to become a learner but is no outgoing voter`)
    assert(!progress.get(id)!.isLearner, `${id} is to become a learner and already counts as one`)
  }
  for (const id of learners) {
    assert(!voters.incoming.has(id) && !voters.outgoing.has(id), `${id} is voter and learner`)
    assert(progress.get(id)!.isLearner, `${id} is a learner and does not count as one`)
  }
  if (isJoint(configuration)) return
  assert(learnersNext.size === 0, "learners wait for the end of a joint configuration that there is not")
  assert(!autoLeave, "a configuration that is not joint cannot be left")
}
