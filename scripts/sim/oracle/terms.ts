/**
 * What the terms of a life have seen, kept outside of all servers: who led each, who voted for whom, and which entries its
 * leader made. An entry is named by term and index, and its leader makes it once: whatever log it turns up in must have
 * the same entry with the same predecessor. By induction whole logs match, without ever comparing two of them.
 */
import type { Entry, EntryId, NodeId } from "../../../src/raft/types.ts"
import { violated } from "../violation.ts"

/** The entries that one leader made in its term, in a row. */
interface Run {
  readonly leader: NodeId
  readonly before: EntryId
  readonly entries: Entry[]
}

export class Terms {
  private readonly runs = new Map<number, Run>()
  private readonly votes = new Map<string, NodeId>()

  get count(): number {
    return this.runs.size
  }

  leaderOf(term: number): NodeId | undefined {
    return this.runs.get(term)?.leader
  }

  hasLed(id: NodeId | undefined): boolean {
    return [...this.runs.values()].some(({ leader }) => leader === id)
  }

  /** A server leads a term that nobody led before; `before` is where its own entries begin. */
  begin(term: number, leader: NodeId, before: EntryId): void {
    const run = this.runs.get(term)
    if (run !== undefined) violated("I1", `term ${term} has the leaders ${run.leader} and ${leader}, or one twice`)
    this.runs.set(term, { leader, before, entries: [] })
  }

  /** The leader of a term has put an entry into its log. */
  made(entry: Entry): void {
    const run = this.runs.get(entry.term)
    if (run === undefined) violated("I2", `entry ${name(entry)} of a term that nobody leads`)
    const next = run.before.index + run.entries.length + 1
    if (entry.index !== next) violated("I10", `the leader of term ${entry.term} made ${name(entry)}, not ${next}`)
    run.entries.push(entry)
  }

  /** An entry in some log, behind one of `previousTerm`. */
  check(entry: Entry, previousTerm: number, where: string): void {
    const run = this.runs.get(entry.term)
    const offset = run === undefined ? 0 : entry.index - run.before.index - 1
    const original = run?.entries[offset]
    if (run === undefined || original === undefined) {
      violated("I2", `${where} has ${name(entry)}, which the leader of that term has not`)
    }
    if (original !== entry && !isSame(original, entry)) violated("I3", `${where} has another entry ${name(entry)}`)
    const expected = offset === 0 ? run.before.term : entry.term
    if (previousTerm !== expected) {
      violated("I3", `${where} has ${name(entry)} behind one of term ${previousTerm}, its leader had ${expected}`)
    }
  }

  /** A server has told, or stored for good, that its vote in a term goes to a candidate. */
  voted(voter: NodeId, term: number, candidate: NodeId): void {
    const key = `${voter}/${term}`
    const before = this.votes.get(key)
    if (before !== undefined && before !== candidate) {
      violated("I11", `${voter} voted in term ${term} for ${before} and for ${candidate}`)
    }
    this.votes.set(key, candidate)
  }
}

function name({ term, index }: EntryId): string {
  return `${term}/${index}`
}

function isSame(a: Entry, b: Entry): boolean {
  if (a.type !== b.type || a.index !== b.index || a.data.length !== b.data.length) return false
  return a.data.every((byte, i) => byte === b.data[i])
}
