/**
 * The API as functions: one for each route, typed by the model, throwing the daemon's own errors. It is what the command
 * line is made of, so it loads nothing that is slow to load.
 */
import type { AttachSpec, ConnectSpec, EndpointView } from "../model/endpoint.ts"
import type { NetworkSpec, NetworkView } from "../model/network.ts"
import type { NodeView, StatusView, TokenCreated, TokenSpec, TokenView } from "../model/node.ts"
import type { PingLine, PingNetworkView, PingNetworkWish, PingView, PingWish } from "../model/ping.ts"
import type { ProbeView } from "../model/probe.ts"
import type { RaftView, RecoveryPreview } from "../model/raft.ts"
import type { EnterSpec, RunSpec, WorkloadView } from "../model/workload.ts"
import { ask, type DaemonAddress, pieces, type Question } from "./connection.ts"
import type { EventView } from "../model/event.ts"
import { parseEvents } from "./events.ts"
import { KvClient } from "./kv.ts"

export type { DaemonAddress } from "./connection.ts"

/** All calls reject with OvlError: what the daemon answers, or `no_daemon`, `socket_forbidden`, `connection_lost`. */
export class Client {
  readonly #address: DaemonAddress
  /** The key-value store, and its snapshots. */
  readonly kv: KvClient

  constructor(address: DaemonAddress) {
    this.#address = address
    this.kv = new KvClient(address)
  }

  networks(): Promise<NetworkView[]> {
    return this.#get("/api/v1/networks")
  }

  /** By id, unambiguous beginning of an id, or name. With `kernel`, as the node's kernel has it too. */
  network(reference: string, options: { kernel?: boolean } = {}): Promise<NetworkView> {
    return this.#get(`/api/v1/networks/${encode(reference)}${options.kernel ? "?kernel=true" : ""}`)
  }

  createNetwork(spec: NetworkSpec): Promise<NetworkView> {
    return this.#post("/api/v1/networks", spec)
  }

  /** With `force`, its endpoints too. */
  removeNetwork(reference: string, options: { force?: boolean } = {}): Promise<void> {
    return this.#delete(`/api/v1/networks/${encode(reference)}${options.force ? "?force=true" : ""}`)
  }

  /** Every node's, or one network's. */
  endpoints(options: { network?: string } = {}): Promise<EndpointView[]> {
    const query = options.network === undefined ? "" : `?network=${encode(options.network)}`
    return this.#get(`/api/v1/endpoints${query}`)
  }

  endpoint(reference: string): Promise<EndpointView> {
    return this.#get(`/api/v1/endpoints/${encode(reference)}`)
  }

  /** An interface for a namespace of this node that somebody else made. */
  attach(spec: AttachSpec): Promise<EndpointView> {
    return this.#post("/api/v1/endpoints", spec)
  }

  detach(reference: string): Promise<void> {
    return this.#delete(`/api/v1/endpoints/${encode(reference)}`)
  }

  /** Puts a workload of the daemon's node on one more network. */
  connect(network: string, spec: ConnectSpec): Promise<EndpointView> {
    return this.#post(`/api/v1/networks/${encode(network)}/connect`, spec)
  }

  disconnect(network: string, workload: string): Promise<void> {
    const target = `/api/v1/networks/${encode(network)}/disconnect`
    return this.#done({ method: "POST", target, body: { workload } })
  }

  nodes(): Promise<NodeView[]> {
    return this.#get("/api/v1/nodes")
  }

  node(reference: string): Promise<NodeView> {
    return this.#get(`/api/v1/nodes/${encode(reference)}`)
  }

  removeNode(reference: string): Promise<void> {
    return this.#delete(`/api/v1/nodes/${encode(reference)}`)
  }

  /** Takes the daemon's own node out of the cluster; the daemon then ends. */
  leave(): Promise<void> {
    return this.#done({ method: "POST", target: "/api/v1/leave" })
  }

  /** The servers that keep the store. */
  raft(): Promise<RaftView> {
    return this.#get("/api/v1/raft")
  }

  /** By id or name; without one, to the server that is furthest ahead. Answers with the new leader's name. */
  transferLeader(node?: string): Promise<{ leader: string }> {
    return this.#post("/api/v1/raft/transfer", { node })
  }

  /** Takes a server out for good. */
  removeServer(reference: string): Promise<void> {
    return this.#delete(`/api/v1/raft/servers/${encode(reference)}`)
  }

  /** What the daemon's node would lose by going on alone; with `confirm`, it does. */
  recover(options: { confirm: boolean }): Promise<RecoveryPreview> {
    return this.#post("/api/v1/raft/recover", options)
  }

  tokens(): Promise<TokenView[]> {
    return this.#get("/api/v1/tokens")
  }

  /** The only time that the token itself is shown. */
  createToken(spec: TokenSpec = {}): Promise<TokenCreated> {
    return this.#post("/api/v1/tokens", spec)
  }

  removeToken(id: string): Promise<void> {
    return this.#delete(`/api/v1/tokens/${encode(id)}`)
  }

  status(): Promise<StatusView> {
    return this.#get("/api/v1/status")
  }

