/** Pings between workloads, wherever they live: the request is carried out on the source's node. */
import { z } from "zod"
import type { LocalNode } from "../../agent/port.ts"
import {
  type PingLine,
  type PingRequest,
  pingNetworkRequestSchema,
  pingNetworkViewSchema,
  pingRequestSchema,
  pingViewSchema,
} from "../../model/ping.ts"
import { type Route, route, switchSchema } from "../route.ts"

export const pingRoutes: Route[] = [
  route({
    method: "POST",
    path: "/api/v1/ping",
    summary:
      "Ping from a workload of any node to another one of the same network, by name, or to an address; with follow, JSON lines: the pair, each answer as it comes, at last the whole",
    requirement: "full",
    query: z.strictObject({ follow: switchSchema }),
    body: pingRequestSchema,
    answer: { status: 200, schema: pingViewSchema },
    handle: ({ node, body, query }) => (query.follow ? followed(node, body) : node.ping(body)),
  }),
  route({
    method: "POST",
    path: "/api/v1/networks/:ref/ping",
    summary: "Ping from each workload of a network to each other one",
    requirement: "full",
    body: pingNetworkRequestSchema,
    answer: { status: 200, schema: pingNetworkViewSchema },
    handle: ({ node, params, body }) => node.pingNetwork(params.ref!, body),
  }),
]

/** Rejects as the ping does; once there is a line, there is an answer. */
async function followed(node: LocalNode, request: PingRequest): Promise<Response> {
  const encoder = new TextEncoder()
  const lines = new TransformStream<PingLine, Uint8Array>({
    transform: (line, controller) => controller.enqueue(encoder.encode(`${JSON.stringify(line)}\n`)),
  })
  const writer = lines.writable.getWriter()
  // A caller that is gone is told nothing; the ping has an end of its own.
  const ignore = () => {}
  const began = Promise.withResolvers<void>()
  const work = node.ping(request, (line) => {
    writer.write(line).catch(ignore)
    began.resolve()
  })
  work.then(
    () => writer.close().catch(ignore),
    (error) => {
      writer.abort(error).catch(ignore)
      began.reject(error)
    },
  )
  await began.promise
  return new Response(lines.readable, { headers: { "Content-Type": "application/x-ndjson" } })
}
