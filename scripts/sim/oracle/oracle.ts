/**
 * Knows all that has ever happened in a life, and looks after each step at the server that took it: whatever it did must
 * agree with what was known before. The numbers of the invariants are those of docs/simulation.md. Checks are incremental,
 * so that they can stay on at a hundred thousand steps a second.
 */
import { isConfChange } from "../../../src/raft/confchange/change.ts"
import type { Raft } from "../../../src/raft/raft.ts"
import { committedInOwnTerm } from "../../../src/raft/replication.ts"
import { confStateOf } from "../../../src/raft/tracker/tracker.ts"
import type { Entry, NodeId } from "../../../src/raft/types.ts"
import type { Applied } from "../../../src/store/applied.ts"
import type { Tally } from "../coverage.ts"
import { violated } from "../violation.ts"
import { type Members, membersText, sameMembers } from "./configurations.ts"
import { checkBounds } from "./bounds.ts"
import { Decided, type DecidedOptions, isSameEffect } from "./decided.ts"
import { type Observed, Seen } from "./server.ts"
import { Terms } from "./terms.ts"

export interface OracleOptions extends DecidedOptions {
  readonly tally: Tally
  /** Whether the network is in parts just now. */
  readonly isCut: () => boolean
}

export class Oracle {
  readonly terms = new Terms()
  readonly decided: Decided
  readonly tally: Tally
  private readonly servers = new Map<NodeId, Observed>()
  private readonly seen = new Map<NodeId, Seen>()
  private readonly isCut: () => boolean
  /** The last revision that any server has shown to anybody. */
  shown = 0

  constructor(options: OracleOptions) {
    this.decided = new Decided(options)
    this.tally = options.tally
    this.isCut = options.isCut
  }

  /** A server exists, and its disk. */
  enrol(server: Observed): void {
    this.servers.set(server.id, server)
  }

  /**
   * Its disk is gone for good. What it acknowledged before, it did have: that still counts for what is decided by it, and
   * the operator never takes so many that it would be lost.
   */
  forget(id: NodeId): void {
    this.seen.delete(id)
  }

  /** A server has started on what its disk has. */
  started(server: Observed): void {
    const { raft, disk } = server
    if (raft === null) return
    this.seen.set(server.id, new Seen(raft, disk.applied.index, this.decided.index))
    const stored = disk.hardState?.term ?? 0
    if (raft.term !== stored) violated("I10", `${server.id} starts in term ${raft.term}, on its disk is ${stored}`)
    if (raft.log.applied !== disk.applied.index) {
      violated("I10", `${server.id} starts with ${raft.log.applied} applied, on its disk is ${disk.applied.index}`)
    }
    if (raft.log.lastIndex() > disk.applied.index) this.tally.add("log replayed after a crash")
    this.look(server)
  }

  /** After each step of a server. */
  look(server: Observed): void {
    const seen = this.follow(server)
    const { raft, id } = server
    if (raft === null || seen === undefined) return
    if (raft.log.applied !== seen.applied) this.applies(id, raft, seen)
    this.configured(server, raft, seen)
    this.first(id, raft, seen)
    seen.stateIndex = server.appliedIndex
  }

  /** In the middle of a step, before anything leaves the server: what it leads, has in its log and takes for decided. */
  follow(server: Observed): Seen | undefined {
    const { raft, id } = server
    const seen = this.last(server)
    if (raft === null || seen === undefined) return undefined
    const { committed, applied, applying } = raft.log
    const last = raft.log.lastIndex()
    if (applied > applying || applying > committed || committed > last) {
      violated("I14", `marks of ${id}: applied ${applied}, applying ${applying}, decided ${committed}, last ${last}`)
    }
    if (raft.term !== seen.term || raft.role !== seen.role) this.moved(server, raft, seen)
    if (raft.role === "leader") this.leads(id, raft, seen, last)
    if (committed !== seen.committed) this.commits(server, raft, seen)
    seen.lastIndex = last
    return seen
  }

  /** What was last seen of a server. After a full disk it begins anew within its life, and goes on from what it shows. */
  private last(server: Observed): Seen | undefined {
    const { raft, id } = server
    const seen = this.seen.get(id)
    if (raft === null || seen === undefined || seen.raft === raft) return seen
    const anew = new Seen(raft, seen.told, this.decided.index)
    anew.applied = Math.max(raft.log.applied, seen.applied)
    this.seen.set(id, anew)
    const stored = server.disk.hardState?.term ?? 0
    if (raft.term < stored) violated("I10", `${id} begins anew in term ${raft.term}, on its disk is ${stored}`)
    return anew
  }

