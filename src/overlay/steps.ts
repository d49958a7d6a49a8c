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
  VXLAN_NAME,
} from "../model/dataplane.ts"
import type { Operation } from "../model/operation.ts"

/** A workload's port learns nothing and gets nothing that is not for it; its MAC stands in a static row. */
export const OVERLAY_PORT_FLAGS: PortFlags = { learning: false, flood: false, isolated: false }
/** As that, and it cannot reach the other ports of the egress bridge. */
export const EGRESS_PORT_FLAGS: PortFlags = { learning: false, flood: false, isolated: true }
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

type NetworkBase = Omit<NetworkState, "ports" | "peers">

export function addBridge(network: NetworkBase): Operation[] {
  const { netns: ns, mtu, bridge } = network
  return [
    { op: "bridge-add", ns, name: BRIDGE_NAME, mac: bridge.mac, mtu, alias: mark(network.networkId) },
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
    },
    { op: "port-set", ns, name: VXLAN_NAME, ...VXLAN_PORT_FLAGS },
  ]
}

/** All of a network but its ports: what its first endpoint on this node needs. */
export function addNetwork(network: Omit<NetworkState, "ports">): Operation[] {
  const rows: Operation[] = []
  for (const peer of network.peers.values()) rows.push(...addPeer(network.netns, peer))
  return [...addNamespace(network), ...addBridge(network), ...addVxlan(network), ...rows]
}

/** Links first and in one go, as each waits for the kernel; then the namespace, which would destroy them unseen. */
export function removeNetwork(ns: NamespacePath, links: readonly string[]): Operation[] {
  return [...links.map((name): Operation => ({ op: "link-del", ns, name })), { op: "netns-del", ns }]
}

export function addPeer(ns: NamespacePath, peer: PeerState): Operation[] {
  return [
    { op: "fdb-replace", ns, name: VXLAN_NAME, mac: peer.mac, dst: peer.vtep },
    { op: "neigh-replace", ns, name: VXLAN_NAME, ip: peer.ip, mac: peer.mac },
  ]
}

export function removePeer(ns: NamespacePath, peer: PeerState): Operation[] {
  return [
    { op: "neigh-del", ns, name: VXLAN_NAME, ip: peer.ip, mac: peer.mac },
    { op: "fdb-del", ns, name: VXLAN_NAME, mac: peer.mac, dst: peer.vtep },
  ]
}

/** The rows that one endpoint's change means; null stands for no row. Nothing where nothing changes. */
export function changePeer(ns: NamespacePath, before: PeerState | null, after: PeerState | null): Operation[] {
  if (before === null) return after === null ? [] : addPeer(ns, after)
  if (after === null) return removePeer(ns, before)
  const same = before.ip === after.ip && before.mac === after.mac && before.vtep === after.vtep
  if (same) return []
  if (before.ip === after.ip && before.mac === after.mac) return addPeer(ns, after)
  return [...removePeer(ns, before), ...addPeer(ns, after)]
}

/** A local endpoint's pair: the port in the hidden namespace, then the workload's interface. */
export function addPort(ns: NamespacePath, port: PortState): Operation[] {
  return [...addPair(ns, BRIDGE_NAME, OVERLAY_PORT_FLAGS, port), ...configureInterface(port)]
}

/** The egress bridge, before any port; its IPv6 is off, as it would be a way to the host past the rules. */
export function addEgress(egress: Omit<EgressState, "ports">): Operation[] {
  const ns = HOST_NAMESPACE
  const name = EGRESS_BRIDGE_NAME
  return [
    { op: "bridge-add", ns, name, mac: egress.mac, mtu: egress.mtu, alias: EGRESS_MARK },
    closeEgressIpv6(),
    { op: "addr-add", ns, name, address: egress.address },
    { op: "link-set", ns, name, up: true },
  ]
}

export function closeEgressIpv6(): Operation {
  const key = `net.ipv6.conf.${EGRESS_BRIDGE_NAME}.disable_ipv6`
  return { op: "sysctl", ns: HOST_NAMESPACE, key, value: "1", remember: false }
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
  return [...addPair(HOST_NAMESPACE, EGRESS_BRIDGE_NAME, EGRESS_PORT_FLAGS, port), ...configureInterface(port)]
}

/** Both ports of an endpoint at once: the workload's namespace is then visited once. */
export function addEndpoint(ns: NamespacePath, port: PortState, egress: PortState | null): Operation[] {
  if (egress === null) return addPort(ns, port)
  return [
    ...addPair(ns, BRIDGE_NAME, OVERLAY_PORT_FLAGS, port),
    ...addPair(HOST_NAMESPACE, EGRESS_BRIDGE_NAME, EGRESS_PORT_FLAGS, egress),
    ...configureInterface(port),
    ...configureInterface(egress),
  ]
}

function addPair(ns: NamespacePath, master: string, flags: PortFlags, port: PortState): Operation[] {
  const { workload, device: name, index } = port
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
    { op: "link-set", ns, name, alias: mark(port.endpointId), quietIpv6: true, up: true },
    ...addresses.map((address): Operation => ({ op: "addr-add", ns, name, address })),
    ...routes.map((route): Operation => ({ op: "route-replace", ns, name, dst: route.dst, via: route.via })),
  ]
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
