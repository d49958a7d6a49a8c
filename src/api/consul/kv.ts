/**
 * Consul's `/v1/kv/`: reading, writing and deleting keys, one by one or by prefix. Rows such as R4 and W7 are those of
 * CONSUL-API, the list of what Consul's clients rely on. Keys are byte strings all the way.
 */
import { KV_VALUE_MAX_BYTES } from "../../base/limits.ts"
import { isProtectedKey, KV_PREFIX, kvKey, protectedPrefix } from "../../registry/keys.ts"
import type { Compare, Entry, Store } from "../../store/port.ts"
import { consulText } from "../errors.ts"
import { untilChanged } from "./blocking.ts"
import type { ConsulCall, ConsulEndpoint } from "./call.ts"
import { isPrintable, parseUint64, percentDecode, toText } from "./decode.ts"
import { consulJson, entryJson, readHeaders } from "./respond.ts"

export const kvEndpoint: ConsulEndpoint = {
  path: "/v1/kv/",
  methods: ["GET", "PUT", "DELETE"],
  access: "open",
  summary: "Consul's key-value store",
  bodyMaxBytes: KV_VALUE_MAX_BYTES,
  async handle(call) {
    const key = decodeKey(call.rest)
    if (key instanceof Response) return key
    switch (call.method) {
      case "PUT":
        return put(call, key)
      case "DELETE":
        return remove(call, key)
      default:
        return get(call, key)
    }
  },
}

/** The key that a path names (R10-R13, C22, C23). Slashes before it are dropped, as clients of Consul's expect. */
function decodeKey(rest: string): string | Response {
  const decoded = percentDecode(rest)
  if (decoded === null) return consulText(400, "Invalid key: a % must be followed by two hexadecimal digits")
  if (!isPrintable(toText(decoded))) return consulText(400, "Invalid key: it has a character that cannot be printed")
  if (decoded.split("/").includes("..")) return consulText(400, "Invalid key: '..' is no part of a key")
  return decoded.replace(/^\/+/, "")
}

async function get(call: ConsulCall, key: string): Promise<Response> {
  const { query, store, read } = call
  const listing = query.has("keys") || query.has("recurse")
  if (key === "" && !listing) return consulText(400, "Missing key name")
  if (read.consistent) await store.barrier()
  const look = () => (listing ? lookBelow(store, key) : lookAt(store, key))
  if (read.index > 0n) {
    call.holdOpen()
    const watched = { store, prefix: kvKey(key), exact: !listing, signal: call.request.signal }
    await untilChanged(watched, read, () => look().index)
  }
  const { index, entries } = look()
  const headers = readHeaders(store, index)
  if (query.has("keys")) return answerKeys(call, key, entries, headers)
  const [first] = entries
  if (!first) return new Response(null, { status: 404, headers })
  if (query.has("raw") && !listing) return answerRaw(first, headers)
  return consulJson(
    entries.map((entry) => entryJson(keyOf(entry), entry)),
    call.pretty,
    headers,
  )
}

/** What is there, and the index by which a later look can tell whether it changed. */
interface Look {
  index: number
  readonly entries: Entry[]
}

/** The index of a key that exists is its own, by which libkv compares and swaps; else that of the last change of any (R1, R2). */
function lookAt(store: Store, key: string): Look {
  const entry = store.get(kvKey(key))
  return entry ? { index: entry.modRevision, entries: [entry] } : { index: store.lastChange(KV_PREFIX), entries: [] }
}

/** The index of a listing is that of the last change below the prefix, deletions included (R4, R8, B6). */
function lookBelow(store: Store, prefix: string): Look {
  return {
    index: store.lastChange(kvKey(prefix)) || store.lastChange(KV_PREFIX),
    // Read only when asked for: a blocking query begins with the index alone.
    get entries() {
      return store.range(kvKey(prefix)).entries
    },
  }
}

