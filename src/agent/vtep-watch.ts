/**
 * This node's own address on the underlay, watched. One that is not there (yet) is waited for, and the status says so;
 * where the host was renumbered, the node takes the new address, tells the cluster, and all others follow.
 */
import type { Clock } from "../base/clock.ts"
import { asOvlError } from "../base/errors.ts"
import { VTEP_RETRY_MS, VTEP_SETTLE_MS } from "../base/limits.ts"
import type { Log } from "../base/log.ts"
import type { Kernel } from "../kernel/port.ts"
import type { HostFacts } from "../model/dataplane.ts"
import type { Problem } from "../model/node.ts"
import { deviceOf, successorOf } from "./vtep.ts"

export interface VtepWatchOptions {
  kernel: Pick<Kernel, "hostFacts">
  /** As asked for; null: the node has chosen by itself. */
  advertise: string | null
  /** The node's address now. */
  address: string
  clock: Clock
  log: Log
  /** The host has been renumbered: what is connected from the old address is of no use any more. */
  onRenumbered: () => void
  /** Tells the cluster, and writes it down. */
  report: (address: string) => Promise<void>
}

export class VtepWatch {
  readonly #o: VtepWatchOptions
  #address: string
  /** The device that has the address, or had it last; null: it was never seen. */
  #device: string | null = null
  #missing = false
  /** The cluster knows of the address. */
  #told = true
  #telling = false
  #cancelTimer: (() => void) | null = null
  #closed = false

  constructor(options: VtepWatchOptions) {
    this.#o = options
    this.#address = options.address
  }

  /** What is wrong just now, for the status. */
  problems(): Problem[] {
    if (!this.#missing) return []
    return [
      {
        code: "vtep_missing",
        message: `no interface of this host has this node's address, ${this.#address}: it waits for it`,
        hint: "give the host that address, or start the daemon with another --advertise",
        level: "error",
      },
    ]
  }

  /** To be called whenever the host's addresses may have changed. Never throws. */
  look(): void {
    if (this.#closed) return
    let facts: HostFacts
    try {
      facts = this.#o.kernel.hostFacts()
    } catch (error) {
      this.#o.log.warn("cannot look at this host's addresses", { why: asOvlError(error).message })
      return this.#again(VTEP_RETRY_MS)
    }
    const { advertise } = this.#o
    // What was asked for may come late: then it is what counts.
    if (advertise !== null && advertise !== this.#address && deviceOf(facts, advertise) !== null) this.#take(advertise)
    const device = deviceOf(facts, this.#address)
    if (device === null) return this.#lost(facts)
    if (this.#missing) this.#o.log.info("this node's address is there", { address: this.#address, device })
    this.#device = device
    this.#missing = false
    this.#tell()
  }

  close(): void {
    this.#closed = true
    this.#cancelTimer?.()
  }

  /** Whoever renumbers an interface takes one address away before, or after, it gives the other. */
  #lost(facts: HostFacts): void {
    if (!this.#missing) {
      this.#missing = true
      this.#o.log.warn("this host has lost this node's address", { address: this.#address })
      return this.#again(VTEP_SETTLE_MS)
    }
    const next = successorOf(facts, this.#address, this.#device)
    if (next === null) return this.#again(VTEP_RETRY_MS)
    this.#take(next)
    this.look()
  }

  #take(address: string): void {
    this.#o.log.info("this node has another address now", { before: this.#address, address })
    this.#address = address
    this.#told = false
    this.#o.onRenumbered()
  }

  #tell(): void {
    if (this.#told || this.#telling) return
    const address = this.#address
    this.#telling = true
    this.#o
      .report(address)
      .then(() => {
        this.#told = address === this.#address
      })
      .catch((error) =>
        this.#o.log.warn("cannot tell the cluster this node's address", { why: asOvlError(error).message }),
      )
      .finally(() => {
        this.#telling = false
        if (!this.#told) this.#again(VTEP_RETRY_MS)
      })
  }

  #again(ms: number): void {
    this.#cancelTimer?.()
    if (this.#closed) return
    this.#cancelTimer = this.#o.clock.after(ms, () => this.look())
  }
}
