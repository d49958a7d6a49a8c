/**
 * The lab's cables: one switch in a namespace of its own, a link from it to each host and to the outside. Made piece by
 * piece where missing, so that bringing a lab up again repairs it. No address of a lab is ever outside its namespaces.
 */
import { assert } from "../base/assert.ts"
import { close } from "../linux/libc.ts"
import {
  createPinnedNamespace,
  deleteNamespace,
  isNamespace,
  openNamespace,
  sameNamespace,
} from "../linux/namespaces.ts"
import { addr, link, NetlinkSocket, route } from "../netlink/index.ts"
import { forgetHost } from "./hosts.ts"
import { type LabPlaces, SWITCH } from "./places.ts"
import { bare, type Topology } from "./topology.ts"

const SWITCH_BRIDGE = "underlay0"
/** Every host's interface on the underlay. */
export const HOST_LINK = "eth0"
/**
 * The first after loopback; on the switch its bridge has that one, and the cables those that follow. So the two ends of
 * a cable never have the same: the kernel (net/core/link_watch.c) takes a pair that does for ordinary links, and tells
 * of its carrier up to a second late.
 */
const HOST_LINK_INDEX = 2
const SWITCH_BRIDGE_INDEX = 2

/** One end of a cable: whose namespace, which addresses, which way out. */
interface Station {
  name: string
  /** Of the cable's end on the switch. */
  port: number
  address: string
  extraLoopback: string | null
  gateway: string | null
}

function stations(topology: Topology): Station[] {
  const { hosts, outside } = topology
  const gateway = bare(outside.underlay)
  const firstPort = SWITCH_BRIDGE_INDEX + 1
  return [
    ...hosts.map(({ name, address }, at) => ({ name, port: firstPort + at, address, extraLoopback: null, gateway })),
    {
      name: outside.name,
      port: firstPort + hosts.length,
      address: outside.underlay,
      extraLoopback: outside.address,
      gateway: null,
    },
  ]
}

/** Makes the switch and every missing cable, address and route. Returns the names of those that got a new cable. */
export function wireUnderlay(places: LabPlaces, topology: Topology): string[] {
  for (const name of [SWITCH, ...stations(topology).map((station) => station.name)]) ensureNetwork(places, name)
  using underlay = openPinned(places, SWITCH)
  link.set(underlay, "lo", { up: true })
  if (link.indexOf(underlay, SWITCH_BRIDGE) === null)
    link.add(underlay, { kind: "bridge", name: SWITCH_BRIDGE, index: SWITCH_BRIDGE_INDEX, mcastSnooping: false })
  link.set(underlay, SWITCH_BRIDGE, { up: true })
  const plugged: string[] = []
  for (const station of stations(topology)) if (wireStation(places, underlay, station)) plugged.push(station.name)
  return plugged
}

function ensureNetwork(places: LabPlaces, name: string): void {
  const path = places.pin(name, "net")
  if (isNamespace(path)) return
  // A file without a namespace is what a creation that was cut off leaves.
  deleteNamespace(path)
  forgetHost(places, name)
  createPinnedNamespace(path)
}

/** Never the machine's own: whatever went wrong before, links and addresses are made in the lab only. */
function openPinned(places: LabPlaces, name: string): NetlinkSocket {
  const path = places.pin(name, "net")
  assert(!sameNamespace(path, "/proc/thread-self/ns/net"), `lab: ${path} is this program's own network`)
  return NetlinkSocket.open({ namespace: path })
}

/** True if the cable is a new one. */
function wireStation(places: LabPlaces, underlay: NetlinkSocket, station: Station): boolean {
  using own = openPinned(places, station.name)
  link.set(own, "lo", { up: true })
  const missing = link.indexOf(own, HOST_LINK) === null
  if (missing) plug(places, underlay, station)
  link.set(underlay, station.name, { up: true, master: link.indexOf(underlay, SWITCH_BRIDGE)! })
  link.set(own, HOST_LINK, { up: true })
  const index = link.indexOf(own, HOST_LINK)!
  addr.replace(own, { index, address: station.address })
  if (station.extraLoopback) addr.replace(own, { index: link.indexOf(own, "lo")!, address: station.extraLoopback })
  if (station.gateway) route.replace(own, { dst: "default", via: station.gateway, index })
  return missing
}

function plug(places: LabPlaces, underlay: NetlinkSocket, station: Station): void {
  if (link.indexOf(underlay, station.name) !== null) link.del(underlay, station.name)
  const namespace = openNamespace(places.pin(station.name, "net"))
  try {
    const peer = { name: HOST_LINK, index: HOST_LINK_INDEX, namespace }
    link.add(underlay, { kind: "veth", name: station.name, index: station.port, peer })
  } finally {
    close(namespace)
  }
}

/** Unplugs every cable: the kernel frees a namespace's links behind our back, and slowly. */
export function unwireUnderlay(places: LabPlaces): void {
  if (!isNamespace(places.pin(SWITCH, "net"))) return
  using underlay = openPinned(places, SWITCH)
  const batch = underlay.batch()
  for (const each of link.list(underlay))
    if (each.kind === "veth" || each.kind === "bridge") link.del(batch, each.index)
  batch.send()
}
