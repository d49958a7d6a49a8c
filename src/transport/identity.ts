/**
 * Who a certificate speaks of. The common name of its subject is the node's name; node id and role stand in its only
 * subject alternative name, the URI `ovl://node/<id>?role=server|client`. Host names and addresses are not in it: nodes
 * change theirs. Reading it needs nothing but what the TLS socket shows.
 */
import type { Role } from "../model/node.ts"
import { NAME_PATTERN } from "../model/names.ts"
import type { PeerIdentity } from "./port.ts"

/** Node ids are 64 hexadecimal digits; shorter words serve tests. Nothing that has a meaning in a URI may be in it. */
export const NODE_ID_PATTERN = /^[a-zA-Z0-9][a-zA-Z0-9-]{0,63}$/

/** The part of node:tls's `getPeerCertificate()` that matters here. */
export interface ShownCertificate {
  subject?: { CN?: string | string[] }
  subjectaltname?: string
}

export function identityUri(nodeId: string, role: Role): string {
  return `ovl://node/${nodeId}?role=${role}`
}

/** The identity in a certificate, or null when it is none of ours. The caller has verified the certificate. */
export function identityOf(certificate: ShownCertificate): PeerIdentity | null {
  const name = certificate.subject?.CN
  // The whole of the field is matched: a certificate with a second name beside the URI is none that we signed.
  const uri = /^URI:ovl:\/\/node\/([a-zA-Z0-9-]+)\?role=(server|client)$/.exec(certificate.subjectaltname ?? "")
  const [, nodeId, role] = uri ?? []
  if (typeof name !== "string" || !NAME_PATTERN.test(name)) return null
  if (nodeId === undefined || !NODE_ID_PATTERN.test(nodeId)) return null
  return { nodeId, name, role: role as Role }
}
