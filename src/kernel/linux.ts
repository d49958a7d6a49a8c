/** The kernel port over this machine's kernel: netlink, namespaces, /proc/sys and iptables. */
import { OvlError } from "../base/errors.ts"
import { IDENTIFIED_NAMESPACES_MAX } from "../base/limits.ts"
import { isErrno } from "../linux/errno.ts"
import { isNamespace, type NamespaceId, namespaceId } from "../linux/namespaces.ts"
import { bareIp } from "../model/address.ts"
import { SpareNamespace } from "../linux/spare-namespace.ts"
import {
  EGRESS_BRIDGE_NAME,
  EGRESS_MARK,
  type FirewallState,
  type GuardPort,
  type GuardState,
  type HostFacts,
  HOST_NAMESPACE,
  type Ipv6Facts,
  type NamespacePath,
  type ObservedEgress,
  type ObservedInterface,
  type ObservedNetwork,
  type ObservedPort,
  type ObservedWorkload,
  type PathMtu,
  type PublishedPort,
} from "../model/dataplane.ts"
import type { Operation } from "../model/operation.ts"
import { link } from "../netlink/index.ts"
import { Application } from "./apply.ts"
import { Belongings } from "./belongings.ts"
import { staleConnections } from "./firewall/connections.ts"
import { connectionsOf, forgetConnections } from "./firewall/conntrack.ts"
import { applyFirewall, firewallDifference, firewallMatches } from "./firewall/firewall.ts"
import { KnownRules } from "./firewall/generation.ts"
import { changeGuard, guardIsAs, removeGuard, writeGuard } from "./firewall/guard.ts"
import { usesNfTables } from "./firewall/iptables.ts"
import { NamespaceSockets } from "./namespace-sockets.ts"
import {
  readEgress,
  readHostFacts,
  readInterface,
  readNetwork,
  readPathMtu,
  readPort,
  readWorkload,
} from "./observe.ts"
import { readIpv6Facts } from "./observe-ipv6.ts"
import type { ApplyMode, HiddenNamespace, Inventory, Kernel, KernelWatch } from "./port.ts"
import { Remembered } from "./remembered.ts"
import { LinuxWatch } from "./watch.ts"
import { WorkloadEnds } from "./workload-ends.ts"

export interface LinuxKernelOptions {
  /** Where it is remembered how the host was before ovl: a file below the run directory. */
  stateFile: string
}

export class LinuxKernel implements Kernel {
  private readonly sockets: NamespaceSockets
  private readonly ends: WorkloadEnds
  /** Of the look that is under way. */
  private facts: HostFacts | null = null
  private readonly guarded = new KnownRules()
  private readonly ruled = new KnownRules()
  private isNfTables: boolean | undefined
  private readonly remembered: Remembered
  private readonly belongings: Belongings
  private readonly spare = new SpareNamespace()
  private watching: LinuxWatch | null = null
  /** Paths that were found to be network namespaces, and which. */
  private readonly identified = new Map<NamespacePath, string>()

  /** Acts on the namespace that this thread is in. Errors: `not_permitted` without root, when something is changed. */
  constructor(options: LinuxKernelOptions) {
    this.sockets = new NamespaceSockets()
    this.ends = new WorkloadEnds(this.sockets)
    this.remembered = new Remembered(options.stateFile)
    this.belongings = new Belongings(this.sockets, this.remembered)
  }

  observeNetwork(netns: NamespacePath): ObservedNetwork | null {
    return this.sockets.with(netns, ({ socket }) => readNetwork(socket, netns))
  }

  /** Errors: `egress_bridge_taken` where a bridge of that name is not ours. */
  observeEgress(): ObservedEgress | null {
    const observed = readEgress(this.sockets.host)
    if (observed === null || observed.bridge.alias === EGRESS_MARK) return observed
    throw new OvlError(
      "egress_bridge_taken",
      `${EGRESS_BRIDGE_NAME}: a bridge of this name is there that is not ovl's`,
      {
        kind: "conflict",
        hint: `rename or remove it: ip link del ${EGRESS_BRIDGE_NAME}`,
      },
    )
  }

  observePort(ns: NamespacePath, bridge: string, name: string, mac: string): ObservedPort | null {
    return this.sockets.with(ns, ({ socket }) => readPort(socket, bridge, name, mac))
  }

  look<T>(run: () => T): T {
    this.watching?.catchUp()
    this.facts = null
    try {
      return this.ends.during(run, (ns) => this.watching?.versionOf(ns) ?? null)
    } finally {
      this.facts = null
    }
  }

  observeInterface(netns: NamespacePath, ifname: string): ObservedInterface | null {
    return this.ends.observe(netns, ifname)
  }

  observeMarked(netns: NamespacePath, alias: string, mac: string): ObservedInterface | null {
    return this.sockets.with(netns, ({ socket }) => {
      const found = link.list(socket).find((one) => one.alias === alias && one.mac === mac)
      return found ? readInterface(socket, found.name) : null
    })
  }

