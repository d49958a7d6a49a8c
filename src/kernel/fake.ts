/** The kernel port in memory, over a `FakeWorld`: same refusals, same order, same undoing; and failures on demand. */
import { OvlError } from "../base/errors.ts"
import { isErrno } from "../linux/errno.ts"
import {
  BRIDGE_NAME,
  EGRESS_BRIDGE_NAME,
  EGRESS_MARK,
  type FirewallState,
  type GuardPort,
  type GuardState,
  HOST_NAMESPACE,
  isEgressPort,
  type HostFacts,
  type Ipv6Facts,
  markedId,
  type NamespacePath,
  NETNS_DIRECTORY,
  type ObservedBridge,
  type ObservedEgress,
  type ObservedInterface,
  type ObservedLink,
  type ObservedNetwork,
  type ObservedPort,
  type ObservedWorkload,
  type PathMtu,
  VXLAN_NAME,
} from "../model/dataplane.ts"
import { type Operation, undoOperation } from "../model/operation.ts"
import { type Failure, refused, summary, vniTaken } from "./errors.ts"
import { FakeWatch } from "./fake-watch.ts"
import { type FakeLink, type FakeNamespace, FakeWorld } from "./fake-world.ts"
import { GONE_BRIDGE, LOOPBACK_KEY } from "./observe.ts"
import type { ApplyMode, HiddenNamespace, Inventory, Kernel } from "./port.ts"

export interface FakeKernelOptions {
  /** Facts of the host; what ovl changes itself (forwarding) is kept up to date. */
  facts?: Partial<Pick<HostFacts, "links" | "addresses" | "routes" | "forwarding">>
  /** As on a host that has IPv6, unless it says otherwise. */
  ipv6?: Partial<Ipv6Facts>
  /** False: as on a host without iptables. */
  iptables?: boolean
}

const IPV6_FORWARDING_KEY = "net.ipv6.conf.all.forwarding"
const NO_RULES: FirewallState = { vxlan: null, egress: null }
const HIDDEN_PATH = new RegExp(`^${NETNS_DIRECTORY}/1-[0-9a-f]{10}$`)

export class FakeKernel implements Kernel {
  readonly world = new FakeWorld()
  /** What the ways to other VTEPs carry. */
  readonly pathMtus = new Map<string, PathMtu>()
  /** Every operation that was carried out, undoing included. */
  readonly performed: Operation[] = []
  /** Ports that the plan which is carried out has made, as `<namespace> <name>`. */
  private readonly newPorts = new Set<string>()
  /** An operation for which this says true is refused. */
  refuse: (operation: Operation) => boolean = () => false
  private readonly guards = new Map<NamespacePath, GuardState>()
  private rules: FirewallState = NO_RULES
  watching: FakeWatch | null = null

  constructor(private readonly options: FakeKernelOptions = {}) {
    const { sysctls } = this.world.namespaceAt(HOST_NAMESPACE)
    sysctls.set("net.ipv4.ip_forward", options.facts?.forwarding ? "1" : "0")
  }

  private linksOf(ns: NamespacePath): FakeLink[] {
    return [...(this.world.namespaces.get(ns)?.links.values() ?? [])]
  }

  observeNetwork(netns: NamespacePath): ObservedNetwork | null {
    const found = this.world.namespaces.get(netns)
    if (!found) return null
    const loopback = found.links.get("lo")
    const bridge = found.links.get(BRIDGE_NAME)
    const vxlan = found.links.get(VXLAN_NAME)
    return {
      netns,
      networkId: markedId(loopback?.alias ?? null),
      loopbackUp: loopback?.up ?? false,
      ipv6Off: found.sysctls.get("net.ipv6.conf.default.disable_ipv6") === "1",
      bridge: bridge ? observedBridge(bridge, this.hasIpv6(netns, bridge)) : null,
      vxlan: vxlan ? observedVxlan(vxlan, this.hasIpv6(netns, vxlan)) : null,
      ports: portsOf(found, [BRIDGE_NAME, VXLAN_NAME, "lo"]),
      fdb: [...(vxlan?.fdb.values() ?? [])],
      neighbours: [...(vxlan?.neighbours ?? [])].map(([ip, row]) => ({ ip, ...row })),
    }
  }

