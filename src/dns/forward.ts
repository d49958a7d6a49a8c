/**
 * Questions for others, passed on to the host's resolvers: one after the other is asked, each time under a new id and
 * from a new port, until one gives an answer that is worth having. Whoever asks hears something in time, even if no
 * resolver answers; and when they have been silent, sooner.
 */
import type { Clock } from "../base/clock.ts"
import {
  DNS_FAILURE_KEPT_MS,
  DNS_FAILURES_MAX,
  DNS_FORWARD_ASKS_MAX,
  DNS_FORWARD_LISTEN_MS,
  DNS_FORWARD_NEXT_MS,
  DNS_FORWARD_SILENT_MS,
  DNS_FORWARD_TIMEOUT_MS,
  DNS_FORWARDS_MAX,
  DNS_FORWARDS_PER_CLIENT_MAX,
} from "../base/limits.ts"
import type { Random } from "../base/random.ts"
import { replyLimit, replyTo, type Way } from "./answer.ts"
import { answeredCode, passOn, type Query, RCODE, writeUpstreamQuery } from "./message.ts"

/** How the host's resolvers are reached. */
export interface Upstreams {
  /** Their addresses, in the order of preference. */
  servers(): readonly string[]
  /**
   * Sends one message. `heard` is told each message that comes back, and null when none can come any more; it is never
   * called from within `ask`. The returned function ends it. Never throws.
   */
  ask(server: string, message: Uint8Array, way: Way, heard: (message: Uint8Array | null) => void): () => void
}

export interface ForwarderOptions {
  upstreams: Upstreams
  clock: Clock
  random: Random
}

export class Forwarder {
  readonly #o: ForwarderOptions
  readonly #open = new Set<Exchange>()
  readonly #perClient = new Map<string, number>()
  /** Resolvers that have been asked and have not said a word since. */
  readonly #silent = new Set<string>()
  /** When each was last heard. */
  readonly #heardAt = new Map<string, number>()
  /** Until when a client's question that nobody answered fails at once: the C library asks again and again. */
  readonly #failures = new Map<string, number>()

  constructor(options: ForwarderOptions) {
    this.#o = options
  }

