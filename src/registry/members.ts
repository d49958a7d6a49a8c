/**
 * Keeps the servers that replicate the store in step with the nodes' records: whoever joined as a server becomes a
 * learner, gets its vote once it keeps up, and is taken out when its membership has ended. Only the leader acts, one
 * change at a time, and what to do next follows from what is there (`members-plan.ts`): another leader goes on with it.
 */
import type { Clock } from "../base/clock.ts"
import { asOvlError, OvlError } from "../base/errors.ts"
import { MEMBER_CHANGE_WAIT_MS, MEMBERS_CHECK_MS, MEMBERS_RETRY_MAX_MS } from "../base/limits.ts"
import type { Log } from "../base/log.ts"
import type { NodeRecord } from "../model/node.ts"
import type { Store } from "../store/port.ts"
import type { Replication, ReplicationStatus } from "../store/replication.ts"
import { put, readVersioned, recordsBelow } from "./codec.ts"
import { NODES_PREFIX, nodeKey } from "./keys.ts"
import { keepsUp, type MemberStep, nextStep } from "./members-plan.ts"
import { nodeName } from "./votes.ts"

export interface MembersKeeperOptions {
  store: Store
  replication: Replication
  clock: Clock
  log: Log
  /** `LocalCluster.removeNode`: finishes the removal of a node whose part in the store has ended already. */
  removeNode(id: string, options: { leave: boolean }): Promise<unknown>
}

export interface MembersKeeper {
  close(): void
}

/** Runs on every server, from its start to its end, and does something where that server leads. */
export function startMembersKeeper(options: MembersKeeperOptions): MembersKeeper {
  return new Keeper(options)
}

class Keeper implements MembersKeeper {
  readonly #options: MembersKeeperOptions
  readonly #unlisten: () => void
  /** Since when each learner has kept up without a break, as this leader has seen it. */
  readonly #keptUpSince = new Map<string, number>()
  /** Since when a server has had its record though it was taken out. */
  readonly #takenOutSince = new Map<string, number>()
  /** The servers' records, read anew when a node's record has changed. */
  #servers: { revision: number; records: NodeRecord[] } = { revision: -1, records: [] }
  #cancel = () => {}
  #busy = false
  #closed = false
  #failures = 0
  #told = ""

  constructor(options: MembersKeeperOptions) {
    this.#options = options
    // What has changed may be what a failed step waited for, but not more often than its pause allows.
    this.#unlisten = options.replication.onChange(() => {
      if (this.#failures === 0) this.#look()
    })
    this.#look()
  }

  close(): void {
    this.#closed = true
    this.#unlisten()
    this.#cancel()
  }

  #look(): void {
    if (this.#closed || this.#busy) return
    this.#cancel()
    const step = this.#next()
    if (step === null) {
      this.#failures = 0
      this.#again(MEMBERS_CHECK_MS)
      return
    }
    this.#busy = true
    this.#take(step).then(
      () => this.#done(0),
      (thrown) => this.#failed(step, asOvlError(thrown)),
    )
  }

  #next(): MemberStep | null {
    const status = this.#options.replication.status()
    if (status.role !== "leader" || status.failure !== null) {
      this.#keptUpSince.clear()
      return null
    }
    const now = this.#options.clock.monotonic()
    this.#noteKeepingUp(status, now)
    return nextStep(status, this.#records(), (id) => now - (this.#keptUpSince.get(id) ?? now))
  }

  #noteKeepingUp({ members }: ReplicationStatus, now: number): void {
    const keeping = new Set(members.filter((each) => !each.voter && keepsUp(each)).map(({ nodeId }) => nodeId))
    for (const id of this.#keptUpSince.keys()) if (!keeping.has(id)) this.#keptUpSince.delete(id)
    for (const id of keeping) if (!this.#keptUpSince.has(id)) this.#keptUpSince.set(id, now)
  }

  #records(): NodeRecord[] {
    const { store } = this.#options
    const revision = store.lastChange(NODES_PREFIX)
    if (revision !== this.#servers.revision) {
      const records = [...recordsBelow<NodeRecord>(store, NODES_PREFIX)]
      const servers = records.filter(({ role, state }) => role === "server" && state === "member")
      this.#servers = { revision, records: servers }
    }
    return this.#servers.records
  }

  async #take(step: MemberStep): Promise<void> {
    const { replication, store, log } = this.#options
    const node = nodeName(store, step.nodeId)
    if (step.type === "add") {
      if (await this.#add(step.nodeId)) log.info("a new server gets the store", { node })
    } else if (step.type === "promote") {
      await replication.promote(step.nodeId)
      log.info("a server has its vote", { node })
    } else if (step.type === "remove") {
      await replication.remove(step.nodeId)
      log.info("a server was taken out", { node })
    } else {
      await this.#record(step.nodeId, step.voter)
    }
  }

  /** Whether it is one of them now. */
  async #add(nodeId: string): Promise<boolean> {
    try {
      await this.#options.replication.addLearner(nodeId)
      this.#takenOutSince.delete(nodeId)
      return true
    } catch (thrown) {
      if (!(thrown instanceof OvlError) || thrown.code !== "member_removed") throw thrown
      await this.#finishRemoval(nodeId)
      return false
    }
  }

  /** One that was taken out is being removed, which takes a moment; if not, whoever removed it was cut off. */
  async #finishRemoval(nodeId: string): Promise<void> {
    const { clock, removeNode } = this.#options
    const now = clock.monotonic()
    const since = this.#takenOutSince.get(nodeId) ?? now
    this.#takenOutSince.set(nodeId, since)
    if (now - since < MEMBER_CHANGE_WAIT_MS) {
      await new Promise<void>((resolve) => clock.after(MEMBERS_CHECK_MS, resolve))
      return
    }
    await removeNode(nodeId, { leave: false })
    this.#takenOutSince.delete(nodeId)
  }

  /** If the record changes meanwhile, the next look finds what is right then. */
  async #record(nodeId: string, voter: boolean): Promise<void> {
    const { store } = this.#options
    const key = nodeKey(nodeId)
    const { value, modRevision } = readVersioned<NodeRecord>(store, key)
    if (value?.state !== "member") return
    await store.transact({ compare: [{ key, modRevision }], operations: [put(key, { ...value, voter })] })
  }

  #failed(step: MemberStep, error: OvlError): void {
    const { log, store } = this.#options
    const what = `${step.type} ${step.nodeId} ${error.code}`
    const pauseMs = Math.min(MEMBERS_CHECK_MS * 2 ** this.#failures, MEMBERS_RETRY_MAX_MS)
    this.#failures++
    if (what !== this.#told)
      log.warn("cannot change the servers yet", {
        step: step.type,
        node: nodeName(store, step.nodeId),
        why: error.message,
      })
    this.#told = what
    this.#done(pauseMs)
  }

  #done(pauseMs: number): void {
    this.#busy = false
    if (pauseMs === 0) {
      this.#failures = 0
      this.#told = ""
    }
    this.#again(pauseMs)
  }

  #again(afterMs: number): void {
    if (this.#closed) return
    this.#cancel = this.#options.clock.after(afterMs, () => this.#look())
  }
}
