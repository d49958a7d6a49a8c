/**
 * What the kernel should hold, and what it does hold, as plain values. `overlay/` computes the wanted side from the
 * catalog and compares; `kernel/` observes and applies. The two are neighbours that do not know each other, so what they
 * say to one another is defined here; the steps between the two sides are in `operation.ts`.
 */

import { ANY_IPV6, IPV6_LOOPBACK, isOfIpv6Alone, type PortMapping } from "./port-mapping.ts"

/** A network namespace: `""` is the host's own, anything else a path such as `/run/netns/1-249690033b`. */
export type NamespacePath = string
export const HOST_NAMESPACE: NamespacePath = ""

/** Where `ip netns` looks; the hidden namespaces are visible there. */
export const NETNS_DIRECTORY = "/run/netns"
export const BRIDGE_NAME = "br0"
export const VXLAN_NAME = "vxlan1"
export const EGRESS_BRIDGE_NAME = "ovl_gwbridge"
/** In a vxlan's own table: where frames go that have no row, one copy to each VTEP. */
export const FLOOD_MAC = "00:00:00:00:00:00"

/** Every link that ovl makes carries an alias beginning with this, on both ends of a pair; nothing else is ever removed. */
export const MARK_PREFIX = "ovl:"
/** The mark of the egress bridge; ports carry their endpoint's id, a network's own links the network's id. */
export const EGRESS_MARK = "ovl:egress"

/** Epoch and first ten digits, as Docker names them: `/run/netns/1-249690033b`. */
export function hiddenNamespace(networkId: string): NamespacePath {
  return `${NETNS_DIRECTORY}/1-${networkId.slice(0, 10)}`
}

export function mark(id: string): string {
  return `${MARK_PREFIX}${id}`
}

/** The id behind a mark, or null where the alias is not ours. */
export function markedId(alias: string | null): string | null {
  return alias?.startsWith(MARK_PREFIX) ? alias.slice(MARK_PREFIX.length) : null
}

/** The near end of an endpoint's egress pair: unique on the host, at most 15 characters. */
export function egressDevice(endpointId: string): string {
  return `ovl${endpointId.slice(0, 12)}`
}

/** A link that is an egress port of ours: its name and its mark come from the same endpoint. */
export function isEgressPort(link: { name: string; alias: string | null }): boolean {
  const id = markedId(link.alias)
  return id !== null && link.name === egressDevice(id)
}

// Wanted ---------------------------------------------------------------------------------------------------------------

export interface RouteState {
  /** `default` or a prefix such as `10.0.0.0/8`. */
  dst: string
  /** Gateway address; null: on the link. */
  via: string | null
}

/** The workload's end of a pair: what `ip address` and `ip route` show inside. */
export interface InterfaceState {
  netns: NamespacePath
  ifname: string
  mac: string
  mtu: number
  /** With prefix length: `10.65.10.2/24`. */
  addresses: string[]
  routes: RouteState[]
}

/** A bridge port of one local endpoint, and the workload's interface behind it. */
export interface PortState {
  endpointId: string
  /** The near end: `veth2` in the hidden namespace, `ovl<12 digits>` on the egress bridge. */
  device: string
  /**
   * Interface index of the near end. Ours to choose, far above those that the kernel gives: where both ends of a pair
   * happen to have the same index, the kernel takes up to a second to see that the link is up (linkwatch_urgent_event in
   * net/core/link_watch.c), and the first packets are lost.
   */
  index: number
  /** Of the near end; the workload's own is in `workload`. */
  mac: string
  flags: PortFlags
  workload: InterfaceState
}

/** A remote endpoint: one FDB row (MAC -> VTEP), and for each address a neighbour row (address -> MAC). */
export interface PeerState {
  ips: readonly string[]
  mac: string
  vtep: string
  /**
   * The bridge has a static row too, on the port vxlan1. Where ports are flooded with what is unknown, the MACs of
   * endpoints must be known.
   */
  pinned: boolean
}

/** One network on this node, from its first local endpoint to its last. */
export interface NetworkState {
  networkId: string
  netns: NamespacePath
  vni: number
  /** `local` of the vxlan device. */
  vtep: string
  port: number
  mtu: number
  bridge: { mac: string; addresses: string[] }
  vxlan: { mac: string }
  /** It has an IPv6 subnet: br0 and vxlan1 speak IPv6, to answer for the gateway and for the peers. */
  ipv6: boolean
  /**
   * What is for everybody, or for nobody known, reaches all endpoints: it goes to the VTEPs in `flood` and out of every
   * port, and nothing answers in the stead of an endpoint.
   */
  multicast: boolean
  /** By endpoint id. */
  ports: ReadonlyMap<string, PortState>
  /** By MAC. */
  peers: ReadonlyMap<string, PeerState>
  /** VTEPs of the other nodes that have an endpoint here; empty unless `multicast`. */
  flood: ReadonlySet<string>
}

