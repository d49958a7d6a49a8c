/**
 * A few servers of the consensus core in one process, for the tests of its rules: every server writes at once what it
 * is told to, and messages are delivered until there are none, except over links that a test has cut.
 */
import { decodeConfChange } from "../../src/raft/confchange/change.ts"
import { type RaftConfig, raftConfig } from "../../src/raft/config.ts"
import { MemoryStorage } from "../../src/raft/log/memory-storage.ts"
import { type Message, type MessageType, message } from "../../src/raft/message.ts"
import { RaftNode } from "../../src/raft/node.ts"
import { confStateOf } from "../../src/raft/tracker/tracker.ts"
import { type ConfState, type Entry, NO_DATA, type ReadState, type Snapshot } from "../../src/raft/types.ts"

export type Options = Partial<Omit<RaftConfig, "id" | "storage" | "random">>

/** As the paper has it: none of the safeguards that came later, and a write is done when the call is over. */
export const PLAIN: Options = {
  asyncStorageWrites: false,
  electionTicks: 10,
  heartbeatTicks: 1,
  checkQuorum: false,
  preVote: false,
}

export function confState(voters: number[], learners: number[] = []): ConfState {
  return { voters, learners, votersOutgoing: [], learnersNext: [], autoLeave: false }
}

/** Storage of a server that has never run, in a cluster with these members. */
export function freshStorage(voters: number[], learners: number[] = []): MemoryStorage {
  const storage = new MemoryStorage()
  storage.applySnapshot({ index: 0, term: 0, confState: confState(voters, learners), data: NO_DATA })
  return storage
}

/** A log that has one entry of each of these terms, from index 1 on. */
export function entriesOf(...terms: number[]): Entry[] {
  return terms.map((term, i) => ({ term, index: i + 1, type: "EntryNormal", data: NO_DATA }))
}

export function text(data: string): Uint8Array {
  return new TextEncoder().encode(data)
}

/** A server and its disk. */
export class Server {
  node: RaftNode
  readonly storage: MemoryStorage
  readonly reads: ReadState[] = []
  readonly applied: string[] = []
  private readonly config: RaftConfig

  constructor(id: number, storage: MemoryStorage, options: Options = {}) {
    this.storage = storage
    // Whoever needs a snapshot gets one of what is applied now.
    storage.snapshot = () => this.snapshot()
    this.config = raftConfig({ id, storage, random: () => 0 }, { ...PLAIN, ...options })
    this.node = new RaftNode(this.config)
  }

  get raft() {
    return this.node.raft
  }

  /** Comes back with nothing but what was written. */
  restart(options: Options = {}): void {
    this.node = new RaftNode({ ...this.config, ...options })
  }

  /** Does what is to be done, and returns what is to be sent. */
  work(): Message[] {
    const sent: Message[] = []
    while (this.node.hasReady()) {
      const ready = this.node.ready()
      if (ready.hardState !== undefined) this.storage.setHardState(ready.hardState)
      if (ready.snapshot !== undefined) this.storage.applySnapshot(ready.snapshot)
      this.storage.append(ready.entries)
      for (const entry of ready.committedEntries) this.apply(entry)
      this.reads.push(...ready.readStates)
      sent.push(...ready.messages, ...ready.messagesAfterAppend.filter((m) => m.to !== this.raft.id))
      this.node.advance()
    }
    return sent
  }

  private apply(entry: Entry): void {
    if (entry.type === "EntryNormal") this.applied.push(new TextDecoder().decode(entry.data))
    else this.node.applyConfChange(decodeConfChange(entry.data)!)
  }

  private snapshot(): Snapshot {
    const { tracker, log } = this.raft
    const term = log.term(log.applied)!
    return { index: log.applied, term, confState: confStateOf(tracker.configuration), data: NO_DATA }
  }

  /** Everything applied goes out of the log. */
  compact(): void {
    this.storage.compact(this.raft.log.applied)
  }

