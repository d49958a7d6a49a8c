/** What the own routes refuse, and how they say so; and a client whose daemon is not there. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { writeFileSync } from "node:fs"
import { createClient } from "../../src/client/client.ts"
import { answer, refusal } from "./api-answers.ts"
import { chunked, type Fixture, openFixture } from "./api-fixture.ts"

let fixture: Fixture
beforeAll(async () => {
  fixture = await openFixture()
})
afterAll(async () => {
  await fixture.close()
  expect(fixture.internalErrors).toEqual([])
})

test.each([
  ["POST", "/api/v1/networks", "{", "400 json_malformed: request refused: its body is not JSON"],
  ["POST", "/api/v1/networks", "\xff", "422 request_invalid: request refused: expected object, received string"],
  ["POST", "/api/v1/networks", "[]", "422 request_invalid: request refused: expected object, received array"],
  ["POST", "/api/v1/networks", "", "422 request_invalid: request refused: name: expected string, received undefined"],
  ["POST", "/api/v1/networks", '{"name":"a b"}', "422 request_invalid: request refused: name: a name begins with"],
  [
    "POST",
    "/api/v1/networks",
    '{"name":"a","colour":1}',
    '422 request_invalid: request refused: unknown field: "colour"',
  ],
  [
    "POST",
    "/api/v1/networks",
    '{"name":"a","subnets":[{"subnet":1}]}',
    "422 request_invalid: request refused: subnets.0.subnet: expected string",
  ],
  ["POST", "/api/v1/endpoints", '{"network":"a","pid":-1}', "422 request_invalid: request refused: pid: "],
  ["POST", "/api/v1/tokens", '{"role":"king"}', "422 request_invalid: request refused: role: "],
  ["POST", "/api/v1/workloads", '{"networks":[]}', "422 request_invalid: request refused: networks: "],
  ["POST", "/api/v1/workloads/x/started", '{"pid":"1"}', "422 request_invalid: request refused: pid: "],
  ["POST", "/api/v1/workloads/x/stop", '{"graceMs":-1}', "422 request_invalid: request refused: graceMs: "],
  ["GET", "/api/v1/networks?colour=red", undefined, '400 query_invalid: query refused: unknown field: "colour"'],
  ["DELETE", "/api/v1/networks/x?force=maybe", undefined, "400 query_invalid: query refused: force: "],
  ["GET", "/api/v1/nothing", undefined, "404 path_unknown: GET /api/v1/nothing: no such path"],
  ["GET", "/", undefined, "404 path_unknown: "],
  ["PUT", "/api/v1/networks", "{}", "405 method_not_allowed: PUT /api/v1/networks: method not allowed"],
  ["DELETE", "/api/v1/status", undefined, "405 method_not_allowed: "],
])("%s %s %s is refused in one clear line", async (method, path, body, expected) => {
  const got = await answer(fixture.socket, method, path, body === "\xff" ? '"text"' : body)
  expect(got.slice(0, expected.length)).toBe(expected)
  expect(got).not.toContain("\n")
})

test("405 names what is allowed", async () => {
  const response = await fetch("http://localhost/api/v1/networks/x", { method: "PATCH", unix: fixture.socket })
  expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, DELETE"])
})

test("a body over its bound is 413, chunked or not, and a deep one is no crash", async () => {
  const name = "x".repeat(1_048_577)
  expect(await answer(fixture.socket, "POST", "/api/v1/networks", JSON.stringify({ name }))).toStartWith(
    "413 body_too_large: ",
  )
  const body = chunked(Buffer.from(name))
  const response = await fetch("http://localhost/api/v1/networks", { method: "POST", body, unix: fixture.socket })
  expect(response.status).toBe(413)
  expect(await answer(fixture.socket, "POST", "/api/v1/networks", "[".repeat(1_000_000))).toStartWith(
    "400 json_malformed: ",
  )
  expect(await answer(fixture.socket, "POST", "/api/v1/networks", '{"__proto__":{"name":"x"}}')).toStartWith("422 ")
})

test("openapi.json has every route, with its schemas", async () => {
  const api = (await fixture.client.openApi()) as {
    openapi: string
    paths: Record<string, Record<string, { requestBody?: unknown }>>
    components: { schemas: Record<string, unknown> }
  }
  expect(api.openapi).toBe("3.1.0")
  expect(Object.keys(api.paths)).toEqual(
    expect.arrayContaining([
      "/api/v1/networks",
      "/api/v1/networks/{ref}",
      "/api/v1/events",
      "/healthz",
      "/metrics",
      "/v1/kv/{rest}",
    ]),
  )
  expect(api.paths["/api/v1/networks"]?.post?.requestBody).toEqual({
    content: { "application/json": { schema: { $ref: "#/components/schemas/NetworkSpec" } } },
  })
  const text = JSON.stringify(api)
  for (const [, id] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g))
    expect(api.components.schemas).toHaveProperty(id!)
})

describe("a daemon that is not there", () => {
  test.each([
    [
      { socket: "/nonexistent/ovl.sock" },
      "503 no_daemon",
      "cannot reach the daemon at /nonexistent/ovl.sock: no such file",
    ],
    [
      { url: "http://127.0.0.1:1" },
      "503 no_daemon",
      "cannot reach the daemon at http://127.0.0.1:1: nobody is listening",
    ],
  ])("%j", async (address, expected, message) => {
    const call = createClient(address).status()
    expect(await refusal(call)).toBe(expected)
    expect(await call.catch((error: Error) => error.message)).toBe(message)
  })

  test("a file that is no socket, and a server that is no ovl", async () => {
    writeFileSync(`${fixture.dir}/file`, "")
    expect(await refusal(createClient({ socket: `${fixture.dir}/file` }).status())).toBe("503 no_daemon")
    const other = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("nginx", { status: 502 }) })
    expect(await refusal(createClient({ url: `http://127.0.0.1:${other.port}` }).status())).toBe("500 answer_malformed")
    await other.stop(true)
  })
})
