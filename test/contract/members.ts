/**
 * Several members of the replicated store in one process, for tests of what they do together: real engines, drivers and
 * exchanges over disks in memory that outlive a crash, one clock that moves when it is told to, and a network that
 * delivers at once but over links that a test has cut.
 */
import type { OvlError } from "../../src/base/errors.ts"
import { silentLog } from "../../src/base/log.ts"
import { raftIdOf } from "../../src/model/node.ts"
import type { Message } from "../../src/raft/message.ts"
import type { NodeId } from "../../src/raft/types.ts"
import { StoreEngine } from "../../src/store/engine.ts"
import { memoryBackend } from "../../src/store/memory-backend.ts"
import type { RaftConsensus } from "../../src/store/replicated/consensus.ts"
import { Exchange } from "../../src/store/replicated/exchange.ts"
import { MemberReplication } from "../../src/store/replicated/member.ts"
import { openMember } from "../../src/store/replicated/open.ts"
import { MEMBER_TABLE_NAMES, TABLE_NAMES } from "../../src/store/tables.ts"
import { ManualClock } from "../../src/base/manual-clock.ts"

export const idOf = (number: number): string => String(number).repeat(64)

export interface Member {
  nodeId: string
  consensus: RaftConsensus
  store: StoreEngine
  replication: MemberReplication
  exchange: Exchange
}

export type MemberDisk = ReturnType<typeof memoryBackend>

export class Members {
  readonly clock = new ManualClock()
  readonly up = new Map<NodeId, Member>()
  readonly #backends = new Map<string, MemberDisk>()
  #queue: Message[] = []
  /** `from` to `to`, as `1>2`. */
  readonly cut = new Set<string>()
  /** Types of messages that do not arrive. */
  readonly lost = new Set<Message["type"]>()
  /** Pieces of states do not arrive. */
  isFetchBroken = false
  #draws = 0

  start(number: number, joining: boolean): Member {
    const nodeId = idOf(number)
    const backend = this.#backends.get(nodeId) ?? memoryBackend()
    this.#backends.set(nodeId, backend)
    const { clock } = this
    // Every member draws other numbers, or elections would never end.
    const random = (below: number): number => (this.#draws++ * 7 + number * 3) % below
    const consensus = openMember({ backend, clock, log: silentLog, random, nodeId }, joining)
    const exchange = new Exchange(consensus, backend, silentLog)
    exchange.setSend((messages) => void this.#queue.push(...messages))
    exchange.setFetch(async (from, index, cursor) => {
      const sender = this.up.get(from)
      if (!sender || this.isFetchBroken) throw new Error("not reached")
      return sender.exchange.snapshotPiece(index, cursor)
    })
    const store = new StoreEngine({ backend, consensus, clock, log: silentLog })
    const member = { nodeId, consensus, store, replication: new MemberReplication(consensus, clock), exchange }
    this.up.set(exchange.self, member)
    return member
  }

  /** The process is gone; its disk is not. */
  crash(member: Member): void {
    this.up.delete(member.exchange.self)
    member.exchange.setSend(() => {})
    member.consensus.driver.close(new Error("crashed") as never)
  }

  /** Its disk as it is now. */
  copyOf({ nodeId }: Member): MemberDisk {
    const { tables } = this.#backends.get(nodeId)!
    const copy = memoryBackend()
    copy.commitNow((copied) => {
      for (const name of [...TABLE_NAMES, ...MEMBER_TABLE_NAMES])
        for (const { key, value } of tables[name].page("", null, 1e9)) copied[name].put(key, value)
    })
    return copy
  }

  /** The next start of the member finds that disk. */
  restore({ nodeId }: Member, copy: MemberDisk): void {
    this.#backends.set(nodeId, copy)
  }

  /** From now on its disk refuses every write. */
  failing({ nodeId }: Member, error: OvlError): void {
    const backend = this.#backends.get(nodeId)!
    backend.commit = () => Promise.reject(error)
    backend.commitNow = () => {
      throw error
    }
  }

  isolate(number: number): void {
    for (const other of [1, 2, 3, 4, 5]) {
      this.cut.add(`${number}>${other}`)
      this.cut.add(`${other}>${number}`)
    }
  }

  heal(): void {
    this.cut.clear()
  }

  /** Lets everything that is under way happen. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 8; ) {
      const messages = this.#queue.splice(0)
      quiet = messages.length > 0 ? 0 : quiet + 1
      for (const message of messages)
        if (!this.lost.has(message.type) && this.#passes(message.from, message.to))
          this.up.get(message.to)?.exchange.receive(message)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async ticks(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      this.clock.advance(50)
      await this.settle()
    }
  }

  leader(): Member | undefined {
    const leaders = [...this.up.values()].filter(({ store }) => store.status().leader)
    return leaders.sort((a, b) => b.store.status().term - a.store.status().term)[0]
  }

  async elect(): Promise<Member> {
    for (let i = 0; i < 40; i++) {
      const leader = this.leader()
      if (leader && leader.replication.status().leader === leader.nodeId && i > 0) return leader
      await this.ticks(1)
    }
    throw new Error("nobody was elected")
  }

  /** A promise, and all that has to happen for it. */
  async during<T>(promise: Promise<T>): Promise<T> {
    let isOver = false
    const mark = (): void => {
      isOver = true
    }
    promise.then(mark, mark)
    for (let i = 0; i < 100 && !isOver; i++) {
      await this.settle()
      if (!isOver) await this.ticks(1)
    }
    return promise
  }

  /** A cluster of the first `count` members, all of them voters, led by the first. */
  async cluster(count: number): Promise<Member[]> {
    const first = this.start(1, false)
    const all = [first]
    for (let number = 2; number <= count; number++) {
      const member = this.start(number, true)
      all.push(member)
      await this.during(first.replication.addLearner(member.nodeId))
      await this.ticks(4)
      await this.during(first.replication.promote(member.nodeId))
    }
    await this.ticks(2)
    return all
  }

  /** All rows of the state of a member. */
  dump({ consensus }: Member): string[] {
    const { tables } = consensus.state
    return TABLE_NAMES.flatMap((name) =>
      tables[name].page("", null, 1e9).map(({ key, value }) => `${name} ${JSON.stringify(key)} ${value.toHex()}`),
    )
  }

  #passes(from: NodeId, to: NodeId): boolean {
    const number = (id: NodeId): number => [1, 2, 3, 4, 5].find((n) => raftIdOf(idOf(n)) === id)!
    return !this.cut.has(`${number(from)}>${number(to)}`)
  }
}