  private moved(server: Observed, raft: Raft, seen: Seen): void {
    const { id } = server
    if (raft.term < seen.term) violated("I10", `${id} goes from term ${seen.term} back to ${raft.term}`)
    if (seen.role === "candidate" && raft.role !== "leader" && raft.term > seen.term) {
      if (this.terms.leaderOf(seen.term) === undefined) this.tally.add("election without a winner")
    }
    if (seen.role === "leader" && raft.role !== "leader" && raft.term === seen.term) {
      this.tally.add("leader without a quorum stepped down")
    }
    const begins = raft.role === "leader" && (seen.role !== "leader" || raft.term !== seen.term)
    seen.term = raft.term
    seen.role = raft.role
    if (begins) this.begins(server, raft, seen)
  }

  /** I1, I7: one leader a term, and it has all that was decided in earlier ones. I15: it is a voter, as far as it knows. */
  private begins(server: Observed, raft: Raft, seen: Seen): void {
    const { id } = server
    const members = this.decided.configurations.at(server.appliedIndex)
    if (!members.voters.has(id))
      violated("I15", `${id} leads term ${raft.term} and has no vote: ${membersText(members)}`)
    const { hardState } = server.disk
    if (hardState?.term !== raft.term || hardState.vote !== id) {
      violated("I11", `${id} leads term ${raft.term}, and its disk has not its own vote in it`)
    }
    // Its own first entry is already there.
    const index = Math.min(raft.log.lastIndex(), this.startOf(raft))
    this.terms.begin(raft.term, id, { index, term: raft.log.term(index) ?? 0 })
    seen.lastIndex = index
    this.tally.add("leader")
    const { decided } = this
    if (decided.configurations.last.voters.size === 1) this.tally.add("leader of a single voter")
    for (let at = decided.index; at > raft.log.firstIndex(); at--) {
      if (decided.place(at)!.decidedIn >= raft.term) continue
      // What comes before matches where this does.
      if (raft.log.term(at) !== decided.term(at)) {
        violated(
          "I7",
          `${id} leads term ${raft.term} without entry ${at}, decided in term ${decided.place(at)!.decidedIn}`,
        )
      }
      break
    }
  }

  private startOf(raft: Raft): number {
    let at = raft.log.lastIndex()
    while (raft.log.term(at) === raft.term) at--
    return at
  }

  /** I10: a leader only appends. I15: one change of the members at a time, and none before it has decided anything. */
  private leads(id: NodeId, raft: Raft, seen: Seen, last: number): void {
    if (last < seen.lastIndex) violated("I10", `${id} leads term ${raft.term} and cuts its log at ${last}`)
    if (last === seen.lastIndex) return
    const entries = raft.log.slice(seen.lastIndex + 1, last + 1, Number.POSITIVE_INFINITY) ?? []
    checkBounds(id, raft, entries)
    for (const entry of entries) {
      this.terms.made(entry)
      if (isConfChange(entry)) this.changesMembers(id, raft, entry)
    }
  }

  private changesMembers(id: NodeId, raft: Raft, entry: Entry): void {
    const { log } = raft
    const before = log.slice(log.applied + 1, entry.index, Number.POSITIVE_INFINITY) ?? []
    const pending = before.find(isConfChange)
    if (pending !== undefined) violated("I15", `${id} changes members at ${entry.index}, ${pending.index} is pending`)
    if (!committedInOwnTerm(raft)) violated("I15", `${id} changes members before it decided anything in its term`)
    if (this.isCut()) this.tally.add("members changed under a partition")
  }

  /** I4: what is decided is decided for good. I5, I13: and lies on a quorum of disks from the first moment on. */
  private commits(server: Observed, raft: Raft, seen: Seen): void {
    const { id } = server
    const { committed } = raft.log
    if (committed < seen.committed) violated("I10", `${id} takes ${committed} back, decided was ${seen.committed}`)
    const { decided } = this
    for (let at = Math.max(seen.committed, decided.index) + 1; at <= committed; at++)
      this.decide(server, raft, at, committed)
    // Everything before matches where the last one does.
    const term = raft.log.term(committed)
    if (term !== decided.term(committed)) {
      violated("I4", `${id} takes ${term}/${committed} for decided, it is ${decided.term(committed)}/${committed}`)
    }
    seen.committed = committed
  }

