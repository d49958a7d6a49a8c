/** The local node: the agent's parts behind the port that the API serves. */
import type { Clock } from "../base/clock.ts"
import { asOvlError, OvlError } from "../base/errors.ts"
import { PROBE_CALLS_MAX, SERVER_CALL_BUDGET_MS } from "../base/limits.ts"
import type { Measure } from "../base/measures.ts"
import type { Catalog } from "../model/catalog.ts"
import type { AttachSpec, ConnectSpec, EndpointRecord } from "../model/endpoint.ts"
import type { EventView } from "../model/event.ts"
import type { KernelView } from "../model/kernel-view.ts"
import type { NetworkView } from "../model/network.ts"
import type { NodeRecord, Problem, StatusView } from "../model/node.ts"
import type { PingLine, PingNetworkRequest, PingNetworkView, PingRequest, PingView } from "../model/ping.ts"
import type { ProbeView } from "../model/probe.ts"
import type { EnterSpec, RunSpec, WorkloadView } from "../model/workload.ts"
import type { Cluster, ClusterInfo } from "../registry/port.ts"
import { nodeNotFound } from "../registry/nodes.ts"
import { checkServerMayGo } from "../registry/raft-view.ts"
import type { Store } from "../store/port.ts"
import type { Connections } from "./connections.ts"
import type { DataPlane } from "./dataplane.ts"
import type { Endpoints } from "./endpoints.ts"
import type { EventBus } from "./events.ts"
import { ask } from "./forward.ts"
import type { PathWatch } from "./path-watch.ts"
import type { Pinger } from "./pinger.ts"
import type { Prober } from "./prober.ts"
import type { Identity } from "./identity.ts"
import type { NameServers } from "./names.ts"
import type { HttpMessage, HttpQuestion, LocalNode, ServerPart } from "./port.ts"
import type { Replica } from "./replica.ts"
import type { ServerLink } from "./server-link.ts"
import { statusView } from "./status.ts"
import type { Underlay } from "./underlay.ts"
import type { WorkloadManager } from "./workload/manager.ts"

export interface NodeParts {
  identity: Identity
  version: string
  runDir: string
  cluster: Cluster
  store: Store | null
  server: ServerPart | null
  link: ServerLink | null
  replica: Replica
  dataplane: DataPlane
  underlay: Underlay
  prober: Prober
  pinger: Pinger
  paths: PathWatch
  /** What stands in the way of this node's own address. */
  vtepProblems: () => Problem[]
  endpoints: Endpoints
  workloads: WorkloadManager
  connections: Connections
  names: Pick<NameServers, "problems" | "measures">
  events: EventBus
  clock: Clock
  /** What `leave` does last: the kernel is emptied, the identity forgotten, the daemon ended. */
  afterLeaving: () => void
}

export class Node implements LocalNode {
  readonly #p: NodeParts
  /** Probes under way, by whom they are for. */
  readonly #probes = new Map<string, Promise<ProbeView[]>>()

  constructor(parts: NodeParts) {
    this.#p = parts
  }

  get id(): string {
    return this.#p.identity.nodeId
  }
  get name(): string {
    return this.#p.identity.name
  }
  get role() {
    return this.#p.identity.role
  }
  get kvPrefix(): string {
    return this.#p.identity.kvPrefix
  }
  get version(): string {
    return this.#p.version
  }
  get runDir(): string {
    return this.#p.runDir
  }
  get cluster(): Cluster {
    return this.#p.cluster
  }
  get catalog(): Catalog {
    return this.#p.replica.catalog
  }
  get store(): Store | null {
    return this.#p.store
  }
  get server(): ServerPart | null {
    return this.#p.server
  }

  waitFor(revision: number): Promise<void> {
    return this.#p.replica.waitFor(revision)
  }

  look(networkIds: readonly string[] | null): Promise<Catalog> {
    return this.#p.replica.look(networkIds)
  }

  localPart(networkId: string): NetworkView["local"] {
    return this.#p.dataplane.localPart(networkId)
  }

  kernelPart(networkId: string): KernelView | null {
    return this.#p.dataplane.kernelPart(networkId)
  }

  attach(spec: AttachSpec): Promise<EndpointRecord> {
    return this.#p.endpoints.attach(spec)
  }

  detach(reference: string): Promise<void> {
    return this.#p.endpoints.detach(reference)
  }

  connect(network: string, spec: ConnectSpec): Promise<EndpointRecord> {
    return this.#p.connections.connect(network, spec)
  }

  disconnect(network: string, workload: string): Promise<void> {
    return this.#p.connections.disconnect(network, workload)
  }

  run(spec: RunSpec): Promise<{ workload: WorkloadView; enter: EnterSpec }> {
    return this.#p.workloads.run(spec)
  }

  async workloadStarted(name: string, pid: number): Promise<void> {
    this.#p.workloads.started(name, pid)
  }

  workloadEnded(name: string, exitCode: number): Promise<void> {
    return this.#p.workloads.ended(name, exitCode)
  }

  workloads(): WorkloadView[] {
    return this.#p.workloads.list()
  }

  enter(name: string): EnterSpec {
    return this.#p.workloads.enter(name)
  }

  stop(name: string, options: { graceMs: number }): Promise<void> {
    return this.#p.workloads.stop(name, options)
  }

