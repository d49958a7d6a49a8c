/**
 * One member of the replicated store: it does what the consensus core wants done. All calls only note what is wanted;
 * `process` does it, so that what comes in one turn shares messages and commits. Three rules carry everything: what
 * attests a write leaves after the write is done; entries are applied when they are decided and durable here, each once,
 * in order; and after a write that failed nothing more is written, said or answered.
 */
import { assert } from "../../base/assert.ts"
import { asOvlError, type OvlError } from "../../base/errors.ts"
import { COMMIT_BATCH_MAX_BYTES, RAFT_FULL_RETRY_TICKS, RAFT_PROPOSAL_TIMEOUT_TICKS } from "../../base/limits.ts"
import { raftIdOf } from "../../model/node.ts"
import type { ConfChange } from "../../raft/confchange/change.ts"
import { raftConfig } from "../../raft/config.ts"
import type { Storage } from "../../raft/log/storage.ts"
import type { Message } from "../../raft/message.ts"
import { RaftNode, type Ready } from "../../raft/node.ts"
import type { Raft } from "../../raft/raft.ts"
import { type Entry, type EntryId, type NodeId, NONE, type Snapshot } from "../../raft/types.ts"
import type { Applied } from "../applied.ts"
import type { Stage } from "../backend.ts"
import type { Sized } from "../command.ts"
import type { OverlayTables } from "../overlay-tables.ts"
import type { ReadTables } from "../tables.ts"
import { AppliedState, type Effect } from "./applied-state.ts"
import { Barriers } from "./barriers.ts"
import { dataOutdated } from "./bytes.ts"
import { compactionTo } from "./compaction.ts"
import { type Fates, notLeader, outcomeUnknown } from "./fates.ts"
import { newDriverCounters } from "./counters.ts"
import { Contacts } from "./contacts.ts"
import { coreStorage } from "./core-storage.ts"
import { confChangeOf, isOnlyMember, membersAfter } from "./member-changes.ts"
import type { DiskRound, DriverOptions, DriverPorts, Fate, Members, RaftDisk, RoleChange } from "./port.ts"
import { Proposals } from "./proposals.ts"
import { membersText } from "./raft-rows.ts"
import { aloneRound, diskRound, Gathering, installRound, withoutMessages, type Writing } from "./rounds.ts"
import { Flushing } from "./flushing.ts"
import { IncomingState } from "./incoming-state.ts"
import { KeptStates } from "./kept-states.ts"

/** Committed entries on their way to the state, and what the core is told when they are there. */
interface Chunk {
  entries: readonly Entry[]
  after: readonly Message[]
}

export class Driver {
  readonly self: NodeId
  /** Since the start; to be looked at. */
  readonly counters = newDriverCounters()
  readonly #ports: DriverPorts
  readonly #disk: RaftDisk
  readonly #state: AppliedState
  readonly #proposals = new Proposals()
  readonly #barriers: Barriers
  readonly #kept = new KeptStates()
  #node: RaftNode
  #gathering = new Gathering()
  #chunks: Chunk[] = []
  #writing: Writing | null = null
  #effectOfHeavy: Applied | null = null
  #isProcessing = false
  #tick = 0
  readonly #flushing = new Flushing()
  #membersChanged = false
  /** The disk is full: no round before this tick. */
  #retryAt = 0
  #fullFailures = 0
  #role: RoleChange = { leader: false, lead: NONE, term: 0 }
  /** Who led when anybody last did. */
  #lastLead: NodeId = NONE
  readonly #incoming: IncomingState
  #campaignAt = Number.POSITIVE_INFINITY
  #recovery: ((error: OvlError | null) => void) | null = null
  #failure: OvlError | null = null
  #isClosed = false
  readonly #contacts: Contacts

  /** On what the disk holds; `start` begins. Throws `data_corrupt`, `log_too_new`. */
  constructor(ports: DriverPorts, { self, machine = {} }: DriverOptions) {
    this.self = raftIdOf(self)
    this.#ports = ports
    this.#disk = ports.disk
    this.#state = new AppliedState(ports.disk, ports.disk.load(), machine)
    this.#incoming = new IncomingState((offer) => ports.fetch(offer))
    this.#contacts = new Contacts(() => ports.monotonic())
    this.#node = this.#makeNode()
    // Numbers of reads must not come again, not even in the next life of this process: answers may be late.
    const firstRead = (1 + ports.random(2 ** 30)) * 2 ** 20
    this.#barriers = new Barriers(firstRead, (context) => this.#node.readIndex(context))
  }