  private decide(server: Observed, raft: Raft, at: number, committed: number): void {
    const { id } = server
    const [entry] = raft.log.slice(at, at + 1, 0) ?? []
    if (entry === undefined) violated("I4", `${id} takes ${at} for decided, which it has not`)
    // One of an earlier term is only decided by a later one (Figure 8).
    if (at === committed && entry.term !== raft.term && raft.role === "leader") {
      violated("I6", `${id} leads term ${raft.term} and decides ${entry.term}/${at} by counting`)
    }
    if (at < committed && entry.term < raft.term) this.tally.add("entry of an earlier term decided")
    this.onQuorum(server, at, entry.term)
    const change = this.decided.decide(entry, raft.term)
    if (change === "removed" && this.terms.hasLed(this.decided.configurations.lastRemoved)) {
      this.tally.add("former leader removed")
    }
    if (change === "joined") this.tally.add("learner joined")
    if (change === "promoted") this.tally.add("learner promoted")
    if (change === "removed") this.tally.add("member removed")
  }

  /** By the members in force: within one step they may have changed, after the decision or before it. */
  private onQuorum({ id, appliedIndex }: Observed, at: number, term: number): void {
    const { configurations } = this.decided
    const before = configurations.at(this.seen.get(id)!.stateIndex)
    const members = configurations.at(appliedIndex)
    if (this.isOnQuorum(members, at, term) || (before !== members && this.isOnQuorum(before, at, term))) return
    violated(
      "I13",
      `${id} takes ${term}/${at} for decided; it is not on a majority of the disks of ${membersText(members)}`,
    )
  }

  private isOnQuorum({ voters }: Members, at: number, term: number): boolean {
    let holders = 0
    for (const voter of voters) if (this.holds(voter, at, term)) holders++
    return holders > voters.size / 2
  }

  private holds(id: NodeId, at: number, term: number): boolean {
    const disk = this.servers.get(id)?.disk
    if (disk === undefined) return false
    return disk.term(at) === term || disk.firstIndex() > at
  }

  /** I14: effects of all that is applied were told, each once and in order (`told`). */
  private applies(id: NodeId, raft: Raft, seen: Seen): void {
    const { applied } = raft.log
    if (applied < seen.applied) violated("I10", `${id} goes from ${seen.applied} applied back to ${applied}`)
    for (let at = seen.told + 1; at <= applied; at++) {
      if (this.decided.place(at)?.effect) violated("I14", `${id} has applied ${applied} and never told what ${at} did`)
    }
    seen.told = Math.max(seen.told, applied)
    seen.applied = applied
  }

  /** I15: the members that a server works with are those decided by what it has applied. */
  private configured({ id, appliedIndex }: Observed, raft: Raft, seen: Seen): void {
    const { configuration } = raft.tracker
    if (configuration === seen.configuration) return
    seen.configuration = configuration
    if (raft.log.unstable.snapshot !== undefined || raft.tracker.ids.length === 0) return
    const expected = this.decided.configurations.at(appliedIndex)
    if (!sameMembers(expected, confStateOf(configuration))) {
      const has = JSON.stringify(confStateOf(configuration))
      violated("I15", `${id} works with ${has}, at ${appliedIndex} it is ${membersText(expected)}`)
    }
  }

  private first(id: NodeId, raft: Raft, seen: Seen): void {
    const first = raft.log.firstIndex()
    if (first < seen.firstIndex) violated("I10", `the log of ${id} begins at ${first} again, it was ${seen.firstIndex}`)
    if (first > seen.firstIndex) this.tally.add("log compacted")
    seen.firstIndex = first
  }

  /** A server tells what commands did: as the reference machine found, in order, none left out and none twice. */
  told(server: Observed, batch: readonly Applied[]): void {
    const seen = this.follow(server)
    if (seen === undefined) return
    const { id } = server
    const { decided } = this
    for (const effect of batch) {
      do seen.told++
      while (seen.told <= decided.index && decided.place(seen.told)!.effect === null)
      const expected = decided.place(seen.told)?.effect
      if (!expected) violated("I14", `${id} tells of revision ${effect.revision}, which is not decided`)
      if (!isSameEffect(expected, effect)) {
        violated("I14", `${id} has revision ${effect.revision} where entry ${seen.told} makes ${expected.revision}`)
      }
      this.shown = Math.max(this.shown, effect.revision)
    }
  }

  /** A snapshot took the place of the state: nothing is told of what lies before. */
  installed(server: Observed): void {
    const seen = this.seen.get(server.id)
    if (seen !== undefined) seen.told = Math.max(seen.told, server.disk.applied.index)
  }
}
