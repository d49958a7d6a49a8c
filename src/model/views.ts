/**
 * The contract's JSON out of the records of a catalog: references by id become names, and what is derived (an MTU, who
 * is alive) is worked out. Pure, so that every node shows the same.
 */
import { ETHERNET_MTU_BYTES, MTU_MIN_BYTES, VXLAN_OVERHEAD_V4_BYTES, VXLAN_OVERHEAD_V6_BYTES } from "../base/limits.ts"
import type { Catalog } from "./catalog.ts"
import { familyOf } from "./address.ts"
import { isIpv6 } from "./cidr.ts"
import type { Egress, EndpointRecord, EndpointView } from "./endpoint.ts"
import type { NetworkRecord, NetworkView } from "./network.ts"
import type { NodeRecord, NodeView } from "./node.ts"

/** The outer headers of a frame between VTEPs of this node's address family, in bytes. */
export function vxlanOverhead(node: Pick<NodeRecord, "address">): number {
  return isIpv6(node.address) ? VXLAN_OVERHEAD_V6_BYTES : VXLAN_OVERHEAD_V4_BYTES
}

/** The largest MTU that an overlay over the node's underlay can have, in bytes. */
export function overlayMtu(node: Pick<NodeRecord, "address" | "underlayMtu">): number {
  return Math.max(MTU_MIN_BYTES, node.underlayMtu - vxlanOverhead(node))
}

/** The member with the narrowest underlay, which decides for all: a frame must fit wherever it goes. */
export function narrowestMember(nodes: Iterable<NodeRecord>): NodeRecord | undefined {
  let narrowest: NodeRecord | undefined
  for (const node of nodes) {
    if (node.state === "member" && (!narrowest || overlayMtu(node) < overlayMtu(narrowest))) narrowest = node
  }
  return narrowest
}

/** The MTU of a network's interfaces in bytes: what was asked for, else what every member's underlay can carry. */
export function networkMtu(catalog: Pick<Catalog, "nodes">, network: Pick<NetworkRecord, "mtu">): number {
  if (network.mtu !== 0) return network.mtu
  const narrowest = narrowestMember(catalog.nodes.values())
  return narrowest ? overlayMtu(narrowest) : ETHERNET_MTU_BYTES - VXLAN_OVERHEAD_V4_BYTES
}

/**
 * `local` is the asking node's kernel part of the network, null where it has none. Endpoints come by name: each node has
 * them in an order of its own, and the answer is the same on all.
 */
export function networkView(catalog: Catalog, network: NetworkRecord, local: NetworkView["local"]): NetworkView {
  const endpoints = endpointViews(catalog, catalog.endpointsOf(network.id))
  return {
    id: network.id,
    name: network.name,
    tenant: network.tenant,
    driver: "overlay",
    scope: "global",
    vni: network.vni,
    subnets: network.subnets,
    mtu: networkMtu(catalog, network),
    secure: network.secure,
    internal: network.internal,
    multicast: network.multicast,
    allowSpoof: network.allowSpoof ?? false,
    labels: network.labels,
    created: network.created,
    endpoints,
    local,
  }
}

/** By name. */
export function endpointViews(catalog: Catalog, endpoints: Iterable<EndpointRecord>): EndpointView[] {
  const views = [...endpoints].map((endpoint) => endpointView(catalog, endpoint))
  return views.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Between two revisions of a removal the node or network may be gone already: then its id stands for its name. */
export function endpointView(catalog: Catalog, endpoint: EndpointRecord): EndpointView {
  const node = catalog.nodes.get(endpoint.nodeId)
  return {
    id: endpoint.id,
    name: endpoint.name,
    network: catalog.networks.get(endpoint.networkId)?.name ?? endpoint.networkId,
    node: node?.name ?? endpoint.nodeId,
    vtep: node?.address ?? "",
    ip: endpoint.ip,
    ip6: endpoint.ip6 ?? (familyOf(endpoint.ip) === 6 ? endpoint.ip : null),
    mac: endpoint.mac,
    ifname: endpoint.ifname,
    netns: endpoint.netns,
    egress: endpoint.egress && { ...endpoint.egress, ...ipv6Of(endpoint.egress) },
    ports: endpoint.ports ?? [],
    state: endpoint.state,
    created: endpoint.created,
  }
}

function ipv6Of({ ip6, gateway6 }: Egress): { ip6: string | null; gateway6: string | null } {
  return { ip6: ip6 ?? null, gateway6: gateway6 ?? null }
}

export function nodeView(catalog: Catalog, node: NodeRecord, leaderId: string | null): NodeView {
  return {
    id: node.id,
    name: node.name,
    address: node.address,
    role: node.role,
    voter: node.voter,
    leader: node.id === leaderId,
    state: nodeState(catalog, node),
    version: node.version,
  }
}

function nodeState(catalog: Catalog, node: NodeRecord): NodeView["state"] {
  if (node.state === "left") return "left"
  return catalog.alive.has(node.id) ? "alive" : "failed"
}