  remove(name: string, options: { force: boolean }): Promise<void> {
    return this.#p.workloads.remove(name, options)
  }

  logPath(name: string): string {
    return this.#p.workloads.logPath(name)
  }

  measures(): Measure[] {
    return this.#p.names.measures()
  }

  async status(): Promise<StatusView> {
    let info: ClusterInfo | null = null
    let refusal: OvlError | null = null
    try {
      info = await this.#p.cluster.info()
    } catch (error) {
      refusal = asOvlError(error)
    }
    const { server } = this.#p
    // What the leader knows of the servers; while there is none, or it does not answer, what this one knows by itself.
    const atLeader = info?.leader ? await this.#p.cluster.raft().catch(() => null) : null
    return statusView({
      nodeId: this.id,
      self: { name: this.name, address: this.#p.identity.address, role: this.role, version: this.version },
      catalog: this.catalog,
      info,
      servers: atLeader ?? server?.view() ?? null,
      here: server?.status() ?? null,
      clusterId: this.#p.identity.clusterId,
      kernel: this.#p.dataplane.health(),
      underlay: [...this.#p.underlay.problems(), ...this.#p.paths.problems(), ...this.#p.vtepProblems()],
      names: this.#p.names.problems(),
      refusal: refusal ?? server?.refusal() ?? null,
    })
  }

  async probe(reference: string | null): Promise<ProbeView[]> {
    const key = reference ?? ""
    // Who asks for the same meanwhile gets the same answer.
    const underWay = this.#probes.get(key)
    if (underWay) return underWay
    const peers = this.#peersFor(reference)
    if (this.#probes.size >= PROBE_CALLS_MAX) throw tooManyProbes()
    const views = this.#p.prober.probe(peers, { largest: true }).finally(() => this.#probes.delete(key))
    this.#probes.set(key, views)
    return views
  }

  ping(request: PingRequest, onLine?: (line: PingLine) => void): Promise<PingView> {
    return this.#p.pinger.ping(request, onLine)
  }

  pingNetwork(reference: string, request: PingNetworkRequest): Promise<PingNetworkView> {
    return this.#p.pinger.pingNetwork(reference, request)
  }

  #peersFor(reference: string | null): NodeRecord[] {
    const { nodes } = this.catalog
    if (reference === null) {
      const others = [...nodes.values()].filter(({ id, state }) => id !== this.id && state === "member")
      return others.sort((a, b) => (a.name < b.name ? -1 : 1))
    }
    const node = this.catalog.findNode(reference)
    if (node?.state !== "member") throw nodeNotFound(reference, this.catalog.namesOf("nodes"))
    if (node.id !== this.id) return [node]
    throw new OvlError("node_is_self", `cannot probe node ${node.name}: it is the node that was asked`, {
      kind: "conflict",
      hint: "name another node: ovl node ls",
    })
  }

  /**
   * Errors: last_server, quorum_would_be_lost (conflict), and those of the cluster: nothing is taken apart before it has
   * agreed.
   */
  async leave(): Promise<void> {
    if (this.role === "server") await this.#checkServerMayLeave()
    else await this.#p.cluster.info()
    for (const workload of this.workloads()) await this.remove(workload.name, { force: true })
    await this.#p.endpoints.removeAll()
    await this.#p.cluster.removeNode(this.id, { leave: true }).catch(async (thrown) => {
      if (!(await this.#isOut(asOvlError(thrown)))) throw thrown
    })
    this.#p.afterLeaving()
  }

  /** Whether a removal that did not answer was carried out: who is no server any more may be cut off before it hears so. */
  async #isOut({ code }: OvlError): Promise<boolean> {
    if (code === "not_member") return true
    if (this.role !== "server" || code !== "outcome_unknown") return false
    return this.#p.cluster.raft().then(
      ({ servers }) => !servers.some(({ id, state }) => id === this.id && state !== "leaving"),
      (thrown) => asOvlError(thrown).code === "not_member",
    )
  }

  async #checkServerMayLeave(): Promise<void> {
    const view = await this.#p.cluster.raft()
    if (!view.servers.some(({ id }) => id !== this.id))
      throw new OvlError("last_server", `cannot leave: ${this.name} is the cluster's only server`, {
        kind: "conflict",
        hint: "`ovl down --all` on it ends the cluster; let the other nodes leave first",
      })
    checkServerMayGo(view, this.id)
  }

  events(onEvent: (event: EventView) => void, options?: { since?: number }): () => void {
    return this.#p.events.listen(onEvent, options)
  }

  async forward(question: HttpQuestion, signal: AbortSignal): Promise<HttpMessage> {
    const { link, clock } = this.#p
    if (!link) throw new OvlError("no_server", "cannot forward: this node is a server itself", { kind: "unavailable" })
    const end = clock.monotonic() + SERVER_CALL_BUDGET_MS
    for (;;) {
      const connection = await link.connection()
      try {
        return await ask(connection, question, { signal, clock, budgetMs: end - clock.monotonic() })
      } catch (error) {
        // Reading twice does no harm, however long the first server took over it.
        const isLost = asOvlError(error).code === "peer_closed"
        if (question.method !== "GET" || !isLost || signal.aborted) throw error
      }
    }
  }
}

function tooManyProbes(): OvlError {
  return new OvlError("probe_busy", "probe: too many others are under way", {
    kind: "conflict",
    hint: "try again in a few seconds",
  })
}
