/**
 * What this process knows it has put into the kernel, and what a change of the catalog means as a step from there. The
 * cost of a step is that of the change, not of the network: one endpoint more in a network of 20,000 is two rows.
 */
import type { Catalog, Change } from "../model/catalog.ts"
import {
  BRIDGE_NAME,
  EGRESS_BRIDGE_NAME,
  type EgressState,
  HOST_NAMESPACE,
  type NetworkState,
  type PeerState,
  VXLAN_NAME,
} from "../model/dataplane.ts"
import type { EndpointRecord } from "../model/endpoint.ts"
import type { Operation } from "../model/operation.ts"
import { networkMtu } from "../model/views.ts"
import { peerOf } from "../overlay/desired.ts"
import { orderRemovals } from "../overlay/removal-order.ts"
import { changeFlood, changePeer, removeEgress, removeEgressPort, removeNetwork, removePort } from "../overlay/steps.ts"

interface ProgrammedNetwork {
  netns: string
  mtu: number
  multicast: boolean
  /** Endpoints behind each VTEP that is flooded; empty unless `multicast`. */
  flood: Map<string, number>
  /** Device of each local endpoint's port. */
  ports: Map<string, string>
  /** Rows of each remote endpoint. */
  peers: Map<string, PeerState>
}

export class Projection {
  readonly networks = new Map<string, ProgrammedNetwork>()
  /** Device of each local endpoint's port on the egress bridge. */
  readonly egressPorts = new Map<string, string>()
  /** Address of the egress bridge while it stands, and its MTU. */
  egressAddress: string | null = null
  /** Its IPv6 address; it stays for as long as the bridge, and with it the guard of what was switched on for it. */
  egressIpv6: string | null = null
  #egressMtu = 0
  /** Address and state of every node when its rows were last written. */
  readonly #nodes = new Map<string, string>()
  readonly #catalog: Catalog
  readonly #nodeId: string

  constructor(catalog: Catalog, nodeId: string) {
    this.#catalog = catalog
    this.#nodeId = nodeId
  }

  /** The network is in the kernel as `state` says. */
  noteNetwork(state: NetworkState): void {
    const ports = new Map([...state.ports].map(([id, port]) => [id, port.device]))
    const peers = new Map<string, PeerState>()
    const flood = new Map<string, number>()
    for (const endpoint of this.#catalog.endpointsOf(state.networkId)) {
      // Its peers are those of the catalog as it is now, by MAC; an endpoint of this node may have anybody's.
      const peer = endpoint.nodeId === this.#nodeId ? null : (state.peers.get(endpoint.mac) ?? null)
      if (peer) peers.set(endpoint.id, peer)
      if (state.multicast) changeFlood(state.netns, flood, null, peer)
    }
    const { netns, mtu, multicast } = state
    this.networks.set(state.networkId, { netns, mtu, multicast, ports, peers, flood })
  }

  noteEgress(state: EgressState | null): void {
    this.egressPorts.clear()
    this.egressAddress = state?.address ?? null
    this.egressIpv6 = state?.ipv6?.address ?? null
    this.#egressMtu = state?.mtu ?? 0
    for (const [id, port] of state?.ports ?? []) this.egressPorts.set(id, port.device)
  }

  /** The ports of one endpoint are there. */
  notePorts(endpoint: EndpointRecord, device: string, egressDevice: string | null): void {
    this.networks.get(endpoint.networkId)?.ports.set(endpoint.id, device)
    if (egressDevice !== null) this.egressPorts.set(endpoint.id, egressDevice)
  }

