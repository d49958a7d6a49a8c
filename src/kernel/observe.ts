/** Reads the kernel's state into the values that plans are made from: one dump of each kind a namespace, no more. */
import { withNamespace } from "../linux/namespaces.ts"
import {
  BRIDGE_NAME,
  EGRESS_BRIDGE_NAME,
  EGRESS_MARK,
  type HostFacts,
  isEgressPort,
  markedId,
  type NamespacePath,
  type ObservedBridge,
  type ObservedEgress,
  type ObservedInterface,
  type ObservedLink,
  type ObservedNetwork,
  type ObservedWorkload,
  type ObservedPort,
  type ObservedVxlan,
  type PathMtu,
  type PortFlags,
  VXLAN_NAME,
} from "../model/dataplane.ts"
import {
  type Address,
  addr,
  type FdbEntry,
  fdb,
  type Link,
  link,
  type NetlinkSocket,
  neigh,
  type Route,
  route,
  type Survey,
} from "../netlink/index.ts"
import { HOST_LINKS_ASKED_MAX } from "../base/limits.ts"
import { readSysctl } from "./sysctl.ts"

/** RTPROT_KERNEL (include/uapi/linux/rtnetlink.h): routes that come with addresses. */
const RTPROT_KERNEL = 2
/** The table of routes that name none. */
const RT_TABLE_MAIN = 254

export const LOOPBACK_KEY = `net.ipv4.conf.${EGRESS_BRIDGE_NAME}.route_localnet`

export const EGRESS_ROUTERS_KEY = `net.ipv6.conf.${EGRESS_BRIDGE_NAME}.accept_ra`

/** What stands for the egress bridge where it is gone. */
export const GONE_BRIDGE: ObservedBridge = {
  name: EGRESS_BRIDGE_NAME,
  kind: null,
  mac: "",
  mtu: 0,
  up: false,
  alias: EGRESS_MARK,
  master: null,
  addresses: [],
  multicastSnooping: false,
  ipv6: false,
}

type NameOf = (index: number | null) => string | null

function namesOf(links: readonly Link[]): NameOf {
  const names = new Map(links.map((one) => [one.index, one.name]))
  return (index) => (index === null ? null : (names.get(index) ?? null))
}

function observedLink(one: Link, nameOf: NameOf): ObservedLink {
  const { name, kind, mac, mtu, up, alias } = one
  return { name, kind, mac: mac ?? "", mtu, up, alias, master: nameOf(one.master) }
}

function flagsOf(one: Link): PortFlags | null {
  if (one.port === null) return null
  const { learning, flood, isolated, hairpin } = one.port
  return { learning, flood, isolated, ...(hairpin ? { hairpin } : {}) }
}

/** With prefix length. */
function addressesOf(socket: NetlinkSocket, index: number): string[] {
  return addr.list(socket, { index }).map(addressText)
}

function observedBridge(one: Link, nameOf: NameOf, rest: Pick<ObservedBridge, "addresses" | "ipv6">): ObservedBridge {
  return { ...observedLink(one, nameOf), multicastSnooping: one.bridge?.mcastSnooping ?? false, ...rest }
}

/** To be asked in the device's namespace. A kernel without IPv6 has no such key. */
function hasIpv6(device: string): boolean {
  return readSysctl(`net.ipv6.conf.${device}.disable_ipv6`) === "0"
}

function observedVxlan(one: Link, nameOf: NameOf, rest: Pick<ObservedVxlan, "ipv6" | "staticMacs">): ObservedVxlan {
  const info = one.vxlan
  return {
    ...observedLink(one, nameOf),
    vni: info?.vni ?? 0,
    local: info?.local ?? null,
    port: info?.port ?? 0,
    learning: info?.learning ?? false,
    proxy: info?.proxy ?? false,
    flags: flagsOf(one),
    ...rest,
  }
}

/** `static` rows by port; the kernel's own rows for a port's address are `permanent`. */
function staticRows(rows: readonly FdbEntry[]): Map<number, string[]> {
  const macs = new Map<number, string[]>()
  for (const row of rows) {
    if (row.on !== "master" || row.state !== "static") continue
    const ofPort = macs.get(row.index)
    if (ofPort) ofPort.push(row.mac)
    else macs.set(row.index, [row.mac])
  }
  return macs
}

function observedPorts(links: readonly Link[], macs: Map<number, string[]>, nameOf: NameOf): ObservedPort[] {
  return links.map((one) => ({
    ...observedLink(one, nameOf),
    endpointId: markedId(one.alias),
    flags: flagsOf(one),
    staticMacs: macs.get(one.index) ?? [],
  }))
}

