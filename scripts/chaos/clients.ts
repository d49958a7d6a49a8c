/**
 * Clients of the store: each asks for one thing after another, through whichever node, and takes what comes. Every
 * value is written once, and a key is in use by a few clients for a few seconds, so that the judge has short searches.
 */
import type { KvCall } from "../linearize/kv.ts"
import { CALM_TIMEOUT_MS, eventually } from "./eventually.ts"
import { HttpConnection, NoAnswer } from "./http.ts"
import type { HistoryRecorder } from "./recorder.ts"
import type { Consistency, Dialect, Form, Outcome, StoreRequest } from "./request.ts"
import type { Seeded } from "./seeded.ts"
import type { Entrance } from "./topology.ts"

/** Longer than any node should take; one that is stopped does. */
export const REQUEST_TIMEOUT_MS = 5_000
const CLIENTS_PER_GROUP = 3
const KEYS_PER_GROUP = 4
const KEY_LIFE_MS = 5_000
const PAUSE_MAX_MS = 25
/** After a failure: a node that is away must not be asked a thousand times a second. */
const FAILURE_PAUSE_MS = 50
/** How often a client goes to the node that it went to before. */
const STAY_SHARE = 0.6

export interface ClientsOptions {
  dialect: Dialect
  entrances: readonly Entrance[]
  recorder: HistoryRecorder
  random: Seeded
  count: number
}

export class Clients {
  readonly #clients: Client[]
  readonly #running: Promise<void>[]
  #stopped = false

  constructor(options: ClientsOptions) {
    const started = performance.now()
    const generation = () => Math.floor((performance.now() - started) / KEY_LIFE_MS)
    this.#clients = Array.from({ length: options.count }, (_, number) => new Client(options, number, generation))
    this.#running = this.#clients.map((client) => client.run(() => this.#stopped))
  }

  /** No further requests; resolves when those under way have ended. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#running)
  }
}

class Client {
  readonly #options: ClientsOptions
  readonly #name: string
  readonly #group: number
  readonly #random: Seeded
  readonly #generation: () => number
  readonly #connections = new Map<Entrance, HttpConnection>()
  /** What it last knew of a key's revision. */
  readonly #revisions = new Map<string, number>()
  #entrance: Entrance
  #values = 0

  constructor(options: ClientsOptions, number: number, generation: () => number) {
    this.#options = options
    this.#name = `client-${number}`
    this.#group = Math.floor(number / CLIENTS_PER_GROUP)
    this.#random = options.random.fork(this.#name)
    this.#generation = generation
    this.#entrance = options.entrances[number % options.entrances.length]!
  }

