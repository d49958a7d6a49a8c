/** Changes of who belongs to the cluster: what they do to the names of the members, and which of them are refused. */
import { assert } from "../../base/assert.ts"
import { OvlError } from "../../base/errors.ts"
import { decodeConfChange, type ConfChange, type SingleChange } from "../../raft/confchange/change.ts"
import type { ConfState, Entry, NodeId } from "../../raft/types.ts"
import type { Members } from "./port.ts"

/** One member more, less, or with a vote. The node's id goes along, so that all members know each other's. */
export function memberChange(type: SingleChange["type"], node: NodeId, nodeId: string): ConfChange {
  return { transition: "auto", changes: [{ type, node }], context: nodeId }
}

export function confChangeOf(entry: Entry): ConfChange {
  const change = decodeConfChange(entry.data)
  assert(change !== undefined, `entry ${entry.index} changes the configuration, and cannot be read`)
  return change
}

/** The names after the change. */
export function membersAfter({ nodes, removed }: Members, { changes, context }: ConfChange): Members {
  const named = new Map(nodes)
  const gone = new Set(removed)
  for (const { type, node } of changes) {
    if (type === "removeNode") {
      named.delete(node)
      gone.add(node)
    } else if (context !== "") named.set(node, context)
  }
  return { nodes: named, removed: gone }
}

export function isVoterIn({ voters, votersOutgoing }: ConfState, node: NodeId): boolean {
  return voters.includes(node) || votersOutgoing.includes(node)
}

/** Nobody else's word is needed. */
export function isOnlyMember({ voters, votersOutgoing, learners }: ConfState, node: NodeId): boolean {
  return voters.length === 1 && voters[0] === node && votersOutgoing.length + learners.length === 0
}

export function isIn(confState: ConfState, node: NodeId): boolean {
  const { learners, learnersNext } = confState
  return isVoterIn(confState, node) || learners.includes(node) || learnersNext.includes(node)
}

export function memberUnknown(nodeId: string): OvlError {
  return new OvlError("member_unknown", `server ${nodeId}: it is not among those that keep the store`, {
    kind: "not_found",
  })
}

export function memberRemoved(nodeId: string): OvlError {
  return new OvlError("member_removed", `server ${nodeId}: it was removed, and no id is used twice`, {
    kind: "conflict",
    hint: "let it join anew, with an empty data directory",
  })
}

export function memberChangeBusy(why: string): OvlError {
  return new OvlError("member_change_busy", `change the servers: ${why}`, {
    kind: "conflict",
    hint: "try again in a moment",
  })
}

export function memberLagging(nodeId: string, lag: number): OvlError {
  return new OvlError("member_lagging", `give server ${nodeId} its vote: it lacks ${lag} entries`, {
    kind: "conflict",
    hint: "wait until it has caught up: ovl raft ls",
  })
}

export function quorumWouldBeLost(nodeId: string): OvlError {
  return new OvlError(
    "quorum_would_be_lost",
    `remove server ${nodeId}: those that are left and answer would be no majority`,
    { kind: "conflict", hint: "start the servers that are missing, or add one, before you remove this one" },
  )
}

export function transferFailed(why: string): OvlError {
  return new OvlError("transfer_failed", `hand the lead over: ${why}`, { kind: "unavailable", hint: "try again" })
}
