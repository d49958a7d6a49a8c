/**
 * The cluster port: what a node can ask of the cluster. A server answers from its store; a client's calls travel to a
 * server over mutual TLS. Both are held to one contract suite.
 */
import type { OvlError } from "../base/errors.ts"
import type { ChangeBatch } from "../model/catalog.ts"
import type { Egress, EndpointRecord } from "../model/endpoint.ts"
import type { NetworkRecord, NetworkSpec } from "../model/network.ts"
import type { PortMapping } from "../model/port-mapping.ts"
import type { NodeRecord, Role, TokenCreated, TokenSpec, TokenView } from "../model/node.ts"
import type { PingOrder, PingReport, PingRound } from "../model/ping.ts"
import type { ProbeReport, ProbeWish } from "../model/probe.ts"
import type { RaftView } from "../model/raft.ts"

export interface EndpointSpec {
  /** 64 hexadecimal digits, drawn by the asker, who can then take back an endpoint that it was not told of. Else drawn here. */
  id?: string
  networkId: string
  nodeId: string
  workload: string
  name: string
  /** Wanted address without prefix length; null: the next one in order. */
  ip: string | null
  /** The wanted IPv6 address; left out or null: the next one in order, where the network has an IPv6 subnet. */
  ip6?: string | null
  /** Wanted MAC; null: 02:42 and the IPv4 address, or a hash of the IPv6 address where there is no other. */
  mac: string | null
  ifname: string
  netns: string | null
  netnsId: string | null
  origin: "run" | "attach"
  /** The node's own choice, on its egress bridge; null: none. */
  egress: Egress | null
  /** Ports of the node that lead to it. */
  ports?: PortMapping[]
}

export interface EndpointUpdate {
  id: string
  state?: EndpointRecord["state"]
  egress?: Egress | null
  ifname?: string
  netns?: string | null
  netnsId?: string | null
}

export interface JoinRequest {
  token: string
  csrPem: string
  name: string
  address: string
  role: Role
  version: string
  underlayMtu: number
  bootId: string
  /** Of a server: the port at which the others reach it, at `address`. */
  peerPort?: number | null
}

export interface JoinAnswer {
  node: NodeRecord
  clusterId: string
  recoveryEpoch: number
  kvPrefix: string
  certPem: string
  caPem: string
  /** `ADDR:PORT` of every server. */
  servers: string[]
}

export interface ClusterInfo {
  id: string
  kvPrefix: string
  /** Node id of the leader, or null. */
  leader: string | null
  term: number
  index: number
  servers: string[]
  /** Every node's, of which a client knows only some. */
  endpoints: number
}

/** What a node says of itself. */
export type NodeFacts = Partial<
  Pick<NodeRecord, "address" | "peerAddress" | "version" | "underlayMtu" | "egressSubnet" | "bootId">
>

/** Whose endpoints a follower wants besides its own. Networks, nodes and signs of life are everybody's. */
export interface Interest {
  networks: string[]
  /** Those of them that it has nothing of yet: their endpoints come with the first batch. */
  fresh: string[]
}

export interface Follower {
  close(): void
}

/** What others wish of a node, until it has reported on it. */
export interface NodeWishes {
  probes: ProbeWish[]
  pings: PingOrder[]
}

