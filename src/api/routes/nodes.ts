/** `/api/v1/nodes`, and `/api/v1/leave` by which a node ends its own membership. */
import { z } from "zod"
import type { LocalNode } from "../../agent/port.ts"
import { OvlError } from "../../base/errors.ts"
import { type NodeRecord, nodeViewSchema } from "../../model/node.ts"
import { nodeView } from "../../model/views.ts"
import { nodeNotFound } from "../../registry/nodes.ts"
import { type Route, route } from "../route.ts"

export const nodeRoutes: Route[] = [
  route({
    method: "GET",
    path: "/api/v1/nodes",
    summary: "All nodes, by name",
    requirement: "read",
    answer: { status: 200, schema: z.array(nodeViewSchema) },
    async handle({ node }) {
      const leader = await knownLeader(node)
      const views = [...node.catalog.nodes.values()].map((record) => nodeView(node.catalog, record, leader))
      return views.sort((a, b) => (a.name < b.name ? -1 : 1))
    },
  }),
  route({
    method: "GET",
    path: "/api/v1/nodes/:ref",
    summary: "One node, by id or name",
    requirement: "read",
    answer: { status: 200, schema: nodeViewSchema },
    async handle({ node, params }) {
      return nodeView(node.catalog, find(node, params.ref!), await knownLeader(node))
    },
  }),
  route({
    method: "DELETE",
    path: "/api/v1/nodes/:ref",
    summary:
      "End another node's membership: a server's vote goes, its endpoints are withdrawn, its certificate is refused",
    requirement: "full",
    answer: { status: 204 },
    change: "node rm",
    async handle({ node, params, waitFor }) {
      const { id, name } = find(node, params.ref!)
      if (id === node.id) throw nodeIsSelf(name)
      const { revision } = await node.cluster.removeNode(id, { leave: false })
      await waitFor(revision)
    },
  }),
  route({
    method: "POST",
    path: "/api/v1/leave",
    summary: "Take this node out of the cluster and its state out of the kernel; its daemon then ends",
    requirement: "full",
    answer: { status: 204 },
    change: "leave",
    async handle({ node }) {
      await node.leave()
    },
  }),
]

export function nodeIsSelf(name: string): OvlError {
  return new OvlError("node_is_self", `cannot remove node ${name}: it is the node that was asked`, {
    kind: "conflict",
    hint: "`ovl leave` takes this node out; another node can remove it",
  })
}

function find(node: LocalNode, reference: string): NodeRecord {
  const found = node.catalog.findNode(reference)
  if (found) return found
  throw nodeNotFound(reference, node.catalog.namesOf("nodes"))
}

/** The leader's id; null also where no server answers, as the rest of what is known is still worth showing. */
async function knownLeader(node: LocalNode): Promise<string | null> {
  try {
    return (await node.cluster.info()).leader
  } catch (error) {
    if (error instanceof OvlError && error.kind === "unavailable") return null
    throw error
  }
}
