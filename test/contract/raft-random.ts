/**
 * A small random life of a cluster, from one seed: messages lost, repeated, late and out of order, links cut, servers
 * that crash with writes in flight, change of members, hand-overs, compaction. Violations of safety throw. The core's
 * first line of defence; the whole system has a simulation of its own.
 */
import { assert } from "../../src/base/assert.ts"
import { type ConfChange, decodeConfChange } from "../../src/raft/confchange/change.ts"
import { raftConfig } from "../../src/raft/config.ts"
import { describeMessage } from "../../src/raft/describe.ts"
import { MemoryStorage } from "../../src/raft/log/memory-storage.ts"
import type { Message } from "../../src/raft/message.ts"
import { RaftNode, type Ready } from "../../src/raft/node.ts"
import { type ConfState, type Entry, NO_DATA, type Snapshot } from "../../src/raft/types.ts"
import { confState } from "./raft-network.ts"

const SERVERS = 5
const MEMBERS = [1, 2, 3]

/** xorshift32: enough to draw lots with. */
function lots(seed: number): (below: number) => number {
  let state = (seed * 2_654_435_761) >>> 0 || 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state % below
  }
}

/** A disk: what was written, and the state that was applied along with it. */
class Disk extends MemoryStorage {
  applied: Snapshot

  constructor(first: Snapshot) {
    super()
    this.applied = first
    if (first.index > 0) this.applySnapshot(first)
  }

  override initialState(): { hardState: ReturnType<MemoryStorage["initialState"]>["hardState"]; confState: ConfState } {
    return { ...super.initialState(), confState: this.applied.confState }
  }

  override snapshot(): Snapshot {
    return this.applied
  }
}

class Member {
  readonly id: number
  readonly disk: Disk
  node!: RaftNode
  /** Handed out, and not written yet. */
  writing: Ready[] = []
  private readonly draw: (below: number) => number

  constructor(id: number, draw: (below: number) => number) {
    this.id = id
    this.draw = draw
    const isFirst = MEMBERS.includes(id)
    const members = confState(isFirst ? MEMBERS : [])
    this.disk = new Disk({ index: isFirst ? 1 : 0, term: isFirst ? 1 : 0, confState: members, data: NO_DATA })
    this.start()
  }

  start(): void {
    const config = raftConfig(
      { id: this.id, storage: this.disk, random: this.draw },
      { applied: this.disk.applied.index, maxInflightMessages: 4, maxBytesPerMessage: 200, maxApplyingBytes: 300 },
    )
    this.node = new RaftNode(config)
    this.writing = []
  }
}

/** What happened in a life: a test wants to see that enough did. */
export interface Tally {
  leaders: number
  crashes: number
  snapshots: number
  conflicts: number
  changes: number
  reads: number
  committed: number
}

export class Life {
  readonly tally: Tally = { leaders: 0, crashes: 0, snapshots: 0, conflicts: 0, changes: 0, reads: 0, committed: 1 }
  private readonly draw: (below: number) => number
  private readonly members: Member[]
  private lossPercent: number
  private flying: Message[] = []
  private cut = new Set<number>()
  private readonly leaderOf = new Map<number, number>()
  private readonly voteOf = new Map<string, number>()
  private readonly committed = new Map<number, string>()
  private readonly readFloor = new Map<number, number>()

  constructor(seed: number) {
    this.draw = lots(seed)
    this.lossPercent = this.draw(30)
    this.members = Array.from({ length: SERVERS }, (_, i) => new Member(i + 1, this.draw))
  }

  /** So many things happen, one after the other. */
  run(count: number): this {
    for (let i = 0; i < count; i++) this.happen(this.members[this.draw(SERVERS)]!, this.draw(1_000), i)
    return this
  }

  private happen(member: Member, lot: number, at: number): void {
    const { node } = member
    if (lot < 300) node.tick()
    else if (lot < 650) this.deliverOne()
    else if (lot < 850) this.take(member)
    else if (lot < 960) this.write(member)
    else if (lot < 975) node.propose([{ type: "EntryNormal", data: new TextEncoder().encode(`p${at}`) }])
    else if (lot < 980) this.read(member, at + 1)
    else if (lot < 984) this.change(member)
    else if (lot < 987) node.transferLeader(1 + this.draw(SERVERS))
    else if (lot < 991) this.crash(member)
    else if (lot < 994) this.compact(member)
    else if (lot < 996) this.reportSnapshots(member)
    else this.cut = this.cut.size > 0 ? new Set() : new Set([1 + this.draw(SERVERS), 1 + this.draw(SERVERS)])
  }

  private deliverOne(): void {
    if (this.flying.length === 0) return
    // Out of order, but not without measure.
    const [m] = this.flying.splice(this.draw(Math.min(this.flying.length, 8)), 1)
    if (this.cut.has(m!.from) === this.cut.has(m!.to)) this.step(m!)
  }

  private step(m: Message): void {
    const member = this.members[m.to - 1]!
    const refusal = member.node.step(m)
    assert(refusal !== "malformed", `malformed: ${describeMessage(m)}`)
    this.check(member)
  }

  private send(m: Message): void {
    if (this.draw(100) < this.lossPercent) return
    this.flying.push(m)
    if (this.draw(20) === 0) this.flying.push(m)
    if (this.flying.length > 400) this.flying.splice(this.draw(this.flying.length), 1)
  }

  private take(member: Member): void {
    if (!member.node.hasReady()) return
    const ready = member.node.ready()
    for (const m of ready.messages) this.send(m)
    for (const { index, context } of ready.readStates) {
      this.tally.reads++
      assert(index >= this.readFloor.get(context)!, `a read at ${index} misses ${this.readFloor.get(context)}`)
    }
    member.writing.push(ready)
  }

