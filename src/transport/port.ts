/**
 * How nodes talk to each other, without saying over what: calls that are answered and subscriptions that go on, many of
 * them at once on one connection. `tls.ts` does it over mutual TLS between hosts, `memory.ts` inside one process for
 * tests and the simulation; both are held to the suite in test/contract/transport.ts.
 *
 * Only the side that connects calls and subscribes; the side that listens answers through its `PeerHandler`.
 */
import type { Clock } from "../base/clock.ts"
import type { OvlError } from "../base/errors.ts"
import type { Log } from "../base/log.ts"
import type { Role } from "../model/node.ts"

/** Who the other side is, read off its verified certificate: never from what it says about itself. */
export interface PeerIdentity {
  nodeId: string
  name: string
  role: Role
}

/** `peer` is null when the caller showed no certificate. Then the only method that reaches the handler is `join`. */
export interface CallContext {
  peer: PeerIdentity | null
}

/** What both sides must agree on first of all: another cluster, or a past life of this one, is refused. */
export interface ClusterIdentity {
  clusterId: string
  /** Raised by each disaster recovery, so that what a dead majority left cannot come back. 0 in a new cluster. */
  recoveryEpoch: number
}

/** A node's certificate, its private key and its cluster's authority, each as PEM text. */
export interface NodeCredentials {
  cert: string
  key: string
  ca: string
}

export interface Subscription {
  /** Stops the messages. Nothing is delivered after it, `onEnd` neither. May be called again. */
  close(): void
}

/** The sending end of one subscription. */
export interface Publisher {
  /**
   * Queues one message; order is kept. A peer that lets more than `queueMaxBytes` pile up is cut off: its connection
   * is closed, and `onClose` is called. After the end of the subscription it does nothing.
   */
  send(message: unknown): void
  /** Ends the subscription from this side; with an error the subscriber is told why. */
  end(error?: OvlError): void
  /**
   * Calls back once when the subscription is over, whoever ended it: inside `end`, inside a `send` that found the peer
   * too slow, or later; at once when it already is.
   */
  onClose(callback: () => void): void
}

/** What a listening node does for the others. Roles and rights are its business; who calls is in the context. */
export interface PeerHandler {
  /** Answers one call. What it throws reaches the caller: an OvlError as it is, anything else as `internal`. */
  call(method: string, params: unknown, context: CallContext): Promise<unknown>
  /** Starts one subscription. What it throws ends the subscription with that error. */
  subscribe(method: string, params: unknown, context: CallContext, publisher: Publisher): void
  /**
   * Takes what a member posted, `bytes` for the time of the call only: copy what is kept. What it throws ends the
   * connection, and so does a post to a handler without this.
   */
  posted?(kind: number, bytes: Uint8Array, context: CallContext): void
  /** A member has connected. Called for each connection; one node may have several. */
  connected?(peer: PeerIdentity): void
  /** One connection of a member is gone. Called once for each `connected`. */
  disconnected?(peer: PeerIdentity): void
}

/** A connection to one peer. It does not reconnect by itself: whoever holds it knows what to do next. */
export interface PeerConnection {
  /**
   * `address` is `host:port` as dialled, `identity` the verified other side: always a server. `cluster` is what it said
   * of itself: its recovery epoch may be above the one expected, and is then the one to expect from now on.
   */
  readonly remote: { address: string; identity: PeerIdentity; cluster: ClusterIdentity }
  /**
   * Calls a method and waits for its answer. Rejects with the OvlError that the other side threw; with `peer_timeout`
   * after `timeoutMs` (PEER_CALL_TIMEOUT_MS unless given) or `peer_closed` - both of kind unavailable, and both leaving
   * open whether the call was carried out; with `frame_too_large` when params are over FRAME_MAX_BYTES (not sent).
   */
  call(method: string, params: unknown, options?: { timeoutMs?: number }): Promise<unknown>
  /** Asks for messages. `onEnd` comes once, with an error when the other side gave one or the connection is gone. */
  subscribe(
    method: string,
    params: unknown,
    onMessage: (message: unknown) => void,
    onEnd: (error?: OvlError) => void,
  ): Subscription
  /**
   * Sends bytes that nobody answers; `kind` (0 to 2^32 - 1) says what they are. In order with everything else, and lost
   * without a word when the connection ends. Throws `frame_too_large`, with nothing sent.
   */
  post(kind: number, bytes: Uint8Array): void
  /** Writes what was sent here, instead of at the end of this turn. */
  flush(): void
  /** Bytes sent here that have not gone out yet. Over `queueMaxBytes` the connection is closed. */
  pendingBytes(): number
  /** Calls back each time that nothing is pending any more after something was. Takes the place of an earlier one. */
  onDrain(callback: () => void): void
  /** Closes the connection: pending calls reject, subscriptions end. May be called again. */
  close(): void
  /** Calls back once when the connection is gone, at once when it is already; no error after `close()`. */
  onClose(callback: (error?: OvlError) => void): void
}

export interface PeerListener {
  /** The port really bound: what was asked for, or what the system chose for port 0. */
  readonly port: number
  /** Stops listening, ends every connection, and resolves when all are gone. May be called again. */
  close(): Promise<void>
  /** Cuts off every connection of this node: what a removed member meets. */
  disconnect(nodeId: string): void
}

/** Bounds that a test may tighten; the product takes them all from base/limits.ts. */
export interface PeerLimits {
  frameMaxBytes: number
  queueMaxBytes: number
  callsMax: number
  subscriptionsMax: number
  connectionsMax: number
  unauthenticatedMax: number
  unauthenticatedTimeoutMs: number
  unauthenticatedFrameMaxBytes: number
  keepAliveMs: number
  silentKeepAlivesMax: number
  closeTimeoutMs: number
}

export interface ListenOptions {
  /** Read at each greeting: a disaster recovery may raise its epoch while the listener lives. */
  cluster: ClusterIdentity
  handler: PeerHandler
  /**
   * Asked at every connect, so that a removed node is refused although its certificate is valid. Default: everyone. A
   * node is a member from its record on, a learner as well as a voter. A server whose own store is still empty, because
   * it is just joining, knows nobody: it must let servers in, or it would never hear of its cluster.
   */
  isMember?: (nodeId: string, role: Role) => boolean
  limits?: Partial<PeerLimits>
  clock?: Clock
  log?: Log
}

export interface ConnectOptions {
  /** `host:port`; an IPv6 address stands in brackets. */
  address: string
  /** What the server must be part of; its recovery epoch may be higher if this node is a client. */
  expect: ClusterIdentity
  /** Who must answer there. Anybody else is refused (`peer_wrong_node`) before a word is said. Default: any server. */
  nodeId?: string
  /** For the whole of it: TCP, TLS and the greeting. Default PEER_CONNECT_TIMEOUT_MS. */
  timeoutMs?: number
  limits?: Partial<PeerLimits>
  clock?: Clock
}
