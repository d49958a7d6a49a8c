/**
 * The gate in front of a listener: how many strangers - connections that have not shown a valid certificate, handshakes
 * in progress included - may stand there at once, and for how long. When it is full the oldest has to go: refusing the
 * newest would let anyone shut the nodes out with a handful of silent connections.
 */
import type { Clock } from "../base/clock.ts"

export interface GateOptions {
  maxStrangers: number
  timeoutMs: number
  clock: Clock
}

/** Why a stranger has to go. */
export type GateReason = "full" | "timeout"

export class Gate {
  readonly #options: GateOptions
  readonly #strangers = new Map<symbol, { dismiss: (why: GateReason) => void; cancelTimer: () => void }>()

  constructor(options: GateOptions) {
    this.#options = options
  }

  /** Lets a stranger stand. `dismiss` is called when it has to go; the function returned says it is none any more. */
  admit(dismiss: (why: GateReason) => void): () => void {
    const oldest = this.#strangers.keys().next().value
    if (oldest !== undefined && this.#strangers.size >= this.#options.maxStrangers) this.#dismiss(oldest, "full")
    const key = Symbol("stranger")
    const cancelTimer = this.#options.clock.after(this.#options.timeoutMs, () => this.#dismiss(key, "timeout"))
    this.#strangers.set(key, { dismiss, cancelTimer })
    return () => this.#forget(key)
  }

  #dismiss(key: symbol, why: GateReason): void {
    const stranger = this.#strangers.get(key)
    this.#forget(key)
    stranger?.dismiss(why)
  }

  #forget(key: symbol): void {
    this.#strangers.get(key)?.cancelTimer()
    this.#strangers.delete(key)
  }
}
