/**
 * The planner: wanted and observed in, operations out. It never tears down what can be repaired, and where both sides
 * agree the plan is empty. `reconcile` in the agent is no more than
 *
 *     kernel.apply(planNetwork(desiredNetwork(catalog, view, id), kernel.observeNetwork(netns)), "best-effort")
 *
 * for each network, and the same with `planEgress`. The host's rules come before what they guard and go after it.
 */
import {
  BRIDGE_NAME,
  EGRESS_BRIDGE_NAME,
  EGRESS_MARK,
  type EgressState,
  FLOOD_MAC,
  HOST_NAMESPACE,
  type HostFacts,
  mark,
  type NetworkState,
  type ObservedEgress,
  type ObservedInterface,
  type ObservedLink,
  type ObservedNetwork,
  type ObservedVxlan,
  VXLAN_NAME,
} from "../model/dataplane.ts"
import type { LinkChange, Operation } from "../model/operation.ts"
import { addEgressIpv6, egressIpv6Addresses, repairEgressIpv6, switchIpv6Forwarding } from "./egress-ipv6.ts"
import { planPorts } from "./plan-ports.ts"
import {
  addBridge,
  addEgress,
  addEgressPort,
  addFlood,
  addNetwork,
  addPeer,
  addPort,
  addVxlan,
  disableIpv6,
  enableIpv6,
  isIpv6Text,
  markLoopback,
  removeEgress,
  removeFlood,
  removeNetwork,
  silenceNamespace,
  switchForwarding,
  switchLoopback,
  VXLAN_PORT_FLAGS,
} from "./steps.ts"

/** The workload ends that were looked at, by endpoint id; null: not there. One that was not looked at is not in it. */
export type ObservedInterfaces = ReadonlyMap<string, ObservedInterface | null>

const NOT_LOOKED_AT: ObservedInterfaces = new Map()

/** What turns the observed network into the wanted one; `desired` null removes it. */
export function planNetwork(
  desired: NetworkState | null,
  observed: ObservedNetwork | null,
  interfaces: ObservedInterfaces = NOT_LOOKED_AT,
): Operation[] {
  if (desired === null) return observed === null ? [] : removeNetwork(observed.netns, linksOf(observed))
  if (observed === null) {
    return [...addNetwork(desired), ...[...desired.ports.values()].flatMap((port) => addPort(desired.netns, port))]
  }
  const ns = desired.netns
  const bridge = planBridge(desired, observed)
  const vxlan = planVxlan(desired, observed)
  const ports = { ns, master: BRIDGE_NAME, add: addPort.bind(null, ns) }
  const marked = observed.networkId === desired.networkId && observed.loopbackUp
  return [
    ...(observed.ipv6Off ? [] : [silenceNamespace(desired)]),
    ...(marked ? [] : [markLoopback(desired)]),
    ...bridge,
    ...vxlan.operations,
    ...planRows(desired, vxlan.kept ? observed : null),
    ...planPorts(ports, desired.ports, observed.ports, interfaces),
  ]
}

function linksOf(observed: ObservedNetwork): string[] {
  const names = observed.ports.filter((port) => port.endpointId !== null).map((port) => port.name)
  if (observed.vxlan) names.push(observed.vxlan.name)
  if (observed.bridge) names.push(observed.bridge.name)
  return names
}

/** What is at fault with a link that can be set right while it stays; null where nothing is. */
function changeOf(
  observed: ObservedLink,
  wanted: { alias: string; mac: string; mtu: number; master?: string },
): LinkChange | null {
  const change: LinkChange = {}
  if (observed.alias !== wanted.alias) change.alias = wanted.alias
  if (observed.mac !== wanted.mac) change.mac = wanted.mac
  if (observed.mtu !== wanted.mtu) change.mtu = wanted.mtu
  if (wanted.master !== undefined && observed.master !== wanted.master) change.master = wanted.master
  if (!observed.up) change.up = true
  return Object.keys(change).length === 0 ? null : change
}

function planBridge(desired: NetworkState, observed: ObservedNetwork): Operation[] {
  const { bridge } = observed
  if (bridge === null) return addBridge(desired)
  const ns = desired.netns
  if (bridge.kind !== "bridge" || bridge.multicastSnooping) {
    return [{ op: "link-del", ns, name: BRIDGE_NAME }, ...addBridge(desired)]
  }
  const change = changeOf(bridge, { alias: mark(desired.networkId), mac: desired.bridge.mac, mtu: desired.mtu })
  return [
    ...(change ? [{ op: "link-set", ns, name: BRIDGE_NAME, ...change } as const] : []),
    ...planIpv6(ns, BRIDGE_NAME, desired.ipv6, bridge.ipv6),
    ...planAddresses(ns, BRIDGE_NAME, desired.bridge.addresses, bridge.addresses),
  ]
}