  async run(isStopped: () => boolean): Promise<void> {
    while (!isStopped()) {
      if (this.#random.next() > STAY_SHARE) this.#entrance = this.#random.pick(this.#options.entrances)
      const request = this.#nextRequest()
      const answered = request.consistency === "stale" ? await this.#askStale(request) : await this.#ask(request)
      if (!answered) this.#entrance = this.#random.pick(this.#options.entrances)
      await Bun.sleep(answered ? this.#random.whole(0, PAUSE_MAX_MS) : FAILURE_PAUSE_MS)
    }
    for (const connection of this.#connections.values()) connection.close()
  }

  #nextRequest(): StoreRequest {
    const generation = this.#generation()
    const form = this.#random.weighted<Form>({ plain: 6, transaction: 3, pair: 1 })
    const kind = form === "pair" ? "pair" : "key"
    const key = `chaos/${generation}/${this.#group}/${kind}${this.#random.whole(1, KEYS_PER_GROUP)}`
    return { call: this.#nextCall(key, form), form, consistency: this.#nextConsistency(form) }
  }

  #nextCall(key: string, form: Form): KvCall {
    const op = this.#random.weighted({ get: 50, put: 25, cas: 20, delete: 5 })
    // A deleted key shows no revision, and of a pair both halves have to show the same.
    if (op === "get" || (op === "delete" && form === "pair")) return { op: "get", key }
    if (op === "delete") return { op, key }
    const value = `${this.#name}.${++this.#values}`
    if (op === "put" || form === "pair") return { op: "put", key, value }
    return { op, key, expected: this.#revisions.get(key) ?? 0, value }
  }

  #nextConsistency(form: Form): Consistency {
    const weights: Partial<Record<Consistency, number>> =
      form === "plain" ? { default: 4, consistent: 3, stale: 3 } : { default: 1, consistent: 1 }
    return this.#random.weighted(weights)
  }

  /** Whether there was an answer. */
  async #ask(request: StoreRequest): Promise<boolean> {
    const { recorder } = this.#options
    const { call } = request
    const entrance = this.#entrance
    const outcome = await this.#send(request, () => recorder.invoke(this.#name, call, request.form === "pair"))
    recorder.outcome(this.#name, outcome, entrance.source)
    if (outcome.type === "ok") this.#remember(call.key, outcome.answer.revision, outcome.answer.value === null)
    return outcome.type === "ok"
  }

  async #askStale(request: StoreRequest): Promise<boolean> {
    if (request.call.op !== "get") return this.#ask({ ...request, consistency: "default" })
    const { recorder } = this.#options
    const { key } = request.call
    const { source } = this.#entrance
    const invokedAt = recorder.line
    const outcome = await this.#send(request, () => {})
    if (outcome.type !== "ok") return false
    // Begun in one life of the process and answered in another: there is nothing to hold it against.
    if (source !== this.#entrance.source) return true
    const { value = null, revision = null } = outcome.answer
    recorder.staleRead({ source, key, value, revision, index: outcome.index, invokedAt, returnedAt: recorder.line })
    return true
  }

  async #send(request: StoreRequest, onSend: () => void): Promise<Outcome> {
    const { dialect } = this.#options
    onSend()
    try {
      const answer = await this.#connection().request(dialect.encode(request), REQUEST_TIMEOUT_MS)
      return dialect.decode(request, answer)
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
      // A read that was not answered says nothing, whatever came of it.
      const isLost = error.mayHaveHappened && request.call.op !== "get"
      return { type: isLost ? "info" : "fail", note: error.message }
    }
  }

  #connection(): HttpConnection {
    const known = this.#connections.get(this.#entrance)
    if (known !== undefined) return known
    const connection = new HttpConnection(this.#entrance.place)
    this.#connections.set(this.#entrance, connection)
    return connection
  }

  #remember(key: string, revision: number | undefined, isGone: boolean): void {
    if (isGone) this.#revisions.delete(key)
    else if (revision !== undefined) this.#revisions.set(key, revision)
  }
}

/** Reads each key once more when all is well again: what was acknowledged and is lost has no place before this. */
export async function readAll(options: Omit<ClientsOptions, "count" | "random">): Promise<void> {
  const { entrances, recorder } = options
  const connections = entrances.map((entrance) => new HttpConnection(entrance.place))
  const keys = [...recorder.keys].map((key) => ({ key, form: "plain" as Form }))
  const pairs = [...recorder.pairs].map((key) => ({ key, form: "pair" as Form }))
  let turn = 0
  for (const { key, form } of [...keys, ...pairs]) {
    const request: StoreRequest = { call: { op: "get", key }, form, consistency: "consistent" }
    const read = () => readLast(options, request, connections, turn++ % entrances.length)
    await eventually(`${key} is read at the end`, read, CALM_TIMEOUT_MS)
  }
  for (const connection of connections) connection.close()
}

/** Whether it was answered. */
async function readLast(
  { dialect, entrances, recorder }: Omit<ClientsOptions, "count" | "random">,
  request: StoreRequest,
  connections: readonly HttpConnection[],
  at: number,
): Promise<boolean> {
  recorder.invoke("last-reader", request.call, request.form === "pair")
  const outcome = await connections[at]!.request(dialect.encode(request), REQUEST_TIMEOUT_MS).then(
    (answer) => dialect.decode(request, answer),
    (error: Error): Outcome => ({ type: "fail", note: error.message }),
  )
  recorder.outcome("last-reader", outcome, entrances[at]!.source)
  return outcome.type === "ok"
}
