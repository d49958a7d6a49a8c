/**
 * Where a daemon's audit goes: to its log, as lines `audit` of level info, and to a file where one is named. Beside what
 * its own API is asked for, a server tells what other nodes ask of it: they are trusted no more than they have to be.
 */
import { Audit, type AuditScope, type AuditSink, outcomeOf } from "../api/audit.ts"
import type { Clock } from "../base/clock.ts"
import type { Log } from "../base/log.ts"
import type { PeerHandler } from "../transport/port.ts"
import { parseToken } from "../transport/tokens.ts"
import { JOIN_METHOD } from "../transport/server-session.ts"
import { AuditFile } from "./audit-file.ts"
import type { Undo } from "./undo.ts"

export interface AuditChoice {
  scope: AuditScope
  /** Null for none. */
  file: string | null
}

/** Errors: audit_log_unwritable (usage). */
export function openAudit({ scope, file }: AuditChoice, about: { clock: Clock; log: Log }, undo: Undo): AuditPlaces {
  const { clock, log } = about
  const sinks: AuditSink[] = [logSink(log)]
  if (file !== null) {
    const audit = new AuditFile({ path: file, now: () => clock.now(), log })
    undo.add(() => audit.close())
    sinks.push(audit)
  }
  return { scope, sinks, clock }
}

export interface AuditPlaces {
  scope: AuditScope
  sinks: readonly AuditSink[]
  clock: Clock
}

/** Once the node's name is known. */
export function startAudit(places: AuditPlaces, node: string, undo: Undo): Audit {
  const audit = new Audit({ ...places, node })
  undo.add(() => audit.close())
  return audit
}

function logSink(log: Log): AuditSink {
  return {
    line: (line) => log.info("audit", { ...line }),
    leftOut: (leftOut, of) => log.warn("audit", { leftOut, of }),
  }
}

/** What members may ask of a server that changes the cluster, by the call's name, and what it is done to. */
const CHANGES: Record<string, { what: string; object: (params: unknown) => string }> = {
  "cluster/createNetwork": { what: "network create", object: (params) => field(params, "name") },
  "cluster/removeNetwork": { what: "network rm", object: (params) => field(params, "id") },
  "cluster/createEndpoints": { what: "endpoint create", object: (params) => each(params, (one) => field(one, "name")) },
  "cluster/removeEndpoints": { what: "endpoint rm", object: (params) => each(params, String) },
  "cluster/removeNode": { what: "node rm", object: (params) => field(params, "id") },
  "cluster/removeServer": { what: "raft rm", object: (params) => field(params, "id") },
  "cluster/transferLeader": { what: "raft transfer", object: (params) => field(params, "nodeId") },
  "cluster/createToken": { what: "token create", object: () => "" },
  "cluster/removeToken": { what: "token rm", object: (params) => field(params, "id") },
  [JOIN_METHOD]: { what: "join", object: (params) => field(params, "name") },
}

/** The same handler, with a line for each call that changes something: from another node, or from one that is to be. */
export function auditedPeers(handler: PeerHandler, audit: Audit): PeerHandler {
  return {
    ...handler,
    async call(method, params, context) {
      const change = Object.hasOwn(CHANGES, method) ? CHANGES[method]! : null
      if (change === null) return handler.call(method, params, context)
      const object = change.object(params)
      const name = context.peer?.name
      const asker = name === undefined ? { who: "nobody", from: "unknown" } : { who: `node/${name}`, from: name }
      try {
        const answer = await handler.call(method, params, context)
        // The cluster has let it in: the token is what it says it is.
        if (method === JOIN_METHOD) asker.who = `token/${parseToken(field(params, "token")).id}`
        const revision = (answer as { revision?: number } | null)?.revision
        audit.write(asker, { what: change.what, object }, revision === undefined ? {} : { revision }, null)
        return answer
      } catch (error) {
        // Who is no member yet may knock for ever.
        const { outcome, crowd } = outcomeOf(error)
        audit.write(asker, { what: change.what, object }, outcome, name === undefined ? "refused" : crowd)
        throw error
      }
    },
  }
}

/** What came has not been checked yet. */
function field(params: unknown, name: string): string {
  const value = typeof params === "object" && params !== null ? (params as Record<string, unknown>)[name] : undefined
  return typeof value === "string" ? value : ""
}

function each(params: unknown, name: (one: unknown) => string): string {
  return Array.isArray(params) ? params.map(name).join(",") : ""
}