function planIpv6(ns: string, name: string, wanted: boolean, observed: boolean): Operation[] {
  if (wanted === observed) return []
  return wanted ? enableIpv6(ns, name) : [disableIpv6(ns, name)]
}

/** Unwanted ones go first, as one of them may stand in the way. */
function planAddresses(ns: string, name: string, wanted: readonly string[], observed: readonly string[]): Operation[] {
  const surplus = observed.filter((address) => !wanted.includes(address))
  const missing = wanted.filter((address) => !observed.includes(address))
  return [
    ...surplus.map((address): Operation => ({ op: "addr-del", ns, name, address })),
    ...missing.map((address): Operation => ({ op: "addr-add", ns, name, address })),
  ]
}

/** `kept` false: the device is new, and so its rows are none. */
function planVxlan(desired: NetworkState, observed: ObservedNetwork): { operations: Operation[]; kept: boolean } {
  const { vxlan } = observed
  if (vxlan === null) return { operations: addVxlan(desired), kept: false }
  const ns = desired.netns
  if (!isSameTunnel(desired, vxlan)) {
    return { operations: [{ op: "link-del", ns, name: VXLAN_NAME }, ...addVxlan(desired)], kept: false }
  }
  // A bridge that had to be made again has lost its ports.
  const master = bridgeIsRemade(observed) ? null : vxlan.master
  const wanted = { alias: mark(desired.networkId), mac: desired.vxlan.mac, mtu: desired.mtu, master: BRIDGE_NAME }
  const change = changeOf({ ...vxlan, master }, wanted)
  const flags = vxlan.flags
  const flagsWrong =
    change?.master !== undefined ||
    flags === null ||
    flags.learning !== VXLAN_PORT_FLAGS.learning ||
    flags.flood !== VXLAN_PORT_FLAGS.flood ||
    flags.isolated !== VXLAN_PORT_FLAGS.isolated
  const operations: Operation[] = []
  if (change) operations.push({ op: "link-set", ns, name: VXLAN_NAME, ...change })
  operations.push(...planIpv6(ns, VXLAN_NAME, desired.ipv6, vxlan.ipv6))
  if (flagsWrong) operations.push({ op: "port-set", ns, name: VXLAN_NAME, ...VXLAN_PORT_FLAGS })
  return { operations, kept: true }
}

function bridgeIsRemade(observed: ObservedNetwork): boolean {
  const { bridge } = observed
  return bridge === null || bridge.kind !== "bridge" || bridge.multicastSnooping
}

/** What cannot be changed on a vxlan device while it lives. */
function isSameTunnel(desired: NetworkState, vxlan: ObservedVxlan): boolean {
  return (
    vxlan.kind === "vxlan" &&
    vxlan.vni === desired.vni &&
    vxlan.local === desired.vtep &&
    vxlan.port === desired.port &&
    !vxlan.learning &&
    vxlan.proxy === !desired.multicast
  )
}

/** FDB and neighbour rows by difference. Deletions come first: an address may have gone from one MAC to another. */
function planRows(desired: NetworkState, observed: ObservedNetwork | null): Operation[] {
  const ns = desired.netns
  if (observed === null) {
    const floods = [...desired.flood].map((vtep) => addFlood(ns, vtep))
    return [...[...desired.peers.values()].flatMap((peer) => addPeer(ns, peer)), ...floods]
  }
  const name = VXLAN_NAME
  const deletions: Operation[] = []
  const additions: Operation[] = []
  const rightMacs = new Set<string>()
  const flooded = new Set<string>()
  for (const row of observed.fdb) {
    const peer = desired.peers.get(row.mac)
    if (row.mac === FLOOD_MAC) {
      if (desired.flood.has(row.dst)) flooded.add(row.dst)
      else deletions.push(removeFlood(ns, row.dst))
    } else if (peer === undefined || peer.vtep !== row.dst) {
      // A row with a wrong destination is replaced, unless the right one stands beside it.
      deletions.push({ op: "fdb-del", ns, name, mac: row.mac, dst: row.dst })
    } else if (row.permanent) rightMacs.add(row.mac)
  }
  for (const peer of desired.peers.values()) {
    if (!rightMacs.has(peer.mac)) additions.push({ op: "fdb-replace", ns, name, mac: peer.mac, dst: peer.vtep })
  }
  const pins = planPins(desired, observed)
  const neighbours = planNeighbours(desired, observed)
  const floods = [...desired.flood].filter((vtep) => !flooded.has(vtep)).map((vtep) => addFlood(ns, vtep))
  return [...deletions, ...neighbours.deletions, ...additions, ...pins, ...neighbours.additions, ...floods]
}

