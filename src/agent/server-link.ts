/**
 * A client's way to the servers: one connection, made when it is needed, to the first server that answers. Nobody waits
 * longer than the bound for a connection; while no server answers, callers are told so at once between two tries.
 */
import type { Clock } from "../base/clock.ts"
import { OvlError } from "../base/errors.ts"
import { PEER_CONNECT_TIMEOUT_MS, SERVER_LINK_PAUSE_MS } from "../base/limits.ts"
import type { Log } from "../base/log.ts"
import type { ClusterIdentity, NodeCredentials, PeerConnection } from "../transport/port.ts"
import { connectTls } from "../transport/tls.ts"

export interface ServerLinkOptions {
  servers: () => string[]
  credentials: NodeCredentials
  expect: ClusterIdentity
  clock: Clock
  log: Log
}

export class ServerLink {
  readonly #options: ServerLinkOptions
  #connection: PeerConnection | null = null
  #connecting: Promise<PeerConnection> | null = null
  #pausedUntil = 0
  #lastError: OvlError | null = null
  #closed = false

  constructor(options: ServerLinkOptions) {
    this.#options = options
  }

  /** A server is connected at this moment. */
  get connected(): boolean {
    return this.#connection !== null
  }

  /** The standing connection, or a new one. Rejects with `no_server` (unavailable). */
  connection(): Promise<PeerConnection> {
    if (this.#connection) return Promise.resolve(this.#connection)
    if (this.#connecting) return this.#connecting
    if (this.#closed || this.#options.clock.monotonic() < this.#pausedUntil)
      return Promise.reject(this.#refusal() ?? this.#noServer())
    this.#connecting = this.#connect().finally(() => {
      this.#connecting = null
    })
    return this.#connecting
  }

  close(): void {
    this.#closed = true
    this.#connection?.close()
  }

  async #connect(): Promise<PeerConnection> {
    const servers = this.#options.servers()
    const timeoutMs = Math.max(500, Math.floor(PEER_CONNECT_TIMEOUT_MS / Math.max(1, servers.length)))
    for (const address of servers) {
      try {
        const { credentials, expect, clock } = this.#options
        return this.#adopt(await connectTls({ address, credentials, expect, timeoutMs, clock }))
      } catch (error) {
        this.#lastError = error instanceof OvlError ? error : new OvlError("internal", String(error))
      }
    }
    this.#pausedUntil = this.#options.clock.monotonic() + SERVER_LINK_PAUSE_MS
    throw this.#refusal() ?? this.#noServer()
  }

  #adopt(connection: PeerConnection): PeerConnection {
    if (this.#closed) {
      connection.close()
      throw this.#noServer()
    }
    this.#connection = connection
    this.#lastError = null
    this.#options.log.info("connected to a server", { address: connection.remote.address })
    connection.onClose((error) => {
      if (this.#connection === connection) this.#connection = null
      if (error) this.#lastError = error
    })
    return connection
  }

  /** A server that was reached and says that this node is none of its cluster: that is no absence. */
  #refusal(): OvlError | null {
    return this.#lastError?.kind === "forbidden" ? this.#lastError : null
  }

  #noServer(): OvlError {
    const why = this.#lastError ? this.#lastError.message : "none is connected"
    return new OvlError("no_server", `no server of the cluster answers: ${why}`, {
      kind: "unavailable",
      hint: `tried ${this.#options.servers().join(", ") || "none"}; check that a server runs and that its port is reachable`,
    })
  }
}
