/** Who may do what over TCP, as one table: INTERFACE section 6. The Unix socket may do everything. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { parseHttpAddress } from "../../src/api/address.ts"
import { createApp } from "../../src/api/app.ts"
import { listenTcp } from "../../src/api/listen.ts"
import { silentLog } from "../../src/base/log.ts"
import { createClient } from "../../src/client/client.ts"
import { OWN_ROUTES } from "../../src/api/routes/table.ts"
import { selfSigned } from "./api-certificate.ts"
import { type Fixture, openFixture, rawRequest } from "./api-fixture.ts"

let fixture: Fixture
beforeAll(async () => {
  fixture = await openFixture()
})
afterAll(() => fixture.close())

/** Passed: whatever it answered, access was not what it refused. */
const PASSED = "passed"

async function outcome(base: string, method: string, path: string, token?: string, ca?: string): Promise<string> {
  const headers: HeadersInit = token === undefined ? {} : { Authorization: `Bearer ${token}` }
  const stop = new AbortController()
  const response = await fetch(base + path, { method, headers, signal: stop.signal, ...(ca ? { tls: { ca } } : {}) })
  const { status } = response
  stop.abort()
  return status === 401 || status === 403 ? String(status) : PASSED
}

/** method, path, then: without a token, token of role client, token of role server. */
const TABLE: [method: string, path: string, none: string, client: string, server: string][] = [
  ["GET", "/v1/kv/a", PASSED, PASSED, PASSED],
  ["PUT", "/v1/kv/a", PASSED, PASSED, PASSED],
  ["DELETE", "/v1/kv/a", PASSED, PASSED, PASSED],
  ["PUT", "/v1/session/create", PASSED, PASSED, PASSED],
  ["PUT", "/v1/session/destroy/x", PASSED, PASSED, PASSED],
  ["PUT", "/v1/session/renew/x", PASSED, PASSED, PASSED],
  ["GET", "/v1/session/list", PASSED, PASSED, PASSED],
  ["PUT", "/v1/txn", PASSED, PASSED, PASSED],
  ["GET", "/v1/status/leader", PASSED, PASSED, PASSED],
  ["GET", "/v1/agent/self", PASSED, PASSED, PASSED],
  ["PUT", "/v1/agent/service/register", "403", "403", PASSED],
  ["GET", "/v1/catalog/nodes", PASSED, PASSED, PASSED],
  ["GET", "/v1/health/state/any", PASSED, PASSED, PASSED],
  ["GET", "/v1/snapshot", "403", "403", PASSED],
  ["PUT", "/v1/snapshot", "403", "403", PASSED],
  ["GET", "/v1/operator/raft/configuration", "403", "403", PASSED],
  ["DELETE", "/v1/operator/raft/peer", "403", "403", PASSED],
  ["POST", "/v1/operator/raft/transfer-leader", "403", "403", PASSED],
  ["GET", "/v1/operator/autopilot/health", "403", "403", PASSED],
  ["GET", "/v1/operator/anything", "403", "403", PASSED],
  ["PUT", "/v1/catalog/register", "403", "403", PASSED],
  ["GET", "/v1/agent/metrics", PASSED, PASSED, PASSED],
  ["GET", "/v1/acl/tokens", "401", "401", "401"],
  ["GET", "/v1/event/list", PASSED, PASSED, PASSED],
  ["GET", "/healthz", PASSED, PASSED, PASSED],
  ["GET", "/metrics", PASSED, PASSED, PASSED],
  ["GET", "/openapi.json", PASSED, PASSED, PASSED],
  ["GET", "/api/v1/networks", "401", PASSED, PASSED],
  ["POST", "/api/v1/networks", "401", "403", PASSED],
  ["DELETE", "/api/v1/networks/x", "401", "403", PASSED],
  ["GET", "/api/v1/endpoints", "401", PASSED, PASSED],
  ["POST", "/api/v1/endpoints", "401", "403", PASSED],
  ["GET", "/api/v1/nodes", "401", PASSED, PASSED],
  ["DELETE", "/api/v1/nodes/x", "401", "403", PASSED],
  ["GET", "/api/v1/tokens", "401", PASSED, PASSED],
  ["POST", "/api/v1/tokens", "401", "403", PASSED],
  ["GET", "/api/v1/status", "401", PASSED, PASSED],
  ["GET", "/api/v1/events", "401", PASSED, PASSED],
  ["POST", "/api/v1/networks/x/connect", "401", "403", PASSED],
  ["POST", "/api/v1/probe", "401", "403", PASSED],
  ["POST", "/api/v1/ping", "401", "403", PASSED],
  ["POST", "/api/v1/networks/x/ping", "401", "403", PASSED],
  ["POST", "/api/v1/leave", "401", "403", PASSED],
  ["GET", "/api/v1/raft", "401", PASSED, PASSED],
  ["POST", "/api/v1/raft/transfer", "401", "403", PASSED],
  ["DELETE", "/api/v1/raft/servers/x", "401", "403", PASSED],
  // Over the Unix socket alone.
  ["POST", "/api/v1/raft/recover", "403", "403", "403"],
  ["GET", "/api/v1/workloads", "401", PASSED, PASSED],
  ["POST", "/api/v1/workloads", "401", "403", PASSED],
  ["GET", "/api/v1/workloads/x/enter", "401", "403", PASSED],
  ["GET", "/api/v1/workloads/x/logs", "401", "403", PASSED],
  ["PUT", "/api/v1/networks", "401", PASSED, PASSED],
  ["GET", "/api/v1/nothing", "401", PASSED, PASSED],
  ["GET", "/api/", "401", PASSED, PASSED],
  ["GET", "/nothing", PASSED, PASSED, PASSED],
  ["GET", "/%61pi/v1/networks", PASSED, PASSED, PASSED],
]

