/**
 * A client's way to the servers: one connection, made when it is needed, to the first server that answers. Each client
 * begins its round at another server, so that they spread; a server that is slow to accept is not waited for alone. Nobody
 * waits longer than the bound for a connection; while no server answers, callers are told so at once between two tries.
 */
import type { Clock } from "../base/clock.ts"
import { asOvlError, OvlError } from "../base/errors.ts"
import {
  SERVER_LINK_CONSIDERED_MAX,
  SERVER_LINK_DEADLINE_MS,
  SERVER_LINK_MAX_SERVERS,
  SERVER_LINK_PAUSE_MS,
  SERVER_LINK_STAGGER_MS,
  SERVER_SWITCH_PAUSE_MS,
} from "../base/limits.ts"
import type { Log } from "../base/log.ts"
import type { ClusterIdentity, ConnectOptions, NodeCredentials, PeerConnection } from "../transport/port.ts"
import { connectTls } from "../transport/tls.ts"

type Connect = (options: ConnectOptions & { credentials: NodeCredentials }) => Promise<PeerConnection>

export interface ServerLinkOptions {
  servers: () => string[]
  credentials: NodeCredentials
  /** Read at each try: the recovery epoch may have risen since. */
  expect: () => ClusterIdentity
  /** Told when a server is in a later recovery epoch than was expected. */
  onEpoch: (epoch: number) => void
  /** Where this client begins its round: any number, better another one than the others'. */
  start: number
  clock: Clock
  log: Log
  connect?: Connect
}

export class ServerLink {
  readonly #options: ServerLinkOptions
  #connection: PeerConnection | null = null
  #connecting: Promise<PeerConnection> | null = null
  #pausedUntil = 0
  #switchAfter = 0
  /** The server that answered last, and the one that was of no use. */
  #preferred: string | null = null
  #avoided: string | null = null
  #lastError: OvlError | null = null
  /** What is tried because somebody said so, or was a moment ago. */
  readonly #considered = new Set<string>()
  #closed = false

  constructor(options: ServerLinkOptions) {
    this.#options = options
  }

  /** A server is connected at this moment. */
  get connected(): boolean {
    return this.#connection !== null
  }

  /** The standing connection, or a new one. Rejects with `no_server` (unavailable), or with a server's refusal. */
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

  /**
   * The server at the other end is there and of no use: it knows no leader, or does not answer. Another one is looked
   * for, and takes its place if there is one.
   */
  distrust(connection: PeerConnection): void {
    const { clock, log } = this.#options
    const others = this.#order().filter((address) => address !== connection.remote.address)
    if (connection !== this.#connection || others.length === 0 || clock.monotonic() < this.#switchAfter) return
    this.#switchAfter = clock.monotonic() + SERVER_SWITCH_PAUSE_MS
    this.#avoided = connection.remote.address
    this.#race(others).then(
      (better) => {
        if (connection === this.#connection) this.#connection = null
        if (this.#connection === null && !this.#closed) this.#adopt(better)
        else better.close()
        connection.close()
      },
      (error) => log.debug("no other server answers", { why: asOvlError(error).message }),
    )
  }

  /**
   * A server may be at these addresses: tried at once, and taken if one answers there. Anybody may say so: a few such tries
   * at a time, and one that came to nothing not again at once.
   */
  consider(addresses: readonly string[]): void {
    const [first] = addresses
    const isKnown = addresses.some((address) => address === this.#connection?.remote.address)
    if (this.#closed || first === undefined || isKnown || this.#considered.has(first)) return
    if (this.#considered.size >= SERVER_LINK_CONSIDERED_MAX) return
    this.#considered.add(first)
    this.#race(addresses.slice(0, SERVER_LINK_MAX_SERVERS))
      .then(
        (found) => (this.#closed ? found.close() : void this.#adopt(found)),
        (error) => this.#options.log.debug("no server where somebody knocked from", { why: asOvlError(error).message }),
      )
      .finally(() => {
        this.#options.clock.after(SERVER_LINK_PAUSE_MS, () => this.#considered.delete(first))
      })
  }

  /** This host has another address: a connection from the old one is dead, and would be long in finding out. */
  renew(): void {
    const connection = this.#connection
    this.#connection = null
    this.#pausedUntil = 0
    connection?.close()
  }

  close(): void {
    this.#closed = true
    this.#connection?.close()
  }

  async #connect(): Promise<PeerConnection> {
    try {
      return this.#adopt(await this.#race(this.#order()))
    } catch (error) {
      if (!this.#closed) this.#lastError = asOvlError(error)
      this.#pausedUntil = this.#options.clock.monotonic() + SERVER_LINK_PAUSE_MS
      throw this.#refusal() ?? this.#noServer()
    }
  }

  /** From this client's own place on; the one that served last first, the one that was of no use last. */
  #order(): string[] {
    const servers = this.#options.servers().slice(0, SERVER_LINK_MAX_SERVERS)
    const start = servers.length === 0 ? 0 : this.#options.start % servers.length
    const round = [...servers.slice(start), ...servers.slice(0, start)]
    const rank = (address: string) => (address === this.#avoided ? 2 : address === this.#preferred ? 0 : 1)
    return round.sort((a, b) => rank(a) - rank(b))
  }

  /** One after the other, the next as soon as one has failed or hesitates. Rejects with what a refusal says, else the last error. */
  #race(servers: readonly string[]): Promise<PeerConnection> {
    const { credentials, expect, clock, connect = connectTls } = this.#options
    return new Promise((resolve, reject) => {
      let [begun, failed] = [0, 0]
      let over = false
      let worst: OvlError | null = null
      let cancelStagger = () => {}
      const end = () => {
        over = true
        cancelStagger()
        cancelDeadline()
      }
      const fail = () => {
        end()
        reject(worst ?? new OvlError("peer_timeout", "no server accepts a connection in time", { kind: "unavailable" }))
      }
      const cancelDeadline = clock.after(SERVER_LINK_DEADLINE_MS, fail)
      const next = () => {
        cancelStagger()
        const address = servers[begun]
        if (over || address === undefined) return
        begun++
        cancelStagger = clock.after(SERVER_LINK_STAGGER_MS, next)
        connect({ address, credentials, expect: expect(), timeoutMs: SERVER_LINK_DEADLINE_MS, clock }).then(
          (connection) => {
            if (over) return connection.close()
            end()
            resolve(connection)
          },
          (thrown) => {
            const error = asOvlError(thrown)
            if (worst?.kind !== "forbidden") worst = error
            failed++
            if (over) return
            if (failed === servers.length) fail()
            else next()
          },
        )
      }
      if (servers.length === 0) fail()
      else next()
    })
  }

  #adopt(connection: PeerConnection): PeerConnection {
    if (this.#closed) {
      connection.close()
      throw this.#noServer()
    }
    const { address, cluster } = connection.remote
    const before = this.#connection
    this.#connection = connection
    before?.close()
    this.#preferred = address
    if (address === this.#avoided) this.#avoided = null
    this.#lastError = null
    this.#options.log.info("connected to a server", { address })
    if (cluster.recoveryEpoch > this.#options.expect().recoveryEpoch) this.#options.onEpoch(cluster.recoveryEpoch)
    connection.onClose((error) => {
      if (this.#connection === connection) this.#connection = null
      if (error) this.#lastError = error
      // It has just gone: the others are asked first.
      if (this.#preferred === address) this.#preferred = null
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
      hint: `tried ${this.#options.servers().join(", ") || "none"}; check that a server runs and that its port is reachable; if it has another address now: ovl join ADDR`,
    })
  }
}
