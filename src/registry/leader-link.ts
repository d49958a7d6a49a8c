/**
 * This server's way to the one that leads: one connection, made when the leader is known, left when it is another one.
 * Calls that wait on the old connection may still get their answer for a while.
 */
import type { Clock } from "../base/clock.ts"
import { asOvlError, OvlError } from "../base/errors.ts"
import { LEADER_CONNECT_TIMEOUT_MS, LEADER_GRACE_MS } from "../base/limits.ts"
import type { Log } from "../base/log.ts"
import type { NodeRecord } from "../model/node.ts"
import type { LeaderLink } from "../store/forwarding-port.ts"
import { noLeader } from "../store/forwarding-route.ts"
import type { Store } from "../store/port.ts"
import type { Replication } from "../store/replication.ts"
import type { PeerConnection } from "../transport/port.ts"
import { read } from "./codec.ts"
import { nodeKey } from "./keys.ts"

export interface LeaderLinkOptions {
  replication: Replication
  /** `host:port` where a server listens, or null where it is not known. */
  addressOf: (nodeId: string) => string | null
  /** `connectTls` with this node's credentials; never to wait longer than `timeoutMs`. */
  connect: (address: string, timeoutMs: number) => Promise<PeerConnection>
  clock: Clock
  log: Log
}

export function leaderLink(options: LeaderLinkOptions): LeaderLink {
  return new Link(options)
}

/** Where a server listens, as its record in the store says. */
export function serverAddress(store: Store, nodeId: string): string | null {
  return read<NodeRecord>(store, nodeKey(nodeId))?.peerAddress ?? null
}

class Link implements LeaderLink {
  readonly #options: LeaderLinkOptions
  readonly #unlisten: () => void
  #standing: { nodeId: string; connection: PeerConnection } | null = null
  #dialling: { nodeId: string; result: Promise<PeerConnection> } | null = null
  #closed = false

  constructor(options: LeaderLinkOptions) {
    this.#options = options
    this.#unlisten = options.replication.onChange(() => this.#look())
    this.#look()
  }

  connection(): Promise<PeerConnection> {
    const { leader, self } = this.#options.replication.status()
    if (this.#closed || leader === null || leader === self) return Promise.reject(noLeader("reach the leader"))
    if (this.#standing?.nodeId === leader) return Promise.resolve(this.#standing.connection)
    if (this.#dialling?.nodeId !== leader) this.#dialling = { nodeId: leader, result: this.#dial(leader) }
    return this.#dialling.result
  }

  close(): void {
    this.#closed = true
    this.#unlisten()
    this.#standing?.connection.close()
    this.#standing = null
  }

  /** A new leader is connected to before anybody asks, so that the first one does not wait for it. */
  #look(): void {
    const { leader, self } = this.#options.replication.status()
    if (leader === null) return
    if (this.#standing && this.#standing.nodeId !== leader) this.#leave()
    if (leader === self || this.#standing || this.#options.addressOf(leader) === null) return
    this.connection().catch((error) => {
      this.#options.log.debug("cannot reach the leader yet", { why: asOvlError(error).message })
    })
  }

  #leave(): void {
    const left = this.#standing
    this.#standing = null
    if (left) this.#options.clock.after(2 * LEADER_GRACE_MS, () => left.connection.close())
  }

  async #dial(nodeId: string): Promise<PeerConnection> {
    try {
      const address = this.#options.addressOf(nodeId)
      if (address === null) throw unreachable(nodeId, "its address is not known here")
      const connection = await this.#options.connect(address, LEADER_CONNECT_TIMEOUT_MS)
      return this.#adopt(nodeId, connection)
    } catch (thrown) {
      const error = asOvlError(thrown)
      throw error.kind === "unavailable" ? unreachable(nodeId, error.message, error) : error
    } finally {
      if (this.#dialling?.nodeId === nodeId) this.#dialling = null
    }
  }

  #adopt(nodeId: string, connection: PeerConnection): PeerConnection {
    const there = connection.remote.identity.nodeId
    if (this.#closed || there !== nodeId) {
      connection.close()
      throw unreachable(nodeId, `at ${connection.remote.address} is another server`)
    }
    if (this.#options.replication.status().leader !== nodeId) {
      this.#options.clock.after(2 * LEADER_GRACE_MS, () => connection.close())
      return connection
    }
    this.#standing = { nodeId, connection }
    connection.onClose(() => {
      if (this.#standing?.connection === connection) this.#standing = null
    })
    return connection
  }
}

function unreachable(nodeId: string, why: string, cause?: unknown): OvlError {
  return new OvlError("leader_unreachable", `reach the leader ${nodeId.slice(0, 12)}: ${why}`, {
    kind: "unavailable",
    hint: "check that the servers reach each other's --bind port",
    cause,
  })
}
