/**
 * The short way for what is asked most: GET and PUT of one key, nothing else in the query, no percent sign in the path,
 * on a node with a store. It answers just what the long way would, by the same functions and under the same rules of
 * access, without taking the request apart first. Whatever is not so plain goes the long way.
 */
import type { Log } from "../../base/log.ts"
import { isProtectedKey } from "../../registry/keys.ts"
import type { Store } from "../../store/port.ts"
import { refuseForeign } from "../access.ts"
import { declaredBody } from "../body.ts"
import type { Bindings } from "../context.ts"
import { consulErrorAnswer } from "../errors.ts"
import type { ConsulContext } from "./call.ts"
import { FRESH } from "./consistency.ts"
import { type KeyForm, renderKey } from "./kv-read.ts"
import { answer, set } from "./kv-write.ts"
import { JSON_TYPE } from "./respond.ts"

const KV_PATH = "/v1/kv/"
/** A key that needs no decoding and no second look: printable ASCII without `%`, `?`, `#`, two dots, or a leading slash. */
const PLAIN_KEY = /^(?!\/)(?!.*\.\.)[!"$&-<=>@-~]+$/
const PLAIN_FORM: KeyForm = { raw: false, pretty: false, fresh: FRESH }
const TRUE: ResponseInit = { headers: { "Content-Type": JSON_TYPE } }

/** The answer, or null where the request has to go the long way. */
export function answerFast(
  { node, settings }: ConsulContext,
  log: Log,
  request: Request,
  { listener, target }: Bindings,
): Response | Promise<Response> | null {
  const { store } = node
  if (store === null || !target.startsWith(KV_PATH) || (listener.kind === "tcp" && !listener.loopback)) return null
  const key = target.slice(KV_PATH.length)
  const { method, headers } = request
  if ((method !== "GET" && method !== "PUT") || !PLAIN_KEY.test(key)) return null
  if (headers.has("x-consul-namespace") || headers.has("x-consul-partition")) return null
  try {
    refuseForeign(listener, headers)
    if (method === "GET")
      return headers.has("cache-control") ? null : read(store, key).catch((error) => consulErrorAnswer(error, log))
    // A body that does not say how long it is could be of any length.
    const length = headers.get("content-length")
    if (length === null || !(Number(length) <= settings.valueMaxBytes) || isProtectedKey(node.kvPrefix, key))
      return null
    return write(store, key, request).catch((error) => consulErrorAnswer(error, log))
  } catch (error) {
    return consulErrorAnswer(error, log)
  }
}

async function read(store: Store, key: string): Promise<Response> {
  await store.barrier()
  const { body, headers, status } = renderKey(store, key, PLAIN_FORM)
  return new Response(status === 404 ? null : body, { status, headers })
}

async function write(store: Store, key: string, request: Request): Promise<Response> {
  const result = await set(store, key, await declaredBody(request))
  return result.ok ? new Response("true", TRUE) : answer(result, false)
}