  noteNodes(): void {
    this.#nodes.clear()
    for (const node of this.#catalog.nodes.values()) this.#nodes.set(node.id, `${node.state} ${node.address}`)
  }

  /** A change that is no small step: a node's address or membership under its rows. */
  needsReconcile(changes: readonly Change[]): boolean {
    return changes.some((change) => change.type === "node" && this.#nodeMoved(change.id))
  }

  #nodeMoved(id: string): boolean {
    const before = this.#nodes.get(id)
    const node = this.#catalog.nodes.get(id)
    const now = node ? `${node.state} ${node.address}` : undefined
    return before !== undefined && before !== now
  }

  /** Networks and the egress bridge as wide as the underlay is by now. */
  #followMtus(): Operation[] {
    const operations: Operation[] = []
    for (const [id, programmed] of this.networks) {
      const network = this.#catalog.networks.get(id)
      const mtu = network ? networkMtu(this.#catalog, network) : programmed.mtu
      const { netns, ports } = programmed
      if (mtu === programmed.mtu) continue
      const ends = [...ports.keys()].map((port) => this.#catalog.endpoints.get(port))
      const far = ends.map((endpoint) => ({ ns: endpoint?.netns, name: endpoint?.ifname }))
      const near = [BRIDGE_NAME, VXLAN_NAME, ...ports.values()].map((name) => ({ ns: netns, name }))
      operations.push(...resize(mtu, programmed.mtu, near, far))
      programmed.mtu = mtu
    }
    return [...operations, ...this.#followEgressMtu()]
  }

  #followEgressMtu(): Operation[] {
    const mtu = this.#catalog.nodes.get(this.#nodeId)?.underlayMtu
    const before = this.#egressMtu
    if (this.egressAddress === null || mtu === undefined || mtu === before) return []
    const ends = [...this.egressPorts.keys()].map((port) => this.#catalog.endpoints.get(port))
    const far = ends.map((endpoint) => ({ ns: endpoint?.netns, name: endpoint?.egress?.ifname }))
    const near = [EGRESS_BRIDGE_NAME, ...this.egressPorts.values()].map((name) => ({ ns: HOST_NAMESPACE, name }))
    this.#egressMtu = mtu
    return resize(mtu, before, near, far)
  }

  /** The operations for these changes, which the catalog holds already; the projection is as after them. */
  step(changes: readonly Change[]): Operation[] {
    // What goes makes room for what comes: an address may pass from one endpoint to another in one revision.
    const gone: Operation[] = []
    for (const change of changes)
      if (change.type === "endpoint" && change.value === null) gone.push(...this.#endpointGone(change.id))
    const operations = orderRemovals(gone)
    for (const change of changes) {
      const endpoint = change.type === "endpoint" ? change.value : null
      // Of a network that is new here all endpoints come at once, before any of it is in the kernel.
      if (endpoint && this.networks.has(endpoint.networkId)) operations.push(...this.#endpointChanged(endpoint))
    }
    if (changes.some((change) => change.type === "node")) {
      this.noteNodes()
      operations.push(...this.#followMtus())
    }
    return operations
  }

  #endpointChanged(endpoint: EndpointRecord): Operation[] {
    const network = this.networks.get(endpoint.networkId)
    if (!network) return []
    const before = network.peers.get(endpoint.id) ?? null
    const after = peerOf(this.#catalog, this.#nodeId, endpoint)
    if (after) network.peers.set(endpoint.id, after)
    else network.peers.delete(endpoint.id)
    return changePeers(network, before, after)
  }

  #endpointGone(id: string): Operation[] {
    const operations: Operation[] = []
    for (const [networkId, network] of this.networks) {
      const peer = network.peers.get(id)
      if (peer) {
        network.peers.delete(id)
        operations.push(...changePeers(network, peer, null))
      }
      if (network.ports.has(id)) operations.push(...this.#portGone(networkId, network, id))
    }
    const device = this.egressPorts.get(id)
    if (device !== undefined) operations.push(...this.#egressPortGone(id, device))
    return operations
  }

  #portGone(networkId: string, network: ProgrammedNetwork, id: string): Operation[] {
    const device = network.ports.get(id)!
    network.ports.delete(id)
    if (network.ports.size > 0) return removePort(network.netns, { device })
    this.networks.delete(networkId)
    return removeNetwork(network.netns, [device, VXLAN_NAME, BRIDGE_NAME])
  }

  #egressPortGone(id: string, device: string): Operation[] {
    this.egressPorts.delete(id)
    if (this.egressPorts.size > 0) return removeEgressPort({ device })
    this.egressAddress = null
    this.egressIpv6 = null
    return removeEgress([device])
  }
}

type Place = { ns: string | null | undefined; name: string | undefined }

/**
 * Another MTU for what lies near, as far as it goes, and for the workloads' ends: who sends becomes larger last and
 * smaller first, so that nobody sends what the next one does not take.
 */
function resize(mtu: number, before: number, near: readonly Place[], far: readonly Place[]): Operation[] {
  const places = mtu > before ? [...near, ...far] : [...far, ...near]
  return places.flatMap(({ ns, name }): Operation[] =>
    ns == null || name === undefined ? [] : [{ op: "link-set", ns, name, mtu }],
  )
}

/** The rows that one endpoint's change means, and where its node is the first or the last of the network, the flooding. */
function changePeers(network: ProgrammedNetwork, before: PeerState | null, after: PeerState | null): Operation[] {
  const rows = changePeer(network.netns, before, after)
  return network.multicast ? [...rows, ...changeFlood(network.netns, network.flood, before, after)] : rows
}