  /** The ways from the daemon's node to another one and back, or to all members. Takes seconds where they are blocked. */
  probe(node?: string): Promise<ProbeView[]> {
    return this.#post("/api/v1/probe", node === undefined ? {} : { node })
  }

  /** From a workload of any node to another one, or to an address. */
  ping(wish: PingWish): Promise<PingView> {
    return this.#post("/api/v1/ping", wish)
  }

  /** The same, each answer as it comes: who pings whom, the answers, at last the whole. */
  async *pingLines(wish: PingWish): AsyncGenerator<PingLine> {
    const decoder = new TextDecoder()
    let rest = ""
    const question: Question = { method: "POST", target: "/api/v1/ping?follow=true", body: wish }
    for await (const piece of pieces(this.#address, question)) {
      const lines = (rest + decoder.decode(piece, { stream: true })).split("\n")
      rest = lines.pop() ?? ""
      for (const line of lines) yield JSON.parse(line) as PingLine
    }
  }

  /** Each workload of a network from each other one. */
  pingNetwork(network: string, wish: PingNetworkWish = {}): Promise<PingNetworkView> {
    return this.#post(`/api/v1/networks/${encode(network)}/ping`, wish)
  }

  workloads(): Promise<WorkloadView[]> {
    return this.#get("/api/v1/workloads")
  }

  /** Makes a workload and, with `detach` and a command, starts it. `enter` is for who starts it otherwise. */
  run(spec: RunSpec): Promise<{ workload: WorkloadView; enter: EnterSpec }> {
    return this.#post("/api/v1/workloads", spec)
  }

  workloadStarted(name: string, pid: number): Promise<void> {
    return this.#done({ method: "POST", target: `/api/v1/workloads/${encode(name)}/started`, body: { pid } })
  }

  workloadEnded(name: string, exitCode: number): Promise<void> {
    return this.#done({ method: "POST", target: `/api/v1/workloads/${encode(name)}/ended`, body: { exitCode } })
  }

  /** SIGTERM, and SIGKILL after `graceMs`; the daemon's own grace where it is left out. */
  stopWorkload(name: string, options: { graceMs?: number } = {}): Promise<void> {
    return this.#done({ method: "POST", target: `/api/v1/workloads/${encode(name)}/stop`, body: options })
  }

  removeWorkload(name: string, options: { force?: boolean } = {}): Promise<void> {
    return this.#delete(`/api/v1/workloads/${encode(name)}${options.force ? "?force=true" : ""}`)
  }

  /** What a program needs to put itself into the workload. */
  enter(name: string): Promise<EnterSpec> {
    return this.#get(`/api/v1/workloads/${encode(name)}/enter`)
  }

  /**
   * What the workload wrote, or the last `tail` lines of it, in pieces; with `follow`, on until it ends. Leaving the loop
   * ends the request.
   */
  logs(
    name: string,
    options: { follow?: boolean; tail?: number; signal?: AbortSignal } = {},
  ): AsyncGenerator<Uint8Array> {
    const query = new URLSearchParams()
    if (options.follow) query.set("follow", "true")
    if (options.tail !== undefined) query.set("tail", String(options.tail))
    const target = `/api/v1/workloads/${encode(name)}/logs${query.size === 0 ? "" : `?${query}`}`
    return pieces(this.#address, { method: "GET", target, signal: options.signal })
  }

  /**
   * What happens on the node from now on, with `since` (ISO 8601) first what it remembers from then on; with `follow`
   * false only that. Ends with the daemon, or when the loop is left.
   */
  events(options: { since?: string; follow?: boolean; signal?: AbortSignal } = {}): AsyncGenerator<EventView> {
    const query = new URLSearchParams()
    if (options.since !== undefined) query.set("since", options.since)
    if (options.follow !== undefined) query.set("follow", String(options.follow))
    const target = query.size === 0 ? "/api/v1/events" : `/api/v1/events?${query}`
    return parseEvents(pieces(this.#address, { method: "GET", target, signal: options.signal }))
  }

  /** In Prometheus' text format. */
  async metrics(): Promise<string> {
    return (await ask(this.#address, { method: "GET", target: "/metrics" })).text()
  }

  openApi(): Promise<Record<string, unknown>> {
    return this.#get("/openapi.json")
  }

  async #get<Answer>(target: string): Promise<Answer> {
    const response = await ask(this.#address, { method: "GET", target })
    return (await response.json()) as Answer
  }

  async #post<Answer>(target: string, body: unknown): Promise<Answer> {
    const response = await ask(this.#address, { method: "POST", target, body })
    return (await response.json()) as Answer
  }

  #delete(target: string): Promise<void> {
    return this.#done({ method: "DELETE", target })
  }

  async #done(question: Question): Promise<void> {
    await (await ask(this.#address, question)).arrayBuffer()
  }
}

/** `{ socket }` for the Unix socket, `{ url, token, ca }` for TCP. Nothing is opened before the first call. */
export function createClient(address: DaemonAddress): Client {
  return new Client(address)
}

const encode = encodeURIComponent
