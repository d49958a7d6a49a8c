/**
 * The operations that make and remove the parts of the data plane, in the order in which the kernel takes them. Whole
 * plans (`plan.ts`) are put together from these; an agent that knows what changed uses them directly, so that one
 * endpoint costs the same in a network of ten and of ten thousand.
 */
import {
  BRIDGE_NAME,
  EGRESS_BRIDGE_NAME,
  EGRESS_MARK,
  type EgressState,
  HOST_NAMESPACE,
  mark,
  type NamespacePath,
  type NetworkState,
  type PeerState,
  type PortFlags,
  type PortState,
  type RouteState,
  VXLAN_NAME,
} from "../model/dataplane.ts"
import type { Operation } from "../model/operation.ts"

/** A workload's port learns nothing and gets nothing that is not for it; its MAC stands in a static row. */
export const OVERLAY_PORT_FLAGS: PortFlags = { learning: false, flood: false, isolated: false }
/** On a multicast network: what is for nobody known may be for an address that an endpoint took on, as in VRRP. */
export const MULTICAST_PORT_FLAGS: PortFlags = { learning: false, flood: true, isolated: false }
/** As a workload's port, and it cannot reach the other ports of the egress bridge. */
export const EGRESS_PORT_FLAGS: PortFlags = { learning: false, flood: false, isolated: true }
/**
 * Where the host's rules see what passes between ports, they also turn round what a neighbour, or the workload itself,
 * sends to a published port while it is still on the bridge: it then goes from port to port. The same rules keep all
 * else from doing so.
 */
export const PUBLISHED_PORT_FLAGS: PortFlags = { learning: false, flood: false, isolated: false, hairpin: true }
/**
 * What is no local endpoint's leaves by vxlan1, the only port that unknown unicast is sent to. There a row leads to the
 * VTEP; without one the frame is dropped, and ARP is answered from the neighbour rows.
 */
export const VXLAN_PORT_FLAGS: PortFlags = { learning: false, flood: true, isolated: false }

/** Namespace, IPv6 off in it so that nothing is sent that nobody asked for, the mark. */
export function addNamespace(network: Pick<NetworkState, "netns" | "networkId">): Operation[] {
  return [{ op: "netns-add", ns: network.netns }, silenceNamespace(network), markLoopback(network)]
}

export function silenceNamespace({ netns: ns }: Pick<NetworkState, "netns">): Operation {
  return { op: "sysctl", ns, key: "net.ipv6.conf.default.disable_ipv6", value: "1", remember: false }
}

export function markLoopback(network: Pick<NetworkState, "netns" | "networkId">): Operation {
  return { op: "link-set", ns: network.netns, name: "lo", alias: mark(network.networkId), up: true }
}

type NetworkBase = Omit<NetworkState, "ports" | "peers" | "flood">

/**
 * IPv6 on a device where it is off by default. It makes no address, takes none from routers, and asks nobody whether
 * the ones that it is given are free: they are ours to give.
 */
export function enableIpv6(ns: NamespacePath, name: string): Operation[] {
  return [{ op: "link-set", ns, name, quietIpv6: true }, ...ipv6Switches(ns, name)]
}

function ipv6Switches(ns: NamespacePath, name: string): Operation[] {
  const switches = [
    ["accept_ra", "0"],
    ["autoconf", "0"],
    ["accept_dad", "0"],
    ["disable_ipv6", "0"],
  ] as const
  return switches.map(([key, value]): Operation => {
    return { op: "sysctl", ns, key: ipv6Key(name, key), value, remember: false }
  })
}

export function disableIpv6(ns: NamespacePath, name: string): Operation {
  return { op: "sysctl", ns, key: ipv6Key(name, "disable_ipv6"), value: "1", remember: false }
}

/** `/` stands for the dots of a name such as eth0.100, as sysctl(8) has it. */
function ipv6Key(device: string, key: string): string {
  return `net.ipv6.conf.${device.replaceAll(".", "/")}.${key}`
}

export function addBridge(network: NetworkBase): Operation[] {
  const { netns: ns, mtu, bridge } = network
  return [
    { op: "bridge-add", ns, name: BRIDGE_NAME, mac: bridge.mac, mtu, alias: mark(network.networkId) },
    ...(network.ipv6 ? enableIpv6(ns, BRIDGE_NAME) : []),
    ...bridge.addresses.map((address): Operation => ({ op: "addr-add", ns, name: BRIDGE_NAME, address })),
    { op: "link-set", ns, name: BRIDGE_NAME, up: true },
  ]
}

