/**
 * Looks at what passes an interface of the lab, and finds marks in it: words that a check wrote into its own frames, so
 * that it sees what became of them whatever else is going on.
 */
import { LAB_ANSWER_TIMEOUT_MS, LAB_CAPTURE_MAX_FRAMES, LAB_SETTLE_MS } from "../../base/limits.ts"
import { type Frame, PacketSocket } from "../../linux/packet.ts"

const LOOK_EVERY_MS = 2

export class Tap {
  /** Whose interface it is. */
  readonly where: string
  readonly frames: Frame[] = []
  readonly #socket: PacketSocket

  constructor(where: string, namespace: string, device: string) {
    this.where = where
    this.#socket = PacketSocket.open({ namespace, device, promiscuous: true })
  }

  /** Puts a frame on the wire; this tap does not see it itself. */
  send(frame: Uint8Array): void {
    this.#socket.send(frame)
  }

  /** Reads what has come since. */
  read(): void {
    for (const frame of this.#socket.drain(LAB_CAPTURE_MAX_FRAMES - this.frames.length)) this.frames.push(frame)
  }

  /** True if a frame with this mark came in by the interface. */
  received(mark: string): boolean {
    return this.frames.some((frame) => !frame.outgoing && hasMark(frame.bytes, mark))
  }

  /** True if one went in or out. */
  passed(mark: string): boolean {
    return this.frames.some((frame) => hasMark(frame.bytes, mark))
  }

  [Symbol.dispose](): void {
    this.#socket.close()
  }
}

export function hasMark(bytes: Uint8Array, mark: string): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(mark)
}

/** Taps that are closed together. */
export class Taps {
  readonly #all: Tap[] = []

  open(where: string, namespace: string, device: string): Tap {
    const tap = new Tap(where, namespace, device)
    this.#all.push(tap)
    return tap
  }

  /**
   * Looks on until everything that should come has come, or LAB_ANSWER_TIMEOUT_MS are over; then for a moment more,
   * for what should not come: it was sent before.
   */
  async watch(hasCome: () => boolean): Promise<void> {
    const until = performance.now() + LAB_ANSWER_TIMEOUT_MS
    this.#read()
    while (!hasCome() && performance.now() < until) {
      await Bun.sleep(LOOK_EVERY_MS)
      this.#read()
    }
    await Bun.sleep(LAB_SETTLE_MS)
    this.#read()
  }

  #read(): void {
    for (const tap of this.#all) tap.read()
  }

  [Symbol.dispose](): void {
    for (const tap of this.#all) tap[Symbol.dispose]()
  }
}

/** Marks that nobody else writes: `ovl-verify/<random>/<check>/<name>/`. */
export function newMarks(check: string): (name: string) => string {
  const nonce = crypto.randomUUID().slice(0, 8)
  return (name) => `ovl-verify/${nonce}/${check}/${name}/`
}
