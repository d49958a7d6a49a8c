/**
 * The addresses of this node's endpoints on its egress bridge: which one comes next, which are promised to attaches that
 * are under way, and what becomes of them where the bridge is given another subnet.
 */
import { OvlError } from "../base/errors.ts"
import type { Log } from "../base/log.ts"
import type { Kernel } from "../kernel/port.ts"
import { bareIp } from "../model/address.ts"
import { formatCidr, parseInterfaceAddress, subnetOf } from "../model/cidr.ts"
import type { Egress, EndpointRecord } from "../model/endpoint.ts"
import { foldName } from "../model/names.ts"
import type { NetworkRecord } from "../model/network.ts"
import { nextEgressAddress } from "../overlay/egress.ts"
import { isIpv6Text } from "../overlay/steps.ts"
import { egressIpv6Beside, hasIpv6Subnet } from "../overlay/egress-ipv6.ts"
import type { Cluster } from "../registry/port.ts"
import type { DataPlane } from "./dataplane.ts"
import { IPV6_HINT } from "./watch-conflicts.ts"
import type { Replica } from "./replica.ts"

export interface EgressAddressesOptions {
  cluster: Cluster
  replica: Replica
  dataplane: DataPlane
  kernel: Kernel
  log: Log
  nodeId: string
}

export class EgressAddresses {
  readonly #o: EgressAddressesOptions
  readonly #promised = new Set<string>()
  #last: string | null = null

  constructor(options: EgressAddressesOptions) {
    this.#o = options
  }

  /** The next free address, of IPv6 too where asked for, nobody else's until `release`. Errors: egress_exhausted. */
  promise(ifname: string, ipv6: boolean): Egress {
    const { egress } = this.#o.dataplane
    const bridge = egress.address()
    const own = this.#own()
    // Mostly the first that is asked about is free, so no set of all is made.
    const has = (address: string) => this.#promised.has(address) || own.some((each) => each.egress?.ip === address)
    const ip = nextEgressAddress(bridge, this.#last, { has })
    const given: Egress = { ifname, ip, gateway: bareIp(bridge), ...this.#ipv6(ip, ipv6) }
    this.#promised.add(ip)
    this.#last = ip
    return given
  }

  #ipv6(ip: string, wanted: boolean): Pick<Egress, "ip6" | "gateway6"> {
    if (!wanted) return { ip6: null, gateway6: null }
    const bridge = this.#o.dataplane.egress.ipv6Address()
    return { ip6: egressIpv6Beside(ip, bridge), gateway6: bareIp(bridge) }
  }

  /**
   * Whether endpoints on these networks get a way out by IPv6. Where the host has none, they go without, unless it is
   * all that one of them has. Errors: `no_ipv6_egress` (conflict).
   */
  hasIpv6(networks: readonly NetworkRecord[], who: string): boolean {
    const outside = networks.filter((network) => !network.internal && hasIpv6Subnet(network))
    if (outside.length === 0) return false
    const { missing } = this.#o.kernel.ipv6Facts()
    if (missing === null) return true
    const needy = outside.find(({ subnets }) => subnets.every(({ subnet }) => isIpv6Text(subnet)))
    if (needy)
      throw new OvlError(
        "no_ipv6_egress",
        `cannot give ${who} egress by IPv6, which is all ${needy.name} has: ${missing}`,
        {
          kind: "conflict",
          hint: `${IPV6_HINT}; or attach it with --no-egress, or make the network --internal`,
        },
      )
    this.#o.log.warn("no way to the outside by IPv6", { endpoint: who, why: missing })
    return false
  }

  /** It is in an endpoint's record by now, or nowhere. */
  release(egress: Egress): void {
    this.#promised.delete(egress.ip)
  }

  /** Gives endpoints of this node (new) addresses, by way of the cluster. Errors: those of `promise` and of the cluster. */
  async move(endpoints: readonly { id: string; ifname: string; ipv6: boolean }[]): Promise<void> {
    const updates: { id: string; egress: Egress }[] = []
    try {
      for (const { id, ifname, ipv6 } of endpoints) updates.push({ id, egress: this.promise(ifname, ipv6) })
      const { revision } = await this.#o.cluster.updateEndpoints(updates)
      await this.#o.replica.waitFor(revision)
    } finally {
      for (const { egress } of updates) this.release(egress)
    }
  }

  /**
   * After a start: where the egress bridge had to take another subnet than before (the old one is somebody else's by
   * now), this node's endpoints get new addresses on it. So do those that have got a way out by IPv6 since, or lost it.
   */
  async renumber(): Promise<void> {
    const withEgress = this.#own().filter((each) => each.egress !== null)
    if (withEgress.length === 0) return
    const gateway = bareIp(this.#o.dataplane.egress.address())
    const wanted = this.#wishesForIpv6(withEgress)
    const gateway6 = wanted.size > 0 ? bareIp(this.#o.dataplane.egress.ipv6Address()) : null
    const moved = withEgress.filter(
      ({ id, egress }) =>
        egress?.gateway !== gateway || (egress.gateway6 ?? null) !== (wanted.has(id) ? gateway6 : null),
    )
    if (moved.length === 0) return
    await this.move(moved.map(({ id, egress }) => ({ id, ifname: egress!.ifname, ipv6: wanted.has(id) })))
    this.#o.dataplane.reconcile()
  }

  /** Of these, the ids of those that can have it. A namespace that somebody else made may have got a way of its own. */
  #wishesForIpv6(endpoints: readonly EndpointRecord[]): Set<string> {
    const { kernel, replica } = this.#o
    const workloads = new Set<string>()
    for (const { workload, networkId, origin } of this.#own()) {
      const network = replica.catalog.networks.get(networkId)
      if (origin === "run" && network && !network.internal && hasIpv6Subnet(network)) workloads.add(foldName(workload))
    }
    const wishing = endpoints.filter(({ egress, workload }) => egress?.ip6 || workloads.has(foldName(workload)))
    if (wishing.length === 0 || kernel.ipv6Facts().missing !== null) return new Set()
    return new Set(wishing.map(({ id }) => id))
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
