/**
 * The catalog: every network, endpoint and node at one revision. Each node keeps one, fed by the store's changes in
 * order; what the kernel should hold is a function of it.
 */
import type { EndpointRecord } from "./endpoint.ts"
import { DEFAULT_TENANT, foldName } from "./names.ts"
import type { NetworkRecord } from "./network.ts"
import type { NodeRecord } from "./node.ts"

/** One change of one record; `value` null means that it is gone. */
export type Change =
  | { type: "network"; id: string; value: NetworkRecord | null }
  | { type: "endpoint"; id: string; value: EndpointRecord | null }
  | { type: "node"; id: string; value: NodeRecord | null }
  /** A node's lease: alive while it holds one. */
  | { type: "alive"; id: string; value: true | null }

/** All changes of one revision; with `snapshot`, the whole catalog, replacing what was known. */
export interface ChangeBatch {
  revision: number
  snapshot: boolean
  changes: Change[]
}

export class Catalog {
  revision = 0
  readonly networks = new Map<string, NetworkRecord>()
  readonly endpoints = new Map<string, EndpointRecord>()
  readonly nodes = new Map<string, NodeRecord>()
  readonly alive = new Set<string>()
  readonly #endpointsOfNetwork = new Map<string, Map<string, EndpointRecord>>()
  readonly #networkByName = new Map<string, string>()

  /** Applies one batch. A batch at or below the present revision is a repeat and changes nothing. */
  apply(batch: ChangeBatch): void {
    if (batch.snapshot) this.#clear()
    else if (batch.revision <= this.revision) return
    for (const change of batch.changes) this.#applyOne(change)
    this.revision = batch.revision
  }

  endpointsOf(networkId: string): Iterable<EndpointRecord> {
    return this.#endpointsOfNetwork.get(networkId)?.values() ?? []
  }

  endpointCount(networkId: string): number {
    return this.#endpointsOfNetwork.get(networkId)?.size ?? 0
  }

  /** By id, by exact or folded name, or by an unambiguous id prefix of at least 4 digits. */
  findNetwork(reference: string, tenant: string = DEFAULT_TENANT): NetworkRecord | undefined {
    const byId = this.networks.get(reference)
    if (byId) return byId
    const byName = this.#networkByName.get(`${tenant}/${foldName(reference)}`)
    if (byName) return this.networks.get(byName)
    if (!/^[0-9a-f]{4,63}$/.test(reference)) return undefined
    const matches = [...this.networks.values()].filter((n) => n.id.startsWith(reference))
    return matches.length === 1 ? matches[0] : undefined
  }

  findNode(reference: string): NodeRecord | undefined {
    const byId = this.nodes.get(reference)
    if (byId) return byId
    const folded = foldName(reference)
    for (const node of this.nodes.values()) if (foldName(node.name) === folded) return node
    return undefined
  }

  /** By id, or by name; an exact name wins over `<workload>.<network>`. */
  findEndpoint(reference: string): EndpointRecord | undefined {
    const byId = this.endpoints.get(reference)
    if (byId) return byId
    const folded = foldName(reference)
    let qualified: EndpointRecord | undefined
    for (const endpoint of this.endpoints.values()) {
      if (foldName(endpoint.name) === folded) return endpoint
      const network = this.networks.get(endpoint.networkId)
      if (network && foldName(`${endpoint.workload}.${network.name}`) === folded) qualified = endpoint
    }
    return qualified
  }

  endpointsOfNode(nodeId: string): EndpointRecord[] {
    return [...this.endpoints.values()].filter((e) => e.nodeId === nodeId)
  }

  #clear(): void {
    this.networks.clear()
    this.endpoints.clear()
    this.nodes.clear()
    this.alive.clear()
    this.#endpointsOfNetwork.clear()
    this.#networkByName.clear()
  }

  #applyOne(change: Change): void {
    switch (change.type) {
      case "network":
        return this.#applyNetwork(change.id, change.value)
      case "endpoint":
        return this.#applyEndpoint(change.id, change.value)
      case "node":
        if (change.value) this.nodes.set(change.id, change.value)
        else this.nodes.delete(change.id)
        return
      case "alive":
        if (change.value) this.alive.add(change.id)
        else this.alive.delete(change.id)
    }
  }

  #applyNetwork(id: string, value: NetworkRecord | null): void {
    const before = this.networks.get(id)
    if (before) this.#networkByName.delete(`${before.tenant}/${foldName(before.name)}`)
    if (!value) {
      this.networks.delete(id)
      return
    }
    this.networks.set(id, value)
    this.#networkByName.set(`${value.tenant}/${foldName(value.name)}`, id)
  }

  #applyEndpoint(id: string, value: EndpointRecord | null): void {
    const before = this.endpoints.get(id)
    if (before) this.#endpointsOfNetwork.get(before.networkId)?.delete(id)
    if (!value) {
      this.endpoints.delete(id)
      return
    }
    this.endpoints.set(id, value)
    let ofNetwork = this.#endpointsOfNetwork.get(value.networkId)
    if (!ofNetwork) {
      ofNetwork = new Map()
      this.#endpointsOfNetwork.set(value.networkId, ofNetwork)
    }
    ofNetwork.set(id, value)
  }
}