test.each(TABLE)("loopback: %s %s", async (method, path, none, client, server) => {
  const { url, tokens } = fixture
  const got = [
    await outcome(url, method, path),
    await outcome(url, method, path, tokens.client),
    await outcome(url, method, path, tokens.server),
  ]
  expect(got).toEqual([none, client, server])
})

test("no route of ovl's own is open that changes something, and none under /api is open at all", () => {
  for (const { method, path, requirement } of OWN_ROUTES) {
    if (path.startsWith("/api/")) expect(requirement).not.toBe("open")
    if (method !== "GET") expect([method, path, ["full", "socket"].includes(requirement)]).toEqual([method, path, true])
  }
})

test("a path that is spelled differently is another path, and 404", async () => {
  expect((await fetch(`${fixture.url}/%61pi/v1/networks`)).status).toBe(404)
  const doubled = await rawRequest(fixture.url, ["GET //api/v1/networks HTTP/1.1", "Host: localhost"])
  expect(doubled.status).toBe(404)
  const escaped = await rawRequest(fixture.url, ["GET /healthz/../api/v1/networks HTTP/1.1", "Host: localhost"])
  expect(escaped.status).toBe(401)
})

describe("tokens", () => {
  const status = async (path: string, headers: HeadersInit = {}) =>
    (await fetch(fixture.url + path, { headers })).status

  test("come in three ways", async () => {
    const { server } = fixture.tokens
    expect(await status("/api/v1/status", { Authorization: `bearer ${server}` })).toBe(200)
    expect(await status("/api/v1/status", { "X-Consul-Token": server })).toBe(200)
    expect(await status(`/api/v1/status?token=${encodeURIComponent(server)}`)).toBe(200)
    expect(await status("/api/v1/status", { Authorization: `Basic ${server}` })).toBe(401)
    expect(await status(`/api/v1/status?token=wrong`, { Authorization: `Bearer ${server}` })).toBe(403)
  })

  test("that are wrong are refused, and where none is wanted not looked at", async () => {
    const headers = { Authorization: "Bearer root" }
    const refused = await fetch(`${fixture.url}/api/v1/status`, { headers })
    expect(refused.status).toBe(403)
    expect(((await refused.json()) as { error: { code: string } }).error.code).toBe("token_malformed")
    expect(await status("/api/v1/status", { Authorization: `Bearer ${"x".repeat(5000)}` })).toBe(403)
    expect(await status("/v1/status/leader", headers)).toBe(200)
  })

  test("the client has its own", async () => {
    const client = createClient({ url: fixture.url, token: fixture.tokens.client })
    expect((await client.status()).health).toBe("ok")
    await expect(client.createNetwork({ name: "x" })).rejects.toMatchObject({ code: "token_role", kind: "forbidden" })
    await expect(createClient({ url: fixture.url }).status()).rejects.toMatchObject({
      code: "token_missing",
      exitStatus: 5,
    })
  })
})