  /** The oldest write of a server is done, and with it what was waiting for it. */
  private write(member: Member): void {
    const ready = member.writing.shift()
    if (ready === undefined) return
    const { disk, node, id } = member
    const { hardState, snapshot, entries } = ready
    if (hardState !== undefined) {
      const voted = this.voteOf.get(`${id}:${hardState.term}`) ?? hardState.vote
      assert(voted === 0 || voted === hardState.vote, `${id} voted for ${voted} and ${hardState.vote}`)
      this.voteOf.set(`${id}:${hardState.term}`, hardState.vote)
      disk.setHardState(hardState)
    }
    if (snapshot !== undefined && disk.applySnapshot(snapshot)) {
      this.tally.snapshots++
      disk.applied = snapshot
    }
    if (entries.length > 0 && entries[0]!.index <= disk.lastIndex()) this.tally.conflicts++
    disk.append(entries)
    for (const m of ready.messagesAfterAppend) {
      if (m.to === id) node.step(m)
      else this.send(m)
    }
    for (const entry of ready.committedEntries) this.apply(member, entry)
    for (const m of ready.messagesAfterApply) node.step(m)
    this.check(member)
  }

  private apply({ disk, node }: Member, entry: Entry): void {
    const { index, term } = entry
    assert(index === disk.applied.index + 1, `entry ${index} is applied after ${disk.applied.index}`)
    const text = `${term} ${entry.type} ${new TextDecoder().decode(entry.data)}`
    const known = this.committed.get(index) ?? text
    assert(known === text, `entry ${index} is ${text} here and ${known} there`)
    this.committed.set(index, text)
    this.tally.committed = Math.max(this.tally.committed, index)
    let members = disk.applied.confState
    if (entry.type !== "EntryNormal") {
      this.tally.changes++
      members = node.applyConfChange(decodeConfChange(entry.data)!)
    }
    disk.applied = { index, term, confState: members, data: NO_DATA }
  }

  private check({ id, node }: Member): void {
    const { raft } = node
    const { applied, applying, committed } = raft.log
    const last = raft.log.lastIndex()
    assert(applied <= applying && applying <= committed && committed <= last, `marks of ${id} are out of order`)
    if (raft.role !== "leader" || this.leaderOf.get(raft.term) === id) return
    assert(!this.leaderOf.has(raft.term), `term ${raft.term} has two leaders: ${id}, ${this.leaderOf.get(raft.term)}`)
    this.leaderOf.set(raft.term, id)
    this.tally.leaders++
  }

  /** Must see whatever anybody has applied by now. */
  private read({ node }: Member, context: number): void {
    this.readFloor.set(context, this.tally.committed)
    node.readIndex(context)
  }

  private change({ node }: Member): void {
    const one = () => {
      const type = (["addNode", "removeNode", "addLearnerNode"] as const)[this.draw(3)]!
      return { type, node: 1 + this.draw(SERVERS) }
    }
    const changes = this.draw(4) === 0 ? [one(), one()] : [one()]
    // Never to a single voter: those two need each other until both know of it (`membership.ts`), and one may be gone.
    const lost = changes.filter(({ type }) => type !== "addNode").length
    const sizes = this.members.map(({ disk }) => disk.applied.confState.voters.length)
    if (Math.min(...sizes.filter((size) => size > 0)) - lost < 2) return
    const change: ConfChange = { transition: "auto", changes, context: "" }
    node.proposeConfChange(change)
  }

  private crash(member: Member): void {
    this.tally.crashes++
    member.start()
  }

  private compact({ disk }: Member): void {
    const keep = this.draw(5)
    if (disk.applied.index - keep > disk.firstIndex()) disk.compact(disk.applied.index - keep)
  }

  /** Snapshots that got lost: the core leaves it to the driver to notice. */
  private reportSnapshots({ node }: Member): void {
    for (const [id, progress] of node.raft.tracker.progress) {
      if (progress.state === "snapshot") node.reportSnapshot(id, false)
    }
  }

  /** Nothing fails any more. Returns what is still not as it should be after a while, if something is. */
  calm(): string | undefined {
    this.cut.clear()
    this.lossPercent = 0
    for (let round = 0; round < 400; round++) {
      for (const member of this.members) {
        if (round % 4 === 0) member.node.tick()
        while (member.node.hasReady()) this.take(member)
        while (member.writing.length > 0) this.write(member)
        if (round % 50 === 0) this.reportSnapshots(member)
      }
      const flying = this.flying
      this.flying = []
      for (const m of flying) this.step(m)
    }
    const leaders = this.members.filter(({ node }) => node.raft.role === "leader")
    const leader = leaders.sort((a, b) => b.node.raft.term - a.node.raft.term)[0]
    if (leader === undefined) {
      // Changes that were on their way together may still have led there: the known cost.
      const isAlone = this.members.some(({ disk }) => disk.applied.confState.voters.length === 1)
      return isAlone ? undefined : `no leader: ${this.text()}`
    }
    const { voters, learners } = leader.disk.applied.confState
    const behind = [...voters, ...learners].filter(
      (id) => this.members[id - 1]!.disk.applied.index !== leader.disk.applied.index,
    )
    return behind.length === 0 ? undefined : `${behind} behind: ${this.text()}`
  }

  private text(): string {
    return this.members
      .map(({ id, node, disk }) => {
        const { role, term, log } = node.raft
        const { voters } = disk.applied.confState
        return `${id}: ${role} term=${term} applied=${log.applied} last=${log.lastIndex()} voters=${voters}`
      })
      .join("; ")
  }
}
