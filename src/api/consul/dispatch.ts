/**
 * The door to Consul's paths: finds the endpoint, refuses what it has no method for, checks who asks and what every
 * request may carry, and on a node without a store passes the request on to one that has it.
 */
import type { Log } from "../../base/log.ts"
import { FORWARD_BODY_MAX_BYTES } from "../../base/limits.ts"
import type { Store } from "../../store/port.ts"
import { authorize, refuseForeign, type Requirement } from "../access.ts"
import { declaredLength, readBody } from "../body.ts"
import { type Bindings, pathOf, queryOf } from "../context.ts"
import { consulErrorAnswer, consulText } from "../errors.ts"
import { forward } from "../forward.ts"
import type { ConsulCall, ConsulContext, ConsulEndpoint, LocalCall } from "./call.ts"
import { parseQuery, toText } from "./decode.ts"
import { DATACENTER } from "./members.ts"
import { NO_READ_OPTIONS, readOptions } from "./read-options.ts"
import { findEndpoint } from "./table.ts"

/** `accepted` is told the id of a token that was asked for and found valid. */
export async function answerConsul(
  context: ConsulContext,
  log: Log,
  request: Request,
  bindings: Bindings,
  accepted?: (tokenId: string) => void,
): Promise<Response> {
  try {
    refuseForeign(bindings.listener, request.headers)
    return await dispatch(context, request, bindings, accepted)
  } catch (error) {
    return consulErrorAnswer(error, log)
  }
}

async function dispatch(
  context: ConsulContext,
  request: Request,
  bindings: Bindings,
  accepted?: (tokenId: string) => void,
): Promise<Response> {
  const { listener, target } = bindings
  const path = pathOf(target)
  const endpoint = findEndpoint(path)
  if (!endpoint) return unknownPath(target)
  const { method, headers } = request
  const allow = ["OPTIONS", ...endpoint.methods].join(",")
  if (method === "OPTIONS") return new Response(null, { headers: { Allow: allow } })
  if (!(endpoint.methods as string[]).includes(method)) {
    return consulText(405, `method ${method} not allowed`, { Allow: allow })
  }
  await authorize(
    listener,
    requirementOf(endpoint, method),
    { method, target, headers, accepted },
    context.node.cluster,
  )
  const query = parseQuery(queryOf(target))
  if (query === null) return new Response(null, { status: 500 })
  const refusal = refuseElsewhere(query, headers)
  if (refusal) return refusal
  const reads = method === "GET" || endpoint.path === "/v1/txn"
  const read = reads ? readOptions(query, headers.get("cache-control")) : NO_READ_OPTIONS
  if (read instanceof Response) return read
  const { node, settings, waits } = context
  const call: Call = {
    node,
    settings,
    waits,
    store: node.store,
    request,
    method,
    rest: path.slice(endpoint.path.length),
    query,
    body: NO_BODY,
    pretty: query.has("pretty"),
    read,
    askedNode: listener.kind === "peer" ? listener.node : node.name,
    holdOpen: () => bindings.holdOpen(),
  }
  return handle(endpoint, call, target)
}

const NO_BODY = new Uint8Array()

type Call = LocalCall & { store: Store | null }

async function handle(endpoint: ConsulEndpoint, call: Call, target: string): Promise<Response> {
  const { method, request, node, settings } = call
  const forwarded = call.store === null && !endpoint.local
  if (method === "PUT" && (endpoint.bodyMaxBytes !== "streamed" || forwarded)) {
    const maxBytes = bodyMaxBytes(endpoint, settings.valueMaxBytes)
    const body = await readBody(request, maxBytes)
    if (body === null) return tooLarge(request.headers, maxBytes, endpoint)
    call.body = body
  }
  if (endpoint.local) return endpoint.handle(call)
  if (!forwarded) return endpoint.handle(call as ConsulCall)
  call.holdOpen()
  return forward(node, { method, target, headers: request.headers, body: call.body, signal: request.signal })
}

function bodyMaxBytes({ bodyMaxBytes: bound }: ConsulEndpoint, valueMaxBytes: number): number {
  if (bound === "value") return valueMaxBytes
  return bound === "streamed" ? FORWARD_BODY_MAX_BYTES : bound
}

function requirementOf(endpoint: ConsulEndpoint, method: string): Requirement {
  if (endpoint.access === "open") return "open"
  return endpoint.access === "reading" && method === "GET" ? "open" : "full"
}

/** What another datacenter or a namespace of Consul Enterprise would have to answer (C17, C18). */
function refuseElsewhere(query: Map<string, string>, headers: Headers): Response | null {
  const datacenter = query.get("datacenter") || query.get("dc") || DATACENTER
  if (datacenter !== DATACENTER) return consulText(500, "No path to datacenter")
  for (const [name, what] of [
    ["ns", "Namespace"],
    ["partition", "Partition"],
  ] as const) {
    const why = `${what}s are a Consul Enterprise feature`
    const given = query.get(name) || headers.get(`x-consul-${what}`)
    // The one that there is may be named (C18).
    if (!given || toText(given) === "default") continue
    const where = query.get(name) ? `query parameter: "${name}"` : `header: "X-Consul-${what}"`
    return consulText(400, `Invalid ${where} - ${why}`)
  }
  return null
}

/** Has the words by which Vault knows this refusal, old ones and new (W5, T5). */
function tooLarge(headers: Headers, maxBytes: number, { bodyMaxBytes: bound }: ConsulEndpoint): Response {
  const length = declaredLength(headers) ?? `more than ${maxBytes}`
  const what = `Request body(${length} bytes) too large, max size: ${maxBytes} bytes.`
  if (bound === "streamed") return consulText(413, `${what} Restore on a server: a client node passes on no more`)
  return consulText(
    413,
    bound === "value"
      ? `${what} See kv_max_value_size. Value exceeds ${maxBytes} byte limit: it is too large for one key.`
      : `${what} It is too large.`,
  )
}

/** C10, C11: a path that becomes one of ours once it is cleaned is moved there, as Go's mux has it. */
function unknownPath(target: string): Response {
  const path = pathOf(target)
  const cleaned = path === "/v1/kv" ? "/v1/kv/" : path.replace(/\/{2,}/g, "/")
  if (cleaned !== path && findEndpoint(cleaned)) {
    return new Response(null, { status: 301, headers: { Location: cleaned + target.slice(path.length) } })
  }
  return consulText(404, "Invalid URL path: not a recognized HTTP API endpoint\n")
}
