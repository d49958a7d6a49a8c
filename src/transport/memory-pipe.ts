/** Two wires tied end to end in one process. What one end writes the other gets, later and in order, unless frozen. */
import type { OvlError } from "../base/errors.ts"
import type { Wire } from "./channel.ts"

/** The hand of whoever owns the network on one connection. */
export interface Pipe {
  /** Holds everything back, ends too: neither side notices. */
  freeze(): void
  thaw(): void
  /** Breaks it now; what was on its way is lost. */
  cut(): void
}

interface Sent {
  bytes: Uint8Array
  onWritten: () => void
}

type Schedule = (callback: () => void) => void

/** The wire of the side that dialled `address`, that of the side reached, and the hand on both. */
export function pipePair(address: string, from: string, schedule: Schedule): [PipeEnd, PipeEnd, Pipe] {
  const near = new PipeEnd(address, schedule)
  const far = new PipeEnd(from, schedule)
  near.tie(far)
  far.tie(near)
  const both = [near, far]
  return [
    near,
    far,
    {
      freeze: () => both.forEach((end) => void end.freeze()),
      thaw: () => both.forEach((end) => void end.thaw()),
      cut: () => both.forEach((end) => void end.lose()),
    },
  ]
}

export class PipeEnd implements Wire {
  readonly address: string
  readonly #schedule: Schedule
  #other: PipeEnd = this
  /** What has been written for this end and not yet been delivered; null stands for the end. */
  #inbox: (Sent | null)[] = []
  #inboxBytes = 0
  #pumping = false
  #frozen = false
  #ending = false
  #gone = false
  #onBytes: ((bytes: Uint8Array) => void) | null = null
  readonly #onGone: ((error?: OvlError) => void)[] = []

  constructor(address: string, schedule: Schedule) {
    this.address = address
    this.#schedule = schedule
  }

  tie(other: PipeEnd): void {
    this.#other = other
  }

  write(bytes: Uint8Array, onWritten: () => void): void {
    if (!this.#gone && !this.#ending) this.#other.#take({ bytes, onWritten })
  }

  pendingBytes(): number {
    return this.#other.#inboxBytes
  }

  end(): void {
    if (this.#gone || this.#ending) return
    this.#ending = true
    this.#other.#take(null)
  }

  destroy(): void {
    if (this.#gone) return
    this.#other.#drop()
    this.#other.#take(null)
    this.lose()
  }

  soon(callback: () => void): void {
    this.#schedule(callback)
  }

  attach(onBytes: (bytes: Uint8Array) => void, onGone: (error?: OvlError) => void): void {
    this.#onBytes = onBytes
    this.onGone(onGone)
    this.#pump()
  }

  /** Calls back when this end is gone, at once when it already is. */
  onGone(callback: () => void): void {
    if (this.#gone) callback()
    else this.#onGone.push(callback)
  }

  freeze(): void {
    this.#frozen = true
  }

  thaw(): void {
    this.#frozen = false
    this.#pump()
  }

  /** This end is gone; the other is not told. */
  lose(): void {
    if (this.#gone) return
    this.#gone = true
    this.#drop()
    this.#schedule(() => {
      for (const callback of this.#onGone.splice(0)) callback()
    })
  }

  #take(item: Sent | null): void {
    if (this.#gone) return
    this.#inbox.push(item)
    this.#inboxBytes += item?.bytes.length ?? 0
    this.#pump()
  }

  #drop(): void {
    this.#inbox = []
    this.#inboxBytes = 0
  }

  /** Delivers one piece a turn. */
  #pump(): void {
    if (this.#pumping || this.#inbox.length === 0) return
    this.#pumping = true
    this.#schedule(() => {
      this.#pumping = false
      if (this.#frozen || this.#onBytes === null) return
      const item = this.#inbox.shift()
      if (item === undefined) return
      this.#inboxBytes -= item?.bytes.length ?? 0
      if (item === null) this.#ended()
      else this.#deliver(item)
      this.#pump()
    })
  }

  #deliver({ bytes, onWritten }: Sent): void {
    onWritten()
    this.#onBytes?.(bytes)
  }

  /** The other side has ended: as with TLS sockets, this one then ends too. */
  #ended(): void {
    this.end()
    this.lose()
  }
}
