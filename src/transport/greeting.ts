/**
 * The greeting: what both sides say of themselves before anything else, and why one may be refused. Servers must agree
 * in everything. A client may come from before a disaster recovery, which it had no part in: it is told of the new
 * epoch, and from then on never talks to a server that still lives in an older one.
 */
import { OvlError } from "../base/errors.ts"
import { PROTOCOL_VERSION, PROTOCOL_VERSION_MIN } from "./frames.ts"
import type { ClusterIdentity } from "./port.ts"

/** A joiner knows no cluster yet and says null. */
export interface Greeting {
  /** The newest protocol that it speaks. */
  protocol: number
  /** The oldest that it still understands. */
  protocolMin: number
  clusterId: string | null
  recoveryEpoch: number | null
  /** Asks the other side for a sign of life this often; it gives one at least as often as it always does. */
  keepAliveMs?: number
}

/** What this node says of itself. */
export function greetingAs(cluster: ClusterIdentity | null, keepAliveMs?: number): Greeting {
  return {
    protocol: PROTOCOL_VERSION,
    protocolMin: PROTOCOL_VERSION_MIN,
    clusterId: cluster?.clusterId ?? null,
    recoveryEpoch: cluster?.recoveryEpoch ?? null,
    ...(keepAliveMs === undefined ? {} : { keepAliveMs }),
  }
}

/** A greeting out of a frame's body, or null when it is none. */
export function greetingOf(body: unknown): Greeting | null {
  if (typeof body !== "object" || body === null) return null
  const { protocol, clusterId, recoveryEpoch, ...more } = body as Partial<Record<keyof Greeting, unknown>>
  // The first version spoke one protocol only and did not say which it understands.
  const { protocolMin = protocol, keepAliveMs } = more
  if (typeof protocol !== "number" || typeof protocolMin !== "number") return null
  if (clusterId !== null && typeof clusterId !== "string") return null
  if (recoveryEpoch !== null && !Number.isSafeInteger(recoveryEpoch)) return null
  if (keepAliveMs !== undefined && typeof keepAliveMs !== "number") return null
  return { protocol, protocolMin, clusterId, recoveryEpoch: recoveryEpoch as number | null, keepAliveMs }
}

/**
 * Why the other side's greeting does not go with our cluster, or null when it does. `epochs`: whether its recovery
 * epoch must be ours, or may be `lower` (a client greets) or `higher` (a server answers).
 */
export function checkGreeting(
  greeting: Greeting,
  ours: ClusterIdentity,
  epochs: "equal" | "lower" | "higher",
): OvlError | null {
  const wrongVersion = checkProtocol(greeting)
  if (wrongVersion) return wrongVersion
  if (greeting.clusterId !== ours.clusterId) {
    return new OvlError("wrong_cluster", "talking to another node: it belongs to another cluster", {
      kind: "forbidden",
      hint: "check the server's address; a node that is to change clusters leaves its old one first",
    })
  }
  const ahead = (greeting.recoveryEpoch ?? -1) - ours.recoveryEpoch
  if (ahead === 0 || (ahead < 0 && epochs === "lower") || (ahead > 0 && epochs === "higher")) return null
  const why = `it is at recovery ${greeting.recoveryEpoch}, this node at ${ours.recoveryEpoch}`
  return new OvlError("wrong_recovery_epoch", `talking to another node: ${why}`, {
    kind: "forbidden",
    hint: "the cluster was recovered since; a node left behind joins again with an empty data directory",
  })
}

export function checkProtocol(greeting: Greeting): OvlError | null {
  if (greeting.protocol >= PROTOCOL_VERSION_MIN && greeting.protocolMin <= PROTOCOL_VERSION) return null
  const theirs = rangeText(greeting.protocolMin, greeting.protocol)
  const why = `it speaks protocol ${theirs}, this node ${rangeText(PROTOCOL_VERSION_MIN, PROTOCOL_VERSION)}`
  return new OvlError("wrong_protocol", `talking to another node: ${why}`, {
    kind: "forbidden",
    hint: "run versions of ovl that go together on all nodes",
  })
}

function rangeText(oldest: number, newest: number): string {
  return oldest === newest ? String(newest) : `${oldest} to ${newest}`
}
