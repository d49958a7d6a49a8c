/**
 * What is to be written next. The core hands out wishes faster than a disk fulfils them: while one round is under way the
 * next one gathers here, so that many wishes share one commit. Messages that attest what is written wait with it.
 */
import type { Ready } from "../../raft/node.ts"
import type { Message } from "../../raft/message.ts"
import type { ConfState, Entry, HardState, NodeId, Snapshot } from "../../raft/types.ts"
import type { DiskRound, Members } from "./port.ts"

/** A round in which nothing is written but what `fields` names. */
export function diskRound(fields: Partial<DiskRound>): DiskRound {
  return {
    install: null,
    startsAt: undefined,
    entries: [],
    hardState: undefined,
    flush: null,
    heavy: null,
    applied: undefined,
    confState: undefined,
    members: undefined,
    compactTo: 0,
    urgent: false,
    ...fields,
  }
}

/**
 * What the first server of a cluster writes before anything else, and one whose store was written before there was a log:
 * a snapshot at entry 1 that names it the only voter, and stands for whatever the tables hold.
 */
export function firstRound(self: NodeId, nodeId: string): DiskRound {
  const first = { index: 1, term: 1 }
  return diskRound({
    startsAt: first,
    hardState: { term: 1, vote: 0, commit: 1 },
    applied: first,
    confState: onlyVoter(self),
    members: { nodes: new Map([[self, nodeId]]), removed: new Set() } satisfies Members,
    urgent: true,
  })
}

export function onlyVoter(self: NodeId): ConfState {
  return { voters: [self], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false }
}

export class Gathering {
  entries: Entry[] = []
  /** Bytes of their data. */
  bytes = 0
  hardState: HardState | undefined
  snapshot: Snapshot | undefined
  /** Whether something of it must be on the disk before `messages` go. */
  mustSync = false
  messages: Message[] = []

  add({ entries, hardState, snapshot, messagesAfterAppend, mustSync }: Ready): void {
    if (snapshot !== undefined) {
      // It replaces the log that was to be written; what that attested is overtaken.
      this.#cut(0)
      this.snapshot = snapshot
    }
    const [first] = entries
    if (first !== undefined) this.#cut(first.index)
    for (const entry of entries) {
      this.entries.push(entry)
      this.bytes += entry.data.length
    }
    this.hardState = hardState ?? this.hardState
    this.mustSync ||= mustSync || snapshot !== undefined
    for (const message of messagesAfterAppend) this.messages.push(message)
  }

  /**
   * Entries from `index` on are void before they were written. Who was to be told that they are here is not told: they
   * never will be.
   */
  #cut(index: number): void {
    const first = this.entries[0]?.index
    if (first === undefined || first + this.entries.length <= index) return
    for (const { data } of this.entries.splice(Math.max(0, index - first))) this.bytes -= data.length
    this.messages = this.messages.filter((m) => m.type !== "MsgAppResp" || m.reject || m.index < index)
  }
}