  private hasIpv6(netns: NamespacePath, { name }: FakeLink): boolean {
    return this.world.sysctlOf(netns, `net.ipv6.conf.${name}.disable_ipv6`) === "0"
  }

  observeEgress(): ObservedEgress | null {
    const host = this.world.namespaceAt(HOST_NAMESPACE)
    const bridge = host.links.get(EGRESS_BRIDGE_NAME)
    if (!bridge) {
      const ports = portsOf(host, []).filter(isEgressPort)
      return ports.length === 0 ? null : { bridge: GONE_BRIDGE, ipv6Off: true, loopback: false, ports }
    }
    if (bridge.alias !== EGRESS_MARK) {
      throw new OvlError("egress_bridge_taken", `${EGRESS_BRIDGE_NAME}: not ovl's`, { kind: "conflict" })
    }
    const ports = portsOf(host, []).filter((port) => port.master === EGRESS_BRIDGE_NAME)
    const ipv6 = `net.ipv6.conf.${EGRESS_BRIDGE_NAME}`
    const ipv6Off = host.sysctls.get(`${ipv6}.disable_ipv6`) === "1"
    const takesRouters = !ipv6Off && host.sysctls.get(`${ipv6}.accept_ra`) !== "0"
    const loopback = host.sysctls.get(LOOPBACK_KEY) === "1"
    return { bridge: observedBridge(bridge, !ipv6Off), ipv6Off, takesRouters, loopback, ports }
  }

  observePort(ns: NamespacePath, bridge: string, name: string, mac: string): ObservedPort | null {
    const found = this.world.namespaces.get(ns)
    const port = found && portsOf(found, []).find((one) => one.name === name)
    if (!port) return null
    const master = port.master === bridge ? bridge : null
    return { ...port, master, staticMacs: port.staticMacs.filter((each) => each === mac) }
  }

  look<T>(run: () => T): T {
    return run()
  }

  observeInterface(netns: NamespacePath, ifname: string): ObservedInterface | null {
    const found = this.world.namespaces.get(netns)?.links.get(ifname)
    if (!found) return null
    return { ...observedLink(found), addresses: [...found.addresses], routes: [...found.routes] }
  }

  observeMarked(netns: NamespacePath, alias: string, mac: string): ObservedInterface | null {
    const links = [...(this.world.namespaces.get(netns)?.links.values() ?? [])]
    const found = links.find((one) => one.alias === alias && one.mac === mac)
    return found ? this.observeInterface(netns, found.name) : null
  }

  observeWorkload(netns: NamespacePath): ObservedWorkload | null {
    const found = this.world.namespaces.get(netns)
    if (!found) return null
    const links = [...found.links.values()]
    return {
      interfaces: links.map(({ name }) => name),
      defaultRoute: links.some(({ routes }) => routes.some(({ dst, via }) => dst === "default" && !via?.includes(":"))),
      defaultRoute6: links.some(({ routes }) => routes.some(({ dst, via }) => dst === "default" && via?.includes(":"))),
    }
  }

  identify(netns: NamespacePath): string | null {
    const found = this.world.namespaces.get(netns)
    return found ? `0:${found.id}` : null
  }

  listHidden(): HiddenNamespace[] {
    return [...this.world.namespaces]
      .filter(([ns]) => HIDDEN_PATH.test(ns))
      .map(([netns, { links }]) => ({ netns, networkId: markedId(links.get("lo")?.alias ?? null), count: links.size }))
      .filter(({ networkId, count }) => networkId !== null || count === 1)
      .map(({ netns, networkId }) => ({ netns, networkId }))
      .sort((a, b) => (a.netns < b.netns ? -1 : 1))
  }

  hostFacts(): HostFacts {
    const { links = [], addresses = [], routes = [] } = this.options.facts ?? {}
    const { sysctls } = this.world.namespaceAt(HOST_NAMESPACE)
    const devices = new Set([...routes.flatMap(({ device }) => device ?? []), EGRESS_BRIDGE_NAME])
    const keyOf = (device: string) => `net.ipv4.conf.${device.replaceAll(".", "/")}.forwarding`
    return {
      links,
      addresses,
      routes,
      forwarding: sysctls.get("net.ipv4.ip_forward") === "1",
      forwardingDevices: [...devices].filter((device) => sysctls.get(keyOf(device)) === "1").sort(),
      ipv6Switched: this.world.remembered.has(IPV6_FORWARDING_KEY),
      switchedDevices: [...devices].filter((device) => this.world.remembered.has(keyOf(device))).sort(),
    }
  }