/** The egress bridge of this node, while any endpoint has egress. */
export interface EgressState {
  /** The gateway with prefix length: `172.18.0.1/16`. */
  address: string
  mac: string
  mtu: number
  /**
   * What is sent to 127.0.0.1 may go out by the bridge, and its answers come in: a port is published there. The rules
   * see to it that nothing else from outside `lo` reaches such an address.
   */
  loopback: boolean
  /** By endpoint id. */
  ports: ReadonlyMap<string, PortState>
  /** Devices other than the bridge whose IPv4 forwarding is needed; empty where the whole host forwards anyway. */
  forwarding: readonly string[]
  /** Null while no endpoint has egress by IPv6. */
  ipv6: EgressIpv6 | null
}

export interface EgressIpv6 {
  /** The gateway with prefix length: `fd6f:766c:6777:12::1/64`. */
  address: string
  /** IPv6 forwarding is still to be switched on, for the whole host, as most kernels have no other way. */
  switches: boolean
  /** Devices that must go on taking router advertisements when the host forwards, and would not. */
  listening: readonly string[]
  /** As of Ipv6Facts. */
  bridgesFiltered: boolean
}

/** A port and what may come from it. */
export interface GuardPort {
  device: string
  mac: string
  /** Without prefix length, of both families. */
  addresses: readonly string[]
}

export type GuardState =
  /** A hidden namespace: all ports but vxlan1 are workloads'. */
  | { place: "overlay"; gateways: readonly string[]; allowSpoof: boolean; ports: readonly GuardPort[] }
  /** The host's namespace, where bridges are others' too: only ports that are listed are looked at. */
  | {
      place: "egress"
      /** IPv6 may go from port to port, as the host's rules see it there and keep all but answers from doing so. */
      ipv6Filtered?: boolean
      ports: readonly GuardPort[]
    }

/** A port of the node, or several in a row, and the address on the egress bridge that it leads to. */
export interface PublishedPort extends PortMapping {
  to: string
  /** The same by IPv6; null or left out: there is none. */
  to6?: string | null
}

/**
 * Those that packets of one family come in by: `to` is where these lead, and `address` null for all of that family. What
 * is for ::1 is not a matter of packets: the daemon passes it on.
 */
export function portsOfFamily(published: readonly PublishedPort[], family: 4 | 6): PublishedPort[] {
  if (family === 4) return published.filter((port) => !isOfIpv6Alone(port))
  return published.flatMap((port) => {
    const { address, to6 } = port
    if (!to6 || address === IPV6_LOOPBACK || (address !== null && !isOfIpv6Alone(port))) return []
    return [{ ...port, address: address === ANY_IPV6 ? null : address, to: to6 }]
  })
}

/** The host's rules. A part that is null has no chains at all. */
export interface FirewallState {
  /** VXLAN only from these. */
  vxlan: { port: number; members: readonly string[] } | null
  egress: {
    /** `172.18.0.0/16`. */
    subnet: string
    /** Devices that forward only because ovl switched it on: what nobody accepts is dropped there. */
    guarded: readonly string[]
    /** Where our own VXLAN must not be forged: dropped when it comes from a workload. */
    vxlanPort: number
    /** Ports of the node that lead to workloads. */
    published: readonly PublishedPort[]
    /** Null or left out: the bridge has no IPv6. */
    ipv6?: {
      /** `fd6f:766c:6777:12::/64`. */
      subnet: string
      /** The host forwards only because ovl switched it on: what nobody accepts is dropped. */
      guarded: boolean
      /** What passes between two ports of a bridge is seen by the host's rules, and is no forwarding. */
      bridgesFiltered: boolean
    } | null
  } | null
}

// Observed -------------------------------------------------------------------------------------------------------------

export interface ObservedLink {
  name: string
  kind: string | null
  mac: string
  mtu: number
  up: boolean
  alias: string | null
  /** Name of the bridge that it is a port of. */
  master: string | null
}

export interface PortFlags {
  learning: boolean
  /** Unknown unicast leaves by this port. */
  flood: boolean
  isolated: boolean
  /** What came in by this port may leave by it. Left out: it may not. */
  hairpin?: boolean
}

