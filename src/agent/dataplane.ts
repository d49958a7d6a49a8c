/**
 * The kernel as a projection of the catalog. A change of the catalog becomes the few operations that it means; a
 * reconcile looks at everything the kernel holds and repairs by difference. Both are synchronous: between two of them
 * nothing else of this process runs.
 */
import type { Clock } from "../base/clock.ts"
import { asOvlError } from "../base/errors.ts"
import { RECONCILE_INTERVAL_MS, RECONCILE_RETRY_MS } from "../base/limits.ts"
import type { Log } from "../base/log.ts"
import type { Kernel } from "../kernel/port.ts"
import type { Catalog, ChangeBatch } from "../model/catalog.ts"
import {
  BRIDGE_NAME,
  type EgressState,
  HOST_NAMESPACE,
  hiddenNamespace,
  type NamespacePath,
  type ObservedInterface,
  type PortState,
  VXLAN_NAME,
} from "../model/dataplane.ts"
import type { EndpointRecord } from "../model/endpoint.ts"
import type { NetworkView } from "../model/network.ts"
import { type Operation, renderPlan } from "../model/operation.ts"
import { desiredEgress, desiredFirewall, desiredNetwork, localNetworkIds, type Viewpoint } from "../overlay/desired.ts"
import { chooseEgressAddress, forwardingDevices } from "../overlay/egress.ts"
import { planEgress, planNetwork } from "../overlay/plan.ts"
import { planAttach } from "./plan-attach.ts"
import { Projection } from "./projection.ts"
import type { KernelHealth } from "./status.ts"

export interface DataPlaneOptions {
  kernel: Kernel
  catalog: Catalog
  nodeId: string
  clock: Clock
  log: Log
  /** Told how many operations a reconcile found necessary, and what they were. */
  onRepair: (plan: string, count: number) => void
  /** Called after each look at all that the kernel holds. */
  onReconciled: () => void
}

type Expectation = Pick<EndpointRecord, "networkId" | "name">

function expectation({ networkId, name }: Expectation): string {
  return `${networkId}/${name}`
}

export class DataPlane {
  readonly #o: DataPlaneOptions
  readonly #projection: Projection
  /** Endpoints that an attach under way has asked for, as `<network>/<name>`: it will put them into the kernel itself. */
  readonly #expected = new Map<string, number>()
  /** Endpoints of failed attaches that the cluster could not be told of yet. */
  readonly #abandoned = new Set<string>()
  /** Which rules stand, as a key; null: not known. */
  #rules: string | null = null
  #repairs = 0
  #lastReconcile: string | null = null
  #problems: string[] = []
  /** What the last reconcile found that there should be; where it could not all be made, the rules still guard it. */
  #wanted = { networks: false, egress: false }
  #cancelTimer: () => void = () => {}

  constructor(options: DataPlaneOptions) {
    this.#o = options
    this.#projection = new Projection(options.catalog, options.nodeId)
  }

  health(): KernelHealth {
    const { length } = this.#problems
    return {
      inSync: length === 0,
      lastReconcile: this.#lastReconcile,
      repairs: this.#repairs,
      problems: this.#problems,
    }
  }

  localPart(networkId: string): NetworkView["local"] {
    const programmed = this.#projection.networks.get(networkId)
    return programmed ? { netns: programmed.netns, bridge: BRIDGE_NAME, vxlan: VXLAN_NAME } : null
  }

  close(): void {
    this.#cancelTimer()
  }

