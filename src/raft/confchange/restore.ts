/** Rebuilds a configuration from how it is stored, by the changes that lead to it: so it is checked on the way. */
import { assert } from "../../base/assert.ts"
import { EMPTY_CONFIGURATION } from "../tracker/tracker.ts"
import type { ConfState, NodeId } from "../types.ts"
import type { ChangeType, SingleChange } from "./change.ts"
import { enterJoint, type Membership, type Newcomer, type Outcome, simple } from "./changer.ts"

const NOBODY: Membership = { configuration: EMPTY_CONFIGURATION, progress: new Map() }

/**
 * The membership that `state` describes. A joint one is reached by first electing the outgoing voters, and then
 * entering the joint configuration with the changes that replace all of them by the incoming ones.
 */
export function restoreMembership(state: ConfState, newcomer: Newcomer): Membership {
  const joint = state.votersOutgoing.length > 0
  const incoming = [
    ...all("removeNode", state.votersOutgoing),
    ...all("addNode", state.voters),
    ...all("addLearnerNode", state.learners),
    ...all("addLearnerNode", state.learnersNext),
  ]
  const oneByOne = joint ? all("addNode", state.votersOutgoing) : incoming
  let membership = NOBODY
  for (const change of oneByOne) membership = expect(simple(membership, [change], newcomer), state)
  return joint ? expect(enterJoint(membership, state.autoLeave, incoming, newcomer), state) : membership
}

function all(type: ChangeType, ids: readonly NodeId[]): SingleChange[] {
  return ids.map((node) => ({ type, node }))
}

function expect(outcome: Outcome, state: ConfState): Membership {
  assert(typeof outcome !== "string", `a stored configuration is impossible: ${outcome}: ${JSON.stringify(state)}`)
  return outcome
}
