/**
 * The state as this member shows it: the tables on disk, and over them, in memory, what was decided since they were last
 * written. It goes forward by committed entries only, each once.
 */
import { assert } from "../../base/assert.ts"
import type { Entry, EntryId, ConfState } from "../../raft/types.ts"
import { isConfChange } from "../../raft/confchange/change.ts"
import type { Applied } from "../applied.ts"
import type { Command } from "../command.ts"
import { Machine, type MachineOptions } from "../kv.ts"
import { OverlayTables } from "../overlay-tables.ts"
import { Reader } from "../reader.ts"
import type { Tables } from "../tables.ts"
import { decodeCommand } from "./command-codec.ts"
import type { DiskRound, DurableRaft, Members, RaftDisk } from "./port.ts"
import { isBrief } from "./weigh.ts"

export interface Effect {
  entry: EntryId
  /** Null for an entry that holds no command. */
  applied: Applied | null
}

type Flush = Pick<DiskRound, "flush" | "applied" | "confState" | "members">

/** What entries that change the configuration lead to. */
export type OnConfChange = (entry: Entry) => { confState: ConfState; members: Members } | null

export class AppliedState {
  readonly overlay: OverlayTables
  readonly #options: MachineOptions
  readonly #reader: Reader
  /** For run after run, as long as nothing else writes to the tables. */
  #machine: Machine | null = null
  applied: EntryId
  confState: ConfState
  members: Members
  /** The last entry whose effects are on disk. */
  #durable: EntryId
  #membersChanged = false
  /** On its way to the disk; tried again as it is where that failed. */
  #frozen: Flush | null = null

  constructor(disk: RaftDisk, { applied, confState, members }: DurableRaft, options: MachineOptions) {
    this.overlay = new OverlayTables(disk)
    this.#reader = new Reader(this.overlay.tables)
    this.#options = options
    this.applied = applied
    this.#durable = applied
    this.confState = confState
    this.members = members
  }

  get durable(): EntryId {
    return this.#durable
  }

  /** Whether the disk is behind. */
  get isAhead(): boolean {
    return this.applied.index > this.#durable.index || this.#frozen !== null
  }

  /** Whether some of it is being written, or has failed to be. */
  get isFrozen(): boolean {
    return this.#frozen !== null
  }

  /** Applies entries from the front, up to the first one that is too much for memory. Throws where one cannot be read. */
  apply(entries: readonly Entry[], onConfChange: OnConfChange): Effect[] {
    const effects: Effect[] = []
    this.#machine ??= new Machine(this.overlay.tables, this.#options)
    const machine = this.#machine
    for (const entry of entries) {
      assert(entry.index === this.applied.index + 1, `entry ${entry.index} comes after ${this.applied.index}`)
      let applied: Applied | null = null
      if (isConfChange(entry)) this.#changeMembers(onConfChange(entry))
      else if (entry.data.length > 0) {
        const command = decodeCommand(entry.data)
        if (!isBrief(command, this.#reader)) break
        applied = machine.apply(command)
      }
      this.applied = { index: entry.index, term: entry.term }
      effects.push({ entry, applied })
    }
    machine.finish()
    return effects
  }

  /** What carries the entry's command out on the disk; nothing may be in memory only then. */
  heavy(entry: Entry, onDone: (applied: Applied) => void): (tables: Tables) => Generator<void, void> {
    const command: Command = decodeCommand(entry.data)
    const options = this.#options
    return function* (tables) {
      const machine = new Machine(tables, options)
      const applied = yield* machine.steps(command)
      machine.finish()
      onDone(applied)
    }
  }

  /** What brings the disk up to what is applied now; the same again as long as it was not `flushed`. */
  freeze(): Flush {
    // What failed to be written is tried again as it is; a change of members that came since is for the next time.
    if (this.#frozen !== null) return this.#frozen
    this.#frozen = {
      flush: this.overlay.isFresh ? this.overlay.freeze() : null,
      applied: this.applied,
      ...(this.#membersChanged
        ? { confState: this.confState, members: this.members }
        : { confState: undefined, members: undefined }),
    }
    this.#membersChanged = false
    return this.#frozen
  }

  /** What was frozen is on the disk, and `heavy` too if there was one. */
  flushed(heavy?: EntryId): void {
    this.#durable = heavy ?? this.#frozen?.applied ?? this.#durable
    if (heavy) {
      this.applied = heavy
      this.#machine = null
    }
    this.#frozen = null
    this.overlay.settled()
  }

  /** Another state has taken the place of this one on the disk. */
  installed(at: EntryId, confState: ConfState, members: Members): void {
    assert(!this.overlay.isFresh && this.#frozen === null, "changes of the state before are left in memory")
    this.applied = at
    this.#durable = at
    this.#machine = null
    this.confState = confState
    this.members = members
    this.#membersChanged = false
    this.overlay.settled()
  }

  #changeMembers(changed: ReturnType<OnConfChange>): void {
    if (changed === null) return
    this.confState = changed.confState
    this.members = changed.members
    this.#membersChanged = true
  }
}
