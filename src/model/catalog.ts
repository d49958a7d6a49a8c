/**
 * The catalog: every network, endpoint and node at one revision. Each node keeps one, fed by the store's changes in
 * order; what the kernel should hold is a function of it.
 */
import { unreachable } from "../base/assert.ts"
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
  /** In the first batch of a stream: what it brings. */
  opening?: Opening
}

/** What a stream of changes says of itself when it begins. */
export interface Opening {
  /** The revision of the cluster just then: a follower that has reached it has caught up. */
  head: number
  /**
   * The networks whose endpoints the stream brings, beside its follower's own; null: all. Where the batch is no snapshot,
   * its changes are the endpoints of those that are new to the follower, and nothing else.
   */
  networks: string[] | null
}

export class Catalog {
  revision = 0
  readonly networks = new Map<string, NetworkRecord>()
  readonly endpoints = new Map<string, EndpointRecord>()
  readonly nodes = new Map<string, NodeRecord>()
  readonly alive = new Set<string>()
  readonly #endpointsOfNetwork: Index = new Map()
  readonly #endpointsOfNode: Index = new Map()
  readonly #endpointsOfWorkload: Index = new Map()
  readonly #networkByName = new Map<string, string>()

  /** Applies one batch. A batch at or below the present revision is a repeat and changes nothing. */
  apply(batch: ChangeBatch): void {
    if (batch.snapshot) this.#clear()
    else if (batch.revision <= this.revision) return
    for (const change of batch.changes) this.#applyOne(change)
    this.revision = batch.revision
  }

  /** Applies changes that have no revision of their own: this node wants to know more of the cluster, or less. */
  amend(changes: readonly Change[]): void {
    for (const change of changes) this.#applyOne(change)
  }

  endpointsOf(networkId: string): Iterable<EndpointRecord> {
    return groupOf(this.#endpointsOfNetwork, networkId)
  }

  endpointCount(networkId: string): number {
    const group = this.#endpointsOfNetwork.get(networkId)
    return group instanceof Map ? group.size : group ? 1 : 0
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

  /** By id, or by name; the exact name of a workload wins over `<workload>.<network>`. */
  findEndpoint(reference: string): EndpointRecord | undefined {
    const byId = this.endpoints.get(reference)
    if (byId) return byId
    const exact = [...this.endpointsOfWorkload(reference)].find((e) => foldName(e.name) === foldName(e.workload))
    return exact ?? this.#findQualified(reference)
  }

  /** For whoever has named one that is not there. */
  namesOf(kind: "networks" | "endpoints" | "nodes"): string[] {
    return [...this[kind].values()].map(({ name }) => name)
  }

  /** The endpoints of the workload with this name, whichever node it lives on. */
  endpointsOfWorkload(workload: string): Iterable<EndpointRecord> {
    return groupOf(this.#endpointsOfWorkload, foldName(workload))
  }

  endpointsOfNode(nodeId: string): EndpointRecord[] {
    return [...groupOf(this.#endpointsOfNode, nodeId)]
  }

  /** `<workload>.<network>`: both may have dots of their own, so each dot is tried. */
  #findQualified(reference: string): EndpointRecord | undefined {
    for (let dot = reference.indexOf("."); dot > 0; dot = reference.indexOf(".", dot + 1)) {
      const network = this.#networkByName.get(`${DEFAULT_TENANT}/${foldName(reference.slice(dot + 1))}`)
      if (network === undefined) continue
      for (const endpoint of this.endpointsOfWorkload(reference.slice(0, dot))) {
        if (endpoint.networkId === network) return endpoint
      }
    }
    return undefined
  }

  #clear(): void {
    this.networks.clear()
    this.endpoints.clear()
    this.nodes.clear()
    this.alive.clear()
    this.#endpointsOfNetwork.clear()
    this.#endpointsOfNode.clear()
    this.#endpointsOfWorkload.clear()
    this.#networkByName.clear()
  }

  #applyOne(change: Change): void {
    switch (change.type) {
      case "network":
        this.#applyNetwork(change.id, change.value)
        break
      case "endpoint":
        this.#applyEndpoint(change.id, change.value)
        break
      case "node":
        if (change.value) this.nodes.set(change.id, change.value)
        else this.nodes.delete(change.id)
        break
      case "alive":
        if (change.value) this.alive.add(change.id)
        else this.alive.delete(change.id)
        break
      default:
        unreachable(change)
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
    if (before) {
      removeFrom(this.#endpointsOfNetwork, before.networkId, id)
      removeFrom(this.#endpointsOfNode, before.nodeId, id)
      removeFrom(this.#endpointsOfWorkload, foldName(before.workload), id)
    }
    if (!value) {
      this.endpoints.delete(id)
      return
    }
    this.endpoints.set(id, value)
    addTo(this.#endpointsOfNetwork, value.networkId, value)
    addTo(this.#endpointsOfNode, value.nodeId, value)
    addTo(this.#endpointsOfWorkload, foldName(value.workload), value)
  }
}

/** One that is alone under its key, as most workloads' are, is no group: twenty thousand maps would take their time. */
type Index = Map<string, EndpointRecord | Map<string, EndpointRecord>>

function groupOf(index: Index, key: string): Iterable<EndpointRecord> {
  const group = index.get(key)
  if (group instanceof Map) return group.values()
  return group ? [group] : []
}

function addTo(index: Index, key: string, endpoint: EndpointRecord): void {
  const group = index.get(key)
  if (group instanceof Map) group.set(endpoint.id, endpoint)
  else if (group === undefined || group.id === endpoint.id) index.set(key, endpoint)
  else index.set(key, new Map([group, endpoint].map((one) => [one.id, one])))
}

/** An empty group goes too: names and networks come and go for years. */
function removeFrom(index: Index, key: string, id: string): void {
  const group = index.get(key)
  if (group instanceof Map) {
    group.delete(id)
    if (group.size === 0) index.delete(key)
  } else if (group?.id === id) index.delete(key)
}