  /** The state to read, and to keep. */
  get state(): OverlayTables {
    return this.#state.overlay
  }

  /** To be looked at, never to be written. */
  get raft(): Raft {
    return this.#node.raft
  }

  get applied(): EntryId {
    return this.#state.applied
  }

  get members(): Members {
    return this.#state.members
  }

  get failure(): OvlError | null {
    return this.#failure
  }

  get #fates(): Fates {
    return this.#proposals.fates
  }

  get role(): RoleChange {
    return this.#role
  }

  /** Nobody else's word is needed, now or for the state that is applied. */
  get isAlone(): boolean {
    return isOnlyMember(this.#state.confState, this.self)
  }

  /** Nothing that was taken is undecided, and nothing is being written. */
  get isIdle(): boolean {
    return this.#proposals.waiting === 0 && this.#fates.size === 0 && this.#writing === null
  }

  start(): void {
    if (this.isAlone) this.#node.campaign()
  }

  tick(): void {
    if (this.#failure) return
    this.#tick++
    this.#node.tick()
    this.#barriers.tick()
    if (this.#tick >= this.#campaignAt) {
      this.#campaignAt = Number.POSITIVE_INFINITY
      if (this.raft.lead === NONE) this.#node.campaign()
    }
    if (!this.#role.leader) this.#fates.expire(this.#tick - RAFT_PROPOSAL_TIMEOUT_TICKS)
    for (const id of this.#kept.tick(this.#tick)) this.#node.reportSnapshot(id, false)
  }

  /** A message from another member. */
  receive(message: Message): void {
    if (this.#failure || this.#recovery) return
    this.#contacts.hear(message, this.raft.term)
    const last = this.raft.log.lastIndex()
    // A leader says so much to nobody who has not told it that he has it.
    if (message.type === "MsgHeartbeat" && message.commit > last) this.#fail(dataOutdated(last, message.commit))
    else if (message.type === "MsgSnap" && this.#isWorthFetching(message)) this.#incoming.begin(message)
    else this.#node.step(message)
  }

  /** An error where it is refused; else `settle` is called once, after this has returned. */
  propose(proposal: Sized, settle: (fate: Fate) => void): OvlError | null {
    if (this.#failure) return this.#failure
    const refusal = proposal.growing ? this.#disk.refusal() : null
    if (refusal) return refusal
    // A lone server leads again as soon as its disk lets it.
    if (this.raft.role !== "leader" && !this.isAlone) return notLeader()
    return this.#proposals.add(proposal, settle)
  }

  /** The same for a change of membership that `whyNotChange` has nothing against. */
  proposeChange(change: ConfChange, settle: (error: OvlError | null) => void): OvlError | null {
    if (this.#failure) return this.#failure
    if (this.raft.role !== "leader") return notLeader()
    if (this.#node.proposeConfChange(change) !== undefined) return notLeader()
    const place = { term: this.raft.term, index: this.raft.log.lastIndex() }
    this.#fates.add(place, this.#tick, (fate) => settle("error" in fate ? fate.error : null))
    return null
  }

  whyNotChange(change: ConfChange): string | undefined {
    return this.#node.whyNotConfChange(change)
  }

  /** Calls back when the state shows all that was acknowledged anywhere before; null, or `no_leader`. */
  barrier(settle: (error: OvlError | null) => void): void {
    if (this.#failure) settle(this.#failure)
    else if (this.isAlone && this.#role.leader) settle(null)
    else this.#barriers.add(settle)
  }

  transfer(to: NodeId): void {
    this.#node.transferLeader(to)
  }

  /** What was sent to it lately is lost. A state that it was offered is offered anew, unless it has begun to pull it. */
  unreachable(id: NodeId): void {
    if (this.#failure) return
    this.#node.reportUnreachable(id)
    if (this.#kept.lost(id)) this.#node.reportSnapshot(id, false)
  }

  /** The leader is known to be gone. Not all who learn that stand at once. */
  leaderReset(): void {
    if (this.raft.role !== "follower") return
    this.#node.forgetLeader()
    this.#campaignAt = this.#tick + 1 + this.#ports.random(3)
  }

  /** The pull that `fetch` asked for is over; null: it came to nothing. */
  snapshotFetched(stage: Stage | null): void {
    const isWanted = !this.#failure && !this.#recovery
    this.#incoming.fetched(isWanted ? stage : null, (offer) => {
      this.#node.step(offer)
      return this.raft.log.unstable.snapshot?.index === offer.snapshot?.index
    })
    if (!isWanted) stage?.discard()
  }

  /** The state that a snapshot stands for, for whoever pulls it; undefined where it is not kept any more. */
  keptState(index: number): ReadTables | undefined {
    return this.#kept.read(index, this.#tick)
  }

  /** When a member, or the leader, was last heard from, on the ports' clock. */
  heardFrom(id: NodeId | "leader"): number | null {
    return this.#contacts.heardFrom(id)
  }

  /**
   * Makes this member the only one, in a later term, with every entry of its log decided. Calls back when that is on the
   * disk; then it leads soon.
   */
  recoverAlone(settle: (error: OvlError | null) => void): void {
    if (this.#failure) return settle(this.#failure)
    this.#recovery = settle
    this.#proposals.refuse(notLeader())
    this.#gathering = new Gathering()
  }

  /** Writes out what is only in memory, as far as it is decided. */
  flush(): void {
    this.#flushing.wanted()
  }

  /** Whether anything depends on the passing of time. */
  get needsTicks(): boolean {
    if (this.#failure || this.#isClosed) return false
    if (!this.isAlone) return true
    const waits = !this.#role.leader || !this.isIdle || this.#state.isAhead || this.#disk.hasLeftovers
    return waits && this.#writing === null
  }

  /** The end, by wish: answers whoever still waits, and does nothing more. */
  close(error: OvlError): void {
    this.#isClosed = true
    this.#proposals.end(error, this.isAlone)
    this.#barriers.failAll(error)
    this.#kept.close()
  }

  /** Does what there is to do. */
  process(): void {
    if (this.#isProcessing || this.#failure || this.#isClosed) return
    this.#isProcessing = true
    try {
      do {
        this.#feed()
        this.#barriers.ask()
        while (!this.#recovery && this.#node.hasReady()) this.#take(this.#node.ready())
      } while (this.#write() || (!this.#recovery && this.#node.hasReady()))
      this.#noteRole()
    } catch (thrown) {
      this.#fail(asOvlError(thrown, "keep the store"))
    } finally {
      this.#isProcessing = false
    }
  }

  #feed(): void {
    if (this.#proposals.waiting === 0 || this.#recovery) return
    const { raft } = this
    if (raft.role !== "leader") return this.isAlone ? undefined : this.#proposals.refuse(notLeader())
    // What comes while the disk writes shares the next round, and one append to each of the others.
    if (!this.#writing) this.counters.proposals += this.#proposals.feed(this.#node, this.#gathering, this.#tick)
  }

  #take(ready: Ready): void {
    const [first] = ready.entries
    if (first !== undefined) this.#fates.overwritten(first.index, first.term)
    this.#gathering.add(ready)
    if (ready.messages.length > 0) this.#send(ready.messages)
    if (ready.committedEntries.length > 0)
      this.#chunks.push({ entries: ready.committedEntries, after: ready.messagesAfterApply })
    for (const { context, index } of ready.readStates) this.#barriers.confirmed(context, index)
    this.#apply()
  }

  #send(messages: readonly Message[]): void {
    for (const { to, snapshot } of messages) {
      if (!snapshot) continue
      this.#kept.offered(to, snapshot.index)
      this.counters.snapshotsSent++
    }
    this.#ports.send(messages)
  }

  /** Applies what is decided, up to a command that the disk must carry out. */
  #apply(): void {
    const effects: Effect[] = []
    while (this.#chunks.length > 0 && this.#writing?.heavy === undefined) {
      const chunk = this.#chunks[0]!
      const done = this.#state.apply(chunk.entries, (entry) => this.#applyConfChange(entry))
      for (const effect of done) effects.push(effect)
      if (done.length < chunk.entries.length) {
        chunk.entries = chunk.entries.slice(done.length)
        break
      }
      this.#chunks.shift()
      for (const message of chunk.after) this.#node.step(message)
    }
    this.#publish(effects)
    this.#barriers.applied(this.#state.applied.index)
  }

  #publish(effects: Effect[]): void {
    if (effects.length === 0) return
    this.#flushing.applied(this.#tick)
    const batch: Applied[] = []
    for (const { applied } of effects) if (applied) batch.push(applied)
    if (batch.length > 0) this.#ports.onApplied(batch)
    for (const { entry, applied } of effects) this.#fates.applied(entry, applied)
    if (!this.#membersChanged) return
    this.#membersChanged = false
    this.#ports.onMembers()
  }

  #applyConfChange(entry: Entry): ReturnType<Parameters<AppliedState["apply"]>[1]> {
    if (this.#recovery) return null
    const change = confChangeOf(entry)
    const confState = this.#node.applyConfChange(change)
    const members = membersAfter(this.#state.members, change)
    this.flush()
    this.#membersChanged = true
    return { confState, members }
  }

  /** Begins the next round if there is reason to; whether it is over already. */
  #write(): boolean {
    if (this.#writing || this.#failure || this.#tick < this.#retryAt) return false
    const writing = this.#nextRound()
    if (writing === null) return false
    this.#writing = writing
    this.#disk.write(writing.round, (error) => this.#written(writing, error))
    return this.#writing === null
  }

  #nextRound(): Writing | null {
    const gathered = this.#gathering
    if (this.#recovery) return this.#recoveryRound()
    if (gathered.snapshot && this.#state.isAhead) return this.#flushRound()
    if (gathered.snapshot) {
      this.#gathering = new Gathering()
      return installRound(gathered, gathered.snapshot, this.#incoming.stage)
    }
    const waiting = this.#chunks[0]?.entries[0]
    const heavy = this.#state.isFrozen ? undefined : waiting
    const flushes = waiting !== undefined || this.#flushing.isDue(this.#state, this.#tick)
    const compactTo = this.#compactTo()
    if (!gathered.mustSync && !flushes && compactTo === 0 && !this.#disk.hasLeftovers) {
      const { messages } = gathered
      gathered.messages = []
      this.#release(messages)
      return null
    }
    this.#gathering = new Gathering()
    const urgent = gathered.entries.length <= 1 && !flushes && compactTo === 0
    const { entries, hardState, messages } = gathered
    // What could not be written before goes first, as it was.
    if (flushes && !this.#state.isFrozen) this.#flushing.begun()
    const flush = flushes ? this.#state.freeze() : {}
    const more = heavy ? this.#heavy(heavy) : {}
    const round = diskRound({ entries, hardState, compactTo, urgent, ...flush, ...more })
    return { round, messages, snapshot: undefined, heavy, recovers: false }
  }

  #heavy(entry: Entry): Partial<DiskRound> {
    const heavy = this.#state.heavy(entry, (applied) => {
      this.#effectOfHeavy = applied
    })
    return { heavy, applied: { index: entry.index, term: entry.term } }
  }

  #flushRound(): Writing {
    return withoutMessages(diskRound(this.#state.freeze()))
  }

  #compactTo(): number {
    return compactionTo(this.#disk, this.#state.durable.index)
  }

  #written(writing: Writing, error: OvlError | null): void {
    this.#writing = null
    try {
      if (error === null) this.#succeeded(writing)
      else if (error.code === "store_full") this.#isFull(error)
      else this.#fail(error)
    } catch (thrown) {
      this.#fail(asOvlError(thrown, "keep the store"))
    }
    this.process()
  }

  #succeeded({ round, messages, snapshot, heavy, recovers }: Writing): void {
    this.#fullFailures = 0
    if (recovers) return this.#recovered()
    if (snapshot) this.#installed(snapshot, round.members!)
    else if (round.applied) this.#state.flushed(heavy)
    if (heavy) this.#heavyDone(heavy)
    this.#release(messages)
    this.#apply()
  }

  #heavyDone({ index, term }: Entry): void {
    const chunk = this.#chunks[0]!
    chunk.entries = chunk.entries.slice(1)
    const applied = this.#effectOfHeavy
    this.#effectOfHeavy = null
    this.#publish([{ entry: { index, term }, applied }])
  }

  #installed(snapshot: Snapshot, members: Members): void {
    this.#incoming.installed()
    this.counters.snapshotsInstalled++
    this.#state.installed({ index: snapshot.index, term: snapshot.term }, snapshot.confState, members)
    // What was still to be applied is part of the snapshot.
    const overtaken = this.#chunks
    this.#chunks = []
    for (const { after } of overtaken) for (const message of after) this.#node.step(message)
    this.#fates.skipped(snapshot.index)
    this.#ports.onInstalled()
    this.#ports.onMembers()
  }

  /** Sends what waited for a write. */
  #release(messages: readonly Message[]): void {
    const others = messages.filter(({ to }) => to !== this.self)
    if (others.length > 0) this.#send(others)
    for (const message of messages) if (message.to === this.self) this.#node.step(message)
  }

  /**
   * Nothing of the round is on the disk, and nobody was told anything that rests on it: the member goes on as after a
   * crash, from what is on the disk. A lone server takes back what nobody else has seen: what grows is refused, what only
   * takes away is tried again.
   */
  #isFull(error: OvlError): void {
    if (this.#fullFailures++ > 0) this.#retryAt = this.#tick + RAFT_FULL_RETRY_TICKS
    if (this.isAlone) this.#proposals.takeBack(this.#disk.lastIndex(), error)
    this.#incoming.discard()
    this.#restart()
  }

  #restart(): void {
    this.#gathering = new Gathering()
    this.#chunks = []
    this.#node = this.#makeNode()
    this.#noteRole()
    if (this.isAlone) this.#node.campaign()
  }

  #recoveryRound(): Writing | null {
    const disk = this.#disk
    const { applied } = this.#state
    if (this.#chunks.length === 0 && applied.index < disk.lastIndex()) {
      const entries = disk.entries(applied.index + 1, disk.lastIndex() + 1, COMMIT_BATCH_MAX_BYTES)
      assert(entries !== undefined, "entries are compacted that were never applied")
      this.#chunks = [{ entries, after: [] }]
      this.#apply()
      return this.#recoveryRound()
    }
    const heavy = this.#chunks[0]?.entries[0]
    if (this.#state.isFrozen) return this.#flushRound()
    if (!heavy) return { ...withoutMessages(aloneRound(this.self, this.raft.term, disk, this.#state)), recovers: true }
    return withoutMessages(diskRound({ ...this.#state.freeze(), ...this.#heavy(heavy) }), heavy)
  }

  #recovered(): void {
    const settle = this.#recovery
    this.#recovery = null
    this.#state.flushed()
    this.#fates.failAll(outcomeUnknown())
    const { confState, members } = this.#disk.load()
    this.#state.installed(this.#state.applied, confState, members)
    this.#restart()
    this.#ports.onMembers()
    settle?.(null)
  }

  /** The end: this member says, writes and decides nothing more in this life. */
  #fail(error: OvlError): void {
    if (this.#failure) return
    this.#failure = error
    this.#ports.log.error("the store has stopped", { error: error.message })
    this.#proposals.end(error, this.isAlone)
    this.#barriers.failAll(error)
    this.#recovery?.(error)
    this.#recovery = null
    this.#role = { ...this.#role, leader: false, lead: NONE }
    this.#ports.onRole(this.#role)
    this.#ports.onFatal(error)
  }

  #noteRole(): void {
    const { role, lead, term } = this.raft
    const { leader: led, lead: before, term: termBefore } = this.#role
    const leader = role === "leader"
    if (leader === led && lead === before && term === termBefore) return
    this.#role = { leader, lead, term }
    if (leader && !led) this.counters.electionsWon++
    if (lead !== NONE && lead !== this.#lastLead) {
      this.counters.leaderChanges++
      this.#lastLead = lead
    }
    if (led && !leader) this.#fates.restartClocks(this.#tick)
    this.#ports.onRole(this.#role)
  }

  #isWorthFetching({ term, snapshot }: Message): boolean {
    return snapshot !== undefined && term >= this.raft.term && snapshot.index > this.raft.log.committed
  }

  get #storage(): Storage {
    return coreStorage(this.self, this.#disk, this.#state, () => this.#snapshot())
  }

  #makeNode(): RaftNode {
    const { applied } = this.#state
    return new RaftNode(
      raftConfig(
        { id: this.self, storage: this.#storage, random: (below) => this.#ports.random(below) },
        {
          applied: applied.index,
          disableProposalForwarding: true,
          log: (level, text) => (level === "error" || level === "warn") && this.#ports.log[level](text),
        },
      ),
    )
  }

  #snapshot(): Snapshot | undefined {
    const { applied, confState, members } = this.#state
    if (!this.#kept.keep(applied.index, this.#state.overlay, this.#tick)) return undefined
    return { ...applied, confState, data: new TextEncoder().encode(membersText(confState, members)) }
  }
}