  ipv6Facts(): Ipv6Facts {
    const { sysctls } = this.world.namespaceAt(HOST_NAMESPACE)
    return {
      missing: null,
      routes: [],
      listening: [],
      bridgesFiltered: false,
      ...this.options.ipv6,
      forwarding: sysctls.get(IPV6_FORWARDING_KEY) === "1",
    }
  }

  hasSwitched(key: string): boolean {
    return this.world.remembered.has(key)
  }

  /** By `pathMtus`, else as wide as the first link. */
  pathMtu(_from: string, to: string): PathMtu | null {
    const wide = this.options.facts?.links?.[0]?.mtu
    return this.pathMtus.get(to) ?? (wide === undefined ? null : { mtu: wide, refused: null })
  }

  apply(operations: readonly Operation[], mode: ApplyMode): void {
    const done: Operation[] = []
    const failures: Failure[] = []
    this.newPorts.clear()
    for (const operation of operations) {
      const error = this.attempt(operation)
      if (error === null) done.push(operation)
      else failures.push({ operation, error })
      if (error !== null && mode === "all-or-nothing") break
    }
    if (failures.length === 0) return
    if (mode === "all-or-nothing") {
      for (const operation of done.reverse()) {
        const back = undoOperation(operation)
        if (back) this.attempt(back)
      }
    }
    throw summary(failures)
  }

  private attempt(operation: Operation): OvlError | null {
    if (this.refuse(operation)) return refused(operation, new OvlError("kernel_refused", "refused on demand"))
    try {
      if (operation.op === "vxlan-add") this.clearTheWay(operation)
      this.world.perform(operation)
    } catch (error) {
      if (!operation.op.endsWith("-del") || !isErrno(error, "ENOENT", "ENODEV", "EADDRNOTAVAIL")) {
        return refused(operation, this.inWords(operation, error))
      }
    }
    this.performed.push(operation)
    this.watching?.changed(this.echoesOf(operation), true)
    return null
  }

  /** A bridge's namespace is not told of what makes a new port of it. */
  private echoesOf(operation: Operation): NamespacePath[] {
    if (operation.op !== "veth-add")
      return "name" in operation && this.newPorts.has(`${operation.ns} ${operation.name}`) ? [] : [operation.ns]
    this.newPorts.add(`${operation.ns} ${operation.name}`)
    return [operation.peer.ns]
  }

  /** Where the real one looks before it asks, it says what is missing. */
  private inWords(operation: Operation, error: unknown): unknown {
    const gone = spacesOf(operation).find((ns) => !this.world.namespaces.has(ns))
    if (gone !== undefined) return new OvlError("netns_not_found", `${gone}: no such namespace`, { kind: "not_found" })
    if (isErrno(error, "ENODEV") && operation.op !== "link-set") {
      return new OvlError("device_not_found", (error as Error).message, { kind: "not_found" })
    }
    return error
  }

  private clearTheWay(operation: Extract<Operation, { op: "vxlan-add" }>): void {
    const owner = this.world.vniOwner(operation.vni, operation.port)
    if (!owner) return
    if (!HIDDEN_PATH.test(owner.ns)) {
      throw vniTaken(operation, { where: owner.ns === HOST_NAMESPACE ? "host" : owner.ns, device: owner.name })
    }
    if (owner.ns !== operation.ns) this.world.deleteLink(owner.ns, owner.name)
  }

  prepareNamespace(): void {}

  firewallMatches(state: FirewallState): boolean {
    if (this.options.iptables === false) throw new OvlError("no_iptables", "firewall: iptables is not installed")
    return JSON.stringify(state) === JSON.stringify(this.rules)
  }

  firewallDifference(state: FirewallState): string[] {
    return this.firewallMatches(state) ? [] : [JSON.stringify(state)]
  }

  applyFirewall(state: FirewallState): boolean {
    if (this.firewallMatches(state)) return false
    this.rules = structuredClone(state)
    this.watching?.rulesChanged("us")
    return true
  }

  /** No packet ever passes here. */
  forgetConnections(): number {
    return 0
  }

