/** Writing and deleting keys by Consul's API (CONSUL-API section 2.3), each by the verb of a transaction that it stands for. */
import { KV_PREFIX, kvKey, protectedPrefix } from "../../registry/keys.ts"
import { isRefusal, type KvResult, type KvVerb, type Store } from "../../store/port.ts"
import { consulText } from "../errors.ts"
import type { ConsulCall } from "./call.ts"
import { parseUint64, toText } from "./decode.ts"
import { refuseProtected } from "./kv-key.ts"
import { consulJson } from "./respond.ts"

/** All texts of the store are to show keys as clients know them. */
export const KV_OPTIONS = { root: KV_PREFIX }

export async function put(call: ConsulCall, key: string): Promise<Response> {
  const { node, query, store, pretty } = call
  if (key === "") return consulText(400, "Missing key name")
  const conflict = conflictingFlags(query, ["cas", "acquire", "release"])
  if (conflict) return conflict
  const flags = parseUint64(query.get("flags") || "0")
  if ("problem" in flags) return consulText(500, flags.problem)
  const verb = putVerb(call, kvKey(key), flags.value)
  if (verb instanceof Response) return verb
  return refuseProtected(node.kvPrefix, key) ?? answer(await store.kv([verb], KV_OPTIONS), pretty)
}

function putVerb({ query, body }: ConsulCall, key: string, flags: bigint): KvVerb | Response {
  const what = { key, value: body, flags }
  const acquire = query.get("acquire")
  if (acquire !== undefined) return { verb: "lock", ...what, session: toText(acquire) }
  const release = query.get("release")
  if (release !== undefined) return { verb: "unlock", ...what, session: toText(release) }
  const index = casIndex(query)
  if (index instanceof Response) return index
  return index === null ? { verb: "set", ...what } : { verb: "cas", ...what, index }
}

export async function remove(call: ConsulCall, key: string): Promise<Response> {
  const { node, query, store, pretty } = call
  const conflict = conflictingFlags(query, ["recurse", "cas"])
  if (conflict) return conflict
  if (key === "" && !query.has("recurse")) return consulText(400, "Missing key name")
  const index = casIndex(query)
  if (index instanceof Response) return index
  const refused = refuseProtected(node.kvPrefix, key)
  if (refused) return refused
  const at = kvKey(key)
  if (query.has("recurse")) {
    const except = [kvKey(protectedPrefix(node.kvPrefix))]
    return answer(await store.kv([{ verb: "delete-tree", key: at, except }], KV_OPTIONS), pretty)
  }
  const verb: KvVerb = index === null ? { verb: "delete", key: at } : { verb: "delete-cas", key: at, index }
  return answer(await store.kv([verb], KV_OPTIONS), pretty)
}

/** A plain PUT, done. */
export function set(store: Store, key: string, value: Uint8Array): Promise<KvResult> {
  return store.kv([{ verb: "set", key: kvKey(key), value, flags: 0n }], KV_OPTIONS)
}

/** `true`, `false` where a condition did not hold, or Consul's text of what was wrong. */
export function answer(result: KvResult, pretty: boolean): Response {
  const problem = result.ok ? undefined : result.problems[0]
  if (problem && !isRefusal(problem.code)) return consulText(500, toText(problem.what))
  return consulJson(result.ok, pretty)
}

/** `?cas=0`: only where there is no such key; `?cas=N`: only where its index is N (W7, W8, W12). Null without one. */
function casIndex(query: Map<string, string>): number | null | Response {
  const text = query.get("cas")
  if (text === undefined) return null
  const parsed = parseUint64(text)
  // An index beyond what a number holds exactly is beyond every index there is, and so is its rounded value.
  return "problem" in parsed ? consulText(500, parsed.problem) : Number(parsed.value)
}

/** Of these parameters only one may be given (W4, W14). */
function conflictingFlags(query: Map<string, string>, names: string[]): Response | null {
  if (names.filter((name) => query.has(name)).length < 2) return null
  const given = [...query]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${queryEscape(name)}=${queryEscape(value)}`)
  return consulText(400, `Conflicting flags: ${given.join("&")}\n`)
}

/** As Go's url.QueryEscape has it: all but letters, digits, `-`, `_`, `.`, `~` escaped, a blank as `+`. */
function queryEscape(bytes: string): string {
  return bytes
    .replace(/[^A-Za-z0-9\-_.~ ]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`)
    .replaceAll(" ", "+")
}
