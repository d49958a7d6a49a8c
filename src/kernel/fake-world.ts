/**
 * A host's network in memory, as far as operations reach: namespaces with links, addresses, rows. It refuses what a
 * kernel refuses, with the same error numbers, so that plans and agents can be tested by the thousand without root.
 */
import { unreachable } from "../base/assert.ts"
import { LinuxError } from "../linux/errno.ts"
import { FLOOD_MAC, HOST_NAMESPACE, type NamespacePath, type PortFlags, type RouteState } from "../model/dataplane.ts"
import { type Operation, renderOperation } from "../model/operation.ts"

const ENOENT = 2
const EEXIST = 17
const ENODEV = 19
const EADDRNOTAVAIL = 99
const EOPNOTSUPP = 95

export interface FakeLink {
  name: string
  kind: string | null
  mac: string
  mtu: number
  up: boolean
  alias: string | null
  master: string | null
  flags: PortFlags
  /** Static rows of the bridge on this port. */
  staticMacs: Set<string>
  addresses: Set<string>
  routes: RouteState[]
  /** The other end of a veth pair. */
  peer: { ns: NamespacePath; name: string } | null
  vxlan: { vni: number; local: string; port: number; proxy: boolean } | null
  /** Rows of a vxlan's own table, `MAC>VTEP`; a MAC may have several. */
  fdb: Map<string, { mac: string; dst: string; permanent: boolean }>
  neighbours: Map<string, { mac: string; permanent: boolean }>
}

export interface FakeNamespace {
  /** Never given twice. */
  id: number
  links: Map<string, FakeLink>
  sysctls: Map<string, string>
}

const IPV6_SWITCH = /^net\.ipv6\.conf\.(.+)\.disable_ipv6$/
const DEFAULT_FLAGS: PortFlags = { learning: true, flood: true, isolated: false }

export class FakeWorld {
  readonly namespaces = new Map<NamespacePath, FakeNamespace>()
  private made = 0
  /** Sysctls as they were before ovl. */
  readonly remembered = new Map<string, string>()

  constructor() {
    this.addNamespace(HOST_NAMESPACE)
  }

  /** As `ip netns add`: a namespace with `lo`, down. */
  addNamespace(ns: NamespacePath): FakeNamespace {
    if (this.namespaces.has(ns)) throw new LinuxError(`open ${ns}`, EEXIST)
    const made: FakeNamespace = { id: ++this.made, links: new Map(), sysctls: new Map() }
    this.namespaces.set(ns, made)
    this.addLink(ns, { name: "lo", kind: null, mac: "00:00:00:00:00:00", mtu: 65_536 })
    return made
  }

  /** Its links go with it, and the other ends of pairs. */
  deleteNamespace(ns: NamespacePath): void {
    for (const name of [...(this.namespaces.get(ns)?.links.keys() ?? [])]) this.deleteLink(ns, name)
    this.namespaces.delete(ns)
  }

  addLink(ns: NamespacePath, given: Partial<FakeLink> & { name: string }): FakeLink {
    const { links } = this.namespaceAt(ns)
    if (links.has(given.name)) throw new LinuxError(`link add ${given.name}`, EEXIST)
    const made: FakeLink = {
      kind: "veth",
      mac: "06:00:00:00:00:01",
      mtu: 1500,
      up: false,
      alias: null,
      master: null,
      flags: { ...DEFAULT_FLAGS },
      staticMacs: new Set(),
      addresses: new Set(),
      routes: [],
      peer: null,
      vxlan: null,
      fdb: new Map(),
      neighbours: new Map(),
      ...given,
    }
    links.set(given.name, made)
    return made
  }

  deleteLink(ns: NamespacePath, name: string): void {
    const links = this.namespaces.get(ns)?.links
    const gone = links?.get(name)
    if (!links || !gone) return
    links.delete(name)
    const { sysctls } = this.namespaceAt(ns)
    for (const key of sysctls.keys()) if (key.startsWith(`net.ipv6.conf.${name}.`)) sysctls.delete(key)
    sysctls.delete(`net.ipv4.conf.${name}.route_localnet`)
    for (const other of links.values()) if (other.master === name) leaveBridge(other)
    if (gone.peer) this.namespaces.get(gone.peer.ns)?.links.delete(gone.peer.name)
  }

