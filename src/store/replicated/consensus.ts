/**
 * The driver among promises, timers and the other members: what the engine and the daemon see of it. All calls of one
 * turn of the event loop are carried out together at its end, so that they share messages and commits.
 */
import type { Clock } from "../../base/clock.ts"
import type { OvlError } from "../../base/errors.ts"
import { RAFT_CLOSE_TICKS, RAFT_TICK_MS } from "../../base/limits.ts"
import type { Log } from "../../base/log.ts"
import type { Message } from "../../raft/message.ts"
import { NONE } from "../../raft/types.ts"
import type { Applied } from "../applied.ts"
import type { Backend, Keeper } from "../backend.ts"
import type { Sized } from "../command.ts"
import { type Consensus, type StateFollower, storeClosed } from "../consensus.ts"
import type { MachineOptions } from "../kv.ts"
import type { StoreStatus } from "../port.ts"
import type { StoreCounters } from "./counters.ts"
import type { BackendDisk } from "./disk.ts"
import { Driver } from "./driver.ts"
import type { RoleChange, SnapshotOffer } from "./port.ts"

export interface RaftConsensusOptions {
  backend: Backend
  clock: Clock
  log: Log
  /** A number from 0 up to but not including `below`. */
  random: (below: number) => number
  /** This server's node id. */
  nodeId: string
  machine?: MachineOptions
}

type Settle<T> = (value: T) => void

export class RaftConsensus implements Consensus {
  readonly driver: Driver
  readonly nodeId: string
  readonly #backend: Backend
  readonly #disk: BackendDisk
  readonly #clock: Clock
  readonly #listeners = new Set<() => void>()
  readonly #onFatal = new Set<(error: OvlError) => void>()
  #follower: StateFollower | null = null
  #leads = false
  #open = 0
  #closed = false
  #whenSettled: (() => void) | null = null
  #isScheduled = false
  #hasMessages = false
  #cancelTick: (() => void) | null = null
  send: (messages: readonly Message[]) => void = () => {}
  fetch: (offer: SnapshotOffer) => void = () => this.driver.snapshotFetched(null)

  /** On a disk that holds a log: that of a member, or of one that is to be invited. Throws `data_corrupt`, `log_too_new`. */
  constructor({ backend, clock, log, random, nodeId, machine = {} }: RaftConsensusOptions, disk: BackendDisk) {
    this.nodeId = nodeId
    this.#backend = backend
    this.#clock = clock
    this.#disk = disk
    disk.afterWrite = () => this.#tickLater()
    this.driver = new Driver(
      {
        disk,
        send: (messages) => this.send(messages),
        fetch: (offer) => this.fetch(offer),
        onApplied: (batch) => this.#follower?.onApplied(batch),
        onInstalled: () => this.#follower?.onInstalled(),
        onRole: (role) => this.#onRole(role),
        onMembers: () => this.#changed(),
        onFatal: (error) => this.#failed(error),
        random,
        monotonic: () => clock.monotonic(),
        log,
      },
      { self: nodeId, machine },
    )
  }

  get state(): Keeper {
    return this.driver.state
  }

  begin(follower: StateFollower): void {
    this.#follower = follower
    this.driver.start()
    this.driver.process()
    this.#tickLater()
  }

  /** Resolves when a lone server shows all that it has; at once on others. Rejects where it has failed. */
  async ready(): Promise<void> {
    const { driver } = this
    while (driver.isAlone && driver.failure === null && driver.applied.index < driver.raft.log.committed)
      await this.#disk.idle()
    if (driver.failure) throw driver.failure
  }

  status(): StoreStatus {
    const { leader, lead, term } = this.driver.role
    const index = this.driver.applied.index
    return { leader, term, index, knownLeader: lead !== NONE, lastContactMs: this.lastContactMs() ?? 0 }
  }

  counters(): StoreCounters {
    const { commits, totalCommitMs: commitMs, logBytes } = this.#disk
    return { ...this.driver.counters, commits, commitMs, logBytes }
  }

  /** Since the leader was last heard from; 0 on the leader itself, null where it never was. */
  lastContactMs(): number | null {
    if (this.driver.role.leader) return 0
    const heard = this.driver.heardFrom("leader")
    return heard === null ? null : this.#clock.monotonic() - heard
  }

  propose(proposal: Sized): Promise<Applied> {
    if (this.#closed) return Promise.reject(storeClosed())
    return new Promise((resolve, reject) => {
      const error = this.driver.propose(proposal, (fate) => {
        this.#open--
        if ("error" in fate) reject(fate.error)
        else resolve(fate.applied)
        if (this.#open === 0) this.#whenSettled?.()
      })
      if (error) return reject(error)
      this.#open++
      this.processSoon()
    })
  }

  barrier(): Promise<void> {
    if (this.#closed) return Promise.reject(storeClosed())
    return new Promise((resolve, reject) => {
      let isOver = false
      this.driver.barrier((error) => {
        isOver = true
        if (error) reject(error)
        else resolve()
      })
      if (!isOver) this.processSoon()
    })
  }

  /** Does what messages ask for, when all of those are in that came along with this one: somebody waits for the answer. */
  processMessages(): void {
    if (this.#hasMessages) return
    this.#hasMessages = true
    queueMicrotask(() => {
      this.#hasMessages = false
      this.driver.process()
      this.#tickLater()
    })
  }

  /** Does what was asked for in this turn, at its end. */
  processSoon(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    void this.#backend.endOfTurn().then(() => {
      this.#isScheduled = false
      this.driver.process()
      this.#tickLater()
    })
  }

  /** Resolves a little later. */
  pause(): Promise<void> {
    return new Promise((resolve) => this.#clock.after(RAFT_TICK_MS, resolve))
  }

  /** Calls back after changes of role, leader, members or health. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  onFatal(listener: (error: OvlError) => void): void {
    this.#onFatal.add(listener)
  }

  async close(): Promise<void> {
    this.#closed = true
    if (this.#open > 0) await this.#settled()
    this.driver.flush()
    this.driver.process()
    await this.#disk.idle()
    this.#cancelTick?.()
    this.#cancelTick = null
    this.driver.close(storeClosed())
  }

  /** All proposals have their answer; among several members not for longer than the bound. */
  async #settled(): Promise<void> {
    let cancel = (): void => {}
    await new Promise<void>((resolve: Settle<void>) => {
      this.#whenSettled = resolve
      if (!this.driver.isAlone) cancel = this.#clock.after(RAFT_CLOSE_TICKS * RAFT_TICK_MS, resolve)
    })
    cancel()
  }

  /** A lone server with nothing to write needs no clock. */
  #tickLater(): void {
    if (this.#cancelTick || !this.driver.needsTicks) return
    this.#cancelTick = this.#clock.after(RAFT_TICK_MS, () => {
      this.#cancelTick = null
      this.driver.tick()
      this.driver.process()
      this.#tickLater()
    })
  }

  #onRole({ leader }: RoleChange): void {
    if (leader !== this.#leads) {
      this.#leads = leader
      this.#follower?.onLead(leader)
    }
    this.#changed()
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener()
  }

  #failed(error: OvlError): void {
    for (const listener of this.#onFatal) listener(error)
    this.#changed()
  }
}
