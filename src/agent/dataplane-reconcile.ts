/**
 * One network, or the egress bridge, compared with what the kernel holds and set right by difference. A whole reconcile
 * is made of these, and so is the look at what somebody has just touched.
 */
import type { Kernel } from "../kernel/port.ts"
import type { Catalog } from "../model/catalog.ts"
import {
  type EgressState,
  HOST_NAMESPACE,
  hiddenNamespace,
  mark,
  type NamespacePath,
  type ObservedInterface,
  type PortState,
} from "../model/dataplane.ts"
import type { Operation } from "../model/operation.ts"
import { desiredNetwork, type Viewpoint } from "../overlay/desired.ts"
import { planEgress, planNetwork } from "../overlay/plan.ts"
import type { Repairs } from "./dataplane-repairs.ts"
import type { Projection } from "./projection.ts"
import type { Seen } from "./watch-findings.ts"

export interface ReconcilerOptions {
  kernel: Kernel
  catalog: Catalog
  projection: Projection
  repairs: Repairs
  /** The owner of a namespace has given an endpoint's interface another name. */
  onRenamed: (endpointId: string, before: string, after: string) => void
}

/** Which workloads' ends are looked at, by endpoint id. */
export type FarEnds = "all" | ReadonlySet<string>

/** What a look brought to light of the workloads' ends. */
type ObservedEnds = Map<string, ObservedInterface | null>

export class Reconciler {
  readonly #o: ReconcilerOptions
  /** The catalog may be older than what stands in the kernel: nothing is taken away that it does not speak of. */
  gentle = false

  constructor(options: ReconcilerOptions) {
    this.#o = options
  }

  /** A network with an endpoint here. Throws what the kernel refused, after all that could be done. */
  network(id: string, view: Viewpoint, farEnds: FarEnds): void {
    const { kernel, catalog, projection } = this.#o
    const desired = desiredNetwork(catalog, view, id)
    if (desired === null) return
    const { ports } = desired
    const observed = kernel.observeNetwork(hiddenNamespace(id))
    const ends = this.#observeEnds(ports, farEnds)
    const seen = { network: observed, farEnds: endsOf(ports, ends) }
    this.#carryOut(planNetwork(desired, observed, ends), seen, desired.netns, ports)
    projection.noteNetwork(desired)
  }

  /** A hidden namespace that nobody wants. */
  unwanted(netns: NamespacePath): void {
    const observed = this.#o.kernel.observeNetwork(netns)
    this.#carryOut(planNetwork(null, observed), { network: observed }, netns, new Map())
  }

  /** The egress bridge; null where none is wanted. */
  egress(desired: EgressState | null, farEnds: FarEnds): void {
    const { kernel, projection } = this.#o
    const ports = desired?.ports ?? new Map<string, PortState>()
    const observed = kernel.observeEgress()
    const ends = this.#observeEnds(ports, farEnds)
    const seen = { egress: observed, farEnds: endsOf(ports, ends) }
    this.#carryOut(planEgress(desired, observed, kernel.hostFacts(), ends), seen, HOST_NAMESPACE, ports)
    projection.noteEgress(desired)
  }

  #observeEnds(ports: ReadonlyMap<string, PortState>, farEnds: FarEnds): ObservedEnds {
    const seen: ObservedEnds = new Map()
    for (const [id, port] of ports) if (farEnds === "all" || farEnds.has(id)) seen.set(id, this.#observeEnd(id, port))
    return seen
  }

  /** One that the owner of an attached namespace has renamed goes by its new name from now on, in `port` too. */
  #observeEnd(id: string, port: PortState): ObservedInterface | null {
    const { kernel, catalog, onRenamed } = this.#o
    const { netns, ifname, mac } = port.workload
    const observed = kernel.observeInterface(netns, ifname)
    // What `run` made is ovl's own, and is made again under its own name.
    const isForeign = catalog.endpoints.get(id)?.origin === "attach"
    if (!isForeign || observed?.alias === mark(id) || observed?.mac === mac) return observed
    const renamed = kernel.observeMarked(netns, mark(id), mac)
    if (renamed === null) return observed
    port.workload = { ...port.workload, ifname: renamed.name }
    onRenamed(id, ifname, renamed.name)
    return renamed
  }

  /** Carries a repair out; the `ports` in `ns` then forward at once. */
  #carryOut(planned: Operation[], seen: Seen, ns: NamespacePath, ports: ReadonlyMap<string, PortState>): void {
    const operations = this.gentle ? withoutLosses(planned) : planned
    if (operations.length === 0) return
    this.#o.repairs.carryOut(operations, seen)
    // A far end that came up brings its port carrier, of which the kernel takes note at once when it is asked.
    for (const { device } of ports.values()) this.#o.kernel.observeInterface(ns, device)
  }
}

/** Nothing is taken away but what is made again by the same plan. */
function withoutLosses(planned: readonly Operation[]): Operation[] {
  const made = new Set(planned.flatMap((o) => (o.op.endsWith("-add") && "name" in o ? [`${o.ns} ${o.name}`] : [])))
  return planned.filter((o) => {
    if (o.op === "link-del") return made.has(`${o.ns} ${o.name}`)
    return !o.op.endsWith("-del") && o.op !== "sysctl-restore"
  })
}

function endsOf(ports: ReadonlyMap<string, PortState>, ends: ObservedEnds): NonNullable<Seen["farEnds"]> {
  return [...ends].map(([id, observed]) => ({ ...ports.get(id)!.workload, observed }))
}
