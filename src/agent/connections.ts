/**
 * Hot attach and detach: a workload that lives gets an interface on one more network, or loses one. It may be one that
 * `run` made, or a namespace that was attached.
 */
import { OvlError } from "../base/errors.ts"
import type { Catalog } from "../model/catalog.ts"
import { type ConnectSpec, type EndpointRecord, isOfWorkload } from "../model/endpoint.ts"
import type { NetworkRecord } from "../model/network.ts"
import type { Endpoints } from "./endpoints.ts"
import type { WorkloadManager } from "./workload/manager.ts"

export interface ConnectionsOptions {
  catalog: Catalog
  nodeId: string
  nodeName: (nodeId: string) => string
  endpoints: Pick<Endpoints, "resolveNetworks" | "attachTo" | "give">
  workloads: Pick<WorkloadManager, "place" | "networksChanged">
}

export class Connections {
  readonly #o: ConnectionsOptions

  constructor(options: ConnectionsOptions) {
    this.#o = options
  }

  /**
   * Errors: network_not_found, workload_not_found, workload_exited, workload_elsewhere, already_connected (conflict), and
   * those of an attach.
   */
  async connect(reference: string, spec: ConnectSpec): Promise<EndpointRecord> {
    const network = this.#o.endpoints.resolveNetworks([reference])[0]!
    const { workload, ...wishes } = spec
    const own = this.#endpointsOf(workload)
    const place = this.#o.workloads.place(workload) ?? placeOf(own)
    if (place === null) throw this.#notHere(workload)
    const endpoint = await this.#o.endpoints.attachTo(place, { ...wishes, network: network.id })
    this.#o.workloads.networksChanged(place.workload)
    return endpoint
  }

  /** Errors: network_not_found, workload_not_found, not_connected (not_found), ports_published (conflict). */
  async disconnect(reference: string, workload: string): Promise<void> {
    const network = this.#o.endpoints.resolveNetworks([reference])[0]!
    const own = this.#endpointsOf(workload)
    if (own.length === 0 && this.#o.workloads.place(workload) === null) throw this.#notHere(workload)
    const endpoint = own.find((each) => each.networkId === network.id)
    if (!endpoint) throw notConnected(workload, network)
    if (endpoint.ports?.length) throw portsPublished(workload, network)
    try {
      await this.#o.endpoints.give(endpoint)
    } finally {
      // It may be gone also where its egress could not be passed on.
      this.#o.workloads.networksChanged(endpoint.workload)
    }
  }

  #endpointsOf(workload: string): EndpointRecord[] {
    const { catalog, nodeId } = this.#o
    return catalog.endpointsOfNode(nodeId).filter((each) => isOfWorkload(each, workload))
  }

  #notHere(workload: string): OvlError {
    const elsewhere = [...this.#o.catalog.endpointsOfWorkload(workload)][0]
    if (elsewhere)
      return new OvlError(
        "workload_elsewhere",
        `workload ${workload}: it is on node ${this.#o.nodeName(elsewhere.nodeId)}`,
        {
          kind: "conflict",
          hint: "ask that node",
        },
      )
    return new OvlError("workload_not_found", `no workload ${workload} on this node`, {
      kind: "not_found",
      hint: "`ovl ps` lists those that run made, `ovl endpoint ls` those that were attached",
    })
  }
}

/** Where a workload lives, and whose it is. */
export interface Place {
  workload: string
  netns: string
  origin: EndpointRecord["origin"]
}

function placeOf(own: readonly EndpointRecord[]): Place | null {
  const first = own.find((each) => each.netns !== null)
  return first ? { workload: first.workload, netns: first.netns!, origin: first.origin } : null
}

function notConnected(workload: string, network: NetworkRecord): OvlError {
  return new OvlError("not_connected", `workload ${workload}: not on network ${network.name}`, {
    kind: "not_found",
    hint: "`ovl endpoint ls` lists who is on which network",
  })
}

function portsPublished(workload: string, network: NetworkRecord): OvlError {
  return new OvlError("ports_published", `workload ${workload}: its published ports go by network ${network.name}`, {
    kind: "conflict",
    hint: "run it anew without -p, or on other networks",
  })
}
