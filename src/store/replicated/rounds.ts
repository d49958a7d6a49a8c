/**
 * What is to be written next. The core hands out wishes faster than a disk fulfils them: while one round is under way the
 * next one gathers here, so that many wishes share one commit. Messages that attest what is written wait with it.
 */
import { assert } from "../../base/assert.ts"
import type { Ready } from "../../raft/node.ts"
import type { Message } from "../../raft/message.ts"
import { type ConfState, type Entry, type HardState, type NodeId, NONE, type Snapshot } from "../../raft/types.ts"
import type { AppliedState } from "./applied-state.ts"
import type { DiskRound, Members, RaftDisk, Stage } from "./port.ts"
import { membersOfText } from "./raft-rows.ts"

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

/** Makes this member the only one, in a term above all that it knows, with every entry of its log decided. */
export function aloneRound(self: NodeId, term: number, disk: RaftDisk, state: AppliedState): DiskRound {
  const { nodes, removed } = state.members
  const others = [...nodes.keys()].filter((id) => id !== self)
  const members = { nodes: new Map([[self, nodes.get(self)!]]), removed: new Set([...removed, ...others]) }
  const next = Math.max(term, disk.load().hardState?.term ?? 0) + 1
  const hardState = { term: next, vote: NONE, commit: disk.lastIndex() }
  return diskRound({ ...state.freeze(), hardState, confState: onlyVoter(self), members })
}

/** The staged state takes the place of the present one, and the log goes on behind it. */
export function installRound(gathered: Gathering, snapshot: Snapshot, install: Stage | null): Writing {
  assert(install !== null, "a snapshot is to be installed that was not fetched")
  const { entries, hardState, messages } = gathered
  const { members } = membersOfText(new TextDecoder().decode(snapshot.data))
  const { index, term, confState } = snapshot
  const at = { index, term }
  const round = diskRound({ install, startsAt: at, entries, hardState, applied: at, confState, members })
  return { round, messages, snapshot, heavy: undefined, recovers: false }
}

/** A round that is being written. */
export interface Writing {
  round: DiskRound
  messages: readonly Message[]
  snapshot: Snapshot | undefined
  heavy: Entry | undefined
  /** It makes this member the only one. */
  recovers: boolean
}

export function withoutMessages(round: DiskRound, heavy?: Entry): Writing {
  return { round, messages: [], snapshot: undefined, heavy, recovers: false }
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
