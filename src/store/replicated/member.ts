/** The changes of who belongs to the cluster, and its state, as this member sees them: `Replication` over the driver. */
import type { Clock } from "../../base/clock.ts"
import type { OvlError } from "../../base/errors.ts"
import {
  MEMBER_LAG_MAX_ENTRIES,
  MEMBER_LIVE_MAX_MS,
  RAFT_TICK_MS,
  RAFT_TRANSFER_TIMEOUT_TICKS,
} from "../../base/limits.ts"
import { raftIdOf } from "../../model/node.ts"
import type { SingleChange } from "../../raft/confchange/change.ts"
import { confStateOf } from "../../raft/tracker/tracker.ts"
import { type ConfState, type NodeId, NONE } from "../../raft/types.ts"
import type { MemberProgress, Replication, ReplicationMember, ReplicationStatus } from "../replication.ts"
import type { RaftConsensus } from "./consensus.ts"
import type { Driver } from "./driver.ts"
import { notLeader } from "./fates.ts"
import {
  isIn,
  isVoterIn,
  memberChange,
  memberChangeBusy,
  memberLagging,
  memberRemoved,
  memberUnknown,
  quorumWouldBeLost,
  transferFailed,
} from "./member-changes.ts"

export class MemberReplication implements Replication {
  readonly #consensus: RaftConsensus
  readonly #driver: Driver
  readonly #clock: Clock

  constructor(consensus: RaftConsensus, clock: Clock) {
    this.#consensus = consensus
    this.#driver = consensus.driver
    this.#clock = clock
  }

  status(): ReplicationStatus {
    const { raft, self, failure, applied, members } = this.#driver
    const { lead, term } = this.#driver.role
    const { index: lastIndex, term: lastTerm } = raft.log.lastId()
    const confState = this.#confState
    const name = (id: NodeId): string => members.nodes.get(id) ?? id.toString(16).padStart(12, "0")
    return {
      self: this.#consensus.nodeId,
      role: this.#role(confState),
      leader: lead === NONE ? null : name(lead),
      term,
      commit: raft.log.committed,
      applied: applied.index,
      lastIndex,
      lastTerm,
      logEntries: lastIndex + 1 - raft.log.firstIndex(),
      lastContactMs: this.#consensus.lastContactMs(),
      members: raft.tracker.ids.map(
        (id): ReplicationMember => ({
          nodeId: name(id),
          voter: isVoterIn(confState, id),
          leader: id === lead,
          progress: this.#progress(id, self),
        }),
      ),
      failure,
    }
  }

  onChange(listener: () => void): () => void {
    return this.#consensus.onChange(listener)
  }

