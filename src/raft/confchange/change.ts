/**
 * A change of the configuration, as it stands in a log entry. The data of the entry is JSON, so that a log can be read
 * by eye; an entry without data is the change that leaves a joint configuration.
 */
import { assert } from "../../base/assert.ts"
import { type Entry, type NodeId, NO_DATA, type Proposal } from "../types.ts"

export type ChangeType = "addNode" | "removeNode" | "updateNode" | "addLearnerNode"

export interface SingleChange {
  readonly type: ChangeType
  /** 0: the change was decided against, and does nothing. */
  readonly node: NodeId
}

/**
 * `auto`: one change at once, several by joint consensus that the leader ends. `jointImplicit`: by joint consensus
 * that the leader ends. `jointExplicit`: by joint consensus that an empty change must end.
 */
export type Transition = "auto" | "jointImplicit" | "jointExplicit"

export interface ConfChange {
  readonly transition: Transition
  readonly changes: readonly SingleChange[]
  /** For whoever applies the entry; the core does not look at it. */
  readonly context: string
}

export const LEAVE_JOINT: ConfChange = { transition: "auto", changes: [], context: "" }

export function isConfChange(entry: { readonly type: Entry["type"] }): boolean {
  return entry.type !== "EntryNormal"
}

/** Whether the change ends a joint configuration. */
export function leavesJoint(change: ConfChange): boolean {
  return change.transition === "auto" && change.changes.length === 0
}

/** Whether the change begins a joint configuration, and if so, whether the leader is to end it by itself. */
export function entersJoint(change: ConfChange): { autoLeave: boolean } | undefined {
  if (change.transition === "auto" && change.changes.length <= 1) return undefined
  return { autoLeave: change.transition !== "jointExplicit" }
}

/** The change as something to propose. `EntryConfChange` is etcd's older form and holds exactly one plain change. */
export function confChangeProposal(change: ConfChange, type: Entry["type"] = "EntryConfChangeV2"): Proposal {
  assert(type !== "EntryNormal", "a configuration change is not a normal entry")
  const plain = change.transition === "auto" && change.changes.length === 1
  assert(type === "EntryConfChangeV2" || plain, "the older form holds exactly one change")
  const empty = leavesJoint(change) && change.context === ""
  return { type, data: empty ? NO_DATA : new TextEncoder().encode(JSON.stringify(change)) }
}

/** The change that an entry holds; undefined when its data is none. */
export function decodeConfChange(data: Uint8Array): ConfChange | undefined {
  if (data.length === 0) return LEAVE_JOINT
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(data))
  } catch {
    return undefined
  }
  return isChange(value) ? value : undefined
}

const TRANSITIONS: readonly unknown[] = ["auto", "jointImplicit", "jointExplicit"] satisfies Transition[]
const TYPES: readonly unknown[] = ["addNode", "removeNode", "updateNode", "addLearnerNode"] satisfies ChangeType[]

function isChange(value: unknown): value is ConfChange {
  if (typeof value !== "object" || value === null) return false
  const { transition, changes, context } = value as Record<string, unknown>
  return (
    TRANSITIONS.includes(transition) && typeof context === "string" && Array.isArray(changes) && changes.every(isSingle)
  )
}

function isSingle(value: unknown): value is SingleChange {
  if (typeof value !== "object" || value === null) return false
  const { type, node } = value as Record<string, unknown>
  return TYPES.includes(type) && Number.isSafeInteger(node) && (node as number) >= 0
}
