/** The servers of a conversation, their disks, and what is on its way. Nothing moves unless a command says so. */
import { decodeConfChange } from "../../src/raft/confchange/change.ts"
import { type RaftConfig, raftConfig } from "../../src/raft/config.ts"
import { describeMessage } from "../../src/raft/describe.ts"
import { MemoryStorage } from "../../src/raft/log/memory-storage.ts"
import { isThread, type Message, message } from "../../src/raft/message.ts"
import { type Ready, RaftNode } from "../../src/raft/node.ts"
import type { ConfState, Entry, HardState, Refusal, Snapshot } from "../../src/raft/types.ts"
import { Output } from "./output.ts"
import { appendWork, applyWork, describeReady, describeWork, type Work } from "./work.ts"

/** A command could not be carried out; etcd's library prints the reason, and so do we. */
export class CommandError extends Error {}

/** etcd's words for why a message was not taken. */
export function refusalText(refusal: Refusal): string {
  if (refusal === "localMessage") return "raft: cannot step raft local message"
  if (refusal === "unknownPeer") return "raft: cannot step as peer not found"
  return refusal === "malformed" ? "malformed message" : "raft proposal dropped"
}

/** Storage that always has a snapshot of the newest applied state at hand. */
class TranscriptStorage extends MemoryStorage {
  /** Snapshots of the state after each applied entry; the state is all the data so far, one after the other. */
  readonly history: Snapshot[]

  constructor(first: Snapshot) {
    super()
    this.history = [first]
  }

  override snapshot(): Snapshot {
    return this.history.at(-1)!
  }
}

export interface Server {
  node: RaftNode
  storage: TranscriptStorage
  config: RaftConfig
  appending: Work[]
  applying: Work[]
}

export type ServerOptions = Partial<Omit<RaftConfig, "id" | "storage" | "random" | "log">>

export class Cluster {
  readonly servers: Server[] = []
  readonly output = new Output()
  private flying: Message[] = []

  server(id: number): Server {
    const server = this.servers[id - 1]
    if (server === undefined) throw new Error(`there is no server ${id}`)
    return server
  }

  /** Adds servers that begin with a snapshot, or, with one of index 0, with nothing. */
  add(count: number, first: Snapshot, options: ServerOptions): void {
    for (let i = 0; i < count; i++) {
      const id = this.servers.length + 1
      const storage = new TranscriptStorage(first)
      if (first.index > 0) storage.applySnapshot(first)
      const log = this.output.log.bind(this.output)
      const config = raftConfig({ id, storage, random: () => 0 }, { ...options, log })
      this.servers.push({ node: new RaftNode(config), storage, config, appending: [], applying: [] })
    }
  }

  /** Takes what a server wants done, and does it; with asynchronous writes only queues it. */
  processReady(id: number): void {
    const server = this.server(id)
    const ready = server.node.ready()
    if (server.config.asyncStorageWrites) this.queue(server, id, ready)
    else this.carryOut(server, id, ready)
  }

  private queue(server: Server, id: number, ready: Ready): void {
    const append = appendWork(id, ready)
    const apply = applyWork(id, ready)
    const work = [append, apply].filter((w) => w !== undefined)
    const messages = [...ready.messages.map((m) => describeMessage(m)), ...work.map((w) => describeWork(w, true))]
    this.output.write(describeReady(ready, messages))
    if (append !== undefined) server.appending.push(append)
    if (apply !== undefined) server.applying.push(apply)
    this.flying.push(...ready.messages)
  }

  private carryOut(server: Server, id: number, ready: Ready): void {
    const messages = [...ready.messages, ...ready.messagesAfterAppend.filter((m) => m.to !== id)]
    const texts = messages.map((m) => describeMessage(m))
    this.output.write(describeReady(ready, texts))
    append(server, ready.hardState, ready.entries, ready.snapshot)
    for (const entry of ready.committedEntries) apply(server, entry)
    this.flying.push(...messages)
    server.node.advance()
  }

  processAppendThread(id: number): void {
    const server = this.server(id)
    const work = server.appending.shift()
    if (work === undefined) {
      this.output.write("no append work to perform")
      return
    }
    this.output.line(`Processing:\n${describeWork(work, false)}`)
    append(server, work.hardState, work.entries, work.snapshot)
    this.respond(work)
  }

