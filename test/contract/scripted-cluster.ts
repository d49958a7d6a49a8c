/**
 * Servers without Raft, for tests of what stands on it: engines in memory that agree because a script says so. What the
 * leader proposes is decided at once, and reaches each follower a turn later, or when the test lets it; who leads,
 * who hears what, and when the lead changes in the middle of something, the test says.
 */
import type { Clock } from "../../src/base/clock.ts"
import { OvlError } from "../../src/base/errors.ts"
import { silentLog } from "../../src/base/log.ts"
import type { Applied } from "../../src/store/applied.ts"
import type { Command, Sized } from "../../src/store/command.ts"
import type { Consensus, StateFollower } from "../../src/store/consensus.ts"
import { StoreEngine } from "../../src/store/engine.ts"
import { noLeader } from "../../src/store/forwarding-route.ts"
import { Machine } from "../../src/store/kv.ts"
import { memoryBackend } from "../../src/store/memory-backend.ts"
import type { Replication } from "../../src/store/replication.ts"

/** How a proposal ends that the test wants to end otherwise: not decided, decided without a word of it. */
export type Ending = "refused" | "lost" | "done_unknown" | "never"

export class ScriptedCluster {
  readonly members: ScriptedMember[] = []
  readonly log: Command[] = []
  leader: string | null = null
  term = 1
  /** For the next proposal only. */
  ending: Ending | null = null

  add(nodeId: string, clock: Clock): ScriptedMember {
    const member = new ScriptedMember(this, nodeId, clock)
    this.members.push(member)
    return member
  }

  lead(nodeId: string | null): void {
    this.leader = nodeId
    if (nodeId !== null) this.term++
    const leading = this.members.find((member) => member.nodeId === nodeId)
    leading?.catchUp()
    for (const member of this.members) member.tell()
  }
}

export class ScriptedMember {
  readonly engine: StoreEngine
  readonly replication: Replication
  /** Does not hear of what is decided until `catchUp`. */
  behind = false
  /** Thinks that this one leads, whatever is true. */
  believes: string | null | undefined = undefined
  /** Barriers that were asked for. */
  barriers = 0
  readonly #backend = memoryBackend()
  #follower: StateFollower | null = null
  #applied = 0
  readonly #listeners = new Set<() => void>()

  constructor(
    readonly cluster: ScriptedCluster,
    readonly nodeId: string,
    clock: Clock,
  ) {
    this.replication = this.#replication()
    this.engine = new StoreEngine({ backend: this.#backend, consensus: this.#consensus(), clock, log: silentLog })
  }

  tell(): void {
    this.#follower?.onLead(this.#leader === this.nodeId)
    for (const listener of [...this.#listeners]) listener()
  }

  /** Applies all that was decided. */
  catchUp(): Applied[] {
    const batch: Applied[] = []
    while (this.#applied < this.cluster.log.length) {
      const command = this.cluster.log[this.#applied++]!
      const applied = this.#backend.commitNow((tables) => {
        const machine = new Machine(tables)
        const effects = machine.apply(command)
        machine.finish()
        return effects
      })
      batch.push(applied)
    }
    if (batch.length > 0) this.#follower?.onApplied(batch)
    return batch
  }

  get #leader(): string | null {
    return this.believes === undefined ? this.cluster.leader : this.believes
  }

  async #propose({ command }: Sized): Promise<Applied> {
    const { cluster, nodeId } = this
    await Promise.resolve()
    if (cluster.leader !== nodeId || this.#leader !== nodeId) throw unavailable("not_leader")
    const { ending } = cluster
    cluster.ending = null
    if (ending === "refused") throw unavailable("leader_changed")
    if (ending === "lost") throw unavailable("outcome_unknown")
    cluster.log.push(command)
    const applied = this.catchUp().at(-1)!
    for (const member of cluster.members) {
      const hear = () => !member.behind && member.catchUp()
      if (member !== this) setImmediate(hear)
    }
    if (ending === "done_unknown") throw unavailable("outcome_unknown")
    if (ending === "never") return new Promise(() => {})
    return applied
  }

  async #barrier(): Promise<void> {
    this.barriers++
    for (let tries = 0; this.cluster.leader === null || this.#leader === null; tries++) {
      if (tries > 20) throw noLeader("read")
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    this.catchUp()
  }

  #consensus(): Consensus {
    let closed = false
    const open = <T>(act: () => Promise<T>) =>
      closed
        ? Promise.reject(new OvlError("store_closed", "use the store: it is closed", { kind: "unavailable" }))
        : act()
    return {
      state: this.#backend,
      begin: (follower) => {
        this.#follower = follower
      },
      status: () => ({
        leader: this.#leader === this.nodeId,
        term: this.cluster.term,
        index: this.#applied,
        knownLeader: this.#leader !== null,
        lastContactMs: this.#leader === this.nodeId ? 0 : 7,
      }),
      propose: (proposal) => open(() => this.#propose(proposal)),
      barrier: () => open(() => this.#barrier()),
      close: async () => {
        closed = true
      },
    }
  }

  #replication(): Replication {
    const unscripted = async (): Promise<never> => {
      throw new Error("not part of the script")
    }
    return {
      status: () => ({
        self: this.nodeId,
        role: this.#leader === this.nodeId ? "leader" : "follower",
        leader: this.#leader,
        term: this.cluster.term,
        commit: this.cluster.log.length,
        applied: this.#applied,
        lastIndex: this.cluster.log.length,
        lastTerm: this.cluster.term,
        logEntries: this.cluster.log.length,
        lastContactMs: this.#leader === this.nodeId ? 0 : 7,
        members: this.cluster.members.map(({ nodeId }) => {
          return { nodeId, voter: true, leader: nodeId === this.#leader, progress: null }
        }),
        failure: null,
      }),
      onChange: (listener) => {
        this.#listeners.add(listener)
        return () => this.#listeners.delete(listener)
      },
      addLearner: unscripted,
      promote: unscripted,
      remove: unscripted,
      transfer: unscripted,
      recoverAlone: unscripted,
    }
  }
}

function unavailable(code: string): OvlError {
  return new OvlError(code, `propose: ${code}`, { kind: "unavailable" })
}
