/** Consul's `/v1/session/` (CONSUL-API section 3): sessions hold keys, and their end gives them up or deletes them. */
import { OvlError } from "../../base/errors.ts"
import { API_BODY_MAX_BYTES } from "../../base/limits.ts"
import { foldName } from "../../model/names.ts"
import type { Session, WaitTarget } from "../../store/port.ts"
import { consulText } from "../errors.ts"
import type { ConsulCall, ConsulEndpoint } from "./call.ts"
import { decodeSegment } from "./decode.ts"
import { afterWaiting, beforeReading, freshness } from "./consistency.ts"
import { consulJson, readHeaders } from "./respond.ts"
import { SERF_HEALTH, sessionSpec } from "./session-spec.ts"

const common = { access: "open", bodyMaxBytes: API_BODY_MAX_BYTES } as const

export const sessionEndpoints: ConsulEndpoint[] = [
  { ...common, path: "/v1/session/create", methods: ["PUT"], summary: "Open a session", handle: create },
  {
    ...common,
    path: "/v1/session/destroy/",
    methods: ["PUT"],
    summary: "End a session",
    handle: (call) => withId(call, (id) => destroy(call, id)),
  },
  {
    ...common,
    path: "/v1/session/renew/",
    methods: ["PUT"],
    summary: "Give a session its full time again",
    handle: (call) => withId(call, (id) => renew(call, id)),
  },
  {
    ...common,
    path: "/v1/session/info/",
    methods: ["GET"],
    summary: "One session",
    handle: (call) => withId(call, (id) => list(call, { session: id }, () => one(call.store.session(id)))),
  },
  {
    ...common,
    path: "/v1/session/node/",
    methods: ["GET"],
    summary: "A node's sessions",
    handle: ofNode,
  },
  {
    ...common,
    path: "/v1/session/list",
    methods: ["GET"],
    summary: "All sessions",
    handle: (call) => list(call, { sessions: true }, () => call.store.sessions()),
  },
]

function withId(call: ConsulCall, handle: (id: string) => Promise<Response>): Response | Promise<Response> {
  const id = decodeSegment(call.rest)
  if (id === null) return consulText(400, "Invalid session: it cannot be decoded")
  return id === "" ? consulText(400, "Missing session") : handle(id)
}

async function create(call: ConsulCall): Promise<Response> {
  const spec = sessionSpec(call)
  if (spec instanceof Response) return spec
  const { id } = await call.store.createSession({ ...spec, id: crypto.randomUUID() })
  return consulJson({ ID: id }, call.pretty)
}

async function destroy({ store, pretty }: ConsulCall, id: string): Promise<Response> {
  await store.destroySession(id)
  return consulJson(true, pretty)
}

async function renew({ store, pretty }: ConsulCall, id: string): Promise<Response> {
  try {
    return consulJson([sessionJson(await store.renewSession(id))], pretty)
  } catch (error) {
    // The text and the status by which clients know that it has expired (S7).
    if (error instanceof OvlError && error.kind === "not_found") {
      return consulText(404, `Session id '${id}' not found`)
    }
    throw error
  }
}

function ofNode(call: ConsulCall): Response | Promise<Response> {
  const name = decodeSegment(call.rest)
  if (name === null) return consulText(400, "Invalid node name: it cannot be decoded")
  if (name === "") return consulText(400, "Missing node name")
  const isOfNode = ({ node }: Session) => foldName(node) === foldName(name)
  return list(call, { sessions: true }, () => call.store.sessions().filter(isOfNode))
}

async function list(call: ConsulCall, target: WaitTarget, sessions: () => Session[]): Promise<Response> {
  const { store, read, waits, request, pretty } = call
  await beforeReading(call)
  const index = () => store.lastSessionChange()
  if (read.index > 0n) {
    call.holdOpen()
    await waits.until(store, { target, options: read, index, signal: request.signal })
    await afterWaiting(call)
  }
  return consulJson(sessions().map(sessionJson), pretty, readHeaders(index(), freshness(call)))
}

function one(session: Session | undefined): Session[] {
  return session ? [session] : []
}

const NS_PER_MS = 1_000_000

function sessionJson(session: Session) {
  const { id, name, node, lockDelayMs, behavior, ttl, checks, createRevision, modRevision } = session
  const isDefault = checks.length === 1 && checks[0] === SERF_HEALTH
  return {
    ID: id,
    Name: name,
    Node: node,
    LockDelay: Math.round(lockDelayMs * NS_PER_MS),
    Behavior: behavior,
    TTL: ttl,
    NodeChecks: checks,
    ServiceChecks: null,
    ...(isDefault || checks.length === 0 ? {} : { Checks: checks }),
    CreateIndex: createRevision,
    ModifyIndex: modRevision,
  }
}
