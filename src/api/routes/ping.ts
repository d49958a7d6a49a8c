/** Pings between workloads, wherever they live: the request is carried out on the source's node. */
import { pingNetworkRequestSchema, pingNetworkViewSchema, pingRequestSchema, pingViewSchema } from "../../model/ping.ts"
import { type Route, route } from "../route.ts"

export const pingRoutes: Route[] = [
  route({
    method: "POST",
    path: "/api/v1/ping",
    summary: "Ping from a workload of any node to another one of the same network, by name, or to an address",
    requirement: "full",
    body: pingRequestSchema,
    answer: { status: 200, schema: pingViewSchema },
    handle: ({ node, body }) => node.ping(body),
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
