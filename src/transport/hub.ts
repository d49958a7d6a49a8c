/**
 * All conversations of one listener, whatever carries them: who is connected, how many, who must go, an orderly end. A
 * transport tells the hub of each new connection (`arrive`), and once it knows who that is, of its wire (`serve`).
 */
import type { Clock } from "../base/clock.ts"
import { OvlError } from "../base/errors.ts"
import { REFUSALS_REMEMBERED_MAX } from "../base/limits.ts"
import { Channel, type Wire } from "./channel.ts"
import { Gate, type GateReason } from "./gate.ts"
import { peerLimits } from "./limits.ts"
import type { ListenOptions, PeerIdentity, PeerLimits } from "./port.ts"
import { notMember, ServerSession } from "./server-session.ts"
import { peerBusy, peerClosed } from "./wire-errors.ts"

/** One connection from its arrival to its end. */
export interface Arrival {
  /** The handshake is done: the conversation may begin. `peer` is null without a certificate. */
  serve(wire: Wire, peer: PeerIdentity | null): void
  /** The handshake is done and what it showed is not accepted: says why, and closes. */
  refuse(wire: Wire, error: OvlError): void
  /** The connection is gone. */
  gone(): void
}

export class Hub {
  readonly #listen: ListenOptions
  readonly #limits: PeerLimits
  readonly #clock: Clock
  readonly #gate: Gate
  readonly #members = new Map<symbol, { session: ServerSession; peer: PeerIdentity }>()
  /** Those that have arrived and are not gone; each can be ended at any moment. */
  readonly #arrivals = new Map<symbol, (error: OvlError) => void>()
  /** Nodes that were refused, by what code; a node tries again and again, and is in the log once. */
  readonly #refusals = new Map<string, string | undefined>()
  #closing = false
  readonly #onEmpty: (() => void)[] = []

  constructor(listen: ListenOptions, clock: Clock) {
    this.#listen = listen
    this.#limits = peerLimits(listen.limits)
    this.#clock = clock
    this.#gate = new Gate({
      maxStrangers: this.#limits.unauthenticatedMax,
      timeoutMs: this.#limits.unauthenticatedTimeoutMs,
      clock,
    })
  }

  /** A connection has come in; `destroy` ends it before it has a wire. Null when there is no room for it. */
  arrive(destroy: () => void): Arrival | null {
    if (this.#closing || this.#arrivals.size >= this.#limits.connectionsMax) return null
    const key = Symbol("arrival")
    let end: (error: OvlError) => void = destroy
    this.#arrivals.set(key, (error) => end(error))
    const known = this.#gate.admit((why) => end(dismissal(why)))
    return {
      serve: (wire, peer) => {
        const session = this.#serve(wire, peer, known)
        end = (error) => session.close(error)
      },
      refuse: (wire, error) => this.#refuse(wire, error),
      gone: () => {
        known()
        this.#arrivals.delete(key)
        if (this.#arrivals.size === 0) for (const resolve of this.#onEmpty.splice(0)) resolve()
      },
    }
  }

  /** Cuts off every connection of a node. */
  disconnect(nodeId: string): void {
    for (const { session, peer } of [...this.#members.values()]) {
      if (peer.nodeId === nodeId) session.close(notMember(peer))
    }
  }

  /** Ends every connection, and lets none in any more. */
  close(): void {
    this.#closing = true
    const why = new OvlError("peer_closed", "talking to another node: its daemon is stopping", {
      kind: "unavailable",
      hint: "try another server, or wait until it is back",
    })
    for (const end of [...this.#arrivals.values()]) end(why)
  }

  /** Resolves when no connection is left. */
  empty(): Promise<void> {
    if (this.#arrivals.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#onEmpty.push(resolve))
  }

  #serve(wire: Wire, peer: PeerIdentity | null, known: () => void): ServerSession {
    const { handler, log } = this.#listen
    const key = Symbol("member")
    let over = false
    let connected = false
    const session = new ServerSession({
      wire,
      peer,
      listen: this.#listen,
      limits: this.#limits,
      clock: this.#clock,
      onWelcome: () => {
        if (peer === null) return
        known()
        connected = true
        this.#refusals.delete(peer.nodeId)
        handler.connected?.(peer)
      },
      onClosed: (error) => {
        over = true
        this.#members.delete(key)
        if (peer === null) return
        if (connected) handler.disconnected?.(peer)
        else if (this.#isNews(peer, error)) {
          log?.warn("peer refused", { peer: peer.name, address: wire.address, reason: error?.message })
        }
      },
    })
    // A wire that is broken already ends the session while it is being made.
    if (!over && peer !== null) this.#members.set(key, { session, peer })
    return session
  }

  /** Whether this refusal of a node is another one than its last. */
  #isNews({ nodeId }: PeerIdentity, error?: OvlError): boolean {
    if (this.#refusals.get(nodeId) === error?.code && this.#refusals.has(nodeId)) return false
    const oldest = this.#refusals.keys().next().value
    if (oldest !== undefined && this.#refusals.size >= REFUSALS_REMEMBERED_MAX) this.#refusals.delete(oldest)
    this.#refusals.set(nodeId, error?.code)
    return true
  }

  #refuse(wire: Wire, error: OvlError): void {
    this.#listen.log?.warn("peer refused", { address: wire.address, reason: error.message })
    const ignore = () => {}
    const channel = new Channel(wire, {
      limits: this.#limits,
      clock: this.#clock,
      receiveMaxBytes: this.#limits.unauthenticatedFrameMaxBytes,
      onFrame: ignore,
      onClosed: ignore,
    })
    channel.close(error)
  }
}

function dismissal(why: GateReason): OvlError {
  if (why === "full") return peerBusy("too many connections without a certificate")
  return peerClosed("a newcomer", "it took too long to show who it is")
}
