/**
 * The connecting side of a conversation: greets, and then keeps the book of calls that wait for their answer and of
 * subscriptions that go on. What stands in the book when the connection ends is answered with the reason.
 */
import type { Clock } from "../base/clock.ts"
import { asOvlError, OvlError } from "../base/errors.ts"
import { PEER_CALL_TIMEOUT_MS } from "../base/limits.ts"
import { Channel, type Wire } from "./channel.ts"
import { type Frame, FrameType } from "./frames.ts"
import { checkGreeting, checkProtocol, type Greeting, greetingAs, greetingOf } from "./greeting.ts"
import type { ClusterIdentity, PeerConnection, PeerIdentity, PeerLimits, Subscription } from "./port.ts"
import { errorFromWire, peerBusy, peerClosed, protocolViolation } from "./wire-errors.ts"

interface PendingCall {
  resolve: (value: unknown) => void
  reject: (error: OvlError) => void
  cancelTimer: () => void
}

interface OpenSubscription {
  onMessage: (message: unknown) => void
  onEnd: (error?: OvlError) => void
}

export interface ClientSessionOptions {
  wire: Wire
  identity: PeerIdentity
  /** Null for a joiner, who cannot know yet. */
  expect: ClusterIdentity | null
  limits: PeerLimits
  clock: Clock
}

/** Greets, and gives the connection once the other side has accepted. Rejects with the reason of either side. */
export function openSession(options: ClientSessionOptions): Promise<PeerConnection> {
  return new Promise((resolve, reject) => {
    const session = new ClientSession(options, () => resolve(session))
    session.onClose((error) => reject(error ?? peerClosed(options.wire.address)))
  })
}

class ClientSession implements PeerConnection {
  readonly remote: PeerConnection["remote"]
  readonly #channel: Channel
  readonly #options: ClientSessionOptions
  readonly #welcomed: () => void
  #open = false
  #lastId = 0
  readonly #calls = new Map<number, PendingCall>()
  readonly #subscriptions = new Map<number, OpenSubscription>()
  readonly #onClose: ((error?: OvlError) => void)[] = []
  #closedBy: OvlError | undefined

