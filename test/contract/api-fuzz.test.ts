/**
 * Nonsense from outside: whatever path, query, header or body comes, the answer is a refusal and not a failure of ours,
 * and the daemon lives. Consul itself answers 500 to a few bad parameters; those are known by their text.
 */
import { afterAll, beforeAll, expect, test } from "bun:test"
import * as fc from "fast-check"
import { OWN_ROUTES } from "../../src/api/routes/table.ts"
import { type Fixture, openFixture, rawRequest } from "./api-fixture.ts"

const RUNS = { numRuns: 300 }
const CONSULS_OWN = /^$|strconv\.ParseUint|not available in this version|No path to datacenter/

let fixture: Fixture
beforeAll(async () => {
  fixture = await openFixture()
})
afterAll(async () => {
  expect((await fixture.client.status()).health).toBe("ok")
  await fixture.close()
  expect(fixture.internalErrors).toEqual([])
})

const odd = fc.constantFrom(
  "%",
  "%00",
  "%2F",
  "%ff",
  "/",
  "//",
  "..",
  ".",
  "?",
  "&",
  "=",
  ";",
  "#",
  "+",
  "\\",
  "\x7f",
  "é",
  "a",
  "0",
  "~",
)
const piece = fc
  .array(fc.oneof(odd, fc.string({ unit: "grapheme-ascii", maxLength: 4 })), { maxLength: 12 })
  .map((parts) => parts.join(""))
const line = (text: string) => text.replace(/[\r\n\0]/g, "").replaceAll(" ", "%20")
const prefix = fc.constantFrom(
  "/",
  "/v1/",
  "/v1/kv/",
  "/v1/kv/swarm/docker/network/",
  "/api/v1/",
  "/api/v1/networks/",
  "/api/v1/workloads/",
)
const method = fc.constantFrom("GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH")
const query = fc.constantFrom(
  "",
  "?recurse",
  "?keys&separator=",
  "?raw&",
  "?cas=",
  "?flags=",
  "?index=0&wait=",
  "?dc=",
  "?token=",
  "?force=",
)

test("paths and queries over TCP", async () => {
  await fc.assert(
    fc.asyncProperty(method, prefix, piece, query, piece, async (verb, start, path, parameter, value) => {
      const target = line(`${start}${path}${parameter}${value}`)
      // A blocking query is no failure, but would take its time.
      if (/index=0*[1-9]/.test(target)) return
      const answer = await rawRequest(fixture.url, [
        `${verb} ${target} HTTP/1.1`,
        "Host: localhost",
        "Content-Length: 0",
      ])
      if (answer.status >= 500 && answer.status !== 505) expect(answer.text).toMatch(CONSULS_OWN)
      expect(answer.status).toBeGreaterThanOrEqual(200)
    }),
    RUNS,
  )
})

test("every body of ovl's own routes", async () => {
  const bodies = OWN_ROUTES.filter((route) => route.method === "POST" && !route.path.includes("leave"))
  const names = [
    "name",
    "subnets",
    "network",
    "netns",
    "pid",
    "role",
    "ttlMs",
    "uses",
    "networks",
    "detach",
    "graceMs",
    "exitCode",
    "__proto__",
    "labels",
    "vni",
    "mtu",
    "ip",
    "mac",
  ]
  const json = fc
    .dictionary(fc.constantFrom(...names), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 5 })
    .map((value) => JSON.stringify(value))
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...bodies), fc.oneof(json, fc.json(), fc.string()), async ({ path }, body) => {
      const at = `http://localhost${path.replace(/:\w+/g, "x")}`
      const answer = await fetch(at, { method: "POST", body, unix: fixture.socket })
      const text = await answer.text()
      if (answer.status < 300) return
      const { error } = JSON.parse(text) as { error: { code: string; message: string } }
      expect(error.message).not.toContain("\n")
      if (answer.status >= 500) expect(error.code).toBe("not_available")
    }),
    RUNS,
  )
})

test("headers", async () => {
  const name = fc.constantFrom(
    "Host",
    "Origin",
    "Authorization",
    "X-Consul-Token",
    "Content-Length",
    "Transfer-Encoding",
    "Expect",
    "Cookie",
  )
  await fc.assert(
    fc.asyncProperty(name, piece, async (header, value) => {
      const lines = ["GET /api/v1/status HTTP/1.1", `${header}: ${line(value)}`]
      if (header !== "Host") lines.push("Host: localhost")
      // A body that is announced and never comes would have both sides waiting.
      if (/^(content-length|transfer)/i.test(header)) lines.push("Connection: close")
      const answer = await Promise.race([rawRequest(fixture.url, lines, "0\r\n\r\n"), Bun.sleep(300)])
      if (answer) expect(answer.status).toBeLessThan(500)
      if (answer) expect(answer.status).not.toBe(200)
    }),
    { numRuns: 150 },
  )
})
