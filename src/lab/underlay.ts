/**
 * The lab's cables: one switch in a namespace of its own, a link from it to each host and to the outside. Made piece by
 * piece where missing, so that bringing a lab up again repairs it.
 */
import { createPinnedNamespace, isNamespace, openNamespace } from "../linux/namespaces.ts"
import { close } from "../linux/libc.ts"
import { addr, link, NetlinkSocket, route } from "../netlink/index.ts"
import type { LabPlaces } from "./places.ts"
import { bare, type Topology } from "./topology.ts"

/** The namespace that holds the switch; no host may have this name. */
export const SWITCH = "underlay"
const SWITCH_BRIDGE = "underlay0"
const HOST_LINK = "eth0"

/** One end of a cable: whose namespace, which addresses, which way out. */
interface Station {
  name: string
  address: string
  extraLoopback: string | null
  gateway: string | null
}

export function stations(topology: Topology): Station[] {
  const gateway = bare(topology.outside.underlay)
  return [
    ...topology.hosts.map((host) => ({ name: host.name, address: host.address, extraLoopback: null, gateway })),
    {
      name: topology.outside.name,
      address: topology.outside.underlay,
      extraLoopback: topology.outside.address,
      gateway: null,
    },
  ]
}

/** Makes the switch and every missing cable, address and route. */
export function wireUnderlay(places: LabPlaces, topology: Topology): void {
  for (const name of [SWITCH, ...stations(topology).map((station) => station.name)]) ensureNetwork(places, name)
  using underlay = NetlinkSocket.open({ namespace: places.pin(SWITCH, "net") })
  link.set(underlay, "lo", { up: true })
  if (link.indexOf(underlay, SWITCH_BRIDGE) === null)
    link.add(underlay, { kind: "bridge", name: SWITCH_BRIDGE, mcastSnooping: false, up: true })
  for (const station of stations(topology)) wireStation(places, underlay, station)
}

function ensureNetwork(places: LabPlaces, name: string): void {
  const path = places.pin(name, "net")
  if (!isNamespace(path)) createPinnedNamespace(path)
}

function wireStation(places: LabPlaces, underlay: NetlinkSocket, station: Station): void {
  using own = NetlinkSocket.open({ namespace: places.pin(station.name, "net") })
  link.set(own, "lo", { up: true })
  if (link.indexOf(own, HOST_LINK) === null) plug(places, underlay, station)
  link.set(underlay, station.name, { up: true })
  link.set(own, HOST_LINK, { up: true })
  const index = link.indexOf(own, HOST_LINK)!
  addr.replace(own, { index, address: station.address })
  if (station.extraLoopback) addr.replace(own, { index: link.indexOf(own, "lo")!, address: station.extraLoopback })
  if (station.gateway) route.replace(own, { dst: "default", via: station.gateway, index })
}

function plug(places: LabPlaces, underlay: NetlinkSocket, station: Station): void {
  if (link.indexOf(underlay, station.name) !== null) link.del(underlay, station.name)
  const namespace = openNamespace(places.pin(station.name, "net"))
  try {
    const master = link.indexOf(underlay, SWITCH_BRIDGE)!
    link.add(underlay, { kind: "veth", name: station.name, master, up: true, peer: { name: HOST_LINK, namespace } })
  } finally {
    close(namespace)
  }
}

/** Unplugs every cable: the kernel frees a namespace's links behind our back, and slowly. */
export function unwireUnderlay(places: LabPlaces): void {
  if (!isNamespace(places.pin(SWITCH, "net"))) return
  using underlay = NetlinkSocket.open({ namespace: places.pin(SWITCH, "net") })
  const batch = underlay.batch()
  for (const each of link.list(underlay)) if (each.kind === "veth" || each.kind === "bridge") link.del(batch, each.index)
  batch.send()
}