export function sameFlags(a: PortFlags | null, b: PortFlags): boolean {
  if (a === null) return false
  const same = a.learning === b.learning && a.flood === b.flood && a.isolated === b.isolated
  return same && (a.hairpin ?? false) === (b.hairpin ?? false)
}

export interface ObservedPort extends ObservedLink {
  /** From the mark; null where the link is somebody else's. */
  endpointId: string | null
  flags: PortFlags | null
  /** MACs with a static row of the bridge on this port. */
  staticMacs: string[]
}

export interface ObservedVxlan extends ObservedLink {
  vni: number
  local: string | null
  port: number
  learning: boolean
  proxy: boolean
  flags: PortFlags | null
  /** IPv6 is on. */
  ipv6: boolean
  /** MACs with a static row of the bridge on this port. */
  staticMacs: string[]
}

export interface ObservedBridge extends ObservedLink {
  /** Of both families. */
  addresses: string[]
  multicastSnooping: boolean
  /** IPv6 is on. */
  ipv6: boolean
}

export interface FdbRow {
  mac: string
  dst: string
  permanent: boolean
}

export interface NeighbourRow {
  ip: string
  /** Null where the kernel has none yet. */
  mac: string | null
  permanent: boolean
}

export interface ObservedNetwork {
  netns: NamespacePath
  /** From the mark on the namespace's `lo`; null where it has none. */
  networkId: string | null
  loopbackUp: boolean
  /** IPv6 is off for devices that come to be there. */
  ipv6Off: boolean
  bridge: ObservedBridge | null
  vxlan: ObservedVxlan | null
  /** All other links of the namespace except `lo`. */
  ports: ObservedPort[]
  /** Rows of the vxlan device's own table, those of FLOOD_MAC among them; without those of no destination. */
  fdb: FdbRow[]
  /** The vxlan device's neighbours, IPv4 and IPv6. */
  neighbours: NeighbourRow[]
}

export interface ObservedEgress {
  /** Its `kind` is null where the bridge itself is gone and only ports of it are left. */
  bridge: ObservedBridge
  /** IPv6 is off on the bridge. */
  ipv6Off: boolean
  /** The bridge would take router advertisements. */
  takesRouters?: boolean
  /** As `loopback` of EgressState. */
  loopback: boolean
  ports: ObservedPort[]
}

export interface ObservedInterface extends ObservedLink {
  /** Of both families. */
  addresses: string[]
  /**
   * IPv4 routes of the main table that leave by this interface, without those that the kernel derives from addresses,
   * and the IPv6 default route.
   */
  routes: RouteState[]
}

/** A workload's namespace as an attach must see it before it chooses names there. */
export interface ObservedWorkload {
  interfaces: string[]
  /** It has an IPv4 default route already. */
  defaultRoute: boolean
  /** It has an IPv6 default route already. */
  defaultRoute6?: boolean
}

/** What the way from this host's VTEP to another carries, in bytes. */
export interface PathMtu {
  /** By the routes and devices of this host: the underlay's MTU. */
  mtu: number
  /** Less than that, where a router on the way has refused a larger packet not long ago; null where none has. */
  refused: number | null
}

/** Facts of the host's own namespace that decide what is wanted. */
export interface HostFacts {
  /** Those that have an address or an IPv4 route. */
  links: { name: string; mtu: number; up: boolean }[]
  /** With prefix length. */
  addresses: { device: string; address: string }[]
  /** IPv4 routes of the main table; `dst` is `default` or a prefix. */
  routes: { dst: string; via: string | null; device: string | null }[]
  /** net.ipv4.ip_forward. */
  forwarding: boolean
  /** Devices whose own IPv4 forwarding is on. */
  forwardingDevices: string[]
  /** Devices whose forwarding ovl has switched on: the remembered ones. */
  switchedDevices: string[]
  /** The host's rules see what passes between two ports of a bridge too: net.bridge.bridge-nf-call-iptables. */
  bridgesFiltered?: boolean
  /** ovl has switched IPv6 forwarding on. */
  ipv6Switched?: boolean
}

/** Facts of the host's own namespace that decide about egress by IPv6. */
export interface Ipv6Facts {
  /** Why there can be none, in words for people; null where there can. */
  missing: string | null
  /** IPv6 routes of the main table, as in HostFacts. */
  routes: HostFacts["routes"]
  /** net.ipv6.conf.all.forwarding. */
  forwarding: boolean
  /** Devices of others that take router advertisements, and do not when the host forwards. */
  listening: string[]
  /** The host's rules see what passes between two ports of a bridge too: net.bridge.bridge-nf-call-ip6tables. */
  bridgesFiltered: boolean
}
