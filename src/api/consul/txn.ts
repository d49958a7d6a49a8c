/** Consul's `/v1/txn` (CONSUL-API section 4): all of its operations are done, in one index, or none. */
import { TXN_BODY_MAX_BYTES } from "../../base/limits.ts"
import type { KvResult, KvVerb } from "../../store/port.ts"
import { consulText } from "../errors.ts"
import type { ConsulCall, ConsulEndpoint } from "./call.ts"
import { beforeReading, freshness } from "./consistency.ts"
import { toText } from "./decode.ts"
import { parseJson } from "./json.ts"
import { shownKey } from "./kv-key.ts"
import { KV_OPTIONS } from "./kv-write.ts"
import { freshnessHeaders, jsonText, renderEntry } from "./respond.ts"
import { onlyReads, type Parsed, parseTxn, type TxnError } from "./txn-parse.ts"

export const txnEndpoint: ConsulEndpoint = {
  path: "/v1/txn",
  methods: ["PUT"],
  access: "open",
  summary: "Several operations on keys as one",
  bodyMaxBytes: TXN_BODY_MAX_BYTES,
  async handle(call) {
    const parsed = parse(call)
    if ("refusal" in parsed) return parsed.refusal
    if ("errors" in parsed) return failed(parsed.errors, call.pretty)
    return onlyReads(parsed.verbs) ? read(call, parsed.verbs) : write(call, parsed.verbs)
  },
}

function parse({ body, node, settings }: ConsulCall): Parsed {
  const { valueMaxBytes, txnOperationsMax: operationsMax } = settings
  try {
    return parseTxn(parseJson(body), { kvPrefix: node.kvPrefix, valueMaxBytes, operationsMax })
  } catch (error) {
    if (error instanceof SyntaxError) return { refusal: consulText(400, `Failed to parse body: ${error.message}`) }
    throw error
  }
}

async function write({ store, pretty }: ConsulCall, verbs: KvVerb[]): Promise<Response> {
  const result = await store.kv(verbs, KV_OPTIONS)
  return result.ok ? jsonText(`{"Results":${results(result)},"Errors":null}`, pretty) : failed(problems(result), pretty)
}

/** One that only reads makes no entry in the log, and says how fresh its answer is (T7). */
async function read(call: ConsulCall, verbs: KvVerb[]): Promise<Response> {
  const { store, pretty, read: options } = call
  await beforeReading(call)
  const result = store.read(verbs, KV_OPTIONS)
  const fresh = freshness(call)
  const headers = freshnessHeaders(fresh)
  if (!result.ok) return failed(problems(result), pretty, headers)
  const level = options.consistent ? "consistent" : options.stale ? "stale" : "leader"
  const meta = `"Index":${Math.max(1, result.revision)},"LastContact":${Math.round(fresh.lastContactMs)},"KnownLeader":${fresh.knownLeader},"ConsistencyLevel":"${level}"`
  return jsonText(`{"Results":${results(result)},"Errors":null,${meta}}`, pretty, headers)
}

function results(result: KvResult & { ok: true }): string {
  const rendered = result.results.map(({ entry }) => `{"KV":${renderEntry(shownKey(entry.key), entry)}}`)
  return rendered.length > 0 ? `[${rendered.join(",")}]` : "null"
}

function problems(result: KvResult & { ok: false }): TxnError[] {
  return result.problems.map(({ index, what }) => ({ OpIndex: index, What: toText(what) }))
}

function failed(errors: TxnError[], pretty: boolean, headers: Record<string, string> = {}): Response {
  return jsonText(JSON.stringify({ Results: null, Errors: errors }), pretty, headers, 409)
}
