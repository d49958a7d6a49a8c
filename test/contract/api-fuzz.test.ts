/**
 * Nonsense from outside: whatever path, query, header or body comes, the answer is a refusal and not a failure of ours,
 * and the daemon lives. Consul itself answers 500 to a few bad parameters; those are known by their text.
 */
import { afterAll, beforeAll, expect, test } from "bun:test"
import * as fc from "fast-check"
import { OWN_ROUTES } from "../../src/api/routes/table.ts"
import { type Fixture, openFixture, rawRequest } from "./api-fixture.ts"
import { nobodyWaits } from "./api-kv.ts"

const RUNS = { numRuns: 300 }
const CONSULS_OWN =
  /^$|^strconv\.ParseUint|not available in this version$|^No path to datacenter$|^(invalid|missing) session|^Session TTL '|^Invalid (Session TTL|Behavior setting) '|^Missing (node|check '.*') registration$/

let fixture: Fixture
beforeAll(async () => {
  fixture = await openFixture()
})
afterAll(async () => {
  expect((await fixture.client.status()).health).toBe("ok")
  await nobodyWaits(fixture)
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
  "/v1/session/info/",
  "/v1/session/renew/",
  "/v1/session/node/",
  "/v1/txn",
  "/v1/catalog/service/",
  "/v1/health/state/",
  "/v1/agent/",
  "/v1/snapshot",
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
  "?index=1&wait=20ms&",
  "?index=1&wait=10ms&recurse&separator=",
  "?acquire=",
  "?release=",
  "?recurse&limit=",
  "?keys&after=",
  "?max_stale=",
  "?dc=",
  "?token=",
  "?force=",
)

test("paths and queries over TCP", async () => {
  await fc.assert(
    fc.asyncProperty(method, prefix, piece, query, piece, async (verb, start, path, parameter, value) => {
      const target = line(`${start}${path}${parameter}${value}`)
      // A blocking query is no failure, but may take its time.
      if (/index=0*[1-9]/.test(target) && !/wait=[12]0ms/.test(target)) return
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

test("every body of Consul's transactions and sessions", async () => {
  const names = [
    "KV",
    "Verb",
    "Key",
    "Value",
    "Flags",
    "Index",
    "Session",
    "TTL",
    "LockDelay",
    "Node",
    "Checks",
    "Name",
  ]
  const verbs = [
    "set",
    "get",
    "cas",
    "lock",
    "unlock",
    "delete",
    "delete-tree",
    "delete-cas",
    "get-tree",
    "check-index",
  ]
  const leaf = fc.oneof(
    fc.constantFrom<unknown>(...verbs, "", "YQ==", "a/b", "10s", "0s", null, 0, -1, 1.5, 2 ** 53, 2 ** 64),
    fc.string({ maxLength: 4 }),
  )
  const object = fc.dictionary(fc.constantFrom(...names), leaf, { maxKeys: 6 })
  const operation = fc.oneof(
    object,
    object.map((KV) => ({ KV })),
    fc.jsonValue({ maxDepth: 2 }),
  )
  const body = fc.oneof(fc.array(operation, { maxLength: 4 }), object).map((value) => JSON.stringify(value))
  const path = fc.constantFrom("/v1/txn", "/v1/session/create")
  await fc.assert(
    fc.asyncProperty(path, fc.oneof(body, fc.string()), async (at, text) => {
      const answer = await fetch(fixture.url + at, { method: "PUT", body: text })
      const got = await answer.text()
      if (answer.status >= 500) expect(got).toMatch(CONSULS_OWN)
      if (answer.status === 409) expect(JSON.parse(got)).toMatchObject({ Results: null, Errors: expect.any(Array) })
      expect([200, 400, 403, 409, 413, 500]).toContain(answer.status)
    }),
    RUNS,
  )
})

/** What is sent, byte for byte, before the connection is broken off by a reset, or ended in due form. */
async function breakOff(bytes: string, how: "reset" | "end" = "reset"): Promise<void> {
  const { hostname, port } = new URL(fixture.url)
  const socket = await Bun.connect({ hostname, port: Number(port), socket: { data() {}, error() {} } })
  socket.write(Buffer.from(bytes, "latin1"))
  await Bun.sleep(0)
  if (how === "reset") socket.terminate()
  else socket.end()
}

test("requests in chunks, and broken off anywhere", async () => {
  const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`
  const head = (verb: string, target: string, ...more: string[]) =>
    `${[`${verb} ${target} HTTP/1.1`, "Host: localhost", ...more].join("\r\n")}\r\n\r\n`
  const inChunks = "Transfer-Encoding: chunked"
  const whole = [
    head("PUT", "/v1/kv/cut", "Content-Length: 20") + "x".repeat(20),
    `${head("PUT", "/v1/kv/cut?cas=0", inChunks) + chunk("abc") + chunk("def")}0\r\n\r\n`,
    `${head("PUT", "/v1/txn", inChunks) + chunk('[{"KV":{"Verb":"set",') + chunk('"Key":"cut"}}]')}0\r\n\r\n`,
    `${head("PUT", "/v1/session/create", inChunks) + chunk("{}")}0\r\n\r\n`,
    head("GET", "/v1/kv/cut?index=1000") + head("GET", "/v1/kv/?recurse&index=1"),
    head("GET", "/v1/kv/absent?index=999999999999") + head("DELETE", "/v1/kv/cut"),
  ]
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...whole),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.constantFrom("reset", "end"),
      (bytes, part, how) => breakOff(bytes.slice(0, Math.ceil(bytes.length * part)), how),
    ),
    { numRuns: 200 },
  )
  // A length that is no length, and chunks that are none.
  for (const broken of [
    `${head("PUT", "/v1/kv/cut", inChunks)}zz\r\nabc\r\n`,
    head("PUT", "/v1/kv/cut", "Content-Length: -1"),
    head("PUT", "/v1/kv/cut", "Content-Length: 99999999999999999999"),
    `${head("PUT", "/v1/kv/cut", "Content-Length: 3", inChunks) + chunk("a")}0\r\n\r\n`,
  ])
    await breakOff(broken)
  expect((await fetch(`${fixture.url}/v1/kv/alive`, { method: "PUT", body: "x" })).status).toBe(200)
})

test.each(["reset", "end"] as const)(
  "a value whose sender breaks off in the middle is not written: %s",
  async (how) => {
    await breakOff("PUT /v1/kv/half-declared HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\nxxxxxxxxxx", how)
    await breakOff(
      "PUT /v1/kv/half-chunked HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
      how,
    )
    await breakOff(
      "PUT /v1/kv/half-chunk HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc",
      how,
    )
    // Those that come later on connections of their own are answered only after them.
    for (let i = 0; i < 20; i++) await fetch(`${fixture.url}/v1/kv/after`, { method: "PUT", body: String(i) })
    expect((await fetch(`${fixture.url}/v1/kv/half-?keys`)).status).toBe(404)
  },
)