function planNeighbours(desired: NetworkState, observed: ObservedNetwork) {
  const { netns: ns, peers } = desired
  const wanted = new Map<string, string>()
  for (const { ips, mac } of peers.values()) for (const ip of ips) wanted.set(ip, mac)
  const deletions: Operation[] = []
  const additions: Operation[] = []
  const right = new Set<string>()
  for (const row of observed.neighbours) {
    const mac = wanted.get(row.ip)
    if (mac === undefined) {
      deletions.push({ op: "neigh-del", ns, name: VXLAN_NAME, ip: row.ip, mac: row.mac ?? "" })
    } else if (row.permanent && row.mac === mac) right.add(row.ip)
  }
  for (const [ip, mac] of wanted) {
    if (!right.has(ip)) additions.push({ op: "neigh-replace", ns, name: VXLAN_NAME, ip, mac })
  }
  return { deletions, additions }
}

/** The bridge's own rows for peers. With its port they are lost; those of a bridge that is made again are none. */
function planPins(desired: NetworkState, observed: ObservedNetwork): Operation[] {
  const ns = desired.netns
  const lost = bridgeIsRemade(observed) || observed.vxlan?.master !== BRIDGE_NAME
  const present = new Set(lost ? [] : observed.vxlan?.staticMacs)
  const operations: Operation[] = []
  for (const mac of present) {
    if (!desired.peers.get(mac)?.pinned) operations.push({ op: "fdb-del", ns, name: VXLAN_NAME, mac, dst: null })
  }
  for (const { mac, pinned } of desired.peers.values()) {
    if (pinned && !present.has(mac)) operations.push({ op: "fdb-replace", ns, name: VXLAN_NAME, mac, dst: null })
  }
  return operations
}

/** As `planNetwork`, for the egress bridge. With `desired` null everything of it goes, remembered sysctls included. */
export function planEgress(
  desired: EgressState | null,
  observed: ObservedEgress | null,
  facts: Pick<HostFacts, "forwarding" | "forwardingDevices" | "switchedDevices" | "ipv6Switched">,
  interfaces: ObservedInterfaces = NOT_LOOKED_AT,
): Operation[] {
  if (desired === null) {
    if (observed !== null) return removeEgress(observed.ports.filter(isOurs).map((port) => port.name))
    const clean = facts.switchedDevices.length === 0 && !facts.ipv6Switched
    return clean ? [] : [{ op: "sysctl-restore", ns: HOST_NAMESPACE }]
  }
  const ns = HOST_NAMESPACE
  const ports = { ns, master: EGRESS_BRIDGE_NAME, add: addEgressPort }
  const forwarding = [...planForwarding(desired, observed, facts), ...switchIpv6Forwarding(desired)]
  const make = () => addEgress(desired, addEgressIpv6(desired))
  if (observed === null) {
    return [...make(), ...forwarding, ...[...desired.ports.values()].flatMap(addEgressPort)]
  }
  const bridge = observed.bridge.kind === null ? make() : repairEgress(desired, observed)
  return [...bridge, ...forwarding, ...planPorts(ports, desired.ports, observed.ports, interfaces)]
}

function repairEgress(desired: EgressState, observed: ObservedEgress): Operation[] {
  const ns = HOST_NAMESPACE
  const addresses = [desired.address, ...egressIpv6Addresses(desired)]
  // Where IPv6 is switched off, its addresses are gone; and switched on again, those that were there are not back.
  const present = observed.bridge.addresses.filter((address) => desired.ipv6 !== null || !isIpv6Text(address))
  const change = changeOf(observed.bridge, { alias: EGRESS_MARK, mac: desired.mac, mtu: desired.mtu })
  return [
    ...(change ? [{ op: "link-set", ns, name: EGRESS_BRIDGE_NAME, ...change } as const] : []),
    ...repairEgressIpv6(desired, observed),
    ...(observed.loopback === desired.loopback ? [] : [switchLoopback(desired.loopback)]),
    ...planAddresses(ns, EGRESS_BRIDGE_NAME, addresses, present),
  ]
}

function isOurs(port: { endpointId: string | null }): boolean {
  return port.endpointId !== null
}

/** The bridge is asked too: a new one takes the host's default. */
function planForwarding(
  desired: EgressState,
  observed: ObservedEgress | null,
  facts: Pick<HostFacts, "forwardingDevices">,
): Operation[] {
  const on = new Set(facts.forwardingDevices)
  if (observed === null || observed.bridge.kind === null) on.delete(EGRESS_BRIDGE_NAME)
  return [EGRESS_BRIDGE_NAME, ...desired.forwarding].filter((device) => !on.has(device)).map(switchForwarding)
}