/**
 * One port of this bridge, at the price of one; its rows only as far as the one for `mac` goes. Null where there is no
 * link of this name.
 */
export function readPort(socket: NetlinkSocket, bridge: string, name: string, mac: string): ObservedPort | null {
  const one = link.get(socket, name)
  if (one === null) return null
  const master = one.master === null ? null : link.indexOf(socket, bridge)
  const nameOf: NameOf = (index) => (index !== null && index === master ? bridge : null)
  const row = one.master === null ? null : fdb.get(socket, { index: one.index, mac })
  return observedPorts([one], staticRows(row === null ? [] : [row]), nameOf)[0]!
}

/** All of a hidden namespace. */
export function readNetwork(socket: NetlinkSocket, netns: NamespacePath): ObservedNetwork {
  const links = link.list(socket)
  const nameOf = namesOf(links)
  const loopback = links.find((one) => one.name === "lo")
  const bridge = links.find((one) => one.name === BRIDGE_NAME)
  const vxlan = links.find((one) => one.name === VXLAN_NAME)
  const rows = links.length > 1 ? fdb.list(socket) : []
  const ports = links.filter((one) => one !== loopback && one !== bridge && one !== vxlan)
  const macs = staticRows(rows)
  const ipv6 = withNamespace(netns, () => ({
    off: readSysctl("net.ipv6.conf.default.disable_ipv6") !== "0",
    bridge: bridge !== undefined && hasIpv6(BRIDGE_NAME),
    vxlan: vxlan !== undefined && hasIpv6(VXLAN_NAME),
  }))
  return {
    netns,
    networkId: markedId(loopback?.alias ?? null),
    loopbackUp: loopback?.up ?? false,
    ipv6Off: ipv6.off,
    bridge: bridge
      ? observedBridge(bridge, nameOf, { addresses: addressesOf(socket, bridge.index), ipv6: ipv6.bridge })
      : null,
    vxlan: vxlan ? observedVxlan(vxlan, nameOf, { ipv6: ipv6.vxlan, staticMacs: macs.get(vxlan.index) ?? [] }) : null,
    ports: observedPorts(ports, macs, nameOf),
    fdb: vxlan
      ? rows.flatMap(({ index, on, mac, dst, state }) =>
          index === vxlan.index && on === "self" && dst !== null
            ? [{ mac, dst, permanent: state === "permanent" }]
            : [],
        )
      : [],
    neighbours: vxlan ? readNeighbours(socket, vxlan.index) : [],
  }
}

function readNeighbours(socket: NetlinkSocket, index: number): ObservedNetwork["neighbours"] {
  return neigh
    .list(socket, { index })
    .flatMap(({ ip, mac, state }) => (state === "noarp" ? [] : [{ ip, mac, permanent: state === "permanent" }]))
}

/** The egress bridge in the host's namespace, or what is left of it; null where there is nothing. */
export function readEgress(socket: NetlinkSocket): ObservedEgress | null {
  const bridge = link.get(socket, EGRESS_BRIDGE_NAME)
  if (bridge === null) return readStrayPorts(socket)
  if (bridge.kind !== "bridge") return null
  const ports = link.list(socket, { master: bridge.index })
  const nameOf = namesOf([bridge, ...ports])
  const rows = ports.length > 0 ? fdb.list(socket, { bridge: bridge.index }) : []
  const ipv6 = hasIpv6(EGRESS_BRIDGE_NAME)
  return {
    bridge: observedBridge(bridge, nameOf, { addresses: addressesOf(socket, bridge.index), ipv6 }),
    ipv6Off: !ipv6,
    takesRouters: ipv6 && readSysctl(EGRESS_ROUTERS_KEY) !== "0",
    loopback: readSysctl(LOOPBACK_KEY) === "1",
    ports: observedPorts(ports, staticRows(rows), nameOf),
  }
}

/** Ports whose bridge somebody deleted. */
function readStrayPorts(socket: NetlinkSocket): ObservedEgress | null {
  const ports = link.list(socket).filter(isEgressPort)
  return ports.length === 0
    ? null
    : { bridge: GONE_BRIDGE, ipv6Off: true, loopback: false, ports: observedPorts(ports, new Map(), () => null) }
}

/** One interface with its addresses and the routes that somebody set. */
export function readInterface(socket: NetlinkSocket, ifname: string): ObservedInterface | null {
  const one = link.get(socket, ifname)
  if (one === null) return null
  const addresses = addressesOf(socket, one.index)
  const routes = route.list(socket, { index: one.index, family: 4 })
  if (addresses.some(isIpv6)) routes.push(...route.list(socket, { index: one.index, family: 6 }))
  return observedInterface(one, addresses, routes)
}

