/**
 * What the kernel holds of a network beside what it should hold, row by row, for people: the same two sides that
 * `planNetwork` compares, and `ok` throughout where its plan is empty. The ends inside workloads are not looked at.
 */
import {
  BRIDGE_NAME,
  type FdbRow,
  FLOOD_MAC,
  mark,
  type NeighbourRow,
  type NetworkState,
  type ObservedNetwork,
  type ObservedPort,
  type PortFlags,
  type PortState,
  VXLAN_NAME,
} from "../model/dataplane.ts"
import type { EndpointRecord } from "../model/endpoint.ts"
import { KERNEL_OBJECTS, type KernelRow, type KernelView } from "../model/kernel-view.ts"
import {
  bridgeFacts,
  bridgeWanted,
  type Facts,
  flagFacts,
  linkFacts,
  textOf,
  vxlanFacts,
  vxlanWanted,
} from "./kernel-facts.ts"

/** One object: its two sides, null where there is none. */
type Sides = Pick<KernelRow, "object" | "device"> & {
  endpoint?: string | null
  wanted: Facts | null
  found: Facts | null
}

/** The network's endpoints, of every node: whose a port or row is. */
type Owners = Iterable<Pick<EndpointRecord, "id" | "mac" | "name">>

/** Null where nothing is wanted and nothing is there: the node has no part in the network. */
export function kernelView(
  desired: NetworkState | null,
  observed: ObservedNetwork | null,
  owners: Owners,
): KernelView | null {
  const netns = desired?.netns ?? observed?.netns
  if (netns === undefined) return null
  const byId = new Map<string, string>()
  const byMac = new Map<string, string>()
  for (const { id, mac, name } of owners) {
    byId.set(id, name)
    byMac.set(mac, name)
  }
  const ofMac = (mac: string | null) => byMac.get(mac ?? "") ?? null
  const rows = [
    namespaceSides(desired, observed, netns),
    ...bridgeSides(desired, observed),
    {
      object: "link",
      device: VXLAN_NAME,
      wanted: desired && vxlanWanted(desired),
      found: vxlanFacts(observed),
    } as const,
    ...portSides(desired, observed, (id) => byId.get(id ?? "") ?? null),
    ...remoteRows(desired, observed, ofMac),
    ...staticRows(desired, observed, ofMac),
    ...neighbourRows(desired, observed, ofMac),
  ].flatMap(rowOf)
  const inOrder = KERNEL_OBJECTS.flatMap((object) => rows.filter((row) => row.object === object))
  return { netns, inSync: rows.every(({ state }) => state === "ok"), rows: inOrder }
}

/** None where neither side has it. */
function rowOf({ object, device, endpoint = null, wanted, found }: Sides): KernelRow[] {
  if (wanted === null && found === null) return []
  const [expectedText, foundText] = textOf(wanted, found)
  const state = found === null ? "missing" : wanted === null ? "foreign" : expectedText === foundText ? "ok" : "differs"
  return [{ state, object, device, endpoint, expected: expectedText, found: foundText }]
}

function namespaceSides(desired: NetworkState | null, observed: ObservedNetwork | null, netns: string): Sides {
  const name = netns.slice(netns.lastIndexOf("/") + 1)
  const facts = (alias: string | null, up: boolean, ipv6Off: boolean): Facts => [
    [name],
    [`lo alias ${alias ?? "none"}`, "quiet"],
    [`lo ${up ? "up" : "down"}`, "quiet"],
    [`net.ipv6.conf.default.disable_ipv6=${ipv6Off ? 1 : 0}`, "quiet"],
  ]
  const { networkId = null, loopbackUp = false, ipv6Off = false } = observed ?? {}
  const wanted = desired && facts(mark(desired.networkId), true, true)
  const found = observed && facts(networkId === null ? null : mark(networkId), loopbackUp, ipv6Off)
  return { object: "netns", device: "lo", wanted, found }
}

function bridgeSides(desired: NetworkState | null, observed: ObservedNetwork | null): Sides[] {
  const device = BRIDGE_NAME
  const addresses = new Set(desired?.bridge.addresses)
  const present = new Set(observed?.bridge?.addresses)
  return [
    { object: "link", device, wanted: desired && bridgeWanted(desired), found: bridgeFacts(observed) },
    ...[...addresses.union(present)].map(
      (address): Sides => ({
        object: "addr",
        device,
        wanted: addresses.has(address) ? [[address]] : null,
        found: present.has(address) ? [[address]] : null,
      }),
    ),
  ]
}