export function addVxlan(network: NetworkBase): Operation[] {
  const { netns: ns, vni, vtep, port, mtu, vxlan } = network
  return [
    {
      op: "vxlan-add",
      ns,
      name: VXLAN_NAME,
      vni,
      local: vtep,
      port,
      mac: vxlan.mac,
      mtu,
      master: BRIDGE_NAME,
      alias: mark(network.networkId),
      proxy: !network.multicast,
    },
    ...(network.ipv6 ? enableIpv6(ns, VXLAN_NAME) : []),
    { op: "port-set", ns, name: VXLAN_NAME, ...VXLAN_PORT_FLAGS },
  ]
}

/** All of a network but its ports: what its first endpoint on this node needs. */
export function addNetwork(network: Omit<NetworkState, "ports">): Operation[] {
  const rows: Operation[] = []
  for (const peer of network.peers.values()) rows.push(...addPeer(network.netns, peer))
  for (const vtep of network.flood) rows.push(addFlood(network.netns, vtep))
  return [...addNamespace(network), ...addBridge(network), ...addVxlan(network), ...rows]
}

/** Links first and in one go, as each waits for the kernel; then the namespace, which would destroy them unseen. */
export function removeNetwork(ns: NamespacePath, links: readonly string[]): Operation[] {
  return [...links.map((name): Operation => ({ op: "link-del", ns, name })), { op: "netns-del", ns }]
}

export function addPeer(ns: NamespacePath, { ips, mac, vtep, pinned }: PeerState): Operation[] {
  const name = VXLAN_NAME
  return [
    { op: "fdb-replace", ns, name, mac, dst: vtep },
    ...(pinned ? [{ op: "fdb-replace", ns, name, mac, dst: null } as const] : []),
    ...ips.map((ip): Operation => ({ op: "neigh-replace", ns, name, ip, mac })),
  ]
}

export function removePeer(ns: NamespacePath, { ips, mac, vtep, pinned }: PeerState): Operation[] {
  const name = VXLAN_NAME
  return [
    ...ips.map((ip): Operation => ({ op: "neigh-del", ns, name, ip, mac })),
    ...(pinned ? [{ op: "fdb-del", ns, name, mac, dst: null } as const] : []),
    { op: "fdb-del", ns, name, mac, dst: vtep },
  ]
}

export function addFlood(ns: NamespacePath, vtep: string): Operation {
  return { op: "flood-add", ns, name: VXLAN_NAME, dst: vtep }
}

export function removeFlood(ns: NamespacePath, vtep: string): Operation {
  return { op: "flood-del", ns, name: VXLAN_NAME, dst: vtep }
}

/** The rows that one endpoint's change means; null stands for no row. Nothing where nothing changes. */
export function changePeer(ns: NamespacePath, before: PeerState | null, after: PeerState | null): Operation[] {
  if (before === null) return after === null ? [] : addPeer(ns, after)
  if (after === null) return removePeer(ns, before)
  const sameRows = before.ips.join() === after.ips.join() && before.mac === after.mac && before.pinned === after.pinned
  if (sameRows && before.vtep === after.vtep) return []
  if (sameRows) return addPeer(ns, after)
  return [...removePeer(ns, before), ...addPeer(ns, after)]
}

/**
 * What one endpoint's change means for where a multicast network floods. `counts`, the endpoints behind each VTEP, is
 * brought up to date.
 */
export function changeFlood(
  ns: NamespacePath,
  counts: Map<string, number>,
  before: PeerState | null,
  after: PeerState | null,
): Operation[] {
  if (before?.vtep === after?.vtep) return []
  const operations: Operation[] = []
  if (after !== null) {
    const count = counts.get(after.vtep) ?? 0
    if (count === 0) operations.push(addFlood(ns, after.vtep))
    counts.set(after.vtep, count + 1)
  }
  if (before !== null) {
    const count = counts.get(before.vtep) ?? 0
    if (count > 1) counts.set(before.vtep, count - 1)
    else if (counts.delete(before.vtep)) operations.push(removeFlood(ns, before.vtep))
  }
  return operations
}

/** A local endpoint's pair: the port in the hidden namespace, then the workload's interface. */
export function addPort(ns: NamespacePath, port: PortState): Operation[] {
  return [...addPair(ns, BRIDGE_NAME, port), ...configureInterface(port)]
}

