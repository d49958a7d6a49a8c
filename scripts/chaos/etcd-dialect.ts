/**
 * etcd's v3 JSON API: a store that is known to be right, to hold the harness itself against. A pair is one key here.
 * Whatever fails after it was sent may have happened, as its documentation has it of time-outs.
 */
import type { KvAnswer, KvCall } from "../linearize/kv.ts"
import type { HttpAnswer, HttpRequest } from "./http.ts"
import { type Dialect, type Outcome, type StoreRequest, unexpected } from "./request.ts"

interface Answer {
  header: { revision: string }
  kvs?: { value?: string; mod_revision: string }[]
  succeeded?: boolean
}

const base64 = (text: string) => Buffer.from(text).toString("base64")

export const etcdDialect: Dialect = { name: "etcd", encode, decode }

function encode({ call, consistency }: StoreRequest): HttpRequest {
  const key = base64(call.key)
  const post = (path: string, body: object) => ({ method: "POST", target: path, body: JSON.stringify(body) })
  switch (call.op) {
    case "get":
      return post("/v3/kv/range", { key, serializable: consistency === "stale" })
    case "put":
      return post("/v3/kv/put", { key, value: base64(call.value) })
    case "delete":
      return post("/v3/kv/deleterange", { key })
    case "cas": {
      const compare = [{ target: "MOD", key, result: "EQUAL", mod_revision: String(call.expected) }]
      const success = [{ request_put: { key, value: base64(call.value) } }]
      return post("/v3/kv/txn", { compare, success })
    }
  }
}

function decode(request: StoreRequest, answer: HttpAnswer): Outcome {
  if (answer.status !== 200) return unexpected(request, answer)
  const parsed = JSON.parse(answer.body) as Answer
  const index = Number(parsed.header.revision)
  return { type: "ok", answer: answerOf(request.call, parsed, index), index }
}

function answerOf(call: KvCall, { kvs = [], succeeded = false }: Answer, index: number): KvAnswer {
  if (call.op === "cas") return succeeded ? { swapped: true, revision: index } : { swapped: false }
  if (call.op !== "get") return { revision: index }
  const [row] = kvs
  if (row === undefined) return { value: null }
  return { value: Buffer.from(row.value ?? "", "base64").toString(), revision: Number(row.mod_revision) }
}
