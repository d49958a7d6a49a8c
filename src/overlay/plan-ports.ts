/** The ports of one bridge by difference: the hidden namespace's and the egress bridge's are the same but for flags. */
import {
  type InterfaceState,
  mark,
  type NamespacePath,
  type ObservedInterface,
  type ObservedPort,
  type PortState,
  sameFlags,
} from "../model/dataplane.ts"
import type { LinkChange, Operation } from "../model/operation.ts"
import { addRoute, enableIpv6, isIpv6Text } from "./steps.ts"

/** Where the ports are, and how one is made from nothing. */
export interface PortPlace {
  ns: NamespacePath
  master: string
  add: (port: PortState) => Operation[]
}

/**
 * Ports that are nobody's go first, as their names may be wanted; then those that are there are set right, then the
 * missing ones made. A link without our mark is left alone.
 */
export function planPorts(
  place: PortPlace,
  desired: ReadonlyMap<string, PortState>,
  observed: readonly ObservedPort[],
  interfaces: ReadonlyMap<string, ObservedInterface | null>,
): Operation[] {
  const deletions: Operation[] = []
  const repairs: Operation[] = []
  const present = new Set<string>()
  for (const port of observed) {
    const id = port.endpointId ?? unmarked(port, desired)
    if (id === null) continue
    const wanted = desired.get(id)
    const farEnd = interfaces.get(id)
    if (wanted === undefined || port.name !== wanted.device || farEnd === null || present.has(id)) {
      deletions.push({ op: "link-del", ns: place.ns, name: port.name })
      continue
    }
    present.add(id)
    repairs.push(...repairPort(place, wanted, port))
    if (farEnd !== undefined) repairs.push(...planInterface(id, wanted.workload, farEnd))
  }
  const additions: Operation[] = []
  for (const [id, port] of desired) if (!present.has(id)) additions.push(...place.add(port))
  return [...deletions, ...repairs, ...additions]
}

/** Whose port it is whose mark somebody took away: name and MAC together are nobody else's. */
function unmarked(port: ObservedPort, desired: ReadonlyMap<string, PortState>): string | null {
  for (const [id, wanted] of desired) if (wanted.device === port.name && wanted.mac === port.mac) return id
  return null
}

function repairPort(place: PortPlace, wanted: PortState, observed: ObservedPort): Operation[] {
  const { ns } = place
  const name = wanted.device
  const operations: Operation[] = []
  const change: LinkChange = {}
  if (observed.alias !== mark(wanted.endpointId)) change.alias = mark(wanted.endpointId)
  if (observed.mac !== wanted.mac) change.mac = wanted.mac
  if (observed.mtu !== wanted.workload.mtu) change.mtu = wanted.workload.mtu
  if (observed.master !== place.master) change.master = place.master
  if (!observed.up) change.up = true
  if (Object.keys(change).length > 0) operations.push({ op: "link-set", ns, name, ...change })
  // Leaving a bridge loses a port its flags and rows.
  const rejoined = change.master !== undefined
  if (rejoined || !sameFlags(observed.flags, wanted.flags))
    operations.push({ op: "port-set", ns, name, ...wanted.flags })
  for (const mac of observed.staticMacs) {
    if (!rejoined && mac !== wanted.workload.mac) operations.push({ op: "fdb-del", ns, name, mac, dst: null })
  }
  if (rejoined || !observed.staticMacs.includes(wanted.workload.mac)) {
    operations.push({ op: "fdb-replace", ns, name, mac: wanted.workload.mac, dst: null })
  }
  return operations
}

/**
 * The workload's end set right. Addresses and routes that the workload gave itself are left to it; `observed` is what
 * `observeInterface` saw.
 */
export function planInterface(endpointId: string, wanted: InterfaceState, observed: ObservedInterface): Operation[] {
  const { netns: ns, ifname: name } = wanted
  const operations: Operation[] = []
  const change: LinkChange = {}
  if (observed.alias !== mark(endpointId)) change.alias = mark(endpointId)
  if (observed.mac !== wanted.mac) change.mac = wanted.mac
  if (observed.mtu !== wanted.mtu) change.mtu = wanted.mtu
  if (!observed.up) Object.assign(change, { quietIpv6: true, up: true } satisfies LinkChange)
  if (Object.keys(change).length > 0) operations.push({ op: "link-set", ns, name, ...change })
  const missing = wanted.addresses.filter((address) => !observed.addresses.includes(address))
  // Whoever switched IPv6 off took its addresses.
  if (missing.some(isIpv6Text)) operations.push(...enableIpv6(ns, name))
  for (const address of missing) operations.push({ op: "addr-add", ns, name, address })
  for (const route of wanted.routes) {
    if (!observed.routes.some(({ dst, via }) => dst === route.dst && via === route.via))
      operations.push(addRoute(ns, name, route))
  }
  return operations
}