/** The egress bridge, before any port; `ipv6` are the operations for its IPv6. */
export function addEgress(
  egress: Pick<EgressState, "address" | "mac" | "mtu"> & { loopback?: boolean },
  ipv6: readonly Operation[] = [closeEgressIpv6()],
): Operation[] {
  const ns = HOST_NAMESPACE
  const name = EGRESS_BRIDGE_NAME
  return [
    { op: "bridge-add", ns, name, mac: egress.mac, mtu: egress.mtu, alias: EGRESS_MARK },
    ...ipv6,
    ...(egress.loopback ? [switchLoopback(true)] : []),
    { op: "addr-add", ns, name, address: egress.address },
    { op: "link-set", ns, name, up: true },
  ]
}

/** Where no endpoint has IPv6 there: it would be a way to the host past the rules. */
export function closeEgressIpv6(): Operation {
  const key = `net.ipv6.conf.${EGRESS_BRIDGE_NAME}.disable_ipv6`
  return { op: "sysctl", ns: HOST_NAMESPACE, key, value: "1", remember: false }
}

/** Whether 127.0.0.1 is a source and a destination on the egress bridge; never without the rules that guard it. */
export function switchLoopback(on: boolean): Operation {
  const key = `net.ipv4.conf.${EGRESS_BRIDGE_NAME}.route_localnet`
  return { op: "sysctl", ns: HOST_NAMESPACE, key, value: on ? "1" : "0", remember: false }
}

export function switchForwarding(device: string): Operation {
  return {
    op: "sysctl",
    ns: HOST_NAMESPACE,
    key: forwardingKey(device),
    value: "1",
    remember: device !== EGRESS_BRIDGE_NAME,
  }
}

/** `/` stands for the dots of a name such as eth0.100, as sysctl(8) has it. */
export function forwardingKey(device: string): string {
  return `net.ipv4.conf.${device.replaceAll(".", "/")}.forwarding`
}

export function addEgressPort(port: PortState): Operation[] {
  return [...addPair(HOST_NAMESPACE, EGRESS_BRIDGE_NAME, port), ...configureInterface(port)]
}

/** Both ports of an endpoint at once: the workload's namespace is then visited once. */
export function addEndpoint(ns: NamespacePath, port: PortState, egress: PortState | null): Operation[] {
  if (egress === null) return addPort(ns, port)
  return [
    ...addPair(ns, BRIDGE_NAME, port),
    ...addPair(HOST_NAMESPACE, EGRESS_BRIDGE_NAME, egress),
    ...configureInterface(port),
    ...configureInterface(egress),
  ]
}

function addPair(ns: NamespacePath, master: string, port: PortState): Operation[] {
  const { workload, device: name, index, flags } = port
  const alias = mark(port.endpointId)
  const peer = { ns: workload.netns, name: workload.ifname, mac: workload.mac }
  return [
    { op: "veth-add", ns, name, index, mac: port.mac, mtu: workload.mtu, master, alias, peer },
    { op: "port-set", ns, name, ...flags },
    { op: "fdb-replace", ns, name, mac: workload.mac, dst: null },
  ]
}

/** The workload's end, from just made to ready. */
function configureInterface(port: PortState): Operation[] {
  const { netns: ns, ifname: name, addresses, routes } = port.workload
  return [
    ...(addresses.some(isIpv6Text) ? ipv6Switches(ns, name) : []),
    { op: "link-set", ns, name, alias: mark(port.endpointId), quietIpv6: true, up: true },
    ...addresses.map((address): Operation => ({ op: "addr-add", ns, name, address })),
    ...routes.map((route) => addRoute(ns, name, route)),
  ]
}

/** A default route is in place of any other; the way to a further subnet stands behind one that somebody else set. */
export function addRoute(ns: NamespacePath, name: string, { dst, via }: RouteState): Operation {
  return { op: via === null ? "route-append" : "route-replace", ns, name, dst, via }
}

/** Of an address that is known to be one. */
export function isIpv6Text(address: string): boolean {
  return address.includes(":")
}

/** Both ends go, and with them addresses, routes and rows. */
export function removePort(ns: NamespacePath, port: Pick<PortState, "device">): Operation[] {
  return [{ op: "link-del", ns, name: port.device }]
}

export function removeEgressPort(port: Pick<PortState, "device">): Operation[] {
  return removePort(HOST_NAMESPACE, port)
}

/** The order matters: what is remembered is put back last, when nothing needs it any more. */
export function removeEgress(ports: readonly string[]): Operation[] {
  const ns = HOST_NAMESPACE
  return [
    ...[...ports, EGRESS_BRIDGE_NAME].map((name): Operation => ({ op: "link-del", ns, name })),
    { op: "sysctl-restore", ns },
  ]
}
