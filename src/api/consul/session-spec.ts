/** What the body of `PUT /v1/session/create` asks for, checked as Consul does (CONSUL-API section 3, S1 to S5). */
import { SESSION_LOCK_DELAY_MAX_MS, SESSION_TTL_MAX_MS } from "../../base/limits.ts"
import { foldName } from "../../model/names.ts"
import type { SessionSpec } from "../../store/port.ts"
import { consulText } from "../errors.ts"
import type { LocalCall } from "./call.ts"
import { formatDuration, parseDuration } from "./decode.ts"
import { field, isObject, JsonNumber, type JsonObject, parseJson } from "./json.ts"

/** The check that every node has: that it is alive. */
export const SERF_HEALTH = "serfHealth"
const LOCK_DELAY_DEFAULT_MS = 15_000
/** A bare number below this means seconds, from it on nanoseconds. */
const LOCK_DELAY_SECONDS_BELOW = 1_000

type Fields = Omit<SessionSpec, "id">

/** The session as asked for, or the refusal. */
export function sessionSpec(call: LocalCall): Fields | Response {
  try {
    return readSpec(call, call.body.length === 0 ? {} : parseJson(call.body))
  } catch (error) {
    if (error instanceof SyntaxError) return consulText(400, `Request decode failed: ${error.message}`)
    throw error
  }
}

/** Throws SyntaxError where a field has the wrong type. */
function readSpec(call: LocalCall, body: unknown): Fields | Response {
  if (body !== null && !isObject(body)) throw new SyntaxError("the body is no object")
  const fields: JsonObject = body ?? {}
  const checks = checksOf(fields)
  const lockDelayMs = lockDelay(field(fields, "LockDelay"))
  const ttl = text(fields, "TTL")
  const behavior = text(fields, "Behavior") || "release"
  const node = nodeOf(call, text(fields, "Node"))
  if (node === null) return consulText(500, "Missing node registration")
  const unknown = checks.find((check) => check !== SERF_HEALTH)
  if (unknown !== undefined) return consulText(500, `Missing check '${unknown}' registration`)
  if (behavior !== "release" && behavior !== "delete") {
    return consulText(500, `Invalid Behavior setting '${behavior}'`)
  }
  const ttlMs = ttlOf(ttl, call.settings.sessionTtlMinMs)
  if (ttlMs instanceof Response) return ttlMs
  return { name: text(fields, "Name"), node, behavior, lockDelayMs, ttl, ttlMs, checks: [...new Set(checks)] }
}

function text(fields: JsonObject, name: string): string {
  const value = field(fields, name) ?? ""
  if (typeof value !== "string") throw new SyntaxError(`${name} is no string`)
  return value
}

function lockDelay(value: unknown): number {
  if (value === undefined) return LOCK_DELAY_DEFAULT_MS
  const ms =
    typeof value === "string" ? parseDuration(value || "0") : value instanceof JsonNumber ? bareDelay(value) : null
  if (ms === null || Number.isNaN(ms)) throw new SyntaxError("LockDelay is no duration")
  return Math.min(Math.max(0, ms), SESSION_LOCK_DELAY_MAX_MS)
}

function bareDelay({ text }: JsonNumber): number {
  const number = Number(text)
  return number < LOCK_DELAY_SECONDS_BELOW ? number * 1e3 : number / 1e6
}

/** The node's name as the cluster has it, or null where there is no such member. */
function nodeOf({ node, askedNode }: LocalCall, given: string): string | null {
  const folded = foldName(given === "" ? askedNode : given)
  for (const { name, state } of node.catalog.nodes.values())
    if (state === "member" && foldName(name) === folded) return name
  return null
}

/** The checks of nodes: `Checks` of old clients, `NodeChecks` of newer ones; those of services are none that we have. */
function checksOf(fields: JsonObject): string[] {
  const given = [...strings(fields, "Checks"), ...strings(fields, "NodeChecks")]
  const serviceChecks = field(fields, "ServiceChecks") ?? []
  if (!Array.isArray(serviceChecks)) throw new SyntaxError("ServiceChecks is no list")
  const ofServices = serviceChecks.map((check) => (isObject(check) ? text(check, "ID") : ""))
  const isDefault = field(fields, "Checks") === undefined && field(fields, "NodeChecks") === undefined
  return [...(isDefault ? [SERF_HEALTH] : given), ...ofServices]
}

function strings(fields: JsonObject, name: string): string[] {
  const list = field(fields, name) ?? []
  if (!Array.isArray(list) || !list.every((item) => typeof item === "string"))
    throw new SyntaxError(`${name} is no list of strings`)
  return list
}

function ttlOf(ttl: string, minMs: number): number | Response {
  const ms = ttl === "" ? 0 : parseDuration(ttl)
  if (ms === null) {
    return consulText(500, `Session TTL '${ttl}' invalid: time: invalid duration ${JSON.stringify(ttl)}`)
  }
  if (ms === 0 || (ms >= minMs && ms <= SESSION_TTL_MAX_MS)) return ms
  const bounds = `[${formatDuration(minMs)}=${formatDuration(SESSION_TTL_MAX_MS)}]`
  return consulText(500, `Invalid Session TTL '${Math.round(ms * 1e6)}', must be between ${bounds}`)
}