/** All interfaces of a namespace as `readInterface` gives them, by name and by further names. */
export function interfacesOf({ links, addresses, routes }: Survey): Map<string, ObservedInterface> {
  const found = new Map<string, ObservedInterface>()
  for (const one of links) {
    const own = addresses.filter(({ index }) => index === one.index).map(addressText)
    const ways = routes.filter(({ index, family }) => index === one.index && (family === 4 || own.some(isIpv6)))
    const observed = observedInterface(one, own, ways)
    for (const name of [one.name, ...one.altnames]) found.set(name, observed)
  }
  return found
}

function observedInterface(one: Link, addresses: string[], routes: readonly Route[]): ObservedInterface {
  const shown = routes.filter((each) => each.table === RT_TABLE_MAIN && each.protocol !== RTPROT_KERNEL)
  return { ...observedLink(one, () => null), addresses, routes: shown.map(({ dst, via }) => ({ dst, via })) }
}

function addressText({ address, prefixLength }: Address): string {
  return `${address}/${prefixLength}`
}

function isIpv6(address: string): boolean {
  return address.includes(":")
}

export function readWorkload(socket: NetlinkSocket): ObservedWorkload {
  const interfaces = link.list(socket).map((one) => one.name)
  const hasDefault = (family: 4 | 6) => route.list(socket, { family }).some((one) => one.dst === "default")
  return { interfaces, defaultRoute: hasDefault(4), defaultRoute6: hasDefault(6) }
}

/** Facts of the host's own namespace. `remembered`: the sysctl keys that ovl has changed. */
export function readHostFacts(socket: NetlinkSocket, remembered: readonly string[]): HostFacts {
  const addresses = addr.list(socket)
  const unicast = route.list(socket, { family: 4 }).filter((one) => one.type === "unicast")
  const links = linksByIndex(socket, new Set([...addresses, ...unicast].flatMap(({ index }) => index ?? [])))
  const nameOf = namesOf(links)
  const routes = unicast.map((one) => ({ dst: one.dst, via: one.via, device: nameOf(one.index) }))
  const asked = new Set(routes.map((one) => one.device).filter((device) => device !== null))
  if (link.indexOf(socket, EGRESS_BRIDGE_NAME) !== null) asked.add(EGRESS_BRIDGE_NAME)
  return {
    links: links.map(({ name, mtu, up }) => ({ name, mtu, up })),
    addresses: addresses.map((one) => ({
      device: nameOf(one.index) ?? "",
      address: `${one.address}/${one.prefixLength}`,
    })),
    routes,
    forwarding: readSysctl("net.ipv4.ip_forward") === "1",
    bridgesFiltered: readSysctl("net.bridge.bridge-nf-call-iptables") === "1",
    forwardingDevices: [...asked].filter((device) => readSysctl(forwardingKeyOf(device)) === "1").sort(),
    ipv6Switched: remembered.includes("net.ipv6.conf.all.forwarding"),
    switchedDevices: remembered.flatMap((key) => switchedDevice(key) ?? []).sort(),
  }
}

/** Asked for one by one where they are few: beside them stand the ports of all workloads, which are nobody's concern here. */
function linksByIndex(socket: NetlinkSocket, indexes: ReadonlySet<number>): Link[] {
  if (indexes.size > HOST_LINKS_ASKED_MAX) return link.list(socket).filter(({ index }) => indexes.has(index))
  return [...indexes].sort((a, b) => a - b).flatMap((index) => link.get(socket, index) ?? [])
}

/**
 * What the way carries: the route's own MTU where it has one, the device's otherwise. A way that never leaves the host
 * says nothing about the underlay.
 */
export function readPathMtu(socket: NetlinkSocket, from: string, to: string): PathMtu | null {
  const way = route.way(socket, to, from)
  const device = way && link.get(socket, way.index)
  if (!way || !device || device.name === "lo") return null
  if (way.learned) return { mtu: device.mtu, refused: way.mtu }
  return { mtu: Math.min(device.mtu, way.mtu ?? device.mtu), refused: null }
}

const FORWARDING_KEY = /^net\.ipv4\.conf\.(.+)\.forwarding$/

function forwardingKeyOf(device: string): string {
  return `net.ipv4.conf.${device.replaceAll(".", "/")}.forwarding`
}

function switchedDevice(key: string): string | null {
  return FORWARDING_KEY.exec(key)?.[1]?.replaceAll("/", ".") ?? null
}
