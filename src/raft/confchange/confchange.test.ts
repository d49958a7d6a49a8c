import { describe, expect, test } from "bun:test"
import { describeConfiguration, describeProgressOf } from "../describe.ts"
import { confStateOf, EMPTY_CONFIGURATION } from "../tracker/tracker.ts"
import type { ConfState } from "../types.ts"
import {
  confChangeProposal,
  decodeConfChange,
  entersJoint,
  LEAVE_JOINT,
  leavesJoint,
  type SingleChange,
} from "./change.ts"
import { changeMembership, enterJoint, leaveJoint, type Membership, simple } from "./changer.ts"
import { restoreMembership } from "./restore.ts"

const NEWCOMER = { lastIndex: 10, maxInflightMessages: 4, maxInflightBytes: 1_000 }
const NOBODY: Membership = { configuration: EMPTY_CONFIGURATION, progress: new Map() }
const TYPES = { v: "addNode", l: "addLearnerNode", r: "removeNode" } as const

function changes(text: string): SingleChange[] {
  return text.split(" ").map((word) => ({ type: TYPES[word[0] as "v"], node: Number(word.slice(1)) }))
}

function after(outcome: Membership | string): string {
  return typeof outcome === "string" ? outcome : describeConfiguration(outcome.configuration)
}

const THREE = restoreMembership(
  { voters: [1, 2, 3], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false },
  NEWCOMER,
)

describe("simple changes", () => {
  test.each([
    ["v4", "voters=(1 2 3 4)"],
    ["l4", "voters=(1 2 3) learners=(4)"],
    ["r3", "voters=(1 2)"],
    ["l3", "voters=(1 2) learners=(3)"],
    ["v4 v5", "more than one voter changed without entering joint config"],
    ["r1 r2", "more than one voter changed without entering joint config"],
    ["r1 r2 r3", "removed all voters"],
    ["r9", "voters=(1 2 3)"],
    ["v0 r0", "voters=(1 2 3)"],
  ])("%s gives %s", (text, expected) => {
    expect(after(simple(THREE, changes(text), NEWCOMER))).toBe(expected)
  })

  test("leave what they started from as it was", () => {
    const before = describeProgressOf(THREE)
    simple(THREE, changes("l3"), NEWCOMER)
    expect(after(THREE)).toBe("voters=(1 2 3)")
    expect(describeProgressOf(THREE)).toBe(before)
  })

  test("let a member join at the last index, as one that was just heard of", () => {
    const outcome = simple(NOBODY, changes("v1"), NEWCOMER) as Membership
    expect(describeProgressOf(outcome)).toBe("1: StateProbe match=0 next=10\n")
  })

  test("keep what is known about a learner that is promoted", () => {
    const learner = simple(THREE, changes("l4"), NEWCOMER) as Membership
    learner.progress.get(4)!.maybeUpdate(7)
    const promoted = simple(learner, changes("v4"), NEWCOMER) as Membership
    expect(promoted.progress.get(4)).toMatchObject({ match: 7, isLearner: false })
  })
})

describe("joint changes", () => {
  test("keep both halves, and who votes in either", () => {
    const joint = enterJoint(THREE, true, changes("r1 v4 l5"), NEWCOMER) as Membership
    expect(after(joint)).toBe("voters=(2 3 4)&&(1 2 3) learners=(5) autoleave")
    expect([...joint.progress.keys()].sort()).toEqual([1, 2, 3, 4, 5])
    expect(after(enterJoint(joint, false, [], NEWCOMER))).toBe("config is already joint")
    expect(after(simple(joint, changes("v6"), NEWCOMER))).toBe("can't apply simple config change in joint config")
    const left = leaveJoint(joint) as Membership
    expect(after(left)).toBe("voters=(2 3 4) learners=(5)")
    expect(left.progress.has(1)).toBe(false)
    expect(after(leaveJoint(left))).toBe("can't leave a non-joint config")
  })

  test("make a voter a learner only when it has no vote left", () => {
    const joint = enterJoint(THREE, false, changes("l1"), NEWCOMER) as Membership
    expect(after(joint)).toBe("voters=(2 3)&&(1 2 3) learners_next=(1)")
    expect(joint.progress.get(1)!.isLearner).toBe(false)
    const left = leaveJoint(joint) as Membership
    expect(after(left)).toBe("voters=(2 3) learners=(1)")
    expect(left.progress.get(1)!.isLearner).toBe(true)
  })

  test("need voters to begin with", () => {
    expect(after(enterJoint(NOBODY, false, changes("v1"), NEWCOMER))).toBe("can't make a zero-voter config joint")
  })
})

describe("a change in an entry", () => {
  test.each([
    ["auto", 1, undefined],
    ["auto", 2, { autoLeave: true }],
    ["jointImplicit", 1, { autoLeave: true }],
    ["jointExplicit", 1, { autoLeave: false }],
  ] as const)("%s with %i changes enters: %j", (transition, count, expected) => {
    const list = changes("v1 v2").slice(0, count)
    expect(entersJoint({ transition, changes: list, context: "" })).toEqual(expected)
  })

  test("chooses its own way", () => {
    const change = (text: string) => ({ transition: "auto" as const, changes: changes(text), context: "" })
    expect(after(changeMembership(THREE, change("v4"), NEWCOMER))).toBe("voters=(1 2 3 4)")
    const joint = changeMembership(THREE, change("v4 v5"), NEWCOMER)
    expect(after(joint)).toBe("voters=(1 2 3 4 5)&&(1 2 3) autoleave")
    expect(after(changeMembership(joint as Membership, LEAVE_JOINT, NEWCOMER))).toBe("voters=(1 2 3 4 5)")
  })

  test("is read back as it was written", () => {
    const change = { transition: "jointExplicit" as const, changes: changes("v1 r2 l3"), context: "host7" }
    expect(decodeConfChange(confChangeProposal(change).data)).toEqual(change)
    const leave = confChangeProposal(LEAVE_JOINT)
    expect(leave.data.length).toBe(0)
    expect(leavesJoint(decodeConfChange(leave.data)!)).toBe(true)
  })

  test.each([
    "nonsense",
    "null",
    "{}",
    '{"transition":"auto","changes":[{"type":"addNode","node":-1}],"context":""}',
    '{"transition":"auto","changes":[{"type":"addNode","node":1.5}],"context":""}',
    '{"transition":"auto","changes":[{"type":"explode","node":1}],"context":""}',
    '{"transition":"never","changes":[],"context":""}',
  ])("is none: %s", (data) => {
    expect(decodeConfChange(new TextEncoder().encode(data))).toBeUndefined()
  })
})

test.each<ConfState>([
  { voters: [1, 2, 3], votersOutgoing: [], learners: [4, 5], learnersNext: [], autoLeave: false },
  { voters: [1, 2, 3], votersOutgoing: [1, 2, 4, 6], learners: [5], learnersNext: [4], autoLeave: true },
  { voters: [], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false },
])("%j is restored from what is stored", (state) => {
  expect(confStateOf(restoreMembership(state, NEWCOMER).configuration)).toEqual(state)
})
