/**
 * Looks in the background whether the ways to the nodes of shared networks carry what they should: frames as large as the
 * networks allow, both ways. A way that eats them lets a connection begin and then hang, so the status names it, and an
 * event tells when it begins and when it is over. A few nodes at a time, each every few minutes; nobody waits for it.
 */
import type { Clock } from "../base/clock.ts"
import { PATH_CHECK_INTERVAL_MS, PATH_RECHECK_MS, PATH_TURN_MS, PATHS_PER_TURN_MAX } from "../base/limits.ts"
import type { Catalog } from "../model/catalog.ts"
import type { NodeRecord, Problem } from "../model/node.ts"
import { type ProbeFault, probeFaults } from "../model/probe.ts"
import { networkMtu } from "../model/views.ts"
import type { EventBus } from "./events.ts"
import type { Prober } from "./prober.ts"

export interface PathWatchOptions {
  catalog: Catalog
  nodeId: string
  prober: Pick<Prober, "probe">
  events: EventBus
  clock: Clock
}

/** What the way to a node was found to be. */
interface Path {
  /** Address and size that were tried: where these change, it is looked at again. */
  subject: string
  /** On the clock that never jumps. */
  dueAt: number
  faults: ProbeFault[]
}

export class PathWatch {
  readonly #o: PathWatchOptions
  readonly #paths = new Map<string, Path>()
  /** The largest frame between this node and each that shares a network with it. */
  #peers = new Map<string, number>()
  #peersAt = -1
  #cancelTimer: () => void = () => {}
  #closed = false

  constructor(options: PathWatchOptions) {
    this.#o = options
  }

  start(): void {
    this.#cancelTimer = this.#o.clock.after(PATH_TURN_MS, () => void this.#turn())
  }

  close(): void {
    this.#closed = true
    this.#cancelTimer()
  }

  problems(): Problem[] {
    return [...this.#paths.values()].flatMap(({ faults }) =>
      faults.map((fault): Problem => ({ ...fault, level: "warning" })),
    )
  }

  async #turn(): Promise<void> {
    if (this.#closed) return
    this.#findPeers()
    const { alive } = this.#o.catalog
    // Of who is not heard from, nothing is known; it is tried anew when it is back.
    for (const id of this.#paths.keys()) if (!this.#peers.has(id) || !alive.has(id)) this.#paths.delete(id)
    const due = [...this.#peers].flatMap(([id, full]) => this.#dueNow(id, full)).slice(0, PATHS_PER_TURN_MAX)
    await Promise.all(due.map(({ node, full }) => this.#look(node, full)))
    if (!this.#closed) this.start()
  }

  #dueNow(id: string, full: number): { node: NodeRecord; full: number }[] {
    const { catalog, clock } = this.#o
    const node = catalog.nodes.get(id)
    if (node?.state !== "member" || !catalog.alive.has(id)) return []
    const known = this.#paths.get(id)
    if (known?.subject === subjectOf(node, full) && known.dueAt > clock.monotonic()) return []
    return [{ node, full }]
  }

  async #look(node: NodeRecord, full: number): Promise<void> {
    const { prober, catalog, nodeId, clock } = this.#o
    const before = this.#paths.get(node.id)?.faults ?? []
    const [view] = await prober.probe([node], { full, largest: true })
    if (!view || this.#closed) return
    const self = catalog.nodes.get(nodeId)?.name ?? nodeId
    // A node that does not answer at all is no fault of the way: who is not heard from, the status says anyhow.
    const found = probeFaults(self, view).filter(({ code }) => code !== "probe_unanswered")
    // Nor does its silence mend a way: what was wrong with it stays until full frames were seen to pass.
    const faults = found.length === 0 && !(view.there.full && view.back.full) ? before : found
    const dueAt = clock.monotonic() + (faults.length > 0 ? PATH_RECHECK_MS : PATH_CHECK_INTERVAL_MS)
    this.#paths.set(node.id, { subject: subjectOf(node, full), dueAt, faults })
    this.#tell(node, before, faults)
  }

  #tell(node: NodeRecord, before: readonly ProbeFault[], faults: readonly ProbeFault[]): void {
    const fields = { node: node.name, address: node.address }
    for (const { code, message } of faults)
      if (!before.some((old) => old.message === message)) this.#o.events.emit(code, message, fields)
    if (before.length > 0 && faults.length === 0)
      this.#o.events.emit("path_open", `the ways to node ${node.name} and back carry full-size frames again`, fields)
  }

  /** Again only where the catalog has changed. */
  #findPeers(): void {
    const { catalog, nodeId } = this.#o
    if (this.#peersAt === catalog.revision) return
    this.#peersAt = catalog.revision
    const peers = new Map<string, number>()
    for (const networkId of new Set(catalog.endpointsOfNode(nodeId).map((endpoint) => endpoint.networkId))) {
      const network = catalog.networks.get(networkId)
      if (!network) continue
      const mtu = networkMtu(catalog, network)
      for (const endpoint of catalog.endpointsOf(networkId))
        if (endpoint.nodeId !== nodeId) peers.set(endpoint.nodeId, Math.max(mtu, peers.get(endpoint.nodeId) ?? 0))
    }
    this.#peers = peers
  }
}

function subjectOf(node: NodeRecord, full: number): string {
  return `${node.address} ${full}`
}
