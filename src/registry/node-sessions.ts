/**
 * Consul's sessions end with the node that holds them: when it is no more heard from, leaves, or is removed. Sessions that
 * were made without the node's health check stay. Only the leader ends them; who gains the lead makes up for what the one
 * before it may not have come to.
 */
import type { Clock } from "../base/clock.ts"
import { asOvlError } from "../base/errors.ts"
import { LEASE_RETRY_MS } from "../base/limits.ts"
import type { Log } from "../base/log.ts"
import type { ChangeBatch } from "../model/catalog.ts"
import type { NodeRecord } from "../model/node.ts"
import type { Store } from "../store/port.ts"
import type { Replication } from "../store/replication.ts"
import { read } from "./codec.ts"
import { aliveKey, nodeKey, nodeNameKey } from "./keys.ts"

export interface NodeSessionsOptions {
  store: Store
  replication: Replication
  clock: Clock
  log: Log
}

export class NodeSessions {
  readonly #options: NodeSessionsOptions
  /** By node id: a node that was removed has no record any more that could tell its name. */
  readonly #names = new Map<string, string>()
  readonly #alive = new Set<string>()
  readonly #unlisten: () => void
  #leads = false
  #cancelRetry = () => {}

  constructor(options: NodeSessionsOptions) {
    this.#options = options
    this.#unlisten = options.replication.onChange(() => this.#roleChanged())
    this.#roleChanged()
  }

  /** Follows the catalog's changes. */
  take(batch: ChangeBatch): void {
    // In a snapshot, who was lost is not named.
    const unseen = batch.snapshot ? new Set(this.#alive) : new Set<string>()
    if (batch.snapshot) this.#alive.clear()
    for (const { type, id, value } of batch.changes) {
      if (type === "node" && value) this.#names.set(id, value.name)
      if (type === "alive" && value) {
        this.#alive.add(id)
        unseen.delete(id)
      }
      if ((type === "alive" || type === "node") && value === null) this.#lost(id)
      if (type === "node" && value === null) this.#names.delete(id)
    }
    for (const id of unseen) this.#lost(id)
  }

  close(): void {
    this.#unlisten()
    this.#cancelRetry()
    this.#leads = false
  }

  #lost(nodeId: string): void {
    this.#alive.delete(nodeId)
    const name = this.#names.get(nodeId)
    if (name !== undefined && this.#leads) this.#end(name)
  }

  #roleChanged(): void {
    const leads = this.#options.replication.status().role === "leader"
    const gained = leads && !this.#leads
    this.#leads = leads
    if (gained) this.#makeUp()
  }

  /** Ends the sessions of all nodes that are not there, once this server knows all that was decided before. */
  #makeUp(): void {
    const { store, clock, log } = this.#options
    this.#cancelRetry()
    store.barrier().then(
      () => {
        for (const name of this.#leads ? this.#absentHolders() : []) this.#end(name)
      },
      (error) => {
        if (!this.#leads) return
        log.debug("cannot see to the sessions of absent nodes yet", { why: asOvlError(error).message })
        this.#cancelRetry = clock.after(LEASE_RETRY_MS, () => this.#makeUp())
      },
    )
  }

  /** Names of nodes that have sessions and give no sign of life, or are none any more. */
  #absentHolders(): Set<string> {
    const { store } = this.#options
    const absent = new Set<string>()
    const present = new Set<string>()
    for (const { node } of store.sessions()) {
      if (absent.has(node) || present.has(node)) continue
      const id = read<string>(store, nodeNameKey(node))
      const isMember = id !== undefined && read<NodeRecord>(store, nodeKey(id))?.state === "member"
      const known = isMember && store.get(aliveKey(id)) !== undefined
      if (known) present.add(node)
      else absent.add(node)
    }
    return absent
  }

  #end(name: string): void {
    this.#options.store.invalidateNode(name).catch((error) => {
      this.#options.log.warn("cannot end the sessions of a node", { node: name, why: asOvlError(error).message })
    })
  }
}
