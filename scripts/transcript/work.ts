/**
 * What a server hands to its driver, in the words of etcd's transcripts. There, with asynchronous writes, the driver is
 * spoken to by messages as well: to an append thread, that writes, and to an apply thread, that applies; each carries
 * the messages that are to go out when it is done.
 */
import {
  describeEntries,
  describeEntry,
  describeHardState,
  describeMessage,
  describeNode,
  describeSnapshot,
  describeSnapshotIn,
  describeSoftState,
} from "../../src/raft/describe.ts"
import type { Message } from "../../src/raft/message.ts"
import type { Ready } from "../../src/raft/node.ts"
import { APPEND_THREAD, APPLY_THREAD, type Entry, type HardState, type Snapshot } from "../../src/raft/types.ts"

export interface Work {
  thread: typeof APPEND_THREAD | typeof APPLY_THREAD
  from: number
  hardState: HardState | undefined
  entries: readonly Entry[]
  snapshot: Snapshot | undefined
  responses: readonly Message[]
}

export function appendWork(from: number, ready: Ready): Work | undefined {
  const { hardState, entries, snapshot, messagesAfterAppend: responses } = ready
  if (hardState === undefined && entries.length === 0 && snapshot === undefined && responses.length === 0) return
  return { thread: APPEND_THREAD, from, hardState, entries, snapshot, responses }
}

export function applyWork(from: number, ready: Ready): Work | undefined {
  const { committedEntries: entries, messagesAfterApply: responses } = ready
  if (entries.length === 0) return undefined
  return { thread: APPLY_THREAD, from, hardState: undefined, entries, snapshot: undefined, responses }
}

export function describeWork(work: Work, withResponses: boolean): string {
  const { hardState, responses } = work
  const type = work.thread === APPEND_THREAD ? "MsgStorageAppend" : "MsgStorageApply"
  const lines = withResponses && responses.length > 0 ? responses.map((m) => `\n${describeMessage(m, "  ")}`) : []
  return (
    `${describeNode(work.from)}->${describeNode(work.thread)} ${type} Term:${hardState?.term ?? 0} Log:0/0` +
    (hardState === undefined || hardState.commit === 0 ? "" : ` Commit:${hardState.commit}`) +
    (hardState === undefined || hardState.vote === 0 ? "" : ` Vote:${hardState.vote}`) +
    describeEntries(work.entries, "") +
    describeSnapshotIn(work.snapshot, "") +
    (lines.length === 0 ? "" : ` Responses:[${lines.join("")}\n]`)
  )
}

/** `messages` are those that the transcript counts as sent: without asynchronous writes also those that wait for it. */
export function describeReady(ready: Ready, messages: readonly string[]): string {
  const { softState, hardState, readStates, entries, snapshot, committedEntries } = ready
  const lines: string[] = []
  if (softState !== undefined) lines.push(describeSoftState(softState))
  if (hardState !== undefined) lines.push(`HardState ${describeHardState(hardState)}`)
  if (readStates.length > 0) {
    lines.push(`ReadStates [${readStates.map(({ index, context }) => `{${index} ${context}}`).join(" ")}]`)
  }
  if (entries.length > 0) lines.push("Entries:", ...entries.map(describeEntry))
  if (snapshot !== undefined) lines.push(`Snapshot ${describeSnapshot(snapshot)}`)
  if (committedEntries.length > 0) lines.push("CommittedEntries:", ...committedEntries.map(describeEntry))
  if (messages.length > 0) lines.push("Messages:", ...messages)
  if (lines.length === 0) return "<empty Ready>"
  return `Ready MustSync=${ready.mustSync}:\n${lines.join("\n")}\n`
}