  /** The address of this node's egress bridge: the one it has, or the one it will get. Errors: egress_subnet_taken. */
  egressAddress(): string {
    if (this.#projection.egressAddress !== null) return this.#projection.egressAddress
    const current = this.#o.kernel.observeEgress()?.bridge.addresses[0] ?? null
    return chooseEgressAddress(this.#o.kernel.hostFacts(), this.#o.catalog, current)
  }

  /** Looks at all that the kernel holds and repairs by difference. Never throws: what went wrong is in `health`. */
  reconcile(): void {
    this.#cancelTimer()
    this.#problems = []
    const view = this.#view(true)
    const wanted = localNetworkIds(this.#o.catalog, view)
    const egress = this.#attempt("egress", () => this.#desiredEgress(view)) ?? null
    this.#wanted = { networks: wanted.size > 0, egress: egress !== null }
    this.#attempt("firewall", () =>
      this.#repairRules(this.#projection.networks.size + wanted.size > 0, egress !== null),
    )
    for (const hidden of this.#attempt("namespaces", () => this.#o.kernel.listHidden()) ?? [])
      if (hidden.networkId === null || !wanted.has(hidden.networkId))
        this.#attempt(hidden.netns, () =>
          this.#repair(planNetwork(null, this.#o.kernel.observeNetwork(hidden.netns)), hidden.netns, new Map()),
        )
    this.#projection.networks.clear()
    for (const id of wanted) this.#attempt(`network ${id.slice(0, 10)}`, () => this.#reconcileNetwork(id, view))
    this.#attempt("egress", () => this.#reconcileEgress(egress))
    this.#projection.noteNodes()
    this.#attempt("firewall", () => this.#ensureRules(wanted.size > 0, egress !== null))
    this.#lastReconcile = new Date(this.#o.clock.now()).toISOString()
    const next = this.#problems.length > 0 ? RECONCILE_RETRY_MS : RECONCILE_INTERVAL_MS
    this.#cancelTimer = this.#o.clock.after(next, () => this.reconcile())
    this.#o.onReconciled()
  }

  /** Follows one batch of changes, which the catalog holds already. */
  follow(batch: ChangeBatch): void {
    for (const change of batch.changes)
      if (change.type === "endpoint" && !change.value) this.#abandoned.delete(change.id)
    if (batch.snapshot || this.#projection.needsReconcile(batch.changes)) return this.reconcile()
    try {
      const operations = this.#projection.step(batch.changes)
      if (operations.length > 0) this.#o.kernel.apply(operations, "best-effort")
      this.#ensureRules(this.#hasNetworks, this.#hasEgress)
    } catch (error) {
      this.#o.log.error("cannot follow a change", { revision: batch.revision, why: asOvlError(error).message })
      this.reconcile()
    }
  }

  /**
   * Puts new endpoints of one workload into the kernel, in order, each with the egress port that its record names: all
   * of them or none. What their networks and the egress bridge lack is made with them.
   */
  attach(endpoints: readonly EndpointRecord[]): void {
    const { kernel } = this.#o
    const egress = this.#hasEgress || endpoints.some((endpoint) => endpoint.egress !== null)
    try {
      this.#ensureRules(true, egress)
      const plan = planAttach({
        endpoints,
        catalog: this.#o.catalog,
        nodeId: this.#o.nodeId,
        projection: this.#projection,
        absent: this.#othersUnderWay(endpoints),
        kernel,
        egressAddress: () => this.egressAddress(),
      })
      kernel.apply(plan.operations, "all-or-nothing")
      plan.note()
      for (const endpoint of endpoints) this.#expected.delete(expectation(endpoint))
    } catch (error) {
      this.#attempt("firewall", () => this.#ensureRules(this.#hasNetworks, this.#hasEgress))
      throw error
    }
  }

  /** Says which endpoints an attach is about to make: until it has, or has settled, nobody else puts them into the kernel. */
  expect(specs: readonly Expectation[]): { settle: () => void } {
    const keys = specs.map(expectation)
    for (const key of keys) this.#expected.set(key, (this.#expected.get(key) ?? 0) + 1)
    return {
      settle: () => {
        // One of two attaches that ask for the same name fails: it must not speak for the other.
        for (const key of keys) {
          const count = this.#expected.get(key)
          if (count !== undefined && count > 1) this.#expected.set(key, count - 1)
          else this.#expected.delete(key)
        }
      },
    }
  }

  isExpected(endpoint: Expectation): boolean {
    return this.#expected.has(expectation(endpoint))
  }

  /** Keeps the endpoints of a failed attach out of the kernel until the cluster has removed them. */
  abandon(ids: readonly string[]): void {
    for (const id of ids) this.#abandoned.add(id)
    this.reconcile()
  }

  isAbandoned(endpoint: Pick<EndpointRecord, "id">): boolean {
    return this.#abandoned.has(endpoint.id)
  }

  /** The endpoint's namespace is there, and is the one that it was attached to. */
  isPresent(endpoint: EndpointRecord): boolean {
    const found = endpoint.netns === null ? null : this.#o.kernel.identify(endpoint.netns)
    return found !== null && (endpoint.netnsId === null || found === endpoint.netnsId)
  }

  /** Own endpoints that are not to be in the kernel: their attach is under way, or (`looking`) their namespace is gone. */
  #view(looking: boolean): Viewpoint & { absent: Set<string> } {
    const absent = new Set<string>()
    for (const endpoint of this.#o.catalog.endpointsOfNode(this.#o.nodeId)) {
      const unwanted = this.isExpected(endpoint) || this.isAbandoned(endpoint)
      if (unwanted || (looking && !this.isPresent(endpoint))) absent.add(endpoint.id)
    }
    return { nodeId: this.#o.nodeId, absent }
  }

  /** Other own endpoints that are not to be in the kernel while these are put there. */
  #othersUnderWay(endpoints: readonly EndpointRecord[]): Set<string> {
    const { absent } = this.#view(false)
    for (const endpoint of endpoints) absent.delete(endpoint.id)
    return absent
  }

  #desiredEgress(view: Viewpoint): EgressState | null {
    const { catalog, kernel, nodeId } = this.#o
    const any = [...catalog.endpointsOfNode(nodeId)].some((each) => each.egress !== null)
    return any ? desiredEgress(catalog, view, this.egressAddress(), kernel.hostFacts()) : null
  }

  #reconcileNetwork(id: string, view: Viewpoint): void {
    const desired = desiredNetwork(this.#o.catalog, view, id)
    if (desired === null) return
    const observed = this.#o.kernel.observeNetwork(hiddenNamespace(id))
    this.#repair(planNetwork(desired, observed, this.#observeFarEnds(desired.ports)), desired.netns, desired.ports)
    this.#projection.noteNetwork(desired)
  }

  #reconcileEgress(desired: EgressState | null): void {
    const { kernel } = this.#o
    const farEnds = this.#observeFarEnds(desired?.ports ?? new Map())
    const plan = planEgress(desired, kernel.observeEgress(), kernel.hostFacts(), farEnds)
    this.#repair(plan, HOST_NAMESPACE, desired?.ports ?? new Map())
    this.#projection.noteEgress(desired)
  }

