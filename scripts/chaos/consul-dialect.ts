/** ovl's store by Consul's API: `/v1/kv` and `/v1/txn`. Only a transaction's answer tells the revision of a change. */
import type { KvAnswer, KvCall } from "../linearize/kv.ts"
import type { HttpAnswer, HttpRequest } from "./http.ts"
import { type Dialect, type Outcome, pairOf, type StoreRequest, unexpected } from "./request.ts"

interface Row {
  Key: string
  Value: string | null
  ModifyIndex: number
}

const base64 = (text: string) => Buffer.from(text).toString("base64")
const plain = (value: string | null) => Buffer.from(value ?? "", "base64").toString()

export const consulDialect: Dialect = {
  name: "consul",
  encode: (request) => (request.form === "plain" ? encodePlain(request) : encodeTransaction(request)),
  decode: (request, answer) =>
    request.form === "plain" ? decodePlain(request, answer) : decodeTransaction(request, answer),
}

function encodePlain({ call, consistency }: StoreRequest): HttpRequest {
  const path = `/v1/kv/${call.key}`
  switch (call.op) {
    case "get":
      return { method: "GET", target: consistency === "default" ? path : `${path}?${consistency}`, body: "" }
    case "put":
      return { method: "PUT", target: path, body: call.value }
    case "cas":
      return { method: "PUT", target: `${path}?cas=${call.expected}`, body: call.value }
    case "delete":
      return { method: "DELETE", target: path, body: "" }
  }
}

function encodeTransaction({ call, form, consistency }: StoreRequest): HttpRequest {
  const keys = form === "pair" ? pairOf(call.key) : [call.key]
  const operations = keys.map((key) => ({ KV: { Key: key, ...verb(call) } }))
  const target = call.op === "get" && consistency === "consistent" ? "/v1/txn?consistent" : "/v1/txn"
  return { method: "PUT", target, body: JSON.stringify(operations) }
}

function verb(call: KvCall): object {
  switch (call.op) {
    case "get":
      return { Verb: "get-or-empty" }
    case "put":
      return { Verb: "set", Value: base64(call.value) }
    case "cas":
      return { Verb: "cas", Value: base64(call.value), Index: call.expected }
    case "delete":
      return { Verb: "delete" }
  }
}

function decodePlain(request: StoreRequest, answer: HttpAnswer): Outcome {
  const { op } = request.call
  const index = Number(answer.headers.get("x-consul-index") ?? 0)
  const ok = (found: KvAnswer): Outcome => ({ type: "ok", answer: found, index })
  if (op === "get" && answer.status === 404) return ok({ value: null })
  if (answer.status !== 200) return refused(request, answer)
  if (op === "get") {
    const [row] = JSON.parse(answer.body) as [Row]
    return ok({ value: plain(row.Value), revision: row.ModifyIndex })
  }
  if (op === "cas") return ok({ swapped: answer.body === "true" })
  return answer.body === "true" ? ok({}) : unexpected(request, answer)
}

function decodeTransaction(request: StoreRequest, answer: HttpAnswer): Outcome {
  const { call } = request
  if (call.op === "cas" && answer.status === 409 && answer.body.includes("index is stale"))
    return { type: "ok", answer: { swapped: false }, index: 0 }
  if (answer.status !== 200) return refused(request, answer)
  const { Results } = JSON.parse(answer.body) as { Results: { KV: Row }[] | null }
  const rows = (Results ?? []).map(({ KV }) => KV)
  return { type: "ok", answer: answerOf(call, rows), index: 0 }
}

/** Who says that nobody leads has not handed the write to anybody: it did not happen, and will not. */
function refused(request: StoreRequest, answer: HttpAnswer): Outcome {
  if (answer.status === 500 && answer.body === "No cluster leader") return { type: "fail", note: "No cluster leader" }
  return unexpected(request, answer)
}

function answerOf(call: KvCall, rows: Row[]): KvAnswer {
  if (call.op === "delete") return {}
  const revision = rows[0]!.ModifyIndex
  const isOne = rows.every((row) => row.ModifyIndex === revision && row.Value === rows[0]!.Value)
  if (call.op === "get") {
    // Half of a transaction was seen: nobody ever wrote such a value, so there will be no place for this answer.
    if (!isOne) return { value: `torn: ${JSON.stringify(rows)}` }
    return revision === 0 ? { value: null } : { value: plain(rows[0]!.Value), revision }
  }
  return call.op === "cas" ? { swapped: true, revision } : { revision }
}
