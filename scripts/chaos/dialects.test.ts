import { expect, test } from "bun:test"
import type { KvCall } from "../linearize/kv.ts"
import { consulDialect } from "./consul-dialect.ts"
import { etcdDialect } from "./etcd-dialect.ts"
import type { Form, StoreRequest } from "./request.ts"

const ask = (call: KvCall, form: Form = "plain"): StoreRequest => ({ call, form, consistency: "default" })
const answer = (status: number, body: unknown, index = "9") => ({
  status,
  headers: new Map([["x-consul-index", index]]),
  body: typeof body === "string" ? body : JSON.stringify(body),
})
const row = (Value: string | null, ModifyIndex: number) => ({ KV: { Key: "k", Value, ModifyIndex } })
const put: KvCall = { op: "put", key: "k", value: "v" }
const get: KvCall = { op: "get", key: "k" }

test("Consul: what is not there, what is, and what a comparison found", () => {
  expect(consulDialect.decode(ask(get), answer(404, ""))).toEqual({ type: "ok", answer: { value: null }, index: 9 })
  const found = consulDialect.decode(ask(get), answer(200, [{ Key: "k", Value: btoa("v"), ModifyIndex: 7 }]))
  expect(found).toMatchObject({ type: "ok", answer: { value: "v", revision: 7 } })
  const cas: KvCall = { op: "cas", key: "k", expected: 7, value: "w" }
  expect(consulDialect.encode(ask(cas)).target).toBe("/v1/kv/k?cas=7")
  expect(consulDialect.decode(ask(cas), answer(200, "false"))).toMatchObject({ answer: { swapped: false } })
})

test("Consul: a pair must be found whole", () => {
  const whole = consulDialect.decode(ask(get, "pair"), answer(200, { Results: [row(btoa("v"), 7), row(btoa("v"), 7)] }))
  expect(whole).toMatchObject({ answer: { value: "v", revision: 7 } })
  const torn = consulDialect.decode(ask(get, "pair"), answer(200, { Results: [row(btoa("v"), 7), row(btoa("u"), 6)] }))
  expect(torn).toMatchObject({ answer: { value: expect.stringContaining("torn") } })
})

test("Consul: without a leader nothing was done; after any other error nobody knows", () => {
  expect(consulDialect.decode(ask(put), answer(500, "No cluster leader")).type).toBe("fail")
  expect(consulDialect.decode(ask(put), answer(500, "the leader was lost before it answered")).type).toBe("info")
  expect(consulDialect.decode(ask(get), answer(500, "whatever")).type).toBe("fail")
})

test("etcd: the header tells the revision of a change", () => {
  const header = { revision: "12" }
  expect(etcdDialect.decode(ask(put), answer(200, { header }))).toMatchObject({ answer: { revision: 12 } })
  expect(etcdDialect.decode(ask(get), answer(200, { header }))).toMatchObject({ answer: { value: null } })
  const kvs = [{ value: btoa("v"), mod_revision: "5" }]
  expect(etcdDialect.decode(ask(get), answer(200, { header, kvs }))).toMatchObject({
    answer: { value: "v", revision: 5 },
  })
  expect(etcdDialect.decode(ask(put), answer(503, "time-out")).type).toBe("info")
})
