/**
 * The listening side of one conversation: waits for the greeting, then hands calls and subscriptions to the handler,
 * with who the other side is. A peer without a certificate reaches `join` and nothing else.
 */
import { AssertionError } from "../base/assert.ts"
import { asOvlError, OvlError } from "../base/errors.ts"
import { Channel, type Wire } from "./channel.ts"
import { KEEPALIVE_ASKED_MIN_MS } from "../base/limits.ts"
import { type Frame, FrameType } from "./frames.ts"
import { checkGreeting, checkProtocol, type Greeting, greetingAs, greetingOf } from "./greeting.ts"
import type { CallContext, ListenOptions, PeerIdentity, PeerLimits, Publisher } from "./port.ts"
import { errorToWire, peerBusy, protocolViolation } from "./wire-errors.ts"
import type { Clock } from "../base/clock.ts"

/** The only thing that somebody without a certificate may ask for. */
export const JOIN_METHOD = "join"

export interface ServerSessionOptions {
  wire: Wire
  peer: PeerIdentity | null
  listen: ListenOptions
  limits: PeerLimits
  clock: Clock
  /** The greeting was accepted. */
  onWelcome: () => void
  onClosed: (error?: OvlError) => void
}

export class ServerSession {
  readonly #channel: Channel
  readonly #options: ServerSessionOptions
  readonly #context: CallContext
  #open = false
  readonly #calls = new Set<number>()
  #callBytes = 0
  readonly #publishers = new Map<number, ChannelPublisher>()

  constructor(options: ServerSessionOptions) {
    this.#options = options
    this.#context = { peer: options.peer }
    const { limits, clock } = options
    this.#channel = new Channel(options.wire, {
      limits,
      clock,
      receiveMaxBytes: options.peer ? limits.frameMaxBytes : limits.unauthenticatedFrameMaxBytes,
      onFrame: (frame) => this.#frame(frame),
      onClosed: (error) => this.#closed(error),
    })
  }

  close(error?: OvlError): void {
    this.#channel.close(error)
  }

  onGone(callback: () => void): void {
    this.#channel.onGone(callback)
  }

  #frame(frame: Frame): void {
    if (!this.#open) this.#greet(frame)
    else if (frame.type === FrameType.post) this.#posted(frame)
    else if (frame.type === FrameType.call) this.#call(frame)
    else if (frame.type === FrameType.subscribe) this.#subscribe(frame)
    else if (frame.type === FrameType.unsubscribe) this.#publishers.get(frame.id)?.over()
    else this.#channel.close(protocolViolation(`frame type ${frame.type} is not for the side that listens`))
  }

  #greet(frame: Frame): void {
    const greeting = frame.type === FrameType.hello ? greetingOf(frame.body) : null
    const refusal = greeting === null ? protocolViolation("it did not greet first") : this.#refusal(greeting)
    if (refusal) {
      this.#channel.close(refusal)
      return
    }
    this.#open = true
    const keepAliveMs = greeting?.keepAliveMs ?? Number.POSITIVE_INFINITY
    this.#channel.keepAliveEvery(Math.max(keepAliveMs, KEEPALIVE_ASKED_MIN_MS))
    this.#channel.send(FrameType.welcome, 0, greetingAs(this.#options.listen.cluster))
    this.#options.onWelcome()
  }

  #refusal(greeting: Greeting): OvlError | null {
    const { peer, listen } = this.#options
    if (peer === null && greeting.clusterId === null) return checkProtocol(greeting)
    const mismatch = checkGreeting(greeting, listen.cluster, peer?.role === "client" ? "lower" : "equal")
    if (mismatch) return mismatch
    return peer !== null && listen.isMember?.(peer.nodeId, peer.role) === false ? notMember(peer) : null
  }

  /** There is no answer in which to say that a post is wrong: it ends the conversation. */
  #posted(frame: Frame): void {
    const { handler } = this.#options.listen
    if (this.#context.peer === null || handler.posted === undefined) {
      this.#channel.close(protocolViolation("nobody here takes posts from this node"))
      return
    }
    try {
      handler.posted(frame.id, frame.body as Uint8Array, this.#context)
    } catch (thrown) {
      this.#channel.close(this.#ofHandler(thrown, "taking a post"))
    }
  }

  #call(frame: Frame): void {
    if (this.#calls.has(frame.id)) {
      this.#channel.close(protocolViolation(`call ${frame.id} came twice`))
      return
    }
    const refused = this.#admit(frame) ?? this.#tooManyCalls(frame)
    if (refused) this.#fail(FrameType.failure, frame.id, refused)
    else this.#carryOut(frame, frame.body as Request)
  }

  #tooManyCalls(frame: Frame): OvlError | null {
    const { limits } = this.#options
    const callsMax = this.#context.peer ? limits.callsMax : 1
    if (this.#calls.size >= callsMax) return peerBusy("too many calls at once")
    return this.#callBytes + frame.length > limits.queueMaxBytes ? peerBusy("too much is being worked on") : null
  }

  #carryOut({ id, length }: Frame, request: Request): void {
    this.#calls.add(id)
    this.#callBytes += length
    const done = () => {
      this.#calls.delete(id)
      this.#callBytes -= length
    }
    callHandler(this.#options.listen, request, this.#context).then(
      (answer) => {
        done()
        this.#answer(id, answer)
      },
      (thrown) => {
        done()
        this.#fail(FrameType.failure, id, this.#ofHandler(thrown, request.method))
      },
    )
  }

  #answer(id: number, answer: unknown): void {
    try {
      this.#channel.send(FrameType.answer, id, answer)
    } catch (thrown) {
      this.#fail(FrameType.failure, id, asOvlError(thrown, "answering"))
    }
  }

  #subscribe(frame: Frame): void {
    if (this.#publishers.has(frame.id)) {
      this.#channel.close(protocolViolation(`subscription ${frame.id} came twice`))
      return
    }
    const full = this.#publishers.size >= this.#options.limits.subscriptionsMax
    const refused = this.#admit(frame) ?? (full ? peerBusy("too many subscriptions") : null)
    if (refused) this.#fail(FrameType.end, frame.id, refused)
    else this.#publish(frame.id, frame.body as Request)
  }

  #publish(id: number, { method, params }: Request): void {
    const publisher = new ChannelPublisher(this.#channel, id, () => this.#publishers.delete(id))
    this.#publishers.set(id, publisher)
    try {
      this.#options.listen.handler.subscribe(method, params, this.#context, publisher)
    } catch (thrown) {
      publisher.end(this.#ofHandler(thrown, method))
    }
  }

  /** Why a request is refused before the handler sees it, or null. */
  #admit(frame: Frame): OvlError | null {
    const { method } = (frame.body ?? {}) as Partial<Request>
    if (typeof method !== "string") return protocolViolation("a request names no method")
    if (this.#context.peer !== null) return null
    if (method === JOIN_METHOD && frame.type === FrameType.call) return null
    return new OvlError("certificate_required", `${method}: only a member of the cluster may ask for it`, {
      kind: "unauthorized",
      hint: "join the cluster first: ovl join SERVER --token TOKEN",
    })
  }

  #fail(type: FrameType, id: number, error: OvlError): void {
    this.#channel.send(type, id, errorToWire(error))
  }

  /** What the peer hears of it. A broken assumption of ours is no answer: it ends the program, as everywhere. */
  #ofHandler(thrown: unknown, method: string): OvlError {
    if (thrown instanceof AssertionError) {
      queueMicrotask(() => {
        throw thrown
      })
    }
    const error = asOvlError(thrown, method)
    if (error.code === "internal") {
      this.#options.listen.log?.error("request failed", {
        method,
        peer: this.#context.peer?.name ?? this.#channel.address,
        error: error.message,
      })
    }
    return error
  }

  #closed(error?: OvlError): void {
    for (const publisher of [...this.#publishers.values()]) publisher.over()
    this.#options.onClosed(error)
  }
}

