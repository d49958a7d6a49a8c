/**
 * The key-value store and its snapshots, over Consul's own paths: what `ovl kv` and `ovl snapshot` are made of. Values
 * are bytes, flags exact, and every reading answer comes with the index by which a later call can wait for a change.
 */
import type { OvlError } from "../base/errors.ts"
import { bodyOf, chunksOf, type DaemonAddress, type Question, send } from "./connection.ts"
import { consulError } from "./consul-error.ts"
import { exactNumber, type KvEntry, parseEntries } from "./kv-json.ts"

export type { KvEntry } from "./kv-json.ts"

/** With an `index` above 0 the call is answered when something changed after it, or after `waitMs`. */
export interface Waiting {
  index?: number
  waitMs?: number
}

export interface KeyListing {
  /** Names are cut behind the first separator that follows the prefix; "" for whole keys. */
  separator?: string
  limit?: number
  /** Only what follows this name. */
  after?: string
}

/** At most one of them. Indexes are those of `KvEntry.modifyIndex`; 0 stands for a key that is not there. */
export interface KvCondition {
  cas?: bigint
  acquire?: string
  release?: string
}

export interface KvWrite {
  key: string
  value: Uint8Array
  flags: bigint
}

/** Rejects with OvlError: those of `send`, and what `consulError` reads off a refusal. */
export class KvClient {
  readonly #address: DaemonAddress

  constructor(address: DaemonAddress) {
    this.#address = address
  }

  async get(key: string, waiting: Waiting = {}): Promise<{ index: number; entry: KvEntry | null }> {
    const { index, entries } = await this.#read(key, waitingQuery(waiting))
    return { index, entry: entries[0] ?? null }
  }

  /** All keys that begin with the prefix, in byte order. */
  list(prefix: string, waiting: Waiting = {}): Promise<{ index: number; entries: KvEntry[] }> {
    return this.#read(prefix, { recurse: "", ...waitingQuery(waiting) })
  }

  async keys(prefix: string, { separator = "", limit, after }: KeyListing = {}): Promise<string[]> {
    const query = { keys: "", separator: separator || undefined, limit: limit?.toString(), after }
    const { status, body } = await this.#ask(`cannot list ${prefix || "/"}`, {
      method: "GET",
      target: kvTarget(prefix, query),
    })
    return status === 404 ? [] : (JSON.parse(text(body)) as string[])
  }

  /** False where the condition did not hold; then nothing was written. */
  put(write: KvWrite, { cas, acquire, release }: KvCondition = {}): Promise<boolean> {
    const flags = write.flags === 0n ? undefined : write.flags.toString()
    const target = kvTarget(write.key, { flags, cas: cas?.toString(), acquire, release })
    return this.#change(`cannot write ${write.key}`, { method: "PUT", target, bytes: write.value })
  }

  /** False where the index was another one. A key that is not there is as good as deleted. */
  delete(key: string, options: { recurse?: boolean; cas?: bigint } = {}): Promise<boolean> {
    const target = kvTarget(key, { recurse: options.recurse ? "" : undefined, cas: options.cas?.toString() })
    return this.#change(`cannot delete ${key || "/"}`, { method: "DELETE", target })
  }

  /** All of them or none. Consul's bound is 128 at once. */
  async putAll(writes: readonly KvWrite[]): Promise<void> {
    const body = writes.map(({ key, value, flags }) => ({
      KV: { Verb: "set", Key: key, Value: Buffer.from(value).toString("base64"), Flags: exactNumber(flags) },
    }))
    await this.#ask("cannot write", { method: "PUT", target: "/v1/txn", body }, transactionText)
  }

  /** The store's state at one index, in pieces as they come. Leaving the loop ends the request. */
  async saveSnapshot({ signal }: { signal?: AbortSignal } = {}): Promise<{ chunks: AsyncIterable<Uint8Array> }> {
    const response = await send(this.#address, { method: "GET", target: "/v1/snapshot", signal })
    if (!response.ok) throw await this.#refused("cannot take a snapshot", response)
    return { chunks: chunksOf(this.#address, response) }
  }

  /** Puts a snapshot in the place of what the store holds: all of it or, on any error, nothing. */
  async restoreSnapshot(bytes: Blob | ReadableStream<Uint8Array>): Promise<void> {
    await this.#ask("cannot restore", { method: "PUT", target: "/v1/snapshot", bytes })
  }

  async #read(key: string, query: Query): Promise<{ index: number; entries: KvEntry[] }> {
    const { status, index, body } = await this.#ask(`cannot read ${key || "/"}`, {
      method: "GET",
      target: kvTarget(key, query),
    })
    return { index, entries: status === 404 ? [] : parseEntries(text(body)) }
  }

  async #change(what: string, question: Question): Promise<boolean> {
    return text((await this.#ask(what, question)).body).trim() === "true"
  }

  /** Of a 404 only that is accepted by which Consul says "no such key": it has no body. */
  async #ask(
    what: string,
    question: Question,
    explain: (text: string) => string = (each) => each,
  ): Promise<{ status: number; index: number; body: Uint8Array }> {
    const response = await send(this.#address, question)
    const missing = response.status === 404 && response.headers.has(INDEX_HEADER)
    if (!response.ok && !missing) throw await this.#refused(what, response, explain)
    return { status: response.status, index: indexOf(response), body: await bodyOf(this.#address, response) }
  }

  async #refused(what: string, response: Response, explain = (each: string) => each): Promise<OvlError> {
    return consulError(what, response.status, explain(text(await bodyOf(this.#address, response))))
  }
}

const INDEX_HEADER = "x-consul-index"

function indexOf(response: Response): number {
  return Number(response.headers.get(INDEX_HEADER) ?? 0)
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}

type Query = Record<string, string | undefined>

function waitingQuery({ index = 0, waitMs }: Waiting): Query {
  if (index === 0) return {}
  return { index: String(index), wait: waitMs === undefined ? undefined : `${waitMs}ms` }
}

/**
 * A key is one segment of the path, its slashes encoded, so that no URL parser finds directions in it; only a single
 * dot would still be one, and a slash before a key counts for nothing.
 */
function kvTarget(key: string, query: Query): string {
  const segment = key === "." ? "%2F." : encodeURIComponent(key)
  const given = Object.entries(query).filter(([, value]) => value !== undefined)
  const pairs = given.map(([name, value]) => (value === "" ? name : `${name}=${encodeURIComponent(value!)}`))
  return `/v1/kv/${segment}${pairs.length > 0 ? `?${pairs.join("&")}` : ""}`
}

/** The first thing that was wrong with a transaction, out of Consul's JSON; whatever else came, as it is. */
function transactionText(answer: string): string {
  try {
    const { Errors: errors } = JSON.parse(answer) as { Errors: { What: string }[] }
    return errors[0]?.What ?? answer
  } catch {
    return answer
  }
}