  guardMatches(ns: NamespacePath, state: GuardState): boolean {
    return (
      this.world.namespaces.has(ns) && JSON.stringify(sorted(state)) === JSON.stringify(this.guards.get(ns) ?? null)
    )
  }

  applyGuard(ns: NamespacePath, state: GuardState | null): void {
    this.world.namespaceAt(ns)
    if (state === null) this.guards.delete(ns)
    else this.guards.set(ns, sorted(state))
  }

  changeGuard(ns: NamespacePath, gone: readonly GuardPort[], added: readonly GuardPort[]): void {
    if (gone.length + added.length === 0) return
    const state = this.guards.get(ns)
    const names = state?.ports.map(({ device }) => device) ?? []
    if (!state || gone.some(({ device }) => !names.includes(device)))
      throw new OvlError("guard_refused", "table bridge ovl: not there")
    const kept = state.ports.filter(({ device }) => !gone.some((port) => port.device === device))
    this.guards.set(ns, sorted({ ...state, ports: [...kept, ...added] }))
  }

  /** Somebody else carries this out. Throws where a kernel would refuse. */
  disturb(operation: Operation): void {
    this.world.perform(operation)
    this.watching?.changed(spacesOf(operation), false)
  }

  /** Somebody else takes the rules away. */
  flushRules(): void {
    this.rules = NO_RULES
    this.watching?.rulesChanged("others")
  }

  watch(): FakeWatch {
    this.watching?.close()
    this.watching = new FakeWatch(this.world)
    return this.watching
  }

  private hostLinks(): FakeLink[] {
    return this.linksOf(HOST_NAMESPACE).filter((link) =>
      link.name === EGRESS_BRIDGE_NAME ? link.alias === EGRESS_MARK : isEgressPort(link),
    )
  }

  purge(): string[] {
    const { namespaces, links, sysctls } = this.inventory()
    for (const { netns } of this.listHidden()) this.world.deleteNamespace(netns)
    for (const { name } of this.hostLinks()) this.world.deleteLink(HOST_NAMESPACE, name)
    this.world.restoreSysctls()
    this.rules = NO_RULES
    this.guards.clear()
    return [...namespaces, ...links, ...sysctls]
  }

  inventory(): Inventory {
    const namespaces = this.listHidden().map(({ netns }) => netns)
    const inside = namespaces.flatMap((netns) =>
      this.linksOf(netns).flatMap(({ name }) => (name === "lo" ? [] : [`${netns} ${name}`])),
    )
    const { vxlan, egress } = this.rules
    return {
      namespaces,
      links: [...this.hostLinks().map(({ name }) => name), ...inside].sort(),
      firewall: vxlan === null && egress === null ? [] : [JSON.stringify(this.rules)],
      sysctls: [...this.world.remembered.keys()].sort(),
    }
  }

  close(): void {
    this.watching?.close()
  }
}

function spacesOf(operation: Operation): NamespacePath[] {
  return operation.op === "veth-add" ? [operation.ns, operation.peer.ns] : [operation.ns]
}

function observedLink({ name, kind, mac, mtu, up, alias, master }: FakeLink): ObservedLink {
  return { name, kind, mac, mtu, up, alias, master }
}

function observedBridge(link: FakeLink, ipv6: boolean): ObservedBridge {
  return { ...observedLink(link), addresses: [...link.addresses], multicastSnooping: false, ipv6 }
}

function observedVxlan(link: FakeLink, ipv6: boolean): NonNullable<ObservedNetwork["vxlan"]> {
  const { vni = 0, local = null, port = 0, proxy = false } = link.vxlan ?? {}
  const flags = link.master === null ? null : link.flags
  const staticMacs = [...link.staticMacs]
  return { ...observedLink(link), vni, local, port, learning: false, proxy, flags, ipv6, staticMacs }
}

function portsOf(namespace: FakeNamespace, except: readonly string[]): ObservedPort[] {
  return [...namespace.links.values()]
    .filter(({ name }) => !except.includes(name))
    .map((link) => ({
      ...observedLink(link),
      endpointId: markedId(link.alias),
      flags: link.master === null ? null : link.flags,
      staticMacs: [...link.staticMacs],
    }))
}

function sorted(state: GuardState): GuardState {
  return { ...state, ports: state.ports.toSorted((a, b) => (a.device < b.device ? -1 : 1)) }
}
