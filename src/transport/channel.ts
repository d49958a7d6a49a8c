/**
 * Frames over a wire, the part that both sides and both transports share: gathering what is sent in one turn into one
 * write, the bound on what a slow peer lets pile up, the sign of life in both directions, and an end that says why.
 */
import { assert } from "../base/assert.ts"
import type { Clock } from "../base/clock.ts"
import { asOvlError, OvlError } from "../base/errors.ts"
import { encodeFrame, type Frame, FrameDecoder, FrameType } from "./frames.ts"
import type { PeerLimits } from "./port.ts"
import { errorFromWire, errorToWire, peerClosed } from "./wire-errors.ts"

/** A two-way stream of bytes: a TLS socket, or a pipe inside this process. */
export interface Wire {
  /** For messages: `host:port`. */
  readonly address: string
  /** Calls back, later, when the bytes have gone out; never when they were lost. */
  write(bytes: Uint8Array, onWritten: () => void): void
  /** Bytes written that have not gone out yet. */
  pendingBytes(): number
  /** Closes after what was written has gone out. */
  end(): void
  /** Closes now. */
  destroy(): void
  /** Runs the callback very soon, after what is going on now: what is sent until then goes out as one write. */
  soon(callback: () => void): void
  /** Called once. `onGone` comes exactly once, at once if the wire is gone already. */
  attach(onBytes: (bytes: Uint8Array) => void, onGone: (error?: OvlError) => void): void
}

export interface ChannelOptions {
  limits: PeerLimits
  clock: Clock
  /** The largest frame to accept; what is sent may always have `limits.frameMaxBytes`. */
  receiveMaxBytes: number
  onFrame: (frame: Frame) => void
  /** The conversation is over. Called once; without an error when this side closed it on purpose. */
  onClosed: (error?: OvlError) => void
}

export class Channel {
  readonly #wire: Wire
  readonly #options: ChannelOptions
  readonly #decoder: FrameDecoder
  #outgoing: Uint8Array[] = []
  #outgoingBytes = 0
  #sentSinceTick = false
  #heardSinceTick = true
  #silentTicks = 0
  #closed = false
  #gone = false
  readonly #onGone: (() => void)[] = []
  #keepAliveMs: number
  #onDrain: () => void = () => {}
  #cancelTick: () => void = () => {}
  #cancelEnd: () => void = () => {}

  constructor(wire: Wire, options: ChannelOptions) {
    this.#wire = wire
    this.#options = options
    this.#keepAliveMs = options.limits.keepAliveMs
    this.#decoder = new FrameDecoder(options.receiveMaxBytes)
    this.#scheduleTick()
    wire.attach(
      (bytes) => this.#receive(bytes),
      (error) => this.#wireGone(error),
    )
  }

  get closed(): boolean {
    return this.#closed
  }

  get address(): string {
    return this.#wire.address
  }

