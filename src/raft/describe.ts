/**
 * The state of a server in words, as etcd's library prints it: for transcripts, and for whoever looks at a simulation
 * that failed.
 */
import { decodeConfChange, type SingleChange } from "./confchange/change.ts"
import type { Message } from "./message.ts"
import type { Progress } from "./tracker/progress.ts"
import type { Configuration, ProgressTracker } from "./tracker/tracker.ts"
import {
  APPEND_THREAD,
  APPLY_THREAD,
  type ConfState,
  type Entry,
  type HardState,
  type NodeId,
  NONE,
  type Role,
  type Snapshot,
  type SoftState,
} from "./types.ts"

const ROLES: Record<Role, string> = {
  follower: "StateFollower",
  preCandidate: "StatePreCandidate",
  candidate: "StateCandidate",
  leader: "StateLeader",
}

const PROGRESS = { probe: "StateProbe", replicate: "StateReplicate", snapshot: "StateSnapshot" }

export function describeRole(role: Role): string {
  return ROLES[role]
}

export function describeSoftState(state: SoftState): string {
  return `Lead:${state.lead} State:${ROLES[state.role]}`
}

export function describeHardState(state: HardState): string {
  return `Term:${state.term}${state.vote === NONE ? "" : ` Vote:${state.vote}`} Commit:${state.commit}`
}

export function describeConfState(state: ConfState): string {
  const list = (ids: readonly NodeId[]) => `[${ids.join(" ")}]`
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = state
  return (
    `Voters:${list(voters)} VotersOutgoing:${list(votersOutgoing)} Learners:${list(learners)} ` +
    `LearnersNext:${list(learnersNext)} AutoLeave:${autoLeave}`
  )
}

export function describeSnapshot(snapshot: Snapshot): string {
  return `Index:${snapshot.index} Term:${snapshot.term} ConfState:${describeConfState(snapshot.confState)}`
}

/** `1/4 EntryNormal "foo"`: term, index, type, data. */
export function describeEntry(entry: Entry): string {
  return `${entry.term}/${entry.index} ${entry.type}${describeData(entry)}`
}

function describeData({ type, data }: Entry): string {
  if (type === "EntryNormal") return ` ${JSON.stringify(new TextDecoder().decode(data))}`
  const change = decodeConfChange(data)
  if (change === undefined) return " undecodable"
  return change.changes.length === 0 ? "" : ` ${change.changes.map(describeChange).join(" ")}`
}

const CHANGES = { addNode: "v", addLearnerNode: "l", removeNode: "r", updateNode: "u" }

function describeChange(change: SingleChange): string {
  return `${CHANGES[change.type]}${change.node}`
}

/** Entries in a message: one stays on its line, several get a line each. */
export function describeEntries(entries: readonly Entry[], indent: string): string {
  if (entries.length === 0) return ""
  if (entries.length === 1) return ` Entries:[${describeEntry(entries[0]!)}]`
  const lines = entries.map((entry) => `\n${indent}  ${describeEntry(entry)}`)
  return ` Entries:[${lines.join("")}\n${indent}]`
}

/** `1->2 MsgApp Term:1 Log:1/3 Commit:3 Entries:[...]`; every line begins with `indent`. */
export function describeMessage(m: Message, indent = ""): string {
  return (
    `${indent}${describeNode(m.from)}->${describeNode(m.to)} ${m.type} Term:${m.term} Log:${m.logTerm}/${m.index}` +
    (m.reject ? ` Rejected (Hint: ${m.rejectHint})` : "") +
    (m.commit === 0 ? "" : ` Commit:${m.commit}`) +
    describeEntries(m.entries, indent) +
    describeSnapshotIn(m.snapshot, indent)
  )
}

export function describeSnapshotIn(snapshot: Snapshot | undefined, indent: string): string {
  return snapshot === undefined || snapshot.index === 0 ? "" : `\n${indent}  Snapshot: ${describeSnapshot(snapshot)}`
}

export function describeNode(id: NodeId): string {
  if (id === NONE) return "None"
  if (id === APPEND_THREAD) return "AppendThread"
  return id === APPLY_THREAD ? "ApplyThread" : id.toString(16)
}

/** `voters=(1 2)&&(1 2 3) learners=(4) autoleave`. */
export function describeConfiguration({ voters, learners, learnersNext, autoLeave }: Configuration): string {
  return (
    `voters=${describeSet(voters.incoming)}` +
    (voters.outgoing.size === 0 ? "" : `&&${describeSet(voters.outgoing)}`) +
    (learners.size === 0 ? "" : ` learners=${describeSet(learners)}`) +
    (learnersNext.size === 0 ? "" : ` learners_next=${describeSet(learnersNext)}`) +
    (autoLeave ? " autoleave" : "")
  )
}

function describeSet(ids: ReadonlySet<NodeId>): string {
  const sorted = [...ids].sort((a, b) => a - b)
  return `(${sorted.map((id) => id.toString(16)).join(" ")})`
}

/** `StateReplicate match=4 next=6 paused inflight=1[full]`. */
export function describeProgress(progress: Progress): string {
  const { inflights } = progress
  return (
    `${PROGRESS[progress.state]} match=${progress.match} next=${progress.next}` +
    (progress.isLearner ? " learner" : "") +
    (progress.isPaused() ? " paused" : "") +
    (progress.pendingSnapshot > 0 ? ` pendingSnap=${progress.pendingSnapshot}` : "") +
    (progress.recentActive ? "" : " inactive") +
    (inflights.count > 0 ? ` inflight=${inflights.count}${inflights.full() ? "[full]" : ""}` : "")
  )
}

/** All members, a line each. */
export function describeProgressOf(tracker: Pick<ProgressTracker, "progress">): string {
  const ids = [...tracker.progress.keys()].sort((a, b) => a - b)
  return ids.map((id) => `${id}: ${describeProgress(tracker.progress.get(id)!)}\n`).join("")
}
