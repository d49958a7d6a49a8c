/** Consul's common parameters of reading: blocking queries and consistency modes (CONSUL-API section 1, C13 to C16). */
import { KV_WAIT_DEFAULT_MS, KV_WAIT_MAX_MS } from "../../base/limits.ts"
import { consulText } from "../errors.ts"
import { parseDuration, parseUint64, toText } from "./decode.ts"

export interface ReadOptions {
  /** 0: answer at once. */
  index: bigint
  waitMs: number
  consistent: boolean
  stale: boolean
}

export const NO_READ_OPTIONS: ReadOptions = { index: 0n, waitMs: KV_WAIT_DEFAULT_MS, consistent: false, stale: false }

/** Answers with the refusal where something does not parse. Switches count by being there, whatever their value. */
export function readOptions(query: Map<string, string>, cacheControl: string | null): ReadOptions | Response {
  const waitMs = parseDuration(query.get("wait") || "0")
  if (waitMs === null) return consulText(400, "Invalid wait time")
  const index = parseUint64(query.get("index") || "0")
  if ("problem" in index) return consulText(400, "Invalid index")
  if (query.has("stale") && query.has("consistent")) {
    return consulText(400, "Cannot specify ?stale with ?consistent, conflicting semantics.")
  }
  const maxStale = query.get("max_stale")
  if (maxStale && parseDuration(maxStale) === null) {
    return consulText(400, `Invalid max_stale value ${JSON.stringify(toText(maxStale))}`)
  }
  if (cacheControl !== null && !isCacheControl(cacheControl)) return consulText(400, "Invalid Cache-Control header.")
  return {
    index: index.value,
    waitMs: waitMs <= 0 ? KV_WAIT_DEFAULT_MS : Math.min(waitMs, KV_WAIT_MAX_MS),
    consistent: query.has("consistent"),
    // A bound on how stale it may be asks for a stale read, unless the leader is asked for by name.
    stale: query.has("stale") || (!!maxStale && !query.has("leader") && !query.has("consistent")),
  }
}

/** Only the ages in it count, and must be seconds. */
function isCacheControl(header: string): boolean {
  return header.split(",").every((part) => {
    const [name = "", value] = part.trim().split("=", 2)
    return !["max-age", "stale-if-error"].includes(name.toLowerCase()) || /^\d{1,18}$/.test(value ?? "")
  })
}
