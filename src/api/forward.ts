/**
 * Consul's requests between nodes. A client has no store: it passes the whole request on to a server and gives back the
 * answer. On the server `answerForwarded` puts it through the same application, through a door of its own that allows
 * what TCP allows without a token.
 */
import type { HttpMessage, HttpQuestion, LocalNode } from "../agent/port.ts"
import { asOvlError, OvlError } from "../base/errors.ts"
import { type Application, queryOf } from "./context.ts"

/** Headers that belong to one connection (RFC 9110 section 7.6.1), or that the next hop writes itself. */
const OF_ONE_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
  "host",
  "content-length",
  "date",
])
/** Meant for this node alone: they have been judged here, and the other side judges by the node that forwards. */
const NOT_PASSED_ON = new Set(["authorization", "x-consul-token", "cookie", "origin"])

interface Forwarded {
  method: string
  target: string
  headers: Headers
  body: Uint8Array
  signal: AbortSignal
}

/** Errors: no_server (unavailable). */
export async function forward(
  node: LocalNode,
  { method, target, headers, body, signal }: Forwarded,
): Promise<Response> {
  const passed = [...headers].filter(([name]) => !OF_ONE_HOP.has(name) && !NOT_PASSED_ON.has(name))
  const question = { method, target: withoutToken(target), headers: passed, body }
  const answer = await node.forward(question, signal).catch((error) => {
    throw method === "GET" ? nothingDone(error) : error
  })
  const hasBody = answer.status !== 204 && answer.status !== 304
  return new Response(hasBody ? ownBytes(answer.body) : null, { status: answer.status, headers: answer.headers })
}

/** A server that was lost over a question that only reads has done nothing: as if none had been there. */
function nothingDone(thrown: unknown): unknown {
  const error = asOvlError(thrown)
  if (error.code !== "peer_closed" && error.code !== "peer_timeout") return thrown
  return new OvlError("no_server", error.message, { kind: error.kind, hint: error.hint, cause: thrown })
}

/** A token in the query has been judged here, too. */
function withoutToken(target: string): string {
  if (!target.includes("token=")) return target
  const query = queryOf(target)
  const kept = query.split("&").filter((pair) => !pair.startsWith("token="))
  return target.slice(0, target.length - query.length) + kept.join("&")
}

/** What a server answers to a request that the member `asker` forwarded: only Consul's paths. */
export async function answerForwarded(
  app: Application,
  { method, target, headers, body }: HttpQuestion,
  { asker, signal }: { asker: string; signal: AbortSignal },
): Promise<HttpMessage> {
  const withBody = method === "PUT" ? ownBytes(body) : undefined
  const passed = withBody ? [...headers, ["content-length", String(body.length)] as [string, string]] : headers
  const request = new Request("http://peer/", { method, headers: passed, body: withBody, signal })
  const bindings = { listener: { kind: "peer", node: asker } as const, target, remote: () => asker, holdOpen: () => {} }
  const response = await app.fetch(request, bindings)
  const answered: [string, string][] = [...response.headers].filter(([name]) => !OF_ONE_HOP.has(name))
  return { status: response.status, headers: answered, body: response.body ?? new Uint8Array() }
}

/** No body of ours lies in memory shared between threads, which the type alone would allow. */
function ownBytes<T extends Uint8Array | ReadableStream<Uint8Array>>(body: T): T & BodyInit {
  return body as T & BodyInit
}