/** All writes answer with the revision that made them; wait for a replica to reach it before reading there. */
export interface Cluster {
  info(): Promise<ClusterInfo>
  /**
   * Errors: name_invalid, network_name_taken, subnet_invalid, subnet_overlap, gateway_invalid, ip_range_invalid,
   * vni_invalid, vni_taken, mtu_invalid, mtu_too_large, labels_invalid, driver_unknown, not_available.
   */
  createNetwork(spec: NetworkSpec): Promise<{ network: NetworkRecord; revision: number }>
  /** Errors: network_not_found, network_in_use (unless `force`, which removes its endpoints too). */
  removeNetwork(id: string, options: { force: boolean }): Promise<{ revision: number }>
  /** One transaction for all of a workload's endpoints: all or none. Errors: network_not_found, name_taken, address_taken, address_invalid, addresses_exhausted, mac_taken, port_taken ... */
  createEndpoints(specs: EndpointSpec[]): Promise<{ endpoints: EndpointRecord[]; revision: number }>
  updateEndpoints(updates: EndpointUpdate[]): Promise<{ revision: number }>
  /** Idempotent: those that are gone already are no error. */
  removeEndpoints(ids: string[]): Promise<{ revision: number }>
  /** Resolves when every live node that has one of the networks has programmed `revision`; names those that have not in time. */
  awaitProgrammed(networkIds: string[], revision: number, timeoutMs: number): Promise<{ lagging: string[] }>
  /** This node has programmed everything up to `revision` into its kernel. Fire and forget. */
  reportProgrammed(nodeId: string, revision: number): void
  /**
   * Keeps the node alive in the eyes of the others for NODE_LEASE_TTL_MS, and brings what others wish of it: rounds of
   * probes and orders to ping that it has not reported on. Errors: node_not_found, not_member.
   */
  heartbeat(nodeId: string): Promise<NodeWishes>
  /**
   * Asks other nodes to send probes to this one and to say what they hear from it. Resolves with the reports of those
   * that took part within `timeoutMs`. Errors: probe_busy (conflict) while the node has a round under way, probe_too_many.
   */
  probeRound(wish: ProbeWish, others: string[], timeoutMs: number): Promise<ProbeReport[]>
  /** What this node heard from the one that asked. */
  reportProbe(report: ProbeReport): Promise<void>
  /**
   * Asks other nodes to ping from endpoints of theirs. Resolves with the reports of those that did within the round's
   * time. Errors: ping_busy (unavailable).
   */
  pingRound(round: PingRound): Promise<PingReport[]>
  /** What came of an order. */
  reportPing(report: PingReport): Promise<void>
  /** A node's own facts, when they change. Errors: node_not_found, not_member (forbidden), address_taken. */
  updateNode(id: string, facts: NodeFacts): Promise<{ revision: number }>
  /**
   * Ends a membership; its endpoints are withdrawn, and a server's vote goes first. Errors: node_not_found, last_server,
   * quorum_would_be_lost (conflict). `leave` keeps the node as `left`, otherwise it is forgotten and its certificate
   * refused.
   */
  removeNode(id: string, options: { leave: boolean }): Promise<{ revision: number }>
  /**
   * The servers that keep the store, as their leader sees them. A server that is asked by another one says what it knows
   * itself, whether it leads or not: so a new one learns who the others are.
   */
  raft(): Promise<RaftView>
  /**
   * Hands the lead to a voter; null: to the one that is furthest ahead. Answers with the new leader's id.
   * Errors: node_not_found, not_a_voter (conflict), transfer_failed (unavailable).
   */
  transferLeader(nodeId: string | null): Promise<{ leader: string }>
  /**
   * Takes a server out for good: its vote, and its membership as `removeNode` does. Also by the id of one that is among
   * the servers still and has no record any more. Errors: node_not_found, not_a_server, last_server, quorum_would_be_lost
   * (all conflict but the first).
   */
  removeServer(id: string): Promise<{ revision: number }>
  createToken(spec: TokenSpec): Promise<TokenCreated>
  listTokens(): Promise<TokenView[]>
  /** Errors: token_unknown (not_found). */
  removeToken(id: string): Promise<void>
  /** The role of a valid token. Errors: token_malformed, token_unknown, token_expired (forbidden). Uses up nothing. */
  checkToken(token: string): Promise<{ role: Role }>
  /** Only a server answers this. Errors: token_*, name_taken (conflict), address_taken. */
  join(request: JoinRequest): Promise<JoinAnswer>
  /**
   * The catalog's changes after `fromRevision`, in order, without gaps; begins with a snapshot where history does not
   * reach back, else with an empty batch at `fromRevision`, so that the follower knows that it stands in the stream.
   * A batch may be empty: then that revision changed nothing of what the follower wants. Without `interest`: everything.
   */
  follow(
    fromRevision: number,
    onBatch: (batch: ChangeBatch) => void,
    onEnd: (error: OvlError) => void,
    interest?: Interest,
  ): Follower
}