  /** `leader term=2 log=1,1,2 commit=3`: the terms of its log, and how far it is committed. */
  text(): string {
    const { role, term, log } = this.raft
    const terms: string[] = []
    for (let i = log.firstIndex(); i <= log.lastIndex(); i++) terms.push(String(log.term(i)))
    return `${role} term=${term} log=${terms.join()} commit=${log.committed}`
  }
}

export class Network {
  readonly servers = new Map<number, Server>()
  /** Kinds of messages that get lost. */
  readonly lost = new Set<MessageType>()
  /** All that was delivered, oldest first. */
  readonly log: Message[] = []
  private readonly cuts = new Set<string>()

  constructor(servers: Server[]) {
    for (const server of servers) this.servers.set(server.raft.id, server)
  }

  /** Servers 1 to `count`, all of them voters. */
  static of(count: number, options: Options = {}): Network {
    const ids = Array.from({ length: count }, (_, i) => i + 1)
    return new Network(ids.map((id) => new Server(id, freshStorage(ids), options)))
  }

  get(id: number): Server {
    return this.servers.get(id)!
  }

  raft(id: number) {
    return this.get(id).raft
  }

  /** Nothing gets through between these two any more. */
  cut(a: number, b: number): void {
    this.cuts.add(`${a}-${b}`).add(`${b}-${a}`)
  }

  isolate(id: number): void {
    for (const other of this.servers.keys()) if (other !== id) this.cut(id, other)
  }

  heal(): void {
    this.cuts.clear()
    this.lost.clear()
  }

  /** Lets everybody work and talk until all is quiet. */
  settle(): this {
    let flying = [...this.servers.values()].flatMap((server) => server.work())
    while (flying.length > 0) {
      for (const m of flying) this.deliver(m)
      flying = [...this.servers.values()].flatMap((server) => server.work())
    }
    return this
  }

  private deliver(m: Message): void {
    if (this.cuts.has(`${m.from}-${m.to}`) || this.lost.has(m.type)) return
    this.log.push(m)
    this.servers.get(m.to)?.node.step(m)
  }

  campaign(id: number): this {
    this.get(id).node.campaign()
    return this.settle()
  }

  propose(id: number, ...data: string[]): this {
    for (const one of data) this.get(id).node.propose([{ type: "EntryNormal", data: text(one) }])
    return this.settle()
  }

  tick(id: number, count = 1): this {
    for (let i = 0; i < count; i++) this.get(id).node.tick()
    return this
  }

  /** One line a server. */
  text(): string {
    return [...this.servers].map(([id, server]) => `${id}: ${server.text()}`).join("\n")
  }
}

/** A server alone, that is told what others would say; `sent` takes what it wants sent. */
export class Alone extends Server {
  constructor(id: number, voters: number[], options: Options = {}, storage = freshStorage(voters)) {
    super(id, storage, options)
  }

  /** Tells it something as `from` in `term`, and returns what it has to say to that. */
  hear(type: MessageType, from: number, term: number, fields: Partial<Message> = {}): Message[] {
    this.node.step(message(type, this.raft.id, { ...fields, from, term }))
    return this.work()
  }

  /** Makes it leader with the votes of all others. */
  lead(): this {
    this.node.campaign()
    const asked = this.work()
    for (const { to, term } of asked) this.hear("MsgVoteResp", to, term)
    return this
  }
}

/** Messages in short: `MsgApp->2 index=1 entries=2 commit=1`. */
export function short(messages: readonly Message[]): string[] {
  return messages.map((m) => {
    const parts = [`${m.type}->${m.to}`]
    if (m.index > 0) parts.push(`index=${m.index}`)
    if (m.entries.length > 0) parts.push(`entries=${m.entries.length}`)
    if (m.commit > 0) parts.push(`commit=${m.commit}`)
    if (m.reject) parts.push("reject")
    return parts.join(" ")
  })
}
