/**
 * The entries that are decided, known outside of all servers: which term each has, in which term it was first seen to be
 * decided, what it did to the state. A reference machine applies them once, in order, from nothing: what any server
 * answers, shows or has on its disk must be what that machine came to.
 */
import { isConfChange } from "../../../src/raft/confchange/change.ts"
import type { Entry, EntryId, NodeId } from "../../../src/raft/types.ts"
import type { Applied } from "../../../src/store/applied.ts"
import type { Command } from "../../../src/store/command.ts"
import { Machine, type MachineOptions } from "../../../src/store/kv.ts"
import { memoryTables, type MemoryTables } from "../../../src/store/tables.ts"
import { violated } from "../violation.ts"
import { Configurations } from "./configurations.ts"

/** What became of one place in the log. */
export interface Place {
  readonly term: number
  /** The term of the server that first knew it decided: whoever leads a later one must have it. */
  readonly decidedIn: number
  /** The state's revision after it. */
  readonly revision: number
  /** Null where the entry holds no command. */
  readonly effect: Applied | null
}

export interface KeyChange {
  readonly value: string | null
  readonly revision: number
}

export interface DecidedOptions {
  /** Where the log begins: the entry before its first one, and the first members. */
  readonly base: EntryId
  readonly voters: readonly NodeId[]
  readonly machine: MachineOptions
  /** The command in an entry, undefined where there is none. */
  readonly decode: (entry: Entry) => Command | undefined
}

const text = new TextDecoder()

export class Decided {
  readonly configurations: Configurations
  readonly tables: MemoryTables = memoryTables()
  private readonly base: EntryId
  private readonly places: Place[] = []
  private readonly options: DecidedOptions
  /** Where the commands are, by their `at`: each client's command has one of its own. */
  private readonly commands = new Map<number, number>()
  private readonly keys = new Map<string, KeyChange[]>()

  constructor(options: DecidedOptions) {
    this.options = options
    this.base = options.base
    this.configurations = new Configurations(options.base.index, options.voters)
  }

  /** The last decided entry. */
  get index(): number {
    return this.base.index + this.places.length
  }

  place(index: number): Place | undefined {
    return this.places[index - this.base.index - 1]
  }

  term(index: number): number | undefined {
    return index === this.base.index ? this.base.term : this.place(index)?.term
  }

  revision(index: number): number {
    return this.place(index)?.revision ?? 0
  }

  /** Where the command with this `at` is decided. */
  find(at: number): number | undefined {
    return this.commands.get(at)
  }

  /** The last change of a key up to a revision. */
  value(key: string, revision: number): KeyChange | undefined {
    return this.keys.get(key)?.findLast((change) => change.revision <= revision)
  }

  /** The next entry is decided: nobody knew of it before. Gives what it did to the members, if that is what it is. */
  decide(entry: Entry, decidedIn: number): ReturnType<Configurations["decide"]> {
    const command = isConfChange(entry) ? undefined : this.options.decode(entry)
    const effect = command === undefined ? null : this.apply(command, entry.index)
    const revision = effect?.revision ?? this.revision(entry.index - 1)
    this.places.push({ term: entry.term, decidedIn, revision, effect })
    return isConfChange(entry) ? this.configurations.decide(entry) : "nothing"
  }

  private apply(command: Command, index: number): Applied {
    const twice = this.commands.get(command.at)
    if (twice !== undefined) violated("I14", `the command ${command.at} is decided at ${twice} and at ${index}`)
    this.commands.set(command.at, index)
    const machine = new Machine(this.tables, this.options.machine)
    const effect = machine.apply(command)
    machine.finish()
    for (const { key, entry } of effect.events) {
      const changes = this.keys.get(key) ?? []
      this.keys.set(key, changes)
      changes.push({ value: entry && text.decode(entry.value), revision: effect.revision })
    }
    return effect
  }
}

/** Whether two servers have done the same. */
export function isSameEffect(a: Applied, b: Applied): boolean {
  return (
    a.revision === b.revision &&
    a.changed === b.changed &&
    a.wide === b.wide &&
    a.outcome.type === b.outcome.type &&
    a.events.length === b.events.length &&
    a.events.every((event, i) => event.key === b.events[i]!.key)
  )
}