  namespaceAt(ns: NamespacePath): FakeNamespace {
    const found = this.namespaces.get(ns)
    if (!found) throw new LinuxError(`open ${ns}`, ENOENT)
    return found
  }

  private link(ns: NamespacePath, name: string): FakeLink {
    const found = this.namespaceAt(ns).links.get(name)
    if (!found) throw new LinuxError(`link ${name}`, ENODEV)
    return found
  }

  /** Where a vxlan with this VNI and port is, if anywhere on the host. */
  vniOwner(vni: number, port: number): { ns: NamespacePath; name: string } | null {
    for (const [ns, { links }] of this.namespaces) {
      for (const { name, vxlan } of links.values()) if (vxlan?.vni === vni && vxlan.port === port) return { ns, name }
    }
    return null
  }

  /** Carries one operation out; throws `LinuxError` where a kernel would refuse. */
  perform(operation: Operation): void {
    const { ns } = operation
    switch (operation.op) {
      case "netns-add":
        this.addNamespace(ns)
        return
      case "netns-del":
        return this.deleteNamespace(ns)
      case "sysctl":
        return this.setSysctl(ns, operation.key, operation.value, operation.remember)
      case "sysctl-restore":
        return this.restoreSysctls()
      case "bridge-add": {
        const { name, mac, mtu, alias } = operation
        this.addLink(ns, { name, mac, mtu, alias, kind: "bridge" })
        return
      }
      case "vxlan-add":
        return this.addVxlan(operation)
      case "veth-add":
        return this.addVeth(operation)
      case "link-del":
        return this.deleteLink(ns, operation.name)
      default:
        return this.performOn(this.link(ns, operation.name), operation)
    }
  }

  /** A device's own begins as the namespace's default. */
  sysctlOf(ns: NamespacePath, key: string): string {
    const { sysctls } = this.namespaceAt(ns)
    const byDefault = IPV6_SWITCH.test(key) ? sysctls.get("net.ipv6.conf.default.disable_ipv6") : undefined
    return sysctls.get(key) ?? byDefault ?? "0"
  }

  private setSysctl(ns: NamespacePath, key: string, value: string, remember: boolean): void {
    const { sysctls } = this.namespaceAt(ns)
    const before = this.sysctlOf(ns, key)
    if (before === value) return
    if (remember && !this.remembered.has(key)) this.remembered.set(key, before)
    sysctls.set(key, value)
    const device = value === "1" ? IPV6_SWITCH.exec(key)?.[1] : undefined
    if (device !== undefined) this.loseIpv6(ns, device)
  }

  /** Switching it off takes the addresses. */
  private loseIpv6(ns: NamespacePath, device: string): void {
    const addresses = this.namespaceAt(ns).links.get(device)?.addresses
    for (const address of addresses ?? []) if (address.includes(":")) addresses?.delete(address)
  }

  restoreSysctls(): void {
    const { sysctls } = this.namespaceAt(HOST_NAMESPACE)
    const hostForwards = sysctls.get("net.ipv4.ip_forward") === "1"
    for (const [key, value] of this.remembered) if (!hostForwards) sysctls.set(key, value)
    this.remembered.clear()
  }

  private addVxlan(operation: Extract<Operation, { op: "vxlan-add" }>): void {
    const { ns, name, vni, local, port, mac, mtu, master, alias, proxy } = operation
    this.link(ns, master)
    if (this.vniOwner(vni, port)) throw new LinuxError(renderOperation(operation), EEXIST, "the VNI exists")
    this.addLink(ns, { name, mac, mtu, master, alias, kind: "vxlan", up: true, vxlan: { vni, local, port, proxy } })
  }

  private addVeth(operation: Extract<Operation, { op: "veth-add" }>): void {
    const { ns, name, mac, mtu, master, alias, peer } = operation
    this.link(ns, master)
    if (this.namespaceAt(peer.ns).links.has(peer.name)) throw new LinuxError(renderOperation(operation), EEXIST)
    const near = { name, mac, mtu, master, alias, up: true, peer: { ns: peer.ns, name: peer.name } }
    this.addLink(ns, near)
    this.addLink(peer.ns, { name: peer.name, mac: peer.mac, mtu, peer: { ns, name } })
  }

