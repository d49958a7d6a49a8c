/**
 * What this node's kernel should hold, as a function of the catalog: for each network that has an endpoint here its
 * hidden namespace, ports and peers; the egress bridge; the host's rules. Nothing is remembered between two calls.
 */
import { EGRESS_PORT_INDEX_BASE, VXLAN_PORT } from "../base/limits.ts"
import type { Catalog } from "../model/catalog.ts"
import { bareIp } from "../model/address.ts"
import { formatCidr, parseInterfaceAddress, parseIpv4, subnetOf } from "../model/cidr.ts"
import {
  type EgressIpv6,
  type EgressState,
  egressDevice,
  type FirewallState,
  type GuardPort,
  type GuardState,
  type HostFacts,
  hiddenNamespace,
  type NetworkState,
  type PeerState,
  type PortState,
  type PublishedPort,
} from "../model/dataplane.ts"
import { addressesOf, type Egress, type EndpointRecord } from "../model/endpoint.ts"
import { linkLocalOf, macOfIpv4, macOfIpv6, vethMac, vxlanMac } from "../model/mac.ts"
import type { NetworkRecord } from "../model/network.ts"
import { ANY_IPV6, isOnLoopback } from "../model/port-mapping.ts"
import { networkMtu } from "../model/views.ts"
import { forwardingDevices, guardedDevices } from "./egress.ts"
import { furtherSubnets, portName } from "./port-place.ts"
import {
  EGRESS_PORT_FLAGS,
  isIpv6Text,
  MULTICAST_PORT_FLAGS,
  OVERLAY_PORT_FLAGS,
  PUBLISHED_PORT_FLAGS,
} from "./steps.ts"

/** Whose view it is. `absent` names local endpoints whose workload namespace is gone: no port is wanted for them. */
export interface Viewpoint {
  nodeId: string
  absent?: ReadonlySet<string>
}

const NONE: ReadonlySet<string> = new Set()

/** What may come from the ports of a network. */
export function networkGuard(
  catalog: Catalog,
  state: Pick<NetworkState, "networkId" | "bridge" | "ports">,
): GuardState {
  const allowSpoof = catalog.networks.get(state.networkId)?.allowSpoof ?? false
  const ports = [...state.ports.values()].map(guardPort)
  return { place: "overlay", gateways: state.bridge.addresses.map(bareIp), allowSpoof, ports }
}

/** What may come from the ports of the egress bridge. */
export function egressGuard({ ports, ipv6 }: Pick<EgressState, "ports" | "ipv6">): GuardState {
  const filtered = ipv6?.bridgesFiltered ? { ipv6Filtered: true } : {}
  return { place: "egress", ...filtered, ports: [...ports.values()].map(guardPort) }
}

export function guardPort({ device, workload }: PortState): GuardPort {
  return { device, mac: workload.mac, addresses: workload.addresses.map(bareIp) }
}

/** The ids of the networks that have an endpoint on this node. */
export function localNetworkIds(catalog: Catalog, view: Viewpoint): Set<string> {
  const ids = new Set<string>()
  for (const endpoint of catalog.endpoints.values()) if (isLocalPort(endpoint, view)) ids.add(endpoint.networkId)
  return ids
}

/** One network as it should be on this node; null where it has no endpoint here, or is not known. */
export function desiredNetwork(catalog: Catalog, view: Viewpoint, networkId: string): NetworkState | null {
  const base = networkBase(catalog, view.nodeId, networkId)
  if (base === null) return null
  const subnets = subnetsOf(catalog, networkId)
  const ports = new Map<string, PortState>()
  const peers = new Map<string, PeerState>()
  for (const endpoint of catalog.endpointsOf(networkId)) {
    if (isLocalPort(endpoint, view)) ports.set(endpoint.id, overlayPort(endpoint, base, subnets))
    const peer = peerOf(catalog, view.nodeId, endpoint)
    if (peer) peers.set(peer.mac, peer)
  }
  const flood = new Set<string>()
  if (base.multicast) for (const { vtep } of peers.values()) flood.add(vtep)
  return ports.size === 0 ? null : { ...base, ports, peers, flood }
}

