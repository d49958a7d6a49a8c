/** The client against a server that says what it was asked and answers from a script, over a Unix socket. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { OvlError } from "../base/errors.ts"
import { createClient } from "./client.ts"

const dir = mkdtempSync(join(tmpdir(), "ovl-client-"))
const socket = join(dir, "s")
const asked: string[] = []
let answer: () => Response = () => new Response("true")
let server: ReturnType<typeof Bun.serve>

beforeAll(() => {
  server = Bun.serve({
    unix: socket,
    async fetch(request) {
      const target = request.url.slice(request.url.indexOf("/", "http://".length))
      asked.push(`${request.method} ${target} ${await request.text()}`.trim())
      return answer()
    },
  })
})

afterAll(async () => {
  await server.stop(true)
  rmSync(dir, { recursive: true })
})

const { kv } = createClient({ socket })
const INDEX = { "X-Consul-Index": "42" }

async function question(given: () => Response, call: () => Promise<unknown>): Promise<string[]> {
  asked.length = 0
  answer = given
  await call()
  return [...asked]
}

test("a key is one segment of the path, whatever is in it", async () => {
  const missing = () => new Response(null, { status: 404, headers: INDEX })
  for (const [key, segment] of [
    ["a", "a"],
    ["a/b//c/", "a%2Fb%2F%2Fc%2F"],
    ["a/./b", "a%2F.%2Fb"],
    [".", "%2F."],
    ["100% ü?#&+", "100%25%20%C3%BC%3F%23%26%2B"],
  ] as const)
    expect(await question(missing, () => kv.get(key))).toEqual([`GET /v1/kv/${segment}`])
  expect(await question(missing, () => kv.list("", { index: 7, waitMs: 500 }))).toEqual([
    "GET /v1/kv/?recurse&index=7&wait=500ms",
  ])
})

test("entries: bytes, exact flags, the index of the header", async () => {
  const json =
    '[{"CreateIndex":1,"ModifyIndex":2,"LockIndex":3,"Key":"a","Flags":18446744073709551615,"Value":"AP8=","Session":"s"}]'
  answer = () => new Response(json, { headers: INDEX })
  expect(await kv.get("a")).toEqual({
    index: 42,
    entry: {
      key: "a",
      value: Buffer.from([0, 255]),
      flags: 2n ** 64n - 1n,
      createIndex: 1,
      modifyIndex: 2,
      lockIndex: 3,
      session: "s",
    },
  })
  answer = () => new Response(json.replace('"AP8="', "null").replace(',"Session":"s"', ""), { headers: INDEX })
  expect((await kv.list("a")).entries[0]).toMatchObject({ value: new Uint8Array(), session: null })
})

test("keys, a page of them", async () => {
  const listed = () => new Response('["a/","b"]', { headers: INDEX })
  expect(await question(listed, () => kv.keys("x", { separator: "/", limit: 2, after: "x/a" }))).toEqual([
    "GET /v1/kv/x?keys&separator=%2F&limit=2&after=x%2Fa",
  ])
  answer = listed
  expect(await kv.keys("")).toEqual(["a/", "b"])
  answer = () => new Response(null, { status: 404, headers: INDEX })
  expect(await kv.keys("none")).toEqual([])
})

test("writing and deleting", async () => {
  const yes = () => new Response("true")
  const value = new TextEncoder().encode("v")
  const write = { key: "a", value, flags: 2n ** 63n + 1n }
  expect(await question(yes, () => kv.put(write))).toEqual(["PUT /v1/kv/a?flags=9223372036854775809 v"])
  expect(await question(yes, () => kv.put({ ...write, flags: 0n }, { cas: 0n }))).toEqual(["PUT /v1/kv/a?cas=0 v"])
  expect(await question(yes, () => kv.put({ ...write, flags: 0n }, { acquire: "s" }))).toEqual([
    "PUT /v1/kv/a?acquire=s v",
  ])
  expect(await question(yes, () => kv.delete("", { recurse: true }))).toEqual(["DELETE /v1/kv/?recurse"])
  expect(await question(yes, () => kv.putAll([write]))).toEqual([
    'PUT /v1/txn [{"KV":{"Verb":"set","Key":"a","Value":"dg==","Flags":9223372036854775809}}]',
  ])
  answer = () => new Response("false")
  expect(await kv.put(write, { cas: 3n })).toBe(false)
})

test.each([
  [
    403,
    "Permission denied: the keys below x are read-only: no",
    "forbidden",
    "key_protected",
    "the keys below x are read-only: no",
  ],
  [404, "Invalid URL path", "not_found", "path_unknown", "Invalid URL path"],
  [413, "too large", "too_large", "value_too_large", "too large"],
  [500, "No cluster leader", "unavailable", "no_leader", "No cluster leader"],
  [
    500,
    'raft apply failed: invalid session "x"',
    "not_found",
    "session_not_found",
    'raft apply failed: invalid session "x"',
  ],
  [400, "Invalid key", "usage", "request_refused", "Invalid key"],
  [500, "", "failed", "kv_failed", "the daemon answered 500"],
] as const)("a refusal: %d %s", async (status, text, kind, code, why) => {
  answer = () => new Response(text, { status })
  const error = (await kv.put({ key: "a", value: new Uint8Array(), flags: 0n }).catch((each) => each)) as OvlError
  expect([error.kind, error.code, error.message]).toEqual([kind, code, `cannot write a: ${why}`])
})

test("a transaction that failed says why", async () => {
  answer = () => Response.json({ Results: null, Errors: [{ OpIndex: 0, What: "it is so" }] }, { status: 409 })
  const error = (await kv.putAll([]).catch((each) => each)) as OvlError
  expect([error.kind, error.message]).toEqual(["conflict", "cannot write: it is so"])
})

test("names that are directions are never sent", async () => {
  const client = createClient({ socket })
  asked.length = 0
  for (const name of [".", ".."])
    expect(((await client.removeNetwork(name).catch((each) => each)) as OvlError).code).toBe("name_invalid")
  expect(asked).toEqual([])
})