  processApplyThread(id: number): void {
    const server = this.server(id)
    const work = server.applying.shift()
    if (work === undefined) {
      this.output.write("no apply work to perform")
      return
    }
    this.output.line(`Processing:\n${describeWork(work, false)}`)
    for (const entry of work.entries) apply(server, entry)
    this.respond(work)
  }

  private respond(work: Work): void {
    this.output.line("Responses:")
    for (const m of work.responses) this.output.line(describeMessage(m))
    this.flying.push(...work.responses)
  }

  /** Queues a snapshot as if a server had decided to send it. */
  sendSnapshot(from: number, to: number): void {
    const { node, storage } = this.server(from)
    const m = message("MsgSnap", to, { from, term: node.raft.term, snapshot: storage.snapshot() })
    this.flying.push(m)
    this.output.write(describeMessage(m))
  }

  hasMessagesFor(id: number): boolean {
    return this.flying.some((m) => m.to === id)
  }

  /** Delivers, or drops, what is on its way to a server; returns how many that were. What is local is never dropped. */
  deliver(to: number, drop: boolean, type: string | undefined): number {
    const taken: Message[] = []
    const left: Message[] = []
    for (const m of this.flying) {
      const matches = m.to === to && !(drop && isLocal(m)) && (type === undefined || m.type === type)
      if (matches) taken.push(m)
      else left.push(m)
    }
    this.flying = left
    for (const m of taken) {
      this.output.line(`${drop ? "dropped: " : ""}${describeMessage(m)}`)
      if (drop) continue
      const refusal = this.server(to).node.step(m)
      if (refusal !== undefined && !isSilent(m, refusal)) this.output.line(refusalText(refusal))
    }
    return taken.length
  }

  /** Does all there is to do on these servers, until there is nothing more. */
  stabilize(ids: readonly number[]): void {
    for (let busy = true; busy; ) {
      busy = false
      for (const [what, has, go] of this.steps()) {
        for (const id of ids) {
          if (!has(id)) continue
          busy = true
          this.output.line(`> ${id} ${what}`)
          go(id)
        }
      }
    }
  }

  private steps(): [what: string, has: (id: number) => boolean, go: (id: number) => void][] {
    const all = (work: (id: number) => Work[], one: (id: number) => void) => (id: number) => {
      while (work(id).length > 0) this.output.indented(() => one(id))
    }
    const appending = (id: number) => this.server(id).appending
    const applying = (id: number) => this.server(id).applying
    return [
      [
        "handling Ready",
        (id) => this.server(id).node.hasReady(),
        (id) => this.output.indented(() => this.processReady(id)),
      ],
      [
        "receiving messages",
        (id) => this.hasMessagesFor(id),
        (id) => this.output.indented(() => this.deliver(id, false, undefined)),
      ],
      [
        "processing append thread",
        (id) => appending(id).length > 0,
        all(appending, (id) => this.processAppendThread(id)),
      ],
      ["processing apply thread", (id) => applying(id).length > 0, all(applying, (id) => this.processApplyThread(id))],
    ]
  }
}

function isLocal(m: Message): boolean {
  return m.from === m.to || isThread(m.from)
}

/** etcd drops these without a word where nobody leads. */
function isSilent(m: Message, refusal: Refusal): boolean {
  return refusal === "noLeader" && m.type !== "MsgProp"
}

function append(
  { storage }: Server,
  hardState: HardState | undefined,
  entries: readonly Entry[],
  snapshot: Snapshot | undefined,
): void {
  if (hardState !== undefined) storage.setHardState(hardState)
  if (snapshot === undefined) {
    storage.append(entries)
  } else {
    if (entries.length > 0) throw new CommandError("can't apply snapshot and entries at the same time")
    if (!storage.applySnapshot(snapshot)) {
      throw new CommandError("requested index is older than the existing snapshot")
    }
  }
}

function apply({ node, storage }: Server, entry: Entry): void {
  const last = storage.snapshot()
  let confState: ConfState = last.confState
  let update = entry.data
  if (entry.type !== "EntryNormal") {
    const change = decodeConfChange(entry.data)
    if (change === undefined) throw new Error(`the change at ${entry.index} cannot be read`)
    confState = node.applyConfChange(change)
    update = new TextEncoder().encode(change.context)
  }
  const data = new Uint8Array([...last.data, ...update])
  storage.history.push({ index: entry.index, term: entry.term, confState, data })
}
