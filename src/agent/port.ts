/**
 * The local node, as the API sees it: this host's endpoints, workloads and health. What concerns the whole cluster goes
 * through `cluster` (writes) and `catalog` (reads).
 */
import type { OvlError } from "../base/errors.ts"
import type { Measure } from "../base/measures.ts"
import type { Catalog } from "../model/catalog.ts"
import type { AttachSpec, ConnectSpec, EndpointRecord } from "../model/endpoint.ts"
import type { EventView } from "../model/event.ts"
import type { KernelView } from "../model/kernel-view.ts"
import type { NetworkView } from "../model/network.ts"
import type { Role, StatusView } from "../model/node.ts"
import type { PingLine, PingNetworkRequest, PingNetworkView, PingRequest, PingView } from "../model/ping.ts"
import type { ProbeView } from "../model/probe.ts"
import type { RaftView, RecoveryPreview } from "../model/raft.ts"
import type { EnterSpec, RunSpec, WorkloadView } from "../model/workload.ts"
import type { Cluster } from "../registry/port.ts"
import type { Store } from "../store/port.ts"
import type { ReplicationStatus } from "../store/replication.ts"

export interface HttpMessage {
  status: number
  headers: [string, string][]
  /** A stream where it is long; it must be read to its end or cancelled. */
  body: Uint8Array | ReadableStream<Uint8Array>
}

export interface HttpQuestion {
  method: string
  /** Path and query exactly as they came. */
  target: string
  headers: [string, string][]
  body: Uint8Array
}

/** A server's own part in keeping the store, whether or not a leader can be reached. */
export interface ServerPart {
  status(): ReplicationStatus
  /** The servers as this one sees them. */
  view(): RaftView
  /** What other servers say that will not have this one any more; null where none does. */
  refusal(): OvlError | null
  measures(): Measure[]
  /** What going on alone would cost. */
  recoveryPreview(): RecoveryPreview
  /**
   * The majority is lost for good: goes on as the only server. Errors: `quorum_not_lost` (conflict) while a leader is
   * known, `superseded` (conflict) where others have gone on without this one, and those of the store.
   */
  recover(): Promise<RecoveryPreview>
}

export interface LocalNode {
  readonly id: string
  readonly name: string
  readonly role: Role
  readonly kvPrefix: string
  readonly version: string
  readonly runDir: string
  readonly cluster: Cluster
  /**
   * Everything known of the cluster; may lag behind a write made elsewhere. A client knows the endpoints of those networks
   * only that it takes part in: `look` gives the others.
   */
  readonly catalog: Catalog
  /**
   * A catalog with all endpoints of these networks, or of all: the node's own where it has them, else a server is asked.
   * Rejects with `no_server` (unavailable).
   */
  look(networkIds: readonly string[] | null): Promise<Catalog>
  /** The store, on a server; null on a client, whose Consul requests are forwarded. */
  readonly store: Store | null
  /** Null on a client. */
  readonly server: ServerPart | null
  /** Resolves when the catalog has reached `revision`, so that what was just written is read. */
  waitFor(revision: number): Promise<void>
  /** This node's kernel objects of a network, or null where it has none. */
  localPart(networkId: string): NetworkView["local"]
  /**
   * A network as this node's kernel has it at this moment, beside what should be there; null where it has no part.
   * Errors: those of the kernel.
   */
  kernelPart(networkId: string): KernelView | null
  attach(spec: AttachSpec): Promise<EndpointRecord>
  /** By endpoint or workload name or id; only this node's. */
  detach(reference: string): Promise<void>
  /** A workload of this node gets an interface on one more network, or loses one. */
  connect(network: string, spec: ConnectSpec): Promise<EndpointRecord>
  disconnect(network: string, workload: string): Promise<void>
  /** Makes the workload's namespace and endpoints; with `detach` and a command, starts it too. */
  run(spec: RunSpec): Promise<{ workload: WorkloadView; enter: EnterSpec }>
  /** A foreground `ovl run` says which process it started, and how it ended. */
  workloadStarted(name: string, pid: number): Promise<void>
  workloadEnded(name: string, exitCode: number): Promise<void>
  workloads(): WorkloadView[]
  enter(name: string): EnterSpec
  stop(name: string, options: { graceMs: number }): Promise<void>
  remove(name: string, options: { force: boolean }): Promise<void>
  /** The path of the workload's log file. Errors: workload_not_found. */
  logPath(name: string): string
  status(): Promise<StatusView>
  /** Numbers of this node's own parts, for `/metrics`. */
  measures(): Measure[]
  /**
   * Probes the ways to another node and back on the overlay's own port, or to all members, by name. Errors:
   * node_not_found, node_is_self and probe_busy (conflict).
   */
  probe(reference: string | null): Promise<ProbeView[]>
  /**
   * Pings from a workload of any node. Errors: endpoint_not_found, network_not_found, no_shared_network (conflict),
   * family_missing (invalid); before `onLine` is told anything.
   */
  ping(request: PingRequest, onLine?: (line: PingLine) => void): Promise<PingView>
  /** Each endpoint of a network from each other one. Errors: network_not_found, pairs_too_many (invalid). */
  pingNetwork(reference: string, request: PingNetworkRequest): Promise<PingNetworkView>
  /** Takes this node out of the cluster and its state out of the kernel; the daemon then ends. */
  leave(): Promise<void>
  /** `since`: those that are remembered from then on, in milliseconds since the epoch, are told first. */
  events(onEvent: (event: EventView) => void, options?: { since?: number }): () => void
  /**
   * A client asks a server's HTTP application. Rejects with `no_server` (unavailable); once `signal` is aborted, the
   * server is told so and the call rejects.
   */
  forward(question: HttpQuestion, signal: AbortSignal): Promise<HttpMessage>
}