describe("Host and Origin", () => {
  const get = async (path: string, ...headers: string[]) =>
    (await rawRequest(fixture.url, [`GET ${path} HTTP/1.1`, ...headers])).status

  test.each(["localhost", "LOCALHOST:8500", "127.0.0.1", "127.0.0.1:8500", "10.1.2.3:80", "[::1]:8500", "[fe80::1]"])(
    "Host %s passes",
    async (host) => {
      expect(await get("/v1/kv/none", `Host: ${host}`)).toBe(404)
    },
  )

  test.each([
    "evil.com",
    "evil.com:8500",
    "localhost.evil.com",
    "127.0.0.1.evil.com",
    "1.2.3",
    "256.1.1.1",
    "0x7f.1",
    "",
    "a b",
    "localhost:x",
    "[::1",
    "[evil]",
    "localhost, evil.com",
    "evil@localhost",
  ])("Host %j is refused", async (host) => {
    expect(await get("/v1/kv/none", `Host: ${host}`)).toBe(403)
    expect(await get("/healthz", `Host: ${host}`)).toBe(403)
    expect(await get("/nothing", `Host: ${host}`)).toBe(403)
  })

  test("no Host at all is refused", async () => {
    expect((await rawRequest(fixture.url, ["GET /healthz HTTP/1.0"])).status).toBe(403)
  })

  test.each([
    ["http://localhost:8500", "localhost:8500", 404],
    ["http://localhost", "localhost:80", 404],
    ["http://127.0.0.1:8500", "127.0.0.1:8500", 404],
    ["https://localhost:8500", "localhost:8500", 403],
    ["http://localhost:8501", "localhost:8500", 403],
    ["http://127.0.0.1:8500", "localhost:8500", 403],
    ["http://evil.com", "localhost:8500", 403],
    ["null", "localhost:8500", 403],
    ["", "localhost:8500", 403],
    ["http://localhost:8500/", "localhost:8500", 403],
    ["http://localhost:8500, http://evil.com", "localhost:8500", 403],
  ])("Origin %j of Host %s is %d", async (origin, host, status) => {
    expect(await get("/v1/kv/none", `Host: ${host}`, `Origin: ${origin}`)).toBe(status)
  })

  test("the socket asks for neither", async () => {
    const headers = { Host: "evil.com", Origin: "http://evil.com" }
    const response = await fetch("http://evil.com/api/v1/status", { headers, unix: fixture.socket })
    expect(response.status).toBe(200)
  })
})

test("a listener that is not loopback wants TLS, and a token for everything", async () => {
  const app = createApp(fixture.node, { log: silentLog })
  const everywhere = parseHttpAddress("0.0.0.0:0")!
  expect(() => listenTcp(app, everywhere)).toThrow("an address that is not loopback needs TLS")
  const tls = await selfSigned()
  const listener = listenTcp(app, everywhere, tls)
  const url = listener.address.replace("0.0.0.0", "https://127.0.0.1")
  const { client, server } = fixture.tokens
  for (const [method, path, none, asClient, asServer] of [
    ["GET", "/v1/kv/a", "403", PASSED, PASSED],
    ["PUT", "/v1/kv/a", "403", "403", PASSED],
    ["GET", "/healthz", "401", PASSED, PASSED],
    ["GET", "/nothing", "401", PASSED, PASSED],
    ["GET", "/api/v1/status", "401", PASSED, PASSED],
    ["POST", "/api/v1/tokens", "401", "403", PASSED],
    ["GET", "/v1/snapshot", "403", "403", PASSED],
  ] as const) {
    const got = [undefined, client, server].map((token) => outcome(url, method, path, token, tls.cert))
    expect([path, ...(await Promise.all(got))]).toEqual([path, none, asClient, asServer])
  }
  const status = await createClient({ url, token: server, ca: tls.cert }).status()
  expect(status.health).toBe("ok")
  await listener.close()
})