/** A port is an endpoint's by name and mark, or by name and MAC where somebody took the mark away. */
function portSides(
  desired: NetworkState | null,
  observed: ObservedNetwork | null,
  nameOf: (endpointId: string | null) => string | null,
): Sides[] {
  const left = new Map(observed?.ports.map((port) => [port.name, port]))
  const sides: Sides[] = []
  for (const port of desired?.ports.values() ?? []) {
    const there = left.get(port.device)
    const isIts = there && (there.endpointId ? there.endpointId === port.endpointId : there.mac === port.mac)
    if (isIts) left.delete(port.device)
    const place = { device: port.device, endpoint: nameOf(port.endpointId) }
    sides.push({ object: "link", ...place, wanted: portWanted(port), found: isIts ? portFacts(there) : null })
    sides.push(...staticSides(place.device, [port.workload.mac], isIts ? there.staticMacs : [], () => place.endpoint))
  }
  for (const port of left.values()) {
    const endpoint = nameOf(port.endpointId)
    sides.push({ object: "link", device: port.name, endpoint, wanted: null, found: portFacts(port) })
  }
  return sides
}

function portWanted({ mac, workload, endpointId, flags }: PortState): Facts {
  const link = { mtu: workload.mtu, mac, up: true, master: BRIDGE_NAME, alias: mark(endpointId) }
  return [...linkFacts(link), ...portFlags(flags)]
}

function portFacts(port: ObservedPort): Facts {
  return [...linkFacts(port), ...portFlags(port.flags)]
}

function portFlags(flags: PortFlags | null): Facts {
  return [...flagFacts(flags), [`hairpin ${flags?.hairpin ? "on" : "off"}`, "quiet"]]
}

/** The vxlan device's own table. A row to elsewhere stands for the one that is missing; further ones are nobody's. */
function remoteRows(
  desired: NetworkState | null,
  observed: ObservedNetwork | null,
  nameOf: (mac: string) => string | null,
): Sides[] {
  const left = Map.groupBy(observed?.fdb ?? [], ({ mac }) => mac)
  const place = { object: "fdb", device: VXLAN_NAME } as const
  const sides: Sides[] = []
  for (const { mac, vtep } of desired?.peers.values() ?? []) {
    const rows = left.get(mac) ?? []
    const its = rows.find((row) => row.dst === vtep) ?? rows[0]
    const others = rows.filter((row) => row !== its)
    left.set(mac, others)
    const wanted = fdbFacts({ mac, dst: vtep, permanent: true })
    sides.push({ ...place, endpoint: nameOf(mac), wanted, found: its ? fdbFacts(its) : null })
  }
  const floods = left.get(FLOOD_MAC) ?? []
  for (const vtep of desired?.flood ?? []) {
    const its = floods.find(({ dst }) => dst === vtep)
    const wanted = fdbFacts({ mac: FLOOD_MAC, dst: vtep, permanent: its?.permanent ?? true })
    sides.push({ ...place, wanted, found: its ? fdbFacts(its) : null })
  }
  const astray = floods.filter(({ dst }) => !desired?.flood.has(dst))
  left.set(FLOOD_MAC, astray)
  for (const row of [...left.values()].flat()) sides.push({ ...place, wanted: null, found: fdbFacts(row) })
  return sides
}

function fdbFacts({ mac, dst, permanent }: FdbRow): Facts {
  return [[`${mac} dst ${dst} self${permanent ? " permanent" : ""}`]]
}

/** The bridge's own rows on the port vxlan1. */
function staticRows(
  desired: NetworkState | null,
  observed: ObservedNetwork | null,
  nameOf: (mac: string) => string | null,
): Sides[] {
  const wanted = [...(desired?.peers.values() ?? [])].filter(({ pinned }) => pinned).map(({ mac }) => mac)
  return staticSides(VXLAN_NAME, wanted, observed?.vxlan?.staticMacs ?? [], nameOf)
}

function staticSides(
  device: string,
  wanted: readonly string[],
  found: readonly string[],
  nameOf: (mac: string) => string | null,
): Sides[] {
  const [expected, present] = [new Set(wanted), new Set(found)]
  return [...expected.union(present)].map((mac) => {
    const facts: Facts = [[`${mac} master ${BRIDGE_NAME} static`]]
    const isWanted = expected.has(mac)
    return {
      object: "fdb",
      device,
      endpoint: isWanted ? nameOf(mac) : null,
      wanted: isWanted ? facts : null,
      found: present.has(mac) ? facts : null,
    }
  })
}

function neighbourRows(
  desired: NetworkState | null,
  observed: ObservedNetwork | null,
  nameOf: (mac: string) => string | null,
): Sides[] {
  const left = new Map(observed?.neighbours.map((row) => [row.ip, row]))
  const place = { object: "neigh", device: VXLAN_NAME } as const
  const sides: Sides[] = []
  for (const { ips, mac } of desired?.peers.values() ?? []) {
    for (const ip of ips) {
      const row = left.get(ip)
      left.delete(ip)
      const wanted = neighbourFacts({ ip, mac, permanent: true })
      sides.push({ ...place, endpoint: nameOf(mac), wanted, found: row ? neighbourFacts(row) : null })
    }
  }
  for (const row of left.values()) sides.push({ ...place, wanted: null, found: neighbourFacts(row) })
  return sides
}

function neighbourFacts({ ip, mac, permanent }: NeighbourRow): Facts {
  return [[`${ip}${mac === null ? "" : ` lladdr ${mac}`}${permanent ? " PERMANENT" : ""}`]]
}
