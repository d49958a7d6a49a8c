/**
 * Another server as this one reaches it: two lanes. Votes, heartbeats and answers go on the one; on the other, in
 * order, the entries, whose size must not hold those up, and the calls for pieces of a snapshot. Says in the log, once
 * for each change, whether the server is reached.
 */
import type { OvlError } from "../base/errors.ts"
import { FRAME_MAX_BYTES, RAFT_CONNECT_TIMEOUT_MS, RAFT_KEEPALIVE_MS } from "../base/limits.ts"
import type { Message } from "../raft/message.ts"
import type { NodeId } from "../raft/types.ts"
import { FRAME_HEAD_BYTES } from "./frames.ts"
import type { PeerConnection } from "./port.ts"
import { raftMessageLength } from "./raft-codec.ts"
import { RaftLane } from "./raft-lane.ts"
import type { RaftPeer, RaftPeerState, RaftTransportOptions } from "./raft-port.ts"

export class RaftLink {
  readonly raftId: NodeId
  readonly peer: RaftPeer
  readonly #options: RaftTransportOptions
  readonly #control: RaftLane
  readonly #entries: RaftLane
  #dropped = 0
  #lastError: OvlError | null = null
  /** The codes of what has gone wrong since the server was last reached, each of which is said once. */
  readonly #said = new Set<string>()
  #telling = false
  #closed = false

  constructor(raftId: NodeId, peer: RaftPeer, options: RaftTransportOptions) {
    this.raftId = raftId
    this.peer = peer
    this.#options = options
    this.#control = this.#lane((stood) => stood && options.onLost(raftId, peer.nodeId))
    this.#entries = this.#lane(() => {})
  }

  push(message: Message): void {
    if (FRAME_HEAD_BYTES + raftMessageLength(message) > FRAME_MAX_BYTES) {
      this.#options.log.error("message to a server is too large to be sent", { node: this.peer.nodeId })
      this.#giveUp(1)
    } else {
      const lane = message.type === "MsgApp" || message.entries.length > 0 ? this.#entries : this.#control
      lane.push(message)
      if (isAwaited(message)) lane.flush()
    }
  }

  /** The connection for what is large; rejects with why there is none. */
  bulk(): Promise<PeerConnection> {
    return this.#entries.whenUp()
  }

  state(): RaftPeerState {
    return {
      ...this.peer,
      raftId: this.raftId,
      connected: this.#control.up && this.#entries.up,
      queuedBytes: this.#control.queuedBytes + this.#entries.queuedBytes,
      droppedMessages: this.#dropped,
      lastError: this.#lastError,
    }
  }

  close(): void {
    this.#closed = true
    this.#control.close()
    this.#entries.close()
  }

  #lane(onGone: (stood: boolean) => void): RaftLane {
    const { clock, random, connect, cluster } = this.#options
    const { address, nodeId } = this.peer
    return new RaftLane({
      address,
      connect: () =>
        connect({
          address,
          nodeId,
          expect: { clusterId: cluster.clusterId, recoveryEpoch: cluster.recoveryEpoch },
          timeoutMs: RAFT_CONNECT_TIMEOUT_MS,
          limits: { keepAliveMs: RAFT_KEEPALIVE_MS },
          clock,
        }),
      onUp: () => this.#reached(),
      onDown: (error, stood) => {
        this.#notReached(error)
        onGone(stood && error.kind !== "forbidden")
      },
      onGivenUp: (messages) => this.#giveUp(messages),
      clock,
      random,
    })
  }

  #reached(): void {
    if (!this.#control.up || !this.#entries.up) return
    this.#lastError = null
    this.#said.clear()
    this.#options.log.info("server reached", { node: this.peer.nodeId, address: this.peer.address })
  }

  #notReached(error: OvlError): void {
    this.#lastError = error
    if (this.#said.has(error.code)) return
    this.#said.add(error.code)
    const fields = { node: this.peer.nodeId, address: this.peer.address, reason: error.message }
    if (error.kind !== "forbidden") return this.#options.log.info("server not reached", fields)
    this.#options.log.warn("server refused, or refuses this one", fields)
    this.#options.onRefused?.(this.peer.nodeId, error)
  }

  /** Later: the driver may be in the middle of what made it send. */
  #giveUp(messages: number): void {
    this.#dropped += messages
    if (this.#telling) return
    this.#telling = true
    queueMicrotask(() => {
      this.#telling = false
      if (!this.#closed) this.#options.onUnreachable(this.raftId)
    })
  }
}

/** All but an append without entries: that only tells what is decided, and those who asked for it have their answer first. */
function isAwaited({ type, entries }: Message): boolean {
  return type !== "MsgApp" || entries.length > 0
}