  async addLearner(nodeId: string): Promise<void> {
    this.#checkLeads()
    const { members } = this.#driver
    const id = raftIdOf(nodeId)
    if (members.removed.has(id)) throw memberRemoved(nodeId)
    const known = members.nodes.get(id)
    // Two ids with the same beginning would be one member; who lets nodes in sees to it that there are none.
    if (known !== undefined && known !== nodeId) throw memberRemoved(nodeId)
    if (!isIn(this.#confState, id)) await this.#change("addLearnerNode", nodeId)
  }

  async promote(nodeId: string): Promise<void> {
    this.#checkLeads()
    const id = raftIdOf(nodeId)
    if (!isIn(this.#confState, id)) throw memberUnknown(nodeId)
    if (isVoterIn(this.#confState, id)) return
    const lag = this.#lag(id)
    if (lag > MEMBER_LAG_MAX_ENTRIES) throw memberLagging(nodeId, lag)
    await this.#change("addNode", nodeId)
  }

  async remove(nodeId: string): Promise<void> {
    this.#checkLeads()
    const id = raftIdOf(nodeId)
    if (this.#driver.members.removed.has(id)) return
    if (!isIn(this.#confState, id)) throw memberUnknown(nodeId)
    if (isVoterIn(this.#confState, id)) this.#checkQuorumWithout(id, nodeId)
    if (id === this.#driver.self) {
      // Who leads then takes it out: whoever asked asks again there.
      await this.transfer(null)
      throw notLeader()
    }
    await this.#change("removeNode", nodeId)
  }

  async transfer(nodeId: string | null): Promise<void> {
    this.#checkLeads()
    const to = nodeId === null ? this.#furthest() : raftIdOf(nodeId)
    if (to === this.#driver.self) return
    if (to === null) throw transferFailed("there is no other voter that could take it")
    if (!isVoterIn(this.#confState, to)) throw transferFailed(`${nodeId} has no vote`)
    this.#driver.transfer(to)
    this.#consensus.processSoon()
    const taken = await this.#leaderOtherThan(this.#driver.self)
    if (taken !== to) throw transferFailed(taken === null ? "it was not taken over in time" : "another server took it")
  }

  recoverAlone(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#driver.recoverAlone((error) => (error ? reject(error) : resolve()))
      this.#consensus.processSoon()
    })
  }

  get #confState(): ConfState {
    return confStateOf(this.#driver.raft.tracker.configuration)
  }

  #role(confState: ConfState): ReplicationStatus["role"] {
    const { raft, self, role } = this.#driver
    if (!isIn(confState, self)) return "outsider"
    if (role.leader) return "leader"
    if (!isVoterIn(confState, self)) return "learner"
    return raft.role === "candidate" || raft.role === "preCandidate" ? "candidate" : "follower"
  }

  #progress(id: NodeId, self: NodeId): MemberProgress | null {
    const { raft, role } = this.#driver
    const progress = role.leader ? raft.tracker.get(id) : undefined
    if (progress === undefined) return null
    const lag = Math.max(0, raft.log.lastIndex() - progress.match)
    return { match: progress.match, lag, state: progress.state, lastContactMs: id === self ? 0 : this.#contactMs(id) }
  }

  #contactMs(id: NodeId): number | null {
    const heard = this.#driver.heardFrom(id)
    return heard === null ? null : this.#clock.monotonic() - heard
  }

  #lag(id: NodeId): number {
    const { raft } = this.#driver
    return raft.log.lastIndex() - (raft.tracker.get(id)?.match ?? 0)
  }

  #checkLeads(): void {
    if (this.#driver.failure) throw this.#driver.failure
    if (!this.#driver.role.leader) throw notLeader()
  }

  #isLive(id: NodeId): boolean {
    if (id === this.#driver.self) return true
    const contact = this.#contactMs(id)
    return contact !== null && contact <= MEMBER_LIVE_MAX_MS
  }

  /** Those that stay must be able to decide. */
  #checkQuorumWithout(id: NodeId, nodeId: string): void {
    const staying = this.#confState.voters.filter((voter) => voter !== id)
    const live = staying.filter((voter) => this.#isLive(voter)).length
    if (live < Math.floor(staying.length / 2) + 1) throw quorumWouldBeLost(nodeId)
  }

  #furthest(): NodeId | null {
    const { raft, self } = this.#driver
    const others = this.#confState.voters.filter((voter) => voter !== self && this.#isLive(voter))
    const match = (id: NodeId): number => raft.tracker.get(id)?.match ?? 0
    return others.reduce<NodeId | null>((best, id) => (best === null || match(id) > match(best) ? id : best), null)
  }

  #change(type: SingleChange["type"], nodeId: string): Promise<void> {
    const change = memberChange(type, raftIdOf(nodeId), nodeId)
    const why = this.#driver.whyNotChange(change)
    if (why !== undefined) throw memberChangeBusy(why)
    return new Promise((resolve, reject) => {
      const settle = (error: OvlError | null): void => (error ? reject(error) : resolve())
      const error = this.#driver.proposeChange(change, settle)
      if (error) reject(error)
      else this.#consensus.processSoon()
    })
  }

  /** The next leader that is known; null where there is none in time. */
  #leaderOtherThan(before: NodeId): Promise<NodeId | null> {
    return new Promise((resolve) => {
      const end = (leader: NodeId | null): void => {
        cancel()
        unlisten()
        resolve(leader)
      }
      const cancel = this.#clock.after(RAFT_TRANSFER_TIMEOUT_TICKS * RAFT_TICK_MS, () => end(null))
      const unlisten = this.#consensus.onChange(() => {
        const { lead } = this.#driver.role
        if (lead !== NONE && lead !== before) end(lead)
      })
    })
  }
}
