/**
 * Where the cluster's servers are: told by the records of the nodes, and kept in `node.json` whenever it changes, so that a
 * node finds its cluster again after every server has moved but one.
 */
import type { Catalog } from "../model/catalog.ts"

/** `ADDR:PORT` of every server that is a member, sorted. */
export function serverAddresses(catalog: Pick<Catalog, "nodes">): string[] {
  const servers = [...catalog.nodes.values()].filter((node) => node.role === "server" && node.state === "member")
  return servers.flatMap((node) => (node.peerAddress === null ? [] : [node.peerAddress])).sort()
}

/** The list to keep instead of `known`, or null where that still holds. An empty catalog tells nothing. */
export function newServerAddresses(catalog: Pick<Catalog, "nodes">, known: readonly string[]): string[] | null {
  const told = serverAddresses(catalog)
  return told.length === 0 || told.join() === [...known].sort().join() ? null : told
}