/** A network's own objects on this node, whether or not it has endpoints; null where network or node is not known. */
export function networkBase(
  catalog: Catalog,
  nodeId: string,
  networkId: string,
): Omit<NetworkState, "ports" | "peers" | "flood"> | null {
  const network = catalog.networks.get(networkId)
  const node = catalog.nodes.get(nodeId)
  if (!network || !node) return null
  const gateways = gatewayAddresses(network)
  const first = gateways[0]
  if (first === undefined) return null
  return {
    networkId,
    netns: hiddenNamespace(networkId),
    vni: network.vni,
    vtep: node.address,
    port: VXLAN_PORT,
    mtu: networkMtu(catalog, network),
    // The same on every node, so that a workload that moves keeps its gateway.
    bridge: { mac: gatewayMac(bareIp(first)), addresses: gateways },
    vxlan: { mac: vxlanMac(networkId, nodeId) },
    ipv6: gateways.some(isIpv6Text),
    multicast: network.multicast,
  }
}

function gatewayMac(gateway: string): string {
  const ipv4 = parseIpv4(gateway)
  return ipv4 === null ? macOfIpv6(gateway) : macOfIpv4(ipv4)
}

function gatewayAddresses(network: NetworkRecord): string[] {
  return network.subnets.map(({ subnet, gateway }) => `${gateway}/${subnet.split("/")[1]}`)
}

function isLocalPort(endpoint: EndpointRecord, view: Viewpoint): boolean {
  return endpoint.nodeId === view.nodeId && endpoint.netns !== null && !(view.absent ?? NONE).has(endpoint.id)
}

/** The rows that an endpoint means to this node: none for one that is local, or whose node is not a member. */
export function peerOf(catalog: Catalog, nodeId: string, endpoint: EndpointRecord): PeerState | null {
  if (endpoint.nodeId === nodeId) return null
  const node = catalog.nodes.get(endpoint.nodeId)
  if (node?.state !== "member") return null
  const pinned = catalog.networks.get(endpoint.networkId)?.multicast ?? false
  const { ip, ip6, mac } = endpoint
  return { ips: ip6 ? [bareIp(ip), bareIp(ip6)] : [bareIp(ip)], mac, vtep: node.address, pinned }
}

/** Of a network, as text; none of one that is not known any more. */
export function subnetsOf(catalog: Catalog, networkId: string): string[] {
  return catalog.networks.get(networkId)?.subnets.map(({ subnet }) => subnet) ?? []
}

/**
 * The port of a local endpoint; `subnets` are the network's. `vethN` has for N the address's place in its subnet,
 * counted on through the subnets of its family: unique in the network because the address is, and the same on every
 * start. What is in a further subnet is on the same segment, so the way there is the interface itself.
 */
export function overlayPort(
  endpoint: EndpointRecord,
  { mtu, multicast }: Pick<NetworkState, "mtu" | "multicast">,
  subnets: readonly string[],
): PortState {
  const addresses = addressesOf(endpoint)
  return {
    endpointId: endpoint.id,
    ...portName(endpoint, subnets),
    mac: vethMac(endpoint.id),
    flags: multicast ? MULTICAST_PORT_FLAGS : OVERLAY_PORT_FLAGS,
    workload: {
      netns: endpoint.netns ?? "",
      ifname: endpoint.ifname,
      mac: endpoint.mac,
      mtu,
      // Neighbour discovery wants a link-local address to ask from; this one needs no question whether it is free.
      addresses: addresses.some(isIpv6Text) ? [...addresses, linkLocalOf(endpoint.mac)] : addresses,
      routes: furtherSubnets(addresses, subnets).map((dst) => ({ dst, via: null })),
    },
  }
}

/**
 * The egress port of a local endpoint, which must have one: MAC 02:42 and the address, and the default route.
 * `bridgesFiltered` is that of HostFacts.
 */