  observeWorkload(netns: NamespacePath): ObservedWorkload | null {
    return this.sockets.with(netns, ({ socket }) => readWorkload(socket))
  }

  identify(netns: NamespacePath): string | null {
    if (netns === HOST_NAMESPACE) return idText(namespaceId())
    const known = this.identified.get(netns)
    const id = tryIdText(netns)
    // What was a namespace under this very number is one still.
    if (id !== null && id === known) return id
    this.identified.delete(netns)
    if (id === null || !isNamespace(netns)) return null
    if (this.identified.size >= IDENTIFIED_NAMESPACES_MAX) this.identified.clear()
    this.identified.set(netns, id)
    return id
  }

  listHidden(): HiddenNamespace[] {
    return this.belongings.listHidden()
  }

  hostFacts(): HostFacts {
    const facts = this.facts ?? readHostFacts(this.sockets.host, Object.keys(this.remembered.read().sysctls))
    if (this.ends.isLooking) this.facts = facts
    return facts
  }

  ipv6Facts(): Ipv6Facts {
    return readIpv6Facts(this.sockets.host)
  }

  hasSwitched(key: string): boolean {
    return key in this.remembered.read().sysctls
  }

  pathMtu(from: string, to: string): PathMtu | null {
    return readPathMtu(this.sockets.host, from, to)
  }

  apply(operations: readonly Operation[], mode: ApplyMode): void {
    if (operations.length === 0) return
    const carryOut = () =>
      this.sockets.hold(() => new Application(this.sockets, this.remembered, mode, this.spare).run(operations))
    this.watching?.wrote(operations)
    this.ends.touched(operations)
    for (const { op, ns } of operations) if (op === "netns-del") this.guarded.forget(ns)
    this.facts = null
    if (this.watching === null) carryOut()
    else this.watching.duringNewPorts(newPorts(operations), carryOut)
  }

  prepareNamespace(): void {
    this.spare.prepare()
  }

  firewallMatches(state: FirewallState): boolean {
    return firewallMatches(state, this.remembered)
  }

  firewallDifference(state: FirewallState): string[] {
    let difference: string[] = []
    const compare = () => {
      difference = firewallDifference(state, this.remembered)
      return difference.length === 0
    }
    // The old back end's rules have no generation.
    this.isNfTables ??= usesNfTables()
    if (this.isNfTables) this.ruled.matches(HOST_NAMESPACE, [state, this.remembered.read().ipv6Rules], compare)
    else compare()
    return difference
  }

  applyFirewall(state: FirewallState): boolean {
    const wrote = applyFirewall(state, this.remembered)
    if (wrote) this.watching?.wroteRules()
    return wrote
  }

  forgetConnections(changed: readonly PublishedPort[], published: readonly PublishedPort[]): number {
    const own = this.hostFacts().addresses.map(({ address }) => bareIp(address))
    return forgetConnections(connectionsOf(changed), staleConnections(changed, published, own))
  }

  guardMatches(ns: NamespacePath, state: GuardState): boolean {
    return this.guarded.matches(ns, state, () => guardIsAs(ns, state))
  }

  applyGuard(ns: NamespacePath, state: GuardState | null): void {
    this.watching?.wroteGuard(ns)
    if (state === null) removeGuard(ns)
    else writeGuard(ns, state)
  }

  changeGuard(ns: NamespacePath, gone: readonly GuardPort[], added: readonly GuardPort[]): void {
    const change = () => changeGuard(ns, gone, added)
    if (this.watching === null) change()
    else this.watching.duringGuardChange(ns, change)
  }

  purge(): string[] {
    return this.belongings.purge((operations) => this.apply(operations, "best-effort"))
  }

  inventory(): Inventory {
    return this.belongings.inventory()
  }

  watch(): KernelWatch {
    this.watching?.close()
    this.watching = new LinuxWatch(this.sockets, () => Object.keys(this.remembered.read().sysctls))
    return this.watching
  }

  close(): void {
    this.watching?.close()
    this.spare.close()
    this.sockets.close()
  }
}

/** The indexes of ports that are made, by the namespace of their bridge. */
function newPorts(operations: readonly Operation[]): Map<NamespacePath, Set<number>> {
  const ports = new Map<NamespacePath, Set<number>>()
  for (const operation of operations) {
    if (operation.op !== "veth-add") continue
    const known = ports.get(operation.ns)
    if (known) known.add(operation.index)
    else ports.set(operation.ns, new Set([operation.index]))
  }
  return ports
}

function idText({ dev, ino }: NamespaceId): string {
  return `${dev}:${ino}`
}

function tryIdText(path: NamespacePath): string | null {
  try {
    return idText(namespaceId(path))
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "ESRCH", "EACCES")) return null
    throw error
  }
}
