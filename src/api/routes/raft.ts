/**
 * `/api/v1/raft`: the servers that keep the store equal. Who they are and how far, handing over the lead, taking one out
 * for good, and going on alone after the majority was lost.
 */
import { z } from "zod"
import type { LocalNode } from "../../agent/port.ts"
import { OvlError } from "../../base/errors.ts"
import { type RaftView, raftViewSchema, recoveryPreviewSchema } from "../../model/raft.ts"
import { nodeNotFound } from "../../registry/nodes.ts"
import { type Route, route } from "../route.ts"
import { nodeIsSelf } from "./nodes.ts"

export const raftRoutes: Route[] = [
  route({
    method: "GET",
    path: "/api/v1/raft",
    summary: "The servers as their leader sees them; while there is none, as the server that is asked does",
    requirement: "read",
    answer: { status: 200, schema: raftViewSchema },
    handle: ({ node }) => knownServers(node),
  }),
  route({
    method: "POST",
    path: "/api/v1/raft/transfer",
    summary: "Hand the lead over, to a server by id or name, or to the one that is furthest ahead",
    requirement: "full",
    body: z.strictObject({ node: z.string().optional() }),
    answer: { status: 200, schema: z.object({ leader: z.string() }) },
    change: "raft transfer",
    object: ({ body, result }) => body.node ?? (result as { leader: string } | null)?.leader ?? "",
    async handle({ node, body }) {
      const wanted = body.node === undefined ? null : find(node, body.node)
      const { leader } = await node.cluster.transferLeader(wanted)
      return { leader: node.catalog.nodes.get(leader)?.name ?? leader }
    },
  }),
  route({
    method: "DELETE",
    path: "/api/v1/raft/servers/:ref",
    summary: "Take a server out for good: its vote, its membership, its endpoints",
    requirement: "full",
    answer: { status: 204 },
    change: "raft rm",
    async handle({ node, params, waitFor }) {
      const reference = params.ref!
      const known = node.catalog.findNode(reference)
      if (known?.id === node.id) throw nodeIsSelf(known.name)
      // One whose record is gone is still among the servers until the leader has taken it out.
      const id = known?.id ?? (await knownServers(node)).servers.find((server) => server.id === reference)?.id
      if (id === undefined) throw nodeNotFound(reference)
      const { revision } = await node.cluster.removeServer(id)
      await waitFor(revision)
    },
  }),
  route({
    method: "POST",
    path: "/api/v1/raft/recover",
    summary: "What this server would lose by going on alone; with confirm, it does",
    requirement: "socket",
    body: z.strictObject({ confirm: z.boolean().optional() }),
    answer: { status: 200, schema: recoveryPreviewSchema },
    change: "raft recover",
    object: ({ body }) => (body.confirm ? "" : null),
    async handle({ node, body }) {
      const { server } = node
      if (server) return body.confirm ? server.recover() : server.recoveryPreview()
      throw new OvlError("not_a_server", `cannot recover: ${node.name} is a client and has no copy of the store`, {
        kind: "conflict",
        hint: "ask the daemon of a server that is left",
      })
    },
  }),
]

async function knownServers({ cluster, server }: LocalNode): Promise<RaftView> {
  // Where no leader is known, nobody is waited for.
  if (server && server.status().leader === null) return server.view()
  try {
    return await cluster.raft()
  } catch (error) {
    if (server && error instanceof OvlError && error.kind === "unavailable") return server.view()
    throw error
  }
}

function find(node: LocalNode, reference: string): string {
  const found = node.catalog.findNode(reference)
  if (found) return found.id
  throw nodeNotFound(reference, node.catalog.namesOf("nodes"))
}
