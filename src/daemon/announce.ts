/** What the daemon says when it is ready: one line, with the way in for the next node. */
import type { Node } from "../agent/node.ts"
import type { Identity } from "../agent/identity.ts"

/**
 * For a server: the ready-made join command where a person reads it, else the command that makes one: a token does not
 * belong into a log.
 */
export async function readyLine(node: Node, identity: Identity, toTerminal: boolean): Promise<string> {
  const self = `node ${node.name} (${identity.role}) is ready`
  if (identity.role !== "server") return self
  if (!toTerminal) return `${self}; \`ovl token create\` makes a token for \`ovl join ${identity.servers[0]}\``
  const { token } = await node.cluster.createToken({})
  return `${self}; on another host: ovl join ${identity.servers[0]} --token ${token}`
}
