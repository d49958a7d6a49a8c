/**
 * The kernel port: what the agent may ask of a host's kernel. `linux.ts` speaks netlink, `fake.ts` keeps it all in
 * memory; `test/contract/kernel.ts` holds both to the same behaviour. Everything is synchronous: rtnetlink does its work
 * inside the call, and nothing else of this process can come in between.
 */
import type {
  FirewallState,
  GuardPort,
  GuardState,
  HostFacts,
  Ipv6Facts,
  NamespacePath,
  ObservedEgress,
  ObservedInterface,
  ObservedNetwork,
  ObservedPort,
  ObservedWorkload,
  PathMtu,
  PublishedPort,
} from "../model/dataplane.ts"
import type { Operation } from "../model/operation.ts"

/** A hidden namespace that carries our mark. */
export interface HiddenNamespace {
  netns: NamespacePath
  /** Null where making it was interrupted before the mark: it is empty then, and only good for removal. */
  networkId: string | null
}

/**
 * `all-or-nothing`: the first refusal ends it, what was done is undone in reverse (attach).
 * `best-effort`: what can be done is done, the first refusal is thrown at the end (repair).
 */
export type ApplyMode = "all-or-nothing" | "best-effort"

/** What ovl has in this host's kernel, as sorted lines that are equal exactly when the state is. */
export interface Inventory {
  namespaces: string[]
  links: string[]
  firewall: string[]
  sysctls: string[]
}

/** Where something changed, as far as the kernel tells: a reason to look, and no proof that anything is wrong. */
export interface Touched {
  /** Namespaces in which somebody else changed something: the host's, or one that is followed. */
  byOthers: ReadonlySet<NamespacePath>
  /** Those that this port itself wrote to just before: most likely that was all. */
  byUs: ReadonlySet<NamespacePath>
  /** The host's rules changed, and who is likely to have changed them. */
  rules: "others" | "us" | null
  /** Notices were lost: anything may have changed. */
  everything: boolean
}

/** Takes note of changes from when it was made. Nothing is missed between two calls; what comes meanwhile waits. */
export interface KernelWatch {
  /**
   * Which namespaces beside the host's: hidden ones and workloads'. One at whose path there is nothing (any more) is
   * followed as soon as there is something. None of them is kept alive by this.
   */
  follow(namespaces: ReadonlySet<NamespacePath>): void
  /** What the kernel has told since the last call; costs next to nothing when that is nothing. */
  read(): Touched
  /** What it tells nobody of and must be compared with how it was: what is pinned at the paths, sysctls. */
  glance(): Touched
  /** Closing twice is allowed. */
  close(): void
}

export interface Kernel {
  /** A network's hidden namespace and all that is in it; null where there is none. */
  observeNetwork(netns: NamespacePath): ObservedNetwork | null
  /** The egress bridge and its ports; null where there is none. */
  observeEgress(): ObservedEgress | null
  /** One port of a bridge, at the price of one: of its static rows only `mac`'s is looked for. Null where it is gone. */
  observePort(ns: NamespacePath, bridge: string, name: string, mac: string): ObservedPort | null
  /**
   * Runs `run`, which goes through much: what it observes of one workload is then read once, and again where `apply` has
   * written. Nothing else runs meanwhile.
   */
  look<T>(run: () => T): T
  /** One interface of a workload; null where the namespace or the interface is gone. */
  observeInterface(netns: NamespacePath, ifname: string): ObservedInterface | null
  /** As `observeInterface`, for one with this alias and MAC, whatever it is called by now. */
  observeMarked(netns: NamespacePath, alias: string, mac: string): ObservedInterface | null
  /** What a workload's namespace has of its own; null where it is gone. */
  observeWorkload(netns: NamespacePath): ObservedWorkload | null
  /** What makes the namespace at this path itself and no other, while it lives; null where there is none. */
  identify(netns: NamespacePath): string | null
  /** Our hidden namespaces, wanted or not. */
  listHidden(): HiddenNamespace[]
  hostFacts(): HostFacts
  /** True while this sysctl of the host is otherwise than before ovl, by ovl's doing. Asks the kernel nothing. */
  hasSwitched(key: string): boolean
  /** Asked only where something wants egress by IPv6: it costs a look at all devices and a run of ip6tables. */
  ipv6Facts(): Ipv6Facts
  /** What the way between two VTEPs carries; null where there is no way now. */
  pathMtu(from: string, to: string): PathMtu | null
  /**
   * Applies operations in order. Deleting what is gone is done; making what exists is a refusal (address, route, FDB
   * and neighbour rows are replaced). Throws an OvlError that names the operation as its `ip` line and says why in the
   * kernel's own words; codes `kernel_refused`, `vni_taken_on_host`, `netns_not_found`, `not_permitted`.
   */
  apply(operations: readonly Operation[], mode: ApplyMode): void
  /** Does ahead of time what makes the next `netns-add` slow; for when nobody waits. Errors: those of that operation. */
  prepareNamespace(): void
  /** True if the host's rules are exactly as wanted. Errors: no_iptables. */
  firewallMatches(state: FirewallState): boolean
  /** What makes the host's rules as wanted, in lines for people; none where they are. Errors: no_iptables. */
  firewallDifference(state: FirewallState): string[]
  /** Makes the host's rules as wanted, one atomic change a table; writes nothing where they are. True if it wrote. Errors: no_iptables, iptables_failed. */
  applyFirewall(state: FirewallState): boolean
  /**
   * Forgets the connections that came in by these ports and lead elsewhere than `published` says now: their next packet
   * goes where it should. Returns how many; none where the kernel does not tell what it tracks.
   */
  forgetConnections(changed: readonly PublishedPort[], published: readonly PublishedPort[]): number
  /** True if what may come from a bridge's ports is exactly as wanted; false too where the namespace is gone. */
  guardMatches(ns: NamespacePath, state: GuardState): boolean
  /** Makes it so in one step; null: nothing is guarded there any more. Errors: guard_refused. */
  applyGuard(ns: NamespacePath, state: GuardState | null): void
  /** Ports that are gone and ports that come, where there is a guard already. Throws where there is none, or not so. */
  changeGuard(ns: NamespacePath, gone: readonly GuardPort[], added: readonly GuardPort[]): void
  /** Removes everything that carries our mark; idempotent, needs no daemon and no catalog. Returns what it removed, a line each. */
  purge(): string[]
  inventory(): Inventory
  /** Begins to take note of changes; one watch at a time. */
  watch(): KernelWatch
  /** Closes the sockets it keeps. */
  close(): void
}
