/**
 * Names for the workloads of this node: each network that has an endpoint here is listened to on its gateway addresses,
 * from the first endpoint to the last, and anew when its hidden namespace is another one. Answers come straight from the
 * catalog, which holds a change at the moment when the kernel is told of it.
 */
import type { Clock } from "../base/clock.ts"
import { asOvlError } from "../base/errors.ts"
import { DNS_LISTEN_RETRY_MS, DNS_TROUBLE_AFTER_MS } from "../base/limits.ts"
import type { Log } from "../base/log.ts"
import { gauge, type Measure } from "../base/measures.ts"
import type { Random } from "../base/random.ts"
import { answerMessage } from "../dns/answer.ts"
import { DnsCounts } from "../dns/counts.ts"
import { Forwarder, type Upstreams } from "../dns/forward.ts"
import { Names } from "../dns/names.ts"
import type { Kernel } from "../kernel/port.ts"
import type { Catalog, ChangeBatch } from "../model/catalog.ts"
import { hiddenNamespace } from "../model/dataplane.ts"
import type { Problem } from "../model/node.ts"
import type { Answering, Listen } from "./names-listener.ts"

export interface NameServersOptions {
  catalog: Catalog
  nodeId: string
  kernel: Pick<Kernel, "identify">
  /** The networks that stand in this node's kernel. */
  localNetworks: () => Iterable<string>
  /** Null: nobody asks. */
  listen: Listen | null
  upstreams: Upstreams
  clock: Clock
  random: Random
  log: Log
}

interface Trouble {
  /** Of the monotonic clock. */
  since: number
  address: string
  why: string
}

/** One network that is listened to. */
interface Served {
  /** The hidden namespace itself, not its path. */
  namespace: string
  /** Gateway addresses that are listened on, or are about to be. */
  listeners: Map<string, { close: () => void }>
}

export class NameServers {
  readonly #o: NameServersOptions
  readonly #names: Names
  readonly #forwarder: Forwarder
  readonly #served = new Map<string, Served>()
  /** Where it cannot be listened just now, and why; by network. What only takes a moment is no trouble yet. */
  readonly #troubles = new Map<string, Trouble>()
  readonly #counts = new DnsCounts()
  #cancelRetry: (() => void) | null = null
  #closed = false

  constructor(options: NameServersOptions) {
    this.#o = options
    this.#names = new Names(options.catalog, options.nodeId)
    this.#forwarder = new Forwarder(options)
  }

  /** Networks whose names nobody is told just now. */
  problems(): Problem[] {
    const now = this.#o.clock.monotonic()
    return [...this.#troubles].flatMap(([id, { since, address, why }]) => {
      if (now - since < DNS_TROUBLE_AFTER_MS) return []
      const name = this.#o.catalog.networks.get(id)?.name ?? id
      return [
        {
          code: "names_not_served",
          message: `network ${name}: its workloads here get no answers about names: cannot listen on ${address}: ${why}`,
          hint: "ovl tries again by itself; see the daemon's log",
          level: "error",
        },
      ]
    })
  }

  measures(): Measure[] {
    return [
      ...this.#counts.measures(),
      gauge("ovl_dns_networks", "Networks whose names are served here", this.#served.size),
    ]
  }

  /** After the kernel has followed a batch of changes. */
  follow(batch: ChangeBatch): void {
    this.#names.follow(batch)
    this.networksChanged()
  }

  /** Networks may have come to stand in the kernel, or be gone. */
  networksChanged(): void {
    if (this.#closed) return
    const local = new Set(this.#o.localNetworks())
    for (const id of this.#served.keys()) if (!local.has(id)) this.#stop(id)
    for (const id of local) if (!this.#served.has(id)) this.#serve(id)
  }

  /** As `networksChanged`; and whether each hidden namespace is still the one that is listened in. */
  check(): void {
    for (const [id, { namespace }] of this.#served) if (this.#identify(id) !== namespace) this.#stop(id)
    this.networksChanged()
  }

  close(): void {
    this.#closed = true
    this.#cancelRetry?.()
    this.#forwarder.close()
    for (const id of [...this.#served.keys()]) this.#stop(id)
  }

  #serve(networkId: string): void {
    const network = this.#o.catalog.networks.get(networkId)
    const namespace = this.#identify(networkId)
    // A namespace that is not there will be made, and this is called then.
    if (!network || namespace === null || this.#o.listen === null) return
    const served: Served = { namespace, listeners: new Map() }
    this.#served.set(networkId, served)
    this.#names.open(networkId)
    for (const { gateway } of network.subnets) void this.#listen(this.#o.listen, networkId, served, gateway)
  }

  #identify(networkId: string): string | null {
    try {
      return this.#o.kernel.identify(hiddenNamespace(networkId))
    } catch (error) {
      this.#o.log.warn("cannot tell which namespace it is", { network: networkId, why: asOvlError(error).message })
      return null
    }
  }

  #stop(networkId: string): void {
    for (const listener of this.#served.get(networkId)?.listeners.values() ?? []) listener.close()
    this.#served.delete(networkId)
    this.#names.close(networkId)
    this.#troubles.delete(networkId)
  }

  async #listen(listen: Listen, networkId: string, served: Served, address: string): Promise<void> {
    const { clock, log } = this.#o
    // What is about to be opened is closed as soon as it is open, if that was asked for meanwhile.
    let wanted = true
    const giveUp = () => {
      wanted = false
    }
    served.listeners.set(address, { close: giveUp })
    try {
      const netns = hiddenNamespace(networkId)
      const listener = await listen({ netns, address, answer: this.#answering(networkId), clock })
      if (!wanted) return listener.close()
      served.listeners.set(address, listener)
      if (this.#troubles.get(networkId)?.address === address) this.#troubles.delete(networkId)
    } catch (error) {
      served.listeners.delete(address)
      if (!wanted) return
      const why = asOvlError(error).message
      const trouble = this.#troubles.get(networkId)
      if (!trouble) log.warn("cannot serve names yet", { network: networkId, address, why })
      this.#troubles.set(networkId, { since: trouble?.since ?? clock.monotonic(), address, why })
      this.#retrySoon(listen)
    }
  }

  /** The gateway's address may not be there yet, or not be usable: IPv6 looks first whether anybody else has it. */
  #retrySoon(listen: Listen): void {
    if (this.#closed) return
    this.#cancelRetry ??= this.#o.clock.after(DNS_LISTEN_RETRY_MS, () => {
      this.#cancelRetry = null
      for (const [id, served] of this.#served)
        for (const { gateway } of this.#o.catalog.networks.get(id)?.subnets ?? [])
          if (!served.listeners.has(gateway)) void this.#listen(listen, id, served, gateway)
    })
  }

  #answering(networkId: string): Answering {
    return (address, message, way, reply) => {
      const counted = (bytes: Uint8Array) => {
        this.#counts.answered(way, bytes, "forward" in outcome)
        reply(bytes)
      }
      const outcome = answerMessage(this.#names, networkId, address, message, way)
      if ("forward" in outcome) this.#forwarder.forward(outcome.forward, `${networkId}/${address}`, way, counted)
      else if (outcome.reply !== null) counted(outcome.reply)
      else this.#counts.unanswerable(way)
    }
  }
}
