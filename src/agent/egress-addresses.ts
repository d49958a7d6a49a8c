/**
 * The addresses of this node's endpoints on its egress bridge: which one comes next, which are promised to attaches that
 * are under way, and what becomes of them where the bridge is given another subnet.
 */
import { formatCidr, parseInterfaceAddress, subnetOf } from "../model/cidr.ts"
import type { Egress, EndpointRecord } from "../model/endpoint.ts"
import { nextEgressAddress } from "../overlay/egress.ts"
import type { Cluster } from "../registry/port.ts"
import type { DataPlane } from "./dataplane.ts"
import type { Replica } from "./replica.ts"

export interface EgressAddressesOptions {
  cluster: Cluster
  replica: Replica
  dataplane: DataPlane
  nodeId: string
}

export class EgressAddresses {
  readonly #o: EgressAddressesOptions
  readonly #promised = new Set<string>()
  #last: string | null = null

  constructor(options: EgressAddressesOptions) {
    this.#o = options
  }

  /** The next free address, nobody else's until `release`. Errors: those of `nextEgressAddress`. */
  promise(ifname: string): Egress {
    const bridge = this.#o.dataplane.egressAddress()
    const taken = new Set(this.#promised)
    for (const each of this.#own()) if (each.egress) taken.add(each.egress.ip)
    const ip = nextEgressAddress(bridge, this.#last, taken)
    this.#promised.add(ip)
    this.#last = ip
    return { ifname, ip, gateway: bridge.split("/")[0] ?? "" }
  }

  /** It is in an endpoint's record by now, or nowhere. */
  release(egress: Egress): void {
    this.#promised.delete(egress.ip)
  }

  /** Gives endpoints of this node (new) addresses, by way of the cluster. Errors: those of the cluster. */
  async move(endpoints: readonly { id: string; ifname: string }[]): Promise<void> {
    const updates = endpoints.map(({ id, ifname }) => ({ id, egress: this.promise(ifname) }))
    try {
      const { revision } = await this.#o.cluster.updateEndpoints(updates)
      await this.#o.replica.waitFor(revision)
    } finally {
      for (const { egress } of updates) this.release(egress)
    }
  }

  /**
   * After a start: where the egress bridge had to take another subnet than before (the old one is somebody else's by
   * now), this node's endpoints get new addresses on it.
   */
  async renumber(): Promise<void> {
    const withEgress = this.#own().filter((each) => each.egress !== null)
    if (withEgress.length === 0) return
    const gateway = this.#o.dataplane.egressAddress().split("/")[0]
    const moved = withEgress.filter((each) => each.egress?.gateway !== gateway)
    if (moved.length === 0) return
    await this.move(moved.map(({ id, egress }) => ({ id, ifname: egress!.ifname })))
    this.#o.dataplane.reconcile()
  }

  /** The cluster keeps networks off the subnets of its nodes' egress bridges. */
  async report(egress: Egress | null): Promise<void> {
    const { cluster, replica, nodeId } = this.#o
    if (!egress) return
    const egressSubnet = formatCidr(subnetOf(parseInterfaceAddress(egress.ip)))
    if (replica.catalog.nodes.get(nodeId)?.egressSubnet === egressSubnet) return
    await cluster.updateNode(nodeId, { egressSubnet })
  }

  #own(): EndpointRecord[] {
    return this.#o.replica.catalog.endpointsOfNode(this.#o.nodeId)
  }
}