  constructor(options: ClientSessionOptions, welcomed: () => void) {
    this.#options = options
    this.#welcomed = welcomed
    // Until the welcome says what it is; nobody sees it before.
    const cluster = options.expect ?? { clusterId: "", recoveryEpoch: 0 }
    this.remote = { address: options.wire.address, identity: options.identity, cluster }
    this.#channel = new Channel(options.wire, {
      limits: options.limits,
      clock: options.clock,
      receiveMaxBytes: options.limits.frameMaxBytes,
      onFrame: (frame) => this.#frame(frame),
      onClosed: (error) => this.#closed(error),
    })
    this.#channel.send(FrameType.hello, 0, greetingAs(options.expect, options.limits.keepAliveMs))
  }

  async call(method: string, params: unknown, options: { timeoutMs?: number } = {}): Promise<unknown> {
    if (this.#channel.closed) throw this.#closedBy ?? peerClosed(this.remote.address)
    if (this.#calls.size >= this.#options.limits.callsMax) throw peerBusy("too many calls wait for their answer")
    const id = this.#nextId()
    this.#channel.send(FrameType.call, id, { method, params })
    const timeoutMs = options.timeoutMs ?? PEER_CALL_TIMEOUT_MS
    return await new Promise((resolve, reject) => {
      // Sending may have found the peer too slow and ended the conversation.
      if (this.#channel.closed) return reject(this.#closedBy ?? peerClosed(this.remote.address))
      const cancelTimer = this.#options.clock.after(timeoutMs, () => {
        this.#calls.delete(id)
        reject(this.#callTimeout(method, timeoutMs))
      })
      this.#calls.set(id, { resolve, reject, cancelTimer })
    })
  }

  subscribe(
    method: string,
    params: unknown,
    onMessage: (message: unknown) => void,
    onEnd: (error?: OvlError) => void,
  ): Subscription {
    const id = this.#nextId()
    let live = true
    try {
      if (this.#channel.closed) throw this.#closedBy ?? peerClosed(this.remote.address)
      if (this.#subscriptions.size >= this.#options.limits.subscriptionsMax) throw peerBusy("too many subscriptions")
      this.#subscriptions.set(id, { onMessage, onEnd })
      this.#channel.send(FrameType.subscribe, id, { method, params })
    } catch (thrown) {
      this.#subscriptions.delete(id)
      // Later, as every other end: the caller has its subscription in hand by then.
      queueMicrotask(() => live && onEnd(asOvlError(thrown, `subscribing to ${method}`)))
    }
    return {
      close: () => {
        live = false
        if (this.#subscriptions.delete(id)) this.#channel.send(FrameType.unsubscribe, id, undefined)
      },
    }
  }

  post(kind: number, bytes: Uint8Array): void {
    this.#channel.send(FrameType.post, kind, bytes)
  }

  flush(): void {
    this.#channel.flush()
  }

  pendingBytes(): number {
    return this.#channel.pendingBytes()
  }

  onDrain(callback: () => void): void {
    this.#channel.onDrain(callback)
  }

  close(): void {
    this.#channel.close()
  }

  onClose(callback: (error?: OvlError) => void): void {
    if (this.#channel.closed) callback(this.#closedBy)
    else this.#onClose.push(callback)
  }

  #frame(frame: Frame): void {
    if (!this.#open) this.#welcome(frame)
    else if (frame.type === FrameType.answer) this.#settle(frame.id)?.resolve(frame.body)
    else if (frame.type === FrameType.failure) this.#settle(frame.id)?.reject(errorFromWire(frame.body))
    else if (frame.type === FrameType.message) this.#subscriptions.get(frame.id)?.onMessage(frame.body)
    else if (frame.type === FrameType.end) this.#ended(frame)
    else this.#channel.close(protocolViolation(`frame type ${frame.type} is not for the side that connected`))
  }

  #welcome(frame: Frame): void {
    const greeting = frame.type === FrameType.welcome ? greetingOf(frame.body) : null
    const refusal = this.#refusal(greeting)
    if (refusal !== null) return this.#channel.close(refusal)
    const { clusterId, recoveryEpoch } = greeting ?? {}
    this.remote.cluster = { clusterId: clusterId ?? "", recoveryEpoch: recoveryEpoch ?? 0 }
    this.#open = true
    this.#welcomed()
  }

  #refusal(greeting: Greeting | null): OvlError | null {
    if (greeting === null) return protocolViolation("the greeting was not answered with a welcome")
    const { expect } = this.#options
    // A server that we are too old for has said so itself: only a client is welcome with an epoch that is past.
    return expect ? checkGreeting(greeting, expect, "higher") : checkProtocol(greeting)
  }

  /** Takes the call out of the book. One that is not in it has timed out: its answer comes too late. */
  #settle(id: number): PendingCall | undefined {
    const pending = this.#calls.get(id)
    if (pending === undefined) return undefined
    this.#calls.delete(id)
    pending.cancelTimer()
    return pending
  }

  #ended(frame: Frame): void {
    const subscription = this.#subscriptions.get(frame.id)
    this.#subscriptions.delete(frame.id)
    subscription?.onEnd(frame.body === undefined ? undefined : errorFromWire(frame.body))
  }

  #closed(error?: OvlError): void {
    this.#closedBy = error
    const why = error ?? peerClosed(this.remote.address, "the connection was closed on this side")
    for (const id of [...this.#calls.keys()]) this.#settle(id)?.reject(why)
    const subscriptions = [...this.#subscriptions.values()]
    this.#subscriptions.clear()
    for (const subscription of subscriptions) subscription.onEnd(why)
    for (const callback of this.#onClose.splice(0)) callback(error)
  }

  #callTimeout(method: string, timeoutMs: number): OvlError {
    const message = `calling ${method} at ${this.remote.address}: no answer within ${timeoutMs} ms`
    return new OvlError("peer_timeout", message, {
      kind: "unavailable",
      hint: "it may still be carried out; look first",
    })
  }

  #nextId(): number {
    do {
      this.#lastId = this.#lastId >= 0xffff_ffff ? 1 : this.#lastId + 1
    } while (this.#calls.has(this.#lastId) || this.#subscriptions.has(this.#lastId))
    return this.#lastId
  }
}