  #observeFarEnds(ports: ReadonlyMap<string, PortState>): Map<string, ObservedInterface | null> {
    const seen = new Map<string, ObservedInterface | null>()
    for (const [id, { workload }] of ports)
      seen.set(id, this.#o.kernel.observeInterface(workload.netns, workload.ifname))
    return seen
  }

  get #hasNetworks(): boolean {
    return this.#projection.networks.size > 0 || (this.#problems.length > 0 && this.#wanted.networks)
  }

  get #hasEgress(): boolean {
    return this.#projection.egressAddress !== null || (this.#problems.length > 0 && this.#wanted.egress)
  }

  /** Makes the host's rules fit; costs nothing while what they depend on has not changed. True if it wrote. */
  #ensureRules(networks: boolean, egress: boolean): boolean {
    const { catalog, kernel } = this.#o
    const members = networks ? [...catalog.nodes.values()].map((node) => `${node.state} ${node.address}`).join() : ""
    const key = `${networks} ${egress} ${members}`
    if (key === this.#rules) return false
    const facts = kernel.hostFacts()
    const bridge = egress ? { address: this.egressAddress(), forwarding: forwardingDevices(facts) } : null
    const wrote = kernel.applyFirewall(desiredFirewall(catalog, networks, bridge, facts))
    this.#rules = key
    return wrote
  }

  /** Looks at the rules themselves: somebody may have changed them. */
  #repairRules(networks: boolean, egress: boolean): void {
    const before = this.#rules
    this.#rules = null
    const wrote = this.#ensureRules(networks, egress)
    if (!wrote || before === null || before !== this.#rules) return
    this.#repairs++
    this.#o.onRepair("iptables-restore --noflush", 1)
  }

  /** Carries a repair out; the `ports` in `ns` then forward at once. */
  #repair(operations: Operation[], ns: NamespacePath, ports: ReadonlyMap<string, PortState>): void {
    if (operations.length === 0) return
    this.#repairs += operations.length
    this.#o.onRepair(renderPlan(operations), operations.length)
    this.#o.kernel.apply(operations, "best-effort")
    // A far end that came up brings its port carrier, of which the kernel takes note at once when it is asked.
    for (const { device } of ports.values()) this.#o.kernel.observeInterface(ns, device)
  }

  #attempt<T>(what: string, step: () => T): T | undefined {
    try {
      return step()
    } catch (error) {
      const { message } = asOvlError(error, what)
      this.#problems.push(message)
      this.#o.log.error("cannot reconcile", { what, why: message })
      return undefined
    }
  }
}
