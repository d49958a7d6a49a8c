/**
 * Replication without servers, for tests: the configuration is a list in memory, changes of it happen at once, and how far
 * a member is says the test. It refuses what the real one refuses.
 */
import { OvlError } from "../base/errors.ts"
import type { MemberProgress, Replication, ReplicationMember, ReplicationStatus } from "../store/replication.ts"

export class FakeReplication implements Replication {
  readonly self: string
  leader: string | null
  term = 1
  lastContactMs: number | null = 0
  /** Voters and learners, with their progress as the leader would know it. */
  readonly members = new Map<string, { voter: boolean; progress: MemberProgress }>()
  readonly removed = new Set<string>()
  /** What was asked for, in order. */
  readonly asked: string[] = []
  /** The next change fails with this. */
  fail: OvlError | null = null
  readonly #listeners = new Set<() => void>()

  /** The first server: the only voter, and the leader. */
  constructor(self: string) {
    this.self = self
    this.leader = self
    this.members.set(self, { voter: true, progress: progressOf(0) })
  }

  status(): ReplicationStatus {
    const role = this.leader === this.self ? "leader" : this.members.get(this.self)?.voter ? "follower" : "learner"
    const members = [...this.members].map(([nodeId, { voter, progress }]): ReplicationMember => {
      return { nodeId, voter, leader: nodeId === this.leader, progress: role === "leader" ? progress : null }
    })
    return {
      self: this.self,
      role,
      leader: this.leader,
      term: this.term,
      commit: 40,
      applied: 40,
      lastIndex: 42,
      lastTerm: this.term,
      logEntries: 42,
      lastContactMs: role === "leader" ? 0 : this.lastContactMs,
      members,
      failure: null,
    }
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** A member's progress, as if the leader had heard of it. */
  hear(nodeId: string, progress: Partial<MemberProgress>): void {
    const member = this.members.get(nodeId)
    if (member) Object.assign(member.progress, progress)
    this.tell()
  }

  tell(): void {
    for (const listener of [...this.#listeners]) listener()
  }

  async addLearner(nodeId: string): Promise<void> {
    this.#change(`add ${nodeId}`)
    if (this.removed.has(nodeId)) throw refusal("member_removed", "conflict")
    if (!this.members.has(nodeId)) this.members.set(nodeId, { voter: false, progress: progressOf(42) })
    this.tell()
  }

  async promote(nodeId: string): Promise<void> {
    this.#change(`promote ${nodeId}`)
    const member = this.members.get(nodeId)
    if (!member) throw refusal("member_unknown", "not_found")
    member.voter = true
    this.tell()
  }

  async remove(nodeId: string): Promise<void> {
    this.#change(`remove ${nodeId}`)
    if (!this.members.delete(nodeId)) throw refusal("member_unknown", "not_found")
    this.removed.add(nodeId)
    this.tell()
  }

  async transfer(nodeId: string | null): Promise<void> {
    this.#change(`transfer ${nodeId ?? "anyone"}`)
    const next = nodeId ?? [...this.members].find(([id, { voter }]) => voter && id !== this.self)?.[0]
    if (next === undefined) throw refusal("transfer_failed", "unavailable")
    this.leader = next
    this.term++
    this.tell()
  }

  async recoverAlone(): Promise<void> {
    this.asked.push("recover alone")
    for (const id of [...this.members.keys()]) if (id !== this.self) this.members.delete(id)
    this.members.set(this.self, { voter: true, progress: progressOf(0) })
    this.leader = this.self
    this.term++
    this.tell()
  }

  #change(what: string): void {
    this.asked.push(what)
    const { fail } = this
    this.fail = null
    if (fail) throw fail
    if (this.leader !== this.self) throw refusal("not_leader", "unavailable")
  }
}

function progressOf(lag: number): MemberProgress {
  return { match: 42 - lag, lag, state: lag === 0 ? "replicate" : "probe", lastContactMs: 0 }
}

function refusal(code: string, kind: "conflict" | "not_found" | "unavailable"): OvlError {
  return new OvlError(code, `a change of the servers: ${code}`, { kind })
}