export function egressPort(endpoint: EndpointRecord, mtu: number, bridgesFiltered: boolean): PortState | null {
  const { egress } = endpoint
  if (egress === null) return null
  const address = parseInterfaceAddress(egress.ip)
  return {
    endpointId: endpoint.id,
    device: egressDevice(endpoint.id),
    index: EGRESS_PORT_INDEX_BASE + address.address - subnetOf(address).address,
    mac: vethMac(`egress/${endpoint.id}`),
    flags: bridgesFiltered && endpoint.ports?.length ? PUBLISHED_PORT_FLAGS : EGRESS_PORT_FLAGS,
    workload: {
      netns: endpoint.netns ?? "",
      ifname: egress.ifname,
      mac: macOfIpv4(address.address),
      mtu,
      ...egressInterface(egress, macOfIpv4(address.address)),
    },
  }
}

function egressInterface({ ip, gateway, ip6, gateway6 }: Egress, mac: string) {
  const routes = [{ dst: "default", via: gateway }]
  if (!ip6 || !gateway6) return { addresses: [ip], routes }
  return { addresses: [ip, ip6, linkLocalOf(mac)], routes: [...routes, { dst: "default", via: gateway6 }] }
}

/**
 * The egress bridge; null while no endpoint here has egress. `address` is its gateway with prefix length
 * (`chooseEgressAddress`), `ipv6` what is wanted of its IPv6 side.
 */
export function desiredEgress(
  catalog: Catalog,
  view: Viewpoint,
  address: string,
  facts: HostFacts,
  ipv6: EgressIpv6 | null = null,
): EgressState | null {
  const node = catalog.nodes.get(view.nodeId)
  if (!node) return null
  const ports = new Map<string, PortState>()
  for (const endpoint of catalog.endpoints.values()) {
    if (!isLocalPort(endpoint, view)) continue
    const port = egressPort(endpoint, node.underlayMtu, facts.bridgesFiltered ?? false)
    if (port) ports.set(endpoint.id, port)
  }
  if (ports.size === 0) return null
  const loopback = publishedPorts(catalog, view.nodeId).some(isOnLoopback)
  return { ...egressBase(address, node.underlayMtu, facts), loopback, ports, ipv6 }
}

/** The bridge itself: what the first endpoint with egress needs before its port. */
export function egressBase(
  address: string,
  mtu: number,
  facts: HostFacts,
): Omit<EgressState, "ports" | "loopback" | "ipv6"> {
  const mac = macOfIpv4(parseInterfaceAddress(address).address)
  return { address, mac, mtu, forwarding: forwardingDevices(facts) }
}

/** What this node's endpoints have published, in an order that is always the same. */
export function publishedPorts(catalog: Catalog, nodeId: string): PublishedPort[] {
  const published: PublishedPort[] = []
  for (const { ports, egress } of catalog.endpointsOfNode(nodeId)) {
    if (!ports || egress === null) continue
    const to = bareIp(egress.ip)
    const to6 = egress.ip6 ? { to6: bareIp(egress.ip6) } : {}
    for (const mapping of ports) published.push({ ...mapping, to, ...to6 })
  }
  // One that names an address comes before one for all of them.
  const order = (one: PublishedPort) =>
    `${one.address === null || one.address === ANY_IPV6 ? 1 : 0} ${one.protocol} ${one.hostPort} ${one.address}`
  return published.sort((a, b) => (order(a) < order(b) ? -1 : 1))
}

/** The host's rules: VXLAN from members only while a network is here, the egress chains while the bridge is wanted. */
export function desiredFirewall(
  catalog: Catalog,
  hasNetworks: boolean,
  egress: Pick<EgressState, "address" | "forwarding"> | null,
  facts: HostFacts,
  published: readonly PublishedPort[] = [],
  ipv6: NonNullable<FirewallState["egress"]>["ipv6"] = null,
): FirewallState {
  const members = [...catalog.nodes.values()].filter((node) => node.state === "member").map((node) => node.address)
  return {
    vxlan: hasNetworks ? { port: VXLAN_PORT, members: members.sort() } : null,
    egress: egress && {
      subnet: formatCidr(subnetOf(parseInterfaceAddress(egress.address))),
      guarded: guardedDevices(egress.forwarding, facts),
      vxlanPort: VXLAN_PORT,
      published,
      ...(ipv6 ? { ipv6 } : {}),
    },
  }
}
