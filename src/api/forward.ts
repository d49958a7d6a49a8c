/**
 * Consul's requests between nodes. A client has no store: it passes the whole request on to a server and gives back the
 * answer. On the server `answerForwarded` puts it through the same application, through a door of its own that allows
 * what TCP allows without a token.
 */
import type { Hono } from "hono"
import type { HttpMessage, HttpQuestion, LocalNode } from "../agent/port.ts"
import type { AppEnv } from "./context.ts"

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
}

/** Errors: no_server (unavailable). */
export async function forward(node: LocalNode, { method, target, headers, body }: Forwarded): Promise<Response> {
  const passed = [...headers].filter(([name]) => !OF_ONE_HOP.has(name) && !NOT_PASSED_ON.has(name))
  const answer = await node.forward({ method, target, headers: passed, body })
  const hasBody = answer.status !== 204 && answer.status !== 304
  return new Response(hasBody ? ownBytes(answer.body) : null, { status: answer.status, headers: answer.headers })
}

/** What a server answers to a request that another node forwarded: only Consul's paths. */
export async function answerForwarded(app: Hono<AppEnv>, question: HttpQuestion): Promise<HttpMessage> {
  const { method, target, headers, body } = question
  const request = new Request("http://peer/", { method, headers, body: method === "PUT" ? ownBytes(body) : undefined })
  const response = await app.fetch(request, { listener: { kind: "peer" }, target, holdOpen: () => {} })
  const passed: [string, string][] = [...response.headers].filter(([name]) => !OF_ONE_HOP.has(name))
  return { status: response.status, headers: passed, body: new Uint8Array(await response.arrayBuffer()) }
}

/** No body of ours lies in memory shared between threads, which the type alone would allow. */
function ownBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>
}