/** Names only, each cut after the first separator behind the prefix, each once (R6, R7). */
function answerKeys(call: ConsulCall, prefix: string, entries: Entry[], headers: Record<string, string>): Response {
  if (entries.length === 0 && prefix !== "") return new Response(null, { status: 404, headers })
  const separator = call.query.get("separator") ?? call.query.get("seperator") ?? ""
  const names = new Set<string>()
  for (const entry of entries) {
    const key = keyOf(entry)
    const cut = separator === "" ? -1 : key.indexOf(separator, prefix.length)
    names.add(toText(cut < 0 ? key : key.slice(0, cut + separator.length)))
  }
  return consulJson([...names], call.pretty, headers)
}

/** The bare value, in such a way that no browser runs it (R9). */
function answerRaw(entry: Entry, headers: Record<string, string>): Response {
  return new Response(entry.value as Uint8Array<ArrayBuffer>, {
    headers: {
      ...headers,
      "Content-Type": "text/plain",
      "X-Content-Type-Options": "nosniff",
      "Content-Security-Policy": "sandbox",
    },
  })
}

async function put(call: ConsulCall, key: string): Promise<Response> {
  const { node, query, store, body } = call
  if (key === "") return consulText(400, "Missing key name")
  const conflict = conflictingFlags(query, ["cas", "acquire", "release"])
  if (conflict) return conflict
  const flags = parseUint64(query.get("flags") || "0")
  if ("problem" in flags) return consulText(500, flags.problem)
  const condition = compareAndSet(query, key)
  if (condition instanceof Response) return condition
  if (query.has("acquire") || query.has("release")) return consulText(500, "locks: not available in this version")
  if (isProtectedKey(node.kvPrefix, key)) return protectedKey(node.kvPrefix)
  const { succeeded } = await store.transact({
    compare: condition,
    operations: [{ op: "put", key: kvKey(key), value: body, flags: flags.value }],
  })
  return consulJson(succeeded, call.pretty)
}

async function remove(call: ConsulCall, key: string): Promise<Response> {
  const { node, query, store, pretty } = call
  const conflict = conflictingFlags(query, ["recurse", "cas"])
  if (conflict) return conflict
  if (key === "" && !query.has("recurse")) return consulText(400, "Missing key name")
  const condition = compareAndSet(query, key)
  if (condition instanceof Response) return condition
  if (isProtectedKey(node.kvPrefix, key)) return protectedKey(node.kvPrefix)
  if (query.has("recurse")) {
    const except = [kvKey(protectedPrefix(node.kvPrefix))]
    await store.transact({ operations: [{ op: "deletePrefix", prefix: kvKey(key), except }] })
    return consulJson(true, pretty)
  }
  const { succeeded } = await store.transact({
    compare: condition,
    operations: [{ op: "delete", key: kvKey(key) }],
  })
  // A key that is gone already is as good as deleted, whatever index was named (W12).
  return consulJson(succeeded || store.get(kvKey(key)) === undefined, pretty)
}

/** `?cas=0`: only where there is no such key; `?cas=N`: only where its index is N (W7, W8, W12). */
function compareAndSet(query: Map<string, string>, key: string): Compare[] | Response {
  const text = query.get("cas")
  if (text === undefined) return []
  const parsed = parseUint64(text)
  if ("problem" in parsed) return consulText(500, parsed.problem)
  if (parsed.value === 0n) return [{ key: kvKey(key), exists: false }]
  // An index beyond what a number holds exactly is beyond every index there is, and so is its rounded value.
  return [{ key: kvKey(key), modRevision: Number(parsed.value) }]
}

/** Of these parameters only one may be given (W4, W14). */
function conflictingFlags(query: Map<string, string>, names: string[]): Response | null {
  if (names.filter((name) => query.has(name)).length < 2) return null
  const given = [...query].sort(([a], [b]) => (a < b ? -1 : 1)).map((pair) => new URLSearchParams([pair]).toString())
  return consulText(400, `Conflicting flags: ${given.join("&")}\n`)
}

function protectedKey(kvPrefix: string): Response {
  return consulText(
    403,
    `Permission denied: the keys below ${protectedPrefix(kvPrefix)} are read-only: networks change through ovl's own API`,
  )
}

function keyOf(entry: Entry): string {
  return entry.key.slice(KV_PREFIX.length)
}
