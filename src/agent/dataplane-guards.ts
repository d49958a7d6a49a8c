/** When the guards of the bridges' ports (`guards.ts`) are made, changed and looked at: with each step of the data plane. */
import type { Kernel } from "../kernel/port.ts"
import type { Catalog } from "../model/catalog.ts"
import { type EgressState, type GuardState, HOST_NAMESPACE, type NamespacePath } from "../model/dataplane.ts"
import type { Operation } from "../model/operation.ts"
import { desiredNetwork, egressGuard, networkGuard, type Viewpoint } from "../overlay/desired.ts"
import type { Repairs } from "./dataplane-repairs.ts"
import { Guards, type GuardsOptions } from "./guards.ts"
import type { AttachPlan } from "./plan-attach.ts"

export interface DataPlaneGuardsOptions extends GuardsOptions {
  kernel: Kernel
  catalog: Catalog
  repairs: Repairs
}

export class DataPlaneGuards {
  readonly #o: DataPlaneGuardsOptions
  readonly #guards: Guards

  constructor(options: DataPlaneGuardsOptions) {
    this.#o = options
    this.#guards = new Guards(options)
  }

  close(): void {
    this.#guards.close()
  }

  /** Carries an attach out. Ports are let through before they are there; those of a new bridge when it is. */
  carryOut({ operations, guards, ports }: AttachPlan): void {
    const added = ports.filter(([ns]) => !guards.has(ns))
    try {
      for (const [ns, port] of added) this.#guards.add(ns, port)
      this.#o.kernel.apply(operations, "all-or-nothing")
    } catch (error) {
      for (const [ns, { device }] of added) this.#guards.remove(ns, device)
      throw error
    }
    for (const [ns, state] of guards) {
      const own = ports.filter(([place]) => place === ns).map(([, port]) => port)
      this.#guards.make(ns, { ...state, ports: [...state.ports, ...own] })
    }
  }

  /** These were carried out. */
  follow(operations: readonly Operation[]): void {
    for (const operation of operations) {
      if (operation.op === "netns-del") this.#guards.forget(operation.ns)
      else if (operation.op === "link-del") this.#guards.remove(operation.ns, operation.name)
      else if (operation.op === "sysctl-restore") this.#guards.forget(HOST_NAMESPACE, true)
    }
  }

  network(id: string, view: Viewpoint): void {
    const { catalog } = this.#o
    const state = desiredNetwork(catalog, view, id)
    if (state !== null) this.#repair(state.netns, networkGuard(catalog, state))
  }

  /** Null where no egress bridge is wanted. */
  egress(state: EgressState | null): void {
    if (state === null) this.#o.repairs.attempt("port guard", () => this.#guards.forget(HOST_NAMESPACE, true))
    else this.#repair(HOST_NAMESPACE, egressGuard(state))
  }

  /** Somebody may have changed rules of the host. */
  lookAtHost(): void {
    this.#o.repairs.attempt("port guard", () => {
      if (this.#guards.look(HOST_NAMESPACE)) this.#tell(HOST_NAMESPACE)
    })
  }

  #repair(ns: NamespacePath, state: GuardState): void {
    this.#o.repairs.attempt(ns === HOST_NAMESPACE ? "port guard" : `port guard of ${ns}`, () => {
      if (this.#guards.repair(ns, state)) this.#tell(ns)
    })
  }

  #tell(ns: NamespacePath): void {
    const object = `nf_tables table bridge ovl in ${ns === HOST_NAMESPACE ? "the host" : ns}`
    const findings = [{ object, expected: "as ovl made it", found: "something else" }]
    this.#o.repairs.note({ findings, plan: `nft -f: ${object}` })
  }
}
