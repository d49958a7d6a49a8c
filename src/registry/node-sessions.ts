/**
 * Consul's sessions end with the node that holds them: when it is no more heard from, leaves, or is removed. Sessions that
 * were made without the node's health check stay.
 */
import { asOvlError } from "../base/errors.ts"
import type { Log } from "../base/log.ts"
import type { ChangeBatch } from "../model/catalog.ts"
import type { Store } from "../store/port.ts"

export class NodeSessions {
  readonly #store: Store
  readonly #log: Log
  /** By node id: a node that was removed has no record any more that could tell its name. */
  readonly #names = new Map<string, string>()

  constructor(store: Store, log: Log) {
    this.#store = store
    this.#log = log
  }

  /** Follows the catalog's changes. */
  take(batch: ChangeBatch): void {
    for (const change of batch.changes) {
      if (change.type === "node" && change.value) this.#names.set(change.id, change.value.name)
      const lost = (change.type === "alive" || change.type === "node") && change.value === null
      if (lost && !batch.snapshot) this.#end(change.id)
      if (change.type === "node" && change.value === null) this.#names.delete(change.id)
    }
  }

  #end(nodeId: string): void {
    const name = this.#names.get(nodeId)
    if (name === undefined) return
    this.#store.invalidateNode(name).catch((error) => {
      this.#log.warn("cannot end the sessions of a node", { node: name, why: asOvlError(error).message })
    })
  }
}
