/** `/api/v1/endpoints`: every node's are shown; made and removed are those of the node that is asked. */
import { z } from "zod"
import type { LocalNode } from "../../agent/port.ts"
import { attachSpecSchema, type EndpointView, endpointViewSchema } from "../../model/endpoint.ts"
import type { NetworkRecord } from "../../model/network.ts"
import { endpointView, endpointViews } from "../../model/views.ts"
import { endpointNotFound } from "../../registry/endpoints.ts"
import { networkNotFound } from "../../registry/networks.ts"
import { type Route, route } from "../route.ts"

export const endpointRoutes: Route[] = [
  route({
    method: "GET",
    path: "/api/v1/endpoints",
    summary: "All nodes' endpoints, or those of one network",
    requirement: "read",
    query: z.strictObject({ network: z.string().optional() }),
    answer: { status: 200, schema: z.array(endpointViewSchema) },
    async handle({ node, query }) {
      const network = query.network === undefined ? null : findNetwork(node, query.network)
      const catalog = await node.look(network && [network.id])
      return endpointViews(catalog, network ? catalog.endpointsOf(network.id) : catalog.endpoints.values())
    },
  }),
  route({
    method: "POST",
    path: "/api/v1/endpoints",
    summary: "Attach a namespace of this node, given by path or by the pid of a process in it",
    requirement: "full",
    body: attachSpecSchema,
    answer: { status: 201, schema: endpointViewSchema },
    change: "attach",
    object: ({ body, result }) => (result as EndpointView | null)?.name ?? body.name ?? "",
    async handle({ node, body }) {
      return endpointView(node.catalog, await node.attach(body))
    },
  }),
  route({
    method: "GET",
    path: "/api/v1/endpoints/:ref",
    summary: "One endpoint, by id, name or <workload>.<network>",
    requirement: "read",
    answer: { status: 200, schema: endpointViewSchema },
    async handle({ node, params }) {
      const known = node.catalog.findEndpoint(params.ref!)
      const catalog = known ? node.catalog : await node.look(null)
      const endpoint = known ?? catalog.findEndpoint(params.ref!)
      if (endpoint) return endpointView(catalog, endpoint)
      throw endpointNotFound(params.ref!, catalog.namesOf("endpoints"))
    },
  }),
  route({
    method: "DELETE",
    path: "/api/v1/endpoints/:ref",
    summary: "Detach an endpoint of this node",
    requirement: "full",
    answer: { status: 204 },
    change: "detach",
    async handle({ node, params }) {
      await node.detach(params.ref!)
    },
  }),
]

function findNetwork(node: LocalNode, reference: string): NetworkRecord {
  const found = node.catalog.findNetwork(reference)
  if (found) return found
  throw networkNotFound(reference, node.catalog.namesOf("networks"))
}
