/**
 * The node-to-node layer inside one process, for tests and for the simulation of a whole cluster. Conversations, frames
 * and bounds are the very ones of the TLS transport; only the wire is another: a pipe that can be frozen, cut, slowed
 * by whoever owns the network. In the place of certificates stand plain credentials, taken at their word.
 */
import type { Clock } from "../base/clock.ts"
import { PEER_CONNECT_TIMEOUT_MS } from "../base/limits.ts"
import { systemClock } from "../linux/system.ts"
import { formatAddress } from "./address.ts"
import type { Wire } from "./channel.ts"
import { openSession } from "./client-session.ts"
import { Hub } from "./hub.ts"
import { peerLimits } from "./limits.ts"
import { type Pipe, pipePair } from "./memory-pipe.ts"
import type {
  ClusterIdentity,
  ConnectOptions,
  ListenOptions,
  PeerConnection,
  PeerIdentity,
  PeerListener,
} from "./port.ts"
import { certificateRefused, connectError, connectTimeout, listenError, wrongNode } from "./tls-errors.ts"

/** What certificates are on the other transport: who somebody is, whose word that is, and whose word he takes. */
export interface MemoryCredentials {
  identity: PeerIdentity
  signedBy: string
  trusts: string
}

export interface MemoryListenOptions extends ListenOptions {
  host: string
  /** 0: the next free one. */
  port: number
  credentials: MemoryCredentials
}

export interface MemoryConnectOptions extends ConnectOptions {
  credentials: MemoryCredentials
}

/** A joiner has no certificate, and expects no cluster yet. */
export interface MemoryStrangerOptions extends Omit<ConnectOptions, "expect"> {
  trusts: string
}

interface Listening {
  hub: Hub
  credentials: MemoryCredentials
}

/** A connection that stands, and whose it is. */
interface Standing {
  pipe: Pipe
  nodeId: string | null
}

export interface MemoryNetworkOptions {
  clock?: Clock
  /** Runs a delivery later, never at once. The simulation orders and delays by it. Default: the next turn. */
  schedule?: (callback: () => void) => void
}

/** First port given for port 0; the range that Linux uses for it too. */
const EPHEMERAL_FIRST = 32_768

export class MemoryNetwork {
  readonly #clock: Clock
  readonly #schedule: (callback: () => void) => void
  readonly #listening = new Map<string, Listening>()
  readonly #standing = new Set<Standing>()
  #nextPort = EPHEMERAL_FIRST

  constructor(options: MemoryNetworkOptions = {}) {
    this.#clock = options.clock ?? systemClock
    this.#schedule = options.schedule ?? ((callback) => setImmediate(callback))
  }

  /** As `listenTls`. */
  async listen(options: MemoryListenOptions): Promise<PeerListener> {
    const port = options.port || this.#nextPort++
    const address = formatAddress({ host: options.host, port })
    if (this.#listening.has(address)) throw listenError(address, { code: "EADDRINUSE" })
    const hub = new Hub(options, options.clock ?? this.#clock)
    this.#listening.set(address, { hub, credentials: options.credentials })
    return {
      port,
      disconnect: (nodeId) => hub.disconnect(nodeId),
      close: async () => {
        if (this.#listening.get(address)?.hub === hub) this.#listening.delete(address)
        hub.close()
        await hub.empty()
      },
    }
  }

  /** As `connectTls`. */
  connect(options: MemoryConnectOptions): Promise<PeerConnection> {
    return this.#connect(options, options.credentials, options.expect)
  }

  /** As a joiner connects, without a certificate. */
  connectStranger(options: MemoryStrangerOptions): Promise<PeerConnection> {
    return this.#connect(options, { trusts: options.trusts }, null)
  }

  /** Nothing passes any more on the node's connections that stand now, in either direction, and no end is noticed. */
  freeze(nodeId: string): void {
    for (const { pipe } of this.#of(nodeId)) pipe.freeze()
  }

  /** What was held passes again, in order. */
  thaw(nodeId: string): void {
    for (const { pipe } of this.#of(nodeId)) pipe.thaw()
  }

  /** The node's connections break, as by a reset. */
  cut(nodeId: string): void {
    for (const { pipe } of this.#of(nodeId)) pipe.cut()
  }

  #of(nodeId: string): Standing[] {
    return [...this.#standing].filter((entry) => entry.nodeId === nodeId)
  }

  async #connect(
    options: Omit<ConnectOptions, "expect">,
    credentials: Partial<MemoryCredentials> & { trusts: string },
    expect: ClusterIdentity | null,
  ): Promise<PeerConnection> {
    const { address, clock = this.#clock, timeoutMs = PEER_CONNECT_TIMEOUT_MS } = options
    const server = this.#listening.get(address)
    if (server === undefined) throw connectError(address, { code: "ECONNREFUSED" })
    const { identity, signedBy } = server.credentials
    if (signedBy !== credentials.trusts) throw connectError(address, { code: "SELF_SIGNED_CERT_IN_CHAIN" })
    if (identity.role !== "server") throw connectError(address, { code: "INVALID_PURPOSE" })
    if (options.nodeId !== undefined && options.nodeId !== identity.nodeId) throw wrongNode(address, identity.name)
    const wire = this.#dial(server, address, credentials)
    const opening = openSession({ wire, identity, expect, limits: peerLimits(options.limits), clock })
    return await new Promise((resolve, reject) => {
      const cancelTimer = clock.after(timeoutMs, () => {
        reject(connectTimeout(address, timeoutMs))
        wire.destroy()
      })
      opening.then(resolve, reject).finally(cancelTimer)
    })
  }

  /** Lays the pipe, and lets the server's end of it arrive there. */
  #dial(server: Listening, address: string, credentials: Partial<MemoryCredentials>): Wire {
    const { identity } = credentials
    const [near, far, pipe] = pipePair(address, `memory:${identity?.name ?? "stranger"}`, this.#schedule)
    const standing: Standing = { pipe, nodeId: identity?.nodeId ?? null }
    this.#standing.add(standing)
    const forget = () => this.#standing.delete(standing)
    near.onGone(() => far.onGone(forget))
    const arrival = server.hub.arrive(() => far.destroy())
    if (arrival === null) {
      far.destroy()
      return near
    }
    far.onGone(() => arrival.gone())
    this.#schedule(() => {
      if (identity === undefined) arrival.serve(far, null)
      else if (credentials.signedBy === server.credentials.trusts) arrival.serve(far, identity)
      else arrival.refuse(far, certificateRefused("SELF_SIGNED_CERT_IN_CHAIN"))
    })
    return near
  }
}
