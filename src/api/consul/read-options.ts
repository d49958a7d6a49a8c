/** What every reading request of Consul's may ask: how consistent, from which index on, for how long to wait. */
import { KV_WAIT_DEFAULT_MS, KV_WAIT_MAX_MS } from "../../base/limits.ts"
import { consulText } from "../errors.ts"
import { parseDuration, parseUint64 } from "./decode.ts"

export interface ReadOptions {
  /** 0: answer at once. */
  index: bigint
  waitMs: number
  consistent: boolean
}

/** Answers with the refusal where something does not parse (C13-C15). Switches count by being there, whatever their value. */
export function readOptions(query: Map<string, string>): ReadOptions | Response {
  const wait = query.get("wait") || "0"
  const waitMs = parseDuration(wait)
  if (waitMs === null) return consulText(400, "Invalid wait time")
  const index = parseUint64(query.get("index") || "0")
  if ("problem" in index) return consulText(400, "Invalid index")
  if (query.has("stale") && query.has("consistent")) {
    return consulText(400, "Cannot specify ?stale with ?consistent, conflicting semantics.")
  }
  const maxStale = query.get("max_stale")
  if (maxStale && parseDuration(maxStale) === null) {
    return consulText(400, `Invalid max_stale value ${JSON.stringify(maxStale)}`)
  }
  return {
    index: index.value,
    waitMs: waitMs <= 0 ? KV_WAIT_DEFAULT_MS : Math.min(waitMs, KV_WAIT_MAX_MS),
    consistent: query.has("consistent"),
  }
}
