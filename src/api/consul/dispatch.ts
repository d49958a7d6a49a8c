/**
 * The door to Consul's paths: finds the endpoint, refuses what it has no method for, checks who asks and what every
 * request may carry, and on a node without a store passes the request on to one that has it.
 */
import type { LocalNode } from "../../agent/port.ts"
import type { Log } from "../../base/log.ts"
import { authorize, refuseForeign, type Requirement } from "../access.ts"
import { declaredLength, readBody } from "../body.ts"
import { type Bindings, pathOf, queryOf } from "../context.ts"
import { consulErrorAnswer, consulText } from "../errors.ts"
import { forward } from "../forward.ts"
import type { ConsulEndpoint } from "./call.ts"
import { parseQuery } from "./decode.ts"
import { readOptions } from "./read-options.ts"
import { CONSUL_ENDPOINTS } from "./table.ts"

/** The one datacenter that there is. */
const DATACENTER = "dc1"

export async function answerConsul(node: LocalNode, log: Log, request: Request, bindings: Bindings): Promise<Response> {
  try {
    refuseForeign(bindings.listener, request.headers)
    return await dispatch(node, request, bindings)
  } catch (error) {
    return consulErrorAnswer(error, log)
  }
}

async function dispatch(node: LocalNode, request: Request, bindings: Bindings): Promise<Response> {
  const path = pathOf(bindings.target)
  const endpoint = CONSUL_ENDPOINTS.find((one) =>
    one.path.endsWith("/") ? path.startsWith(one.path) : path === one.path,
  )
  if (!endpoint) return unknownPath(bindings.target)
  const { method, headers } = request
  const allow = ["OPTIONS", ...endpoint.methods].join(",")
  if (method === "OPTIONS") return new Response(null, { headers: { Allow: allow } })
  if (!(endpoint.methods as string[]).includes(method)) {
    return consulText(405, `method ${method} not allowed`, { Allow: allow })
  }
  await authorize(
    bindings.listener,
    requirementOf(endpoint, method),
    { method, target: bindings.target, headers },
    node.cluster,
  )
  const query = parseQuery(queryOf(bindings.target))
  if (query === null) return new Response(null, { status: 500 })
  const refusal = refuseElsewhere(query, headers)
  if (refusal) return refusal
  const read = readOptions(method === "GET" ? query : new Map())
  if (read instanceof Response) return read
  if (!endpoint.handle) return consulText(500, `${path}: not available in this version`)
  const body = method === "PUT" ? await readBody(request, endpoint.bodyMaxBytes) : new Uint8Array()
  if (body === null) return tooLarge(headers, endpoint.bodyMaxBytes)
  const { store } = node
  const holdOpen = () => bindings.holdOpen()
  if (store === null) {
    holdOpen()
    return forward(node, { method, target: bindings.target, headers, body })
  }
  const rest = path.slice(endpoint.path.length)
  return endpoint.handle({
    node,
    store,
    request,
    method,
    rest,
    query,
    body,
    pretty: query.has("pretty"),
    read,
    holdOpen,
  })
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
    if (query.get(name)) return consulText(400, `Invalid query parameter: "${name}" - ${why}`)
    if (headers.has(`x-consul-${what}`)) return consulText(400, `Invalid header: "X-Consul-${what}" - ${why}`)
  }
  return null
}

/** Has the words by which Vault knows this refusal, old ones and new (W5). */
function tooLarge(headers: Headers, maxBytes: number): Response {
  const length = declaredLength(headers) ?? `more than ${maxBytes}`
  return consulText(
    413,
    `Request body(${length} bytes) too large, max size: ${maxBytes} bytes. Value exceeds ${maxBytes} byte limit: it is too large for one key.`,
  )
}

/** C10, C11. */
function unknownPath(target: string): Response {
  if (pathOf(target) === "/v1/kv")
    return new Response(null, { status: 301, headers: { Location: target.replace("/v1/kv", "/v1/kv/") } })
  return consulText(404, "Invalid URL path: not a recognized HTTP API endpoint\n")
}
