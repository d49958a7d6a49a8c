/**
 * The kernel as a projection of the catalog. A change of the catalog becomes the few operations that it means; a
 * reconcile looks at everything the kernel holds and repairs by difference, and a check does so where somebody has
 * touched it. All are synchronous: between two of them nothing else of this process runs.
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
  type PublishedPort,
  VXLAN_NAME,
} from "../model/dataplane.ts"
import type { EndpointRecord } from "../model/endpoint.ts"
import type { KernelView } from "../model/kernel-view.ts"
import type { NetworkView } from "../model/network.ts"
import type { Problem } from "../model/node.ts"
import { desiredNetwork, localNetworkIds, type Viewpoint } from "../overlay/desired.ts"
import { kernelView } from "../overlay/kernel-view.ts"
import { DataPlaneGuards } from "./dataplane-guards.ts"
import { Reconciler } from "./dataplane-reconcile.ts"
import { type Repair, Repairs } from "./dataplane-repairs.ts"
import { Rules, rulesRepair } from "./dataplane-rules.ts"
import { EgressBridge } from "./egress-bridge.ts"
import { planAttach } from "./plan-attach.ts"
import { Presence } from "./presence.ts"
import { Projection } from "./projection.ts"
import { isAsWanted } from "./endpoint-look.ts"
import type { KernelHealth } from "./status.ts"

export interface DataPlaneOptions {
  kernel: Kernel
  catalog: Catalog
  nodeId: string
  clock: Clock
  log: Log
  /** Told what a look found wrong and set right. */
  onRepair: (repair: Repair) => void
  /** Called after each look at all that the kernel holds, and one at a part that found something wrong there. */
  onReconciled: () => void
  /** The owner of a namespace has given an endpoint's interface another name. */
  onRenamed: (endpointId: string, before: string, after: string) => void
  /** Called when new endpoints are in the kernel. */
  onAttached: () => void
  /** Told what is published here when that may have changed. Left out: nobody asks. */
  onPublished?: (ports: readonly PublishedPort[]) => void
}

export class DataPlane {
  readonly #o: DataPlaneOptions
  readonly egress: EgressBridge
  readonly presence: Presence
  readonly #projection: Projection
  readonly #repairs: Repairs
  readonly #reconciler: Reconciler
  readonly #rules: Rules
  readonly #guards: DataPlaneGuards
  #lastReconcile: string | null = null
  /** What the last look at everything has cost, all threads together. */
  #reconcileCpuMs: number | null = null
  /** What `namespaces` answers. */
  #namespaces: ReadonlySet<NamespacePath> = new Set()
  #namespacesMayDiffer = true
  #conflicts: Problem[] = []
  /** What the last reconcile found that there should be; where it could not all be made, the rules still guard it. */
  #wanted = { networks: false, egress: false }
  #cancelTimer: () => void = () => {}