  /**
   * Sends one frame; after the end of the conversation it does nothing. Throws `frame_too_large`, with nothing sent.
   * A peer that is too far behind is cut off.
   */
  send(type: FrameType, id: number, value: unknown): void {
    if (this.#closed) return
    const frame = encodeFrame(type, id, value, this.#options.limits.frameMaxBytes)
    if (this.#outgoing.length === 0) this.#wire.soon(() => this.flush())
    this.#outgoing.push(frame)
    this.#outgoingBytes += frame.length
    this.#sentSinceTick = true
    const waiting = this.pendingBytes()
    if (waiting > this.#options.limits.queueMaxBytes) this.#cutOff(waiting)
  }

  /** Bytes sent that have not gone out yet. */
  pendingBytes(): number {
    return this.#closed ? 0 : this.#outgoingBytes + this.#wire.pendingBytes()
  }

  /** Calls back each time that nothing is pending any more after something was. */
  onDrain(callback: () => void): void {
    this.#onDrain = callback
  }

  /** Gives a sign of life more often than by default, because the other side asked for it. Never less often. */
  keepAliveEvery(ms: number): void {
    if (ms >= this.#keepAliveMs || this.#closed) return
    this.#keepAliveMs = ms
    this.#cancelTick()
    this.#scheduleTick()
  }

  /** Ends the conversation; the other side is told the error when there is one, or that we are closing. */
  close(error?: OvlError): void {
    if (this.#closed) return
    this.send(FrameType.goodbye, 0, error === undefined ? undefined : errorToWire(error))
    this.flush()
    this.#wire.end()
    if (!this.#gone) {
      const { clock, limits } = this.#options
      this.#cancelEnd = clock.after(limits.closeTimeoutMs, () => this.#wire.destroy())
    }
    this.#finish(error)
  }

  /** Calls back once the wire itself is gone too, at once when it already is. */
  onGone(callback: () => void): void {
    if (this.#gone) callback()
    else this.#onGone.push(callback)
  }

  /** Writes what was sent, instead of a little later together with what may follow. */
  flush(): void {
    if (this.#outgoing.length === 0) return
    const [first] = this.#outgoing
    assert(first !== undefined, "a queue that is not empty has a first frame")
    const bytes = this.#outgoing.length === 1 ? first : Buffer.concat(this.#outgoing, this.#outgoingBytes)
    this.#outgoing = []
    this.#outgoingBytes = 0
    if (!this.#gone) this.#wire.write(bytes, () => this.#written())
  }

  #written(): void {
    if (!this.#closed && this.pendingBytes() === 0) this.#onDrain()
  }

  #receive(bytes: Uint8Array): void {
    if (this.#closed) return
    this.#heardSinceTick = true
    let frames: Frame[]
    try {
      frames = this.#decoder.push(bytes)
    } catch (error) {
      this.close(asOvlError(error, "reading a message"))
      return
    }
    for (const frame of frames) {
      if (this.#closed) return
      if (frame.type === FrameType.goodbye) this.#goodbye(frame.body)
      else if (frame.type !== FrameType.keepAlive) this.#options.onFrame(frame)
    }
  }

  #goodbye(body: unknown): void {
    const error = body === undefined ? peerClosed(this.address, "the other side closed") : errorFromWire(body)
    this.#finish(error)
    this.#wire.destroy()
  }

  #cutOff(waiting: number): void {
    const why = `the other side is too slow, ${waiting} bytes are waiting to be sent`
    const error = new OvlError("peer_too_slow", `talking to ${this.address}: ${why}`, {
      kind: "unavailable",
      hint: "look at the load and the network of that node",
    })
    this.#finish(error)
    this.#wire.destroy()
  }

  /**
   * A peer is dead when it was silent for several ticks of ours, not for a time: if this process was held up (stopped,
   * starved), one late tick must not condemn a peer whose bytes are still waiting to be read.
   */
  #tick(): void {
    this.#silentTicks = this.#heardSinceTick ? 0 : this.#silentTicks + 1
    if (this.#silentTicks >= this.#options.limits.silentKeepAlivesMax) {
      this.#finish(peerClosed(this.address, "nothing was heard from it for too long"))
      this.#wire.destroy()
      return
    }
    if (!this.#sentSinceTick) this.send(FrameType.keepAlive, 0, undefined)
    this.#heardSinceTick = false
    this.#sentSinceTick = false
    this.#scheduleTick()
  }

  #scheduleTick(): void {
    this.#cancelTick = this.#options.clock.after(this.#keepAliveMs, () => {
      if (!this.#closed) this.#tick()
    })
  }

  #wireGone(error?: OvlError): void {
    this.#gone = true
    this.#cancelEnd()
    this.#finish(error ?? peerClosed(this.address))
    for (const callback of this.#onGone.splice(0)) callback()
  }

  #finish(error?: OvlError): void {
    if (this.#closed) return
    this.#closed = true
    this.#cancelTick()
    this.#outgoing = []
    this.#outgoingBytes = 0
    this.#options.onClosed(error)
  }
}