interface Request {
  method: string
  params: unknown
}

/** An `async` function, so that a handler that throws before its first await rejects too. */
async function callHandler(listen: ListenOptions, request: Request, context: CallContext): Promise<unknown> {
  return await listen.handler.call(request.method, request.params, context)
}

class ChannelPublisher implements Publisher {
  readonly #channel: Channel
  readonly #id: number
  readonly #forget: () => void
  #live = true
  readonly #onClose: (() => void)[] = []

  constructor(channel: Channel, id: number, forget: () => void) {
    this.#channel = channel
    this.#id = id
    this.#forget = forget
  }

  send(message: unknown): void {
    if (!this.#live) return
    try {
      this.#channel.send(FrameType.message, this.#id, message)
    } catch (thrown) {
      this.end(asOvlError(thrown, "sending a message"))
    }
  }

  end(error?: OvlError): void {
    if (!this.#live) return
    this.#channel.send(FrameType.end, this.#id, error === undefined ? undefined : errorToWire(error))
    this.over()
  }

  onClose(callback: () => void): void {
    if (this.#live) this.#onClose.push(callback)
    else callback()
  }

  /** The subscription is over, with nothing more to say to the other side. */
  over(): void {
    if (!this.#live) return
    this.#live = false
    this.#forget()
    for (const callback of this.#onClose.splice(0)) callback()
  }
}

/** What a node hears that was removed: at connect, or when it is cut off. */
export function notMember(peer: PeerIdentity): OvlError {
  return new OvlError("not_member", `node ${peer.name}: it is no member of the cluster any more`, {
    kind: "forbidden",
    hint: "it was removed or has left; join it again with a new token and an empty data directory",
  })
}
