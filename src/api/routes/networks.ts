/** `/api/v1/networks`: making, listing, showing and removing networks; each with every node's endpoints. */
import { z } from "zod"
import type { LocalNode } from "../../agent/port.ts"
import type { Catalog } from "../../model/catalog.ts"
import { connectSpecSchema, endpointViewSchema } from "../../model/endpoint.ts"
import { nameSchema } from "../../model/names.ts"
import { type NetworkRecord, type NetworkView, networkSpecSchema, networkViewSchema } from "../../model/network.ts"
import { endpointView, networkView } from "../../model/views.ts"
import { networkNotFound } from "../../registry/networks.ts"
import { type Route, route, switchSchema } from "../route.ts"

export const networkRoutes: Route[] = [
  route({
    method: "GET",
    path: "/api/v1/networks",
    summary: "All networks, by name",
    requirement: "read",
    answer: { status: 200, schema: z.array(networkViewSchema) },
    async handle({ node }) {
      const catalog = await node.look(null)
      const networks = [...catalog.networks.values()]
      networks.sort((a, b) => (a.name < b.name ? -1 : 1))
      return networks.map((network) => show(node, catalog, network))
    },
  }),
  route({
    method: "POST",
    path: "/api/v1/networks",
    summary: "Make a network; what is left out is chosen",
    requirement: "full",
    body: networkSpecSchema,
    answer: { status: 201, schema: networkViewSchema },
    change: "network create",
    object: ({ body }) => body.name,
    async handle({ node, body, waitFor }) {
      const { network, revision } = await node.cluster.createNetwork(body)
      await waitFor(revision)
      return show(node, node.catalog, network)
    },
  }),
  route({
    method: "GET",
    path: "/api/v1/networks/:ref",
    summary:
      "One network, by id, unambiguous beginning of an id, or name; with kernel, as this node's kernel has it at this moment",
    requirement: "read",
    query: z.strictObject({ kernel: switchSchema }),
    answer: { status: 200, schema: networkViewSchema },
    async handle({ node, params, query }) {
      const network = find(node, params.ref!)
      const view = show(node, await node.look([network.id]), network)
      return query.kernel ? { ...view, kernel: node.kernelPart(network.id) } : view
    },
  }),
  route({
    method: "DELETE",
    path: "/api/v1/networks/:ref",
    summary: "Remove a network; with force, its endpoints too",
    requirement: "full",
    query: z.strictObject({ force: switchSchema }),
    answer: { status: 204 },
    change: "network rm",
    async handle({ node, params, query, waitFor }) {
      const { revision } = await node.cluster.removeNetwork(find(node, params.ref!).id, { force: query.force })
      await waitFor(revision)
    },
  }),
  route({
    method: "POST",
    path: "/api/v1/networks/:ref/connect",
    summary: "Put a workload of this node on one more network, while it runs",
    requirement: "full",
    body: connectSpecSchema,
    answer: { status: 201, schema: endpointViewSchema },
    change: "network connect",
    object: ({ params, body }) => `${body.workload}.${params.ref}`,
    async handle({ node, params, body }) {
      return endpointView(node.catalog, await node.connect(params.ref!, body))
    },
  }),
  route({
    method: "POST",
    path: "/api/v1/networks/:ref/disconnect",
    summary: "Take a workload of this node off a network, while it runs",
    requirement: "full",
    body: z.strictObject({ workload: nameSchema }),
    answer: { status: 204 },
    change: "network disconnect",
    object: ({ params, body }) => `${body.workload}.${params.ref}`,
    async handle({ node, params, body }) {
      await node.disconnect(params.ref!, body.workload)
    },
  }),
]

function find(node: LocalNode, reference: string): NetworkRecord {
  const network = node.catalog.findNetwork(reference)
  if (network) return network
  throw networkNotFound(reference, node.catalog.namesOf("networks"))
}

function show(node: LocalNode, catalog: Catalog, network: NetworkRecord): NetworkView {
  return networkView(catalog, network, node.localPart(network.id))
}