  /** Asks others; `reply` is called once, at once where nobody can be asked. `client` says whose question it is. */
  forward(query: Query, client: string, way: Way, reply: (message: Uint8Array) => void): void {
    const { clock } = this.#o
    const held = this.#perClient.get(client) ?? 0
    const servers = this.#inOrder()
    const key = `${client} ${way} ${Buffer.from(query.question).toString("latin1")}`
    const isBusy = this.#open.size >= DNS_FORWARDS_MAX || held >= DNS_FORWARDS_PER_CLIENT_MAX
    if (isBusy || servers.length === 0 || (this.#failures.get(key) ?? 0) > clock.monotonic())
      return reply(replyTo(query, way, RCODE.serverFailure))
    this.#perClient.set(client, held + 1)
    const exchange = new Exchange({
      ...this.#o,
      query,
      way,
      servers,
      patienceMs: servers.every((server) => this.#silent.has(server)) ? DNS_FORWARD_SILENT_MS : DNS_FORWARD_TIMEOUT_MS,
      reply,
      spoke: (server) => {
        this.#silent.delete(server)
        this.#heardAt.set(server, clock.monotonic())
        this.#failures.delete(key)
      },
      failed: (silent) => {
        for (const [server, since] of silent)
          if ((this.#heardAt.get(server) ?? Number.NEGATIVE_INFINITY) < since) this.#silent.add(server)
        this.#noteFailure(key)
      },
      ended: () => {
        this.#open.delete(exchange)
        const rest = (this.#perClient.get(client) ?? 1) - 1
        if (rest > 0) this.#perClient.set(client, rest)
        else this.#perClient.delete(client)
      },
    })
    this.#open.add(exchange)
    exchange.start()
  }

  /** How many questions are under way. */
  get size(): number {
    return this.#open.size
  }

  /** Ends all of them, without answers. */
  close(): void {
    for (const exchange of [...this.#open]) exchange.end()
  }

  #noteFailure(key: string): void {
    this.#failures.delete(key)
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size < DNS_FAILURES_MAX) break
      this.#failures.delete(oldest)
    }
    this.#failures.set(key, this.#o.clock.monotonic() + DNS_FAILURE_KEPT_MS)
  }

  /** Those that were heard of lately come first. */
  #inOrder(): string[] {
    const servers = this.#o.upstreams.servers()
    for (const server of this.#silent) if (!servers.includes(server)) this.#silent.delete(server)
    for (const server of this.#heardAt.keys()) if (!servers.includes(server)) this.#heardAt.delete(server)
    return [...servers.filter((each) => !this.#silent.has(each)), ...servers.filter((each) => this.#silent.has(each))]
  }
}

interface ExchangeOptions extends ForwarderOptions {
  query: Query
  way: Way
  servers: readonly string[]
  /** How long the client waits. */
  patienceMs: number
  reply: (message: Uint8Array) => void
  spoke: (server: string) => void
  /** The client waits no longer; nothing was heard of these since they were asked. */
  failed: (silent: ReadonlyMap<string, number>) => void
  ended: () => void
}

/** One question on its way through the resolvers. */
class Exchange {
  readonly #o: ExchangeOptions
  readonly #cancels: (() => void)[] = []
  /** Asked for the first time when, and nothing heard yet. */
  readonly #waitingFor = new Map<string, number>()
  /** Those that cannot help. */
  readonly #failed = new Set<string>()
  readonly #asked: string[] = []
  #replied = false
  #ended = false
  #cancelNext: () => void = () => {}

  constructor(options: ExchangeOptions) {
    this.#o = options
  }

  start(): void {
    const { clock, patienceMs } = this.#o
    this.#cancels.push(clock.after(patienceMs, () => this.#giveUp()))
    this.#cancels.push(clock.after(DNS_FORWARD_LISTEN_MS, () => this.end()))
    this.#askNext()
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#cancelNext()
    for (const cancel of this.#cancels) cancel()
    this.#o.ended()
  }

  #askNext(): void {
    this.#cancelNext()
    const { servers, query, way, upstreams, clock, random } = this.#o
    // The one that was asked least often, in the order of preference.
    const times = (server: string) => this.#asked.filter((each) => each === server).length
    const [server] = servers.filter((each) => !this.#failed.has(each)).sort((a, b) => times(a) - times(b))
    if (server === undefined) return this.#fail()
    if (this.#asked.length >= DNS_FORWARD_ASKS_MAX) return
    this.#asked.push(server)
    if (!this.#waitingFor.has(server)) this.#waitingFor.set(server, clock.monotonic())
    const [high = 0, low = 0] = random.bytes(2)
    const id = (high << 8) | low
    const heard = (message: Uint8Array | null) => this.#heard(server, id, message)
    this.#cancels.push(upstreams.ask(server, writeUpstreamQuery(query, id), way, heard))
    this.#cancelNext = clock.after(DNS_FORWARD_NEXT_MS, () => this.#askNext())
  }

  #heard(server: string, id: number, message: Uint8Array | null): void {
    if (this.#ended) return
    const { query, way, spoke, reply } = this.#o
    const rcode = message === null ? RCODE.serverFailure : answeredCode(query, id, message)
    // Whoever sent it did not see the question.
    if (rcode === null) return
    this.#waitingFor.delete(server)
    if (message !== null) spoke(server)
    if (message !== null && rcode !== RCODE.serverFailure && rcode !== RCODE.refused) {
      if (!this.#replied) reply(passOn(query, message, replyLimit(query, way)))
      this.#replied = true
      return this.end()
    }
    this.#failed.add(server)
    this.#askNext()
  }

  #giveUp(): void {
    this.#o.failed(this.#waitingFor)
    this.#sayFailed()
  }

  #fail(): void {
    this.#sayFailed()
    this.end()
  }

  #sayFailed(): void {
    const { query, way, reply } = this.#o
    if (!this.#replied) reply(replyTo(query, way, RCODE.serverFailure))
    this.#replied = true
  }
}