  constructor(options: DataPlaneOptions) {
    this.#o = options
    const { kernel, catalog, nodeId } = options
    this.#projection = new Projection(catalog, nodeId)
    this.presence = new Presence({ kernel, catalog, nodeId })
    this.egress = new EgressBridge({ kernel, catalog, nodeId, projection: this.#projection })
    this.#repairs = new Repairs(options)
    this.#reconciler = new Reconciler({ ...options, projection: this.#projection, repairs: this.#repairs })
    this.#guards = new DataPlaneGuards({ ...options, repairs: this.#repairs })
    const { address: egressAddress, wantedIpv6: egressIpv6 } = this.egress
    const onPublished = (ports: readonly PublishedPort[]) => options.onPublished?.(ports)
    this.#rules = new Rules({ kernel, catalog, nodeId, egressAddress, egressIpv6, onPublished })
  }

  health(): KernelHealth {
    const { problems, count } = this.#repairs
    return {
      inSync: problems.length === 0,
      lastReconcile: this.#lastReconcile,
      reconcileCpuMs: this.#reconcileCpuMs,
      repairs: count,
      problems,
      conflicts: this.#conflicts,
    }
  }

  /** The networks that stand in this kernel. */
  localNetworks(): Iterable<string> {
    return this.#projection.networks.keys()
  }

  localPart(networkId: string): NetworkView["local"] {
    const programmed = this.#projection.networks.get(networkId)
    return programmed ? { netns: programmed.netns, bridge: BRIDGE_NAME, vxlan: VXLAN_NAME } : null
  }

  /** As the kernel has it at this moment, beside what should be there; null where there is neither. Changes nothing. */
  kernelPart(networkId: string): KernelView | null {
    const { kernel, catalog } = this.#o
    const view = this.presence.view((endpoint) => endpoint.networkId === networkId)
    const observed = kernel.observeNetwork(hiddenNamespace(networkId))
    return kernelView(desiredNetwork(catalog, view, networkId), observed, catalog.endpointsOf(networkId))
  }

  /** Where something of ovl's stands beside the host's own namespace; the same set until that changes. */
  namespaces(): ReadonlySet<NamespacePath> {
    if (this.#namespacesMayDiffer) {
      const now = this.#listNamespaces()
      if (now.symmetricDifference(this.#namespaces).size > 0) this.#namespaces = now
      this.#namespacesMayDiffer = false
    }
    return this.#namespaces
  }

  #listNamespaces(): Set<NamespacePath> {
    const paths = new Set([...this.#projection.networks.values()].map((network) => network.netns))
    for (const { netns } of this.#o.catalog.endpointsOfNode(this.#o.nodeId)) if (netns !== null) paths.add(netns)
    return paths
  }

  close(): void {
    this.#cancelTimer()
    this.#guards.close()
  }

  /**
   * The catalog is what was kept on disk, and no server was heard yet: what is missing in the kernel is put there, and what
   * is there stays, for it may be newer.
   */
  restore(): void {
    this.#reconciler.gentle = true
    this.reconcile()
  }

  /** The catalog has caught up with the cluster. */
  caughtUp(): void {
    if (!this.#gentle) return
    this.#reconciler.gentle = false
    this.reconcile()
  }

  /** Looks at all that the kernel holds and repairs by difference. Never throws: what went wrong is in `health`. */
  reconcile(): void {
    const before = process.cpuUsage()
    this.#o.kernel.look(() => this.#reconcileAll())
    const { user, system } = process.cpuUsage(before)
    this.#reconcileCpuMs = (user + system) / 1_000
    this.#o.onReconciled()
  }

  #reconcileAll(): void {
    const { catalog, kernel, clock } = this.#o
    this.#namespacesMayDiffer = true
    this.#cancelTimer()
    this.#repairs.forgetProblems()
    const view = this.presence.view(() => true)
    const wanted = localNetworkIds(catalog, view)
    const egress = this.#attempt("egress", () => this.#desiredEgress(view))
    const hiddenOnes = this.#attempt("namespaces", () => kernel.listHidden()) ?? []
    const keepsEgress = this.#gentle && this.#attempt("egress bridge", () => kernel.observeEgress()) != null
    this.#wanted = {
      networks: wanted.size > 0 || (this.#gentle && hiddenOnes.length > 0),
      egress: egress === undefined ? this.#hasEgress : egress !== null || keepsEgress,
    }
    this.#repairRules(this.#projection.networks.size > 0 || this.#wanted.networks, this.#wanted.egress)
    for (const { netns, networkId } of hiddenOnes)
      if (networkId === null || !wanted.has(networkId)) this.#attempt(netns, () => this.#reconciler.unwanted(netns))
    this.#projection.networks.clear()
    for (const id of wanted) this.#reconcileNetwork(id, view, "all")
    // Where it is not known what is wanted, what is there stays.
    if (egress !== undefined) this.#reconcileEgress(egress, "all")
    this.#projection.noteNodes()
    this.#attempt("firewall", () => this.#rules.ensure(this.#wanted.networks, this.#wanted.egress))
    this.#lastReconcile = new Date(clock.now()).toISOString()
    const next = this.#repairs.problems.length > 0 ? RECONCILE_RETRY_MS : RECONCILE_INTERVAL_MS
    this.#cancelTimer = clock.after(next, () => this.reconcile())
  }

  /**
   * Somebody may have changed something in these namespaces, or the host's rules: looks there and repairs by difference.
   * Costs what is there, not what there is. Never throws.
   */
  check(namespaces: ReadonlySet<NamespacePath>, rules: boolean): void {
    this.#namespacesMayDiffer = true
    // Before the catalog is known nothing is known to be wrong.
    if (this.#lastReconcile === null) return
    const { catalog, nodeId } = this.#o
    const repairs = this.#repairs.count
    if (rules) this.#repairRules(this.#hasNetworks, this.#hasEgress)
    const own = catalog.endpointsOfNode(nodeId)
    const touched = own.filter(({ netns }) => netns !== null && namespaces.has(netns))
    const gone = this.#o.kernel.look(() => this.#look(touched, namespaces))
    if (gone || this.#repairs.count > repairs) this.#o.onReconciled()
  }

  /**
   * A workload's namespace calls for a look at its endpoints, a bridge's for one at all that is there; so does what is
   * wrong with an endpoint. True if one of the `touched` has lost its namespace.
   */
  #look(touched: readonly EndpointRecord[], namespaces: ReadonlySet<NamespacePath>): boolean {
    const networks = new Set<string>()
    for (const [id, { netns }] of this.#projection.networks) if (namespaces.has(netns)) networks.add(id)
    let withEgress = namespaces.has(HOST_NAMESPACE)
    for (const endpoint of touched) {
      const isLookedAt = networks.has(endpoint.networkId) && (withEgress || endpoint.egress === null)
      if (isLookedAt || this.presence.isExpected(endpoint) || this.#isAsWanted(endpoint)) continue
      networks.add(endpoint.networkId)
      withEgress ||= endpoint.egress !== null
    }
    if (networks.size === 0 && !withEgress) return false
    const ends = new Set(touched.map(({ id }) => id))
    const view = this.presence.view((endpoint) => networks.has(endpoint.networkId))
    for (const id of networks) this.#reconcileNetwork(id, view, ends)
    if (withEgress) {
      const egress = this.#attempt("egress", () => this.#desiredEgress(view))
      if (egress !== undefined) this.#reconcileEgress(egress, ends)
    }
    return touched.some((each) => view.absent.has(each.id) && !this.presence.isExpected(each))
  }

  /** As `check`, where anything may have been changed. */
  checkAll(): void {
    if (this.#lastReconcile !== null) this.reconcile()
  }

  /** Follows one batch of changes, which the catalog holds already. */
  follow(batch: ChangeBatch): void {
    if (batch.changes.length > 0) this.#namespacesMayDiffer = true
    if (batch.snapshot || this.#projection.needsReconcile(batch.changes)) return this.reconcile()
    try {
      const operations = this.#projection.step(batch.changes)
      if (operations.length > 0) this.#o.kernel.apply(operations, "best-effort")
      this.#guards.follow(operations)
      this.#rules.ensure(this.#hasNetworks, this.#hasEgress)
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
    const { kernel, catalog, nodeId } = this.#o
    const egress = this.#hasEgress || endpoints.some((endpoint) => endpoint.egress !== null)
    try {
      this.#rules.ensure(true, egress)
      const plan = planAttach({
        endpoints,
        catalog,
        nodeId,
        projection: this.#projection,
        absent: () => this.presence.othersUnderWay(endpoints),
        kernel,
        egressAddress: this.egress.address,
        egressIpv6: this.egress.wantedIpv6,
      })
      this.#guards.carryOut(plan)
      plan.note()
      this.#namespacesMayDiffer = true
      this.presence.made(endpoints)
      this.#o.onAttached()
    } catch (error) {
      this.#attempt("firewall", () => this.#rules.ensure(this.#hasNetworks, this.#hasEgress))
      throw error
    }
  }

  #isAsWanted(endpoint: EndpointRecord): boolean {
    const { kernel, catalog, nodeId } = this.#o
    if (!this.presence.isPresent(endpoint)) return false
    const look = () => isAsWanted(endpoint, { kernel, catalog, nodeId, projection: this.#projection })
    return this.#attempt(`endpoint ${endpoint.name}`, look) ?? false
  }

  get #gentle(): boolean {
    return this.#reconciler.gentle
  }

  #desiredEgress(view: Viewpoint): EgressState | null {
    return this.egress.desired(view)
  }

  #reconcileNetwork(id: string, view: Viewpoint, farEnds: "all" | ReadonlySet<string>): void {
    this.#attempt(`network ${id.slice(0, 10)}`, () => this.#reconciler.network(id, view, farEnds))
    if (!this.#gentle) this.#guards.network(id, view)
  }

  #reconcileEgress(desired: EgressState | null, farEnds: "all" | ReadonlySet<string>): void {
    this.#attempt("egress bridge", () => this.#reconciler.egress(desired, farEnds))
    if (!this.#gentle) this.#guards.egress(desired)
    this.#conflicts = desired === null ? [] : this.egress.conflicts(desired)
  }

  #repairRules(networks: boolean, egress: boolean): void {
    this.#guards.lookAtHost()
    const lines = this.#attempt("firewall", () => this.#rules.repair(networks, egress)) ?? []
    if (lines.length === 0) return
    this.#repairs.note(rulesRepair(lines))
  }

  get #hasNetworks(): boolean {
    return this.#projection.networks.size > 0 || (this.#isUnsure && this.#wanted.networks)
  }

  get #hasEgress(): boolean {
    return this.#projection.egressAddress !== null || (this.#isUnsure && this.#wanted.egress)
  }

  /** The kernel may hold more than the projection knows. */
  get #isUnsure(): boolean {
    return this.#gentle || this.#repairs.problems.length > 0
  }

  #attempt<T>(what: string, step: () => T): T | undefined {
    return this.#repairs.attempt(what, step)
  }
}
