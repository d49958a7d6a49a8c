/** The greeting: what both sides say of themselves before anything else, and why one may be refused. */
import { OvlError } from "../base/errors.ts"
import { PROTOCOL_VERSION } from "./frames.ts"
import type { ClusterIdentity } from "./port.ts"

/** A joiner knows no cluster yet and says null. */
export interface Greeting {
  protocol: number
  clusterId: string | null
  recoveryEpoch: number | null
}

/** A greeting out of a frame's body, or null when it is none. */
export function greetingOf(body: unknown): Greeting | null {
  if (typeof body !== "object" || body === null) return null
  const { protocol, clusterId, recoveryEpoch } = body as Partial<Record<keyof Greeting, unknown>>
  if (typeof protocol !== "number") return null
  if (clusterId !== null && typeof clusterId !== "string") return null
  if (recoveryEpoch !== null && typeof recoveryEpoch !== "number") return null
  return { protocol, clusterId, recoveryEpoch }
}

/** Why the other side's greeting does not go with our cluster, or null when it does. */
export function checkGreeting(greeting: Greeting, ours: ClusterIdentity): OvlError | null {
  const wrongVersion = checkProtocol(greeting)
  if (wrongVersion) return wrongVersion
  if (greeting.clusterId !== ours.clusterId) {
    return new OvlError("wrong_cluster", "talking to another node: it belongs to another cluster", {
      kind: "forbidden",
      hint: "check the server's address; a node that is to change clusters leaves its old one first",
    })
  }
  if (greeting.recoveryEpoch !== ours.recoveryEpoch) {
    const why = `it is at recovery ${greeting.recoveryEpoch}, this node at ${ours.recoveryEpoch}`
    return new OvlError("wrong_recovery_epoch", `talking to another node: ${why}`, {
      kind: "forbidden",
      hint: "the cluster was recovered since; a node left behind joins again with an empty data directory",
    })
  }
  return null
}

export function checkProtocol(greeting: Greeting): OvlError | null {
  if (greeting.protocol === PROTOCOL_VERSION) return null
  const why = `it speaks protocol ${greeting.protocol}, this node ${PROTOCOL_VERSION}`
  return new OvlError("wrong_protocol", `talking to another node: ${why}`, {
    kind: "forbidden",
    hint: "run versions of ovl that go together on all nodes",
  })
}
