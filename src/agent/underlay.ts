/**
 * What this node's underlay carries: the least of the ways to the VTEPs of all members, by the host's own routes and
 * devices. It is looked at again and again, as routes and devices change, and the cluster is told what has become of
 * it: networks are as wide as the narrowest of all nodes.
 */
import type { Clock } from "../base/clock.ts"
import { asOvlError } from "../base/errors.ts"
import { MTU_MAX_BYTES, UNDERLAY_LOOK_INTERVAL_MS, UNDERLAY_PATHS_PER_LOOK_MAX } from "../base/limits.ts"
import type { Log } from "../base/log.ts"
import type { Kernel } from "../kernel/port.ts"
import type { Catalog } from "../model/catalog.ts"
import type { PathMtu } from "../model/dataplane.ts"
import type { NodeRecord, Problem } from "../model/node.ts"
import { underlayMtu } from "../overlay/egress.ts"
import type { Cluster } from "../registry/port.ts"

export interface UnderlayOptions {
  kernel: Pick<Kernel, "hostFacts" | "pathMtu">
  catalog: Catalog
  nodeId: string
  cluster: Pick<Cluster, "updateNode">
  clock: Clock
  log: Log
}

export class Underlay {
  readonly #o: UnderlayOptions
  /** What was seen last, by node. */
  readonly #paths = new Map<string, PathMtu>()
  /** Where the next look goes on among the members. */
  #next = 0
  #telling = false
  #cancelTimer: () => void = () => {}

  constructor(options: UnderlayOptions) {
    this.#o = options
  }

  /** Looks now and from now on. */
  start(): void {
    this.#turn()
  }

  close(): void {
    this.#cancelTimer()
  }

  /** Ways on which a router has refused packets of the size that this host takes for possible. */
  problems(): Problem[] {
    const { catalog } = this.#o
    return [...this.#paths].flatMap(([id, { mtu, refused }]): Problem[] => {
      const node = catalog.nodes.get(id)
      if (refused === null || refused >= mtu || node?.state !== "member") return []
      return [
        {
          code: "path_too_narrow",
          message: `the way to node ${node.name} (${node.address}) carries ${refused} bytes, this host sends ${mtu}`,
          hint: `make it known: ip route replace ${node.address} ... mtu ${refused}, or lower the device's MTU`,
          level: "warning",
        },
      ]
    })
  }

  #turn(): void {
    const { clock, log } = this.#o
    try {
      this.#look()
    } catch (error) {
      log.warn("cannot look at the underlay", { why: asOvlError(error).message })
    }
    this.#cancelTimer = clock.after(UNDERLAY_LOOK_INTERVAL_MS, () => this.#turn())
  }

  #look(): void {
    const { catalog, nodeId } = this.#o
    const self = catalog.nodes.get(nodeId)
    if (self?.state !== "member") return
    const others = [...catalog.nodes.values()].filter((node) => node.id !== nodeId && node.state === "member")
    this.#lookAtPaths(self, others)
    const mtu = this.#narrowest(self, others.length)
    if (mtu !== null && mtu !== self.underlayMtu) this.#tell(mtu)
  }

  #lookAtPaths(self: NodeRecord, others: readonly NodeRecord[]): void {
    const members = new Set(others.map(({ id }) => id))
    for (const id of this.#paths.keys()) if (!members.has(id)) this.#paths.delete(id)
    const count = Math.min(others.length, UNDERLAY_PATHS_PER_LOOK_MAX)
    for (let looked = 0; looked < count; looked++) {
      const node = others[this.#next++ % others.length]!
      const path = this.#o.kernel.pathMtu(self.address, node.address)
      // Where there is no way just now, it is as wide as it was when there was one.
      if (path !== null) this.#paths.set(node.id, path)
    }
  }

  /** Null where it is not known. A node that is alone goes by the device that its VTEP is on. */
  #narrowest(self: NodeRecord, others: number): number | null {
    const mtus = [...this.#paths.values()].map(({ mtu }) => mtu)
    if (mtus.length > 0) return Math.min(...mtus, MTU_MAX_BYTES)
    if (others > 0) return null
    const own = underlayMtu(this.#o.kernel.hostFacts(), self.address)
    return own === null ? null : Math.min(own, MTU_MAX_BYTES)
  }

  /** One word at a time; what could not be told is told by the next look. */
  #tell(mtu: number): void {
    if (this.#telling) return
    this.#telling = true
    const { cluster, nodeId, log } = this.#o
    cluster
      .updateNode(nodeId, { underlayMtu: mtu })
      .then(() => log.info("the underlay's MTU has changed", { mtu }))
      .catch((error) => log.debug("cannot tell the underlay's MTU yet", { why: asOvlError(error).message }))
      .finally(() => {
        this.#telling = false
      })
  }
}
