/**
 * What a client asks of a store, what it may be answered, and a store's own words for both. A dialect only translates:
 * that one is wrong shows as a verdict against a store that is right, which the tests on etcd would tell.
 */
import type { KvAnswer, KvCall } from "../linearize/kv.ts"
import type { HttpAnswer, HttpRequest } from "./http.ts"

export type Consistency = "default" | "consistent" | "stale"

/**
 * How it is asked: by the plain verb, in a transaction (whose answer tells the revision), or as a transaction over two
 * keys, which must always be found equal and count as one.
 */
export type Form = "plain" | "transaction" | "pair"

export interface StoreRequest {
  call: KvCall
  form: Form
  /** Of a get; `stale` in the plain form only. */
  consistency: Consistency
}

export type Outcome =
  | { type: "ok"; answer: KvAnswer; index: number }
  /** It certainly did not happen. */
  | { type: "fail"; note: string }
  /** Nobody knows whether it happened, or will. */
  | { type: "info"; note: string }

export interface Dialect {
  readonly name: string
  encode(request: StoreRequest): HttpRequest
  /** `index` of the outcome: the state of the store that was answered from, 0 where it is not told. */
  decode(request: StoreRequest, answer: HttpAnswer): Outcome
}

/** The two keys of a pair. */
export function pairOf(key: string): [string, string] {
  return [`${key}/left`, `${key}/right`]
}

/** A status that is none of the expected ones: nothing is known of what came of a write. */
export function unexpected(request: StoreRequest, answer: HttpAnswer): Outcome {
  const note = `status ${answer.status}: ${answer.body.slice(0, 200)}`
  return request.call.op === "get" ? { type: "fail", note } : { type: "info", note }
}