  private performOn(link: FakeLink, operation: LinkOperation): void {
    switch (operation.op) {
      case "link-set":
        return this.changeLink(link, operation)
      case "port-set": {
        if (link.master === null) throw new LinuxError(renderOperation(operation), EOPNOTSUPP)
        const { learning, flood, isolated, hairpin } = operation
        link.flags = { learning, flood, isolated, ...(hairpin ? { hairpin } : {}) }
        return
      }
      case "addr-add":
        link.addresses.add(operation.address)
        return
      case "addr-del":
        if (!link.addresses.delete(operation.address)) throw new LinuxError(renderOperation(operation), EADDRNOTAVAIL)
        return
      case "route-replace":
        link.routes = [...link.routes.filter((route) => !isSameRoute(route, operation)), routeOf(operation)]
        return
      case "route-append":
        if (link.routes.some(({ dst, via }) => dst === operation.dst && via === operation.via))
          throw new LinuxError(renderOperation(operation), EEXIST)
        link.routes.push(routeOf(operation))
        return
      case "route-del":
        link.routes = link.routes.filter((route) => !isSameRoute(route, operation))
        return
      case "fdb-replace":
        // A bridge has one row for a MAC, on whatever port.
        if (operation.dst === null) this.forgetStatic(operation.ns, operation.mac)
        return replaceRow(link, operation.mac, operation.dst)
      case "flood-add":
        link.fdb.set(`${FLOOD_MAC}>${operation.dst}`, { mac: FLOOD_MAC, dst: operation.dst, permanent: true })
        return
      case "flood-del":
        link.fdb.delete(`${FLOOD_MAC}>${operation.dst}`)
        return
      case "fdb-del":
        if (operation.dst === null) link.staticMacs.delete(operation.mac)
        else link.fdb.delete(`${operation.mac}>${operation.dst}`)
        return
      case "neigh-replace":
        link.neighbours.set(operation.ip, { mac: operation.mac, permanent: true })
        return
      case "neigh-del":
        link.neighbours.delete(operation.ip)
        return
      default:
        return unreachable(operation)
    }
  }

  private forgetStatic(ns: NamespacePath, mac: string): void {
    for (const link of this.namespaceAt(ns).links.values()) link.staticMacs.delete(mac)
  }

  private changeLink(link: FakeLink, operation: Extract<Operation, { op: "link-set" }>): void {
    const { up, mtu, mac, alias, master } = operation
    if (master !== undefined) {
      this.link(operation.ns, master)
      if (link.master !== master) leaveBridge(link)
      link.master = master
    }
    if (up !== undefined) link.up = up
    if (mtu !== undefined) link.mtu = mtu
    if (mac !== undefined) link.mac = mac
    if (alias !== undefined) link.alias = alias
  }
}

type LinkOperation = Exclude<
  Operation,
  { op: "netns-add" | "netns-del" | "sysctl" | "sysctl-restore" | "bridge-add" | "vxlan-add" | "veth-add" | "link-del" }
>

function leaveBridge(link: FakeLink): void {
  link.master = null
  link.flags = { ...DEFAULT_FLAGS }
  link.staticMacs.clear()
}

/** There is one default route of each family. */
function isSameRoute(a: RouteState, b: RouteState): boolean {
  return a.dst === b.dst && (a.via?.includes(":") ?? false) === (b.via?.includes(":") ?? false)
}

function routeOf({ dst, via }: RouteState): RouteState {
  return { dst, via }
}

/** On a vxlan, replacing means the one destination of a MAC. */
function replaceRow(link: FakeLink, mac: string, dst: string | null): void {
  if (dst === null) {
    link.staticMacs.add(mac)
    return
  }
  for (const [key, row] of link.fdb) if (row.mac === mac) link.fdb.delete(key)
  link.fdb.set(`${mac}>${dst}`, { mac, dst, permanent: true })
}
