/** ovl's own routes and the client that speaks to them: what each answers, and what each refuses and how. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { appendFileSync, writeFileSync } from "node:fs"
import type { OvlError } from "../../src/base/errors.ts"
import { createClient } from "../../src/client/client.ts"
import { type Fixture, openFixture } from "./api-fixture.ts"

let fixture: Fixture
beforeAll(async () => {
  fixture = await openFixture()
})
afterAll(async () => {
  await fixture.close()
  expect(fixture.internalErrors).toEqual([])
})

/** `409 network_name_taken`: what a call that must fail failed with. */
async function refusal(call: Promise<unknown>): Promise<string> {
  const error = (await call.then(
    () => expect.unreachable("it was not refused"),
    (thrown) => thrown,
  )) as OvlError
  return `${error.httpStatus} ${error.code}`
}

async function answer(method: string, path: string, body?: string): Promise<string> {
  const response = await fetch(`http://localhost${path}`, { method, body, unix: fixture.socket })
  const text = await response.text()
  if (!response.headers.get("content-type")?.startsWith("application/json")) return `${response.status} ${text}`
  const { error } = JSON.parse(text) as { error?: { code: string; message: string; hint: string } }
  return error ? `${response.status} ${error.code}: ${error.message}` : `${response.status} ${text}`
}

describe("networks", () => {
  test("are made, listed, shown by name, id and beginning of an id, and removed", async () => {
    const { client } = fixture
    const made = await client.createNetwork({ name: "Red", subnets: [{ subnet: "10.65.10.0/24" }], labels: { a: "b" } })
    expect(made).toMatchObject({
      name: "Red",
      tenant: "default",
      driver: "overlay",
      scope: "global",
      vni: 256,
      subnets: [{ subnet: "10.65.10.0/24", gateway: "10.65.10.1" }],
      mtu: 1450,
      labels: { a: "b" },
      endpoints: [],
      local: { netns: `/run/netns/1-${made.id.slice(0, 10)}`, bridge: "br0", vxlan: "vxlan1" },
    })
    expect(await client.networks()).toEqual([made])
    for (const reference of ["Red", "rED", made.id, made.id.slice(0, 12)]) {
      expect(await client.network(reference)).toEqual(made)
    }
    await client.removeNetwork("red")
    expect(await client.networks()).toEqual([])
  })

  test("in use are removed only by force", async () => {
    const { client } = fixture
    await client.createNetwork({ name: "used" })
    const endpoint = await client.attach({ network: "used", name: "ns", netns: "/run/netns/ns" })
    expect((await client.network("used")).endpoints).toEqual([endpoint])
    expect(await refusal(client.removeNetwork("used"))).toBe("409 network_in_use")
    await client.removeNetwork("used", { force: true })
    expect(await client.endpoints()).toEqual([])
  })

  test("refuse what is wrong", async () => {
    const { client } = fixture
    await client.createNetwork({ name: "taken" })
    expect(await refusal(client.createNetwork({ name: "TAKEN" }))).toBe("409 network_name_taken")
    expect(await refusal(client.createNetwork({ name: "x", secure: true }))).toBe("500 not_available")
    expect(await refusal(client.network("none"))).toBe("404 network_not_found")
    expect(await refusal(client.removeNetwork("none"))).toBe("404 network_not_found")
    expect(await refusal(client.endpoints({ network: "none" }))).toBe("404 network_not_found")
    await client.removeNetwork("taken")
  })
})

test("endpoints: attached, listed, shown and detached", async () => {
  const { client } = fixture
  await client.createNetwork({ name: "net", subnets: [{ subnet: "10.1.0.0/24" }] })
  await client.createNetwork({ name: "other" })
  const made = await client.attach({ network: "net", name: "ns1", netns: "/run/netns/a", ip: "10.1.0.9", ifname: "eth7" })
  expect(made).toMatchObject({
    name: "ns1",
    network: "net",
    node: "swarm-01",
    vtep: "192.168.1.51",
    ip: "10.1.0.9/24",
    ip6: null,
    mac: "02:42:0a:01:00:09",
    ifname: "eth7",
    netns: "/run/netns/a",
    egress: null,
  })
  expect(await client.endpoints()).toEqual([made])
  expect(await client.endpoints({ network: "net" })).toEqual([made])
  expect(await client.endpoints({ network: "other" })).toEqual([])
  expect(await client.endpoint("ns1")).toEqual(made)
  expect(await client.endpoint(made.id)).toEqual(made)
  await client.detach("ns1")
  expect(await refusal(client.endpoint("ns1"))).toBe("404 endpoint_not_found")
  expect(await refusal(client.detach("ns1"))).toBe("404 endpoint_not_found")
  expect(await refusal(client.attach({ network: "none", netns: "/x" }))).toBe("404 network_not_found")
})

test("nodes: listed, shown; not removed by themselves", async () => {
  const { client } = fixture
  const [node] = await client.nodes()
  expect(node).toMatchObject({ name: "swarm-01", address: "192.168.1.51", role: "server", voter: true, leader: true })
  expect(await client.node("SWARM-01")).toEqual(node!)
  expect(await refusal(client.node("none"))).toBe("404 node_not_found")
  expect(await refusal(client.removeNode("none"))).toBe("404 node_not_found")
  expect(await refusal(client.removeNode("swarm-01"))).toBe("409 node_is_self")
})

test("tokens: shown once, listed without secret, taken back", async () => {
  const { client } = fixture
  const made = await client.createToken({ role: "server", uses: 3 })
  expect(made.role).toBe("server")
  const listed = (await client.tokens()).find(({ id }) => id === made.id)
  expect(Object.keys(listed!).sort()).toEqual(["created", "expires", "id", "role", "usesLeft"])
  await client.removeToken(made.id)
  expect(await refusal(client.removeToken(made.id))).toBe("404 token_unknown")
  expect((await client.createToken()).role).toBe("client")
})

test("workloads: run, started, stopped, ended, entered, removed", async () => {
  const { client } = fixture
  const { workload, enter } = await client.run({ networks: ["red"], name: "web", command: ["sleep", "9"], detach: true })
  expect(workload).toMatchObject({ name: "web", node: "swarm-01", status: "running", command: ["sleep", "9"] })
  expect(await client.enter("web")).toEqual(enter)
  await client.workloadStarted("web", 4711)
  expect((await client.workloads())[0]?.pid).toBe(4711)
  expect(await refusal(client.removeWorkload("web"))).toBe("409 workload_running")
  await client.stopWorkload("web", { graceMs: 0 })
  expect((await client.workloads())[0]).toMatchObject({ status: "exited", exitCode: 137 })
  await client.stopWorkload("web")
  expect((await client.workloads())[0]).toMatchObject({ exitCode: 143 })
  await client.workloadEnded("web", 7)
  expect((await client.workloads())[0]).toMatchObject({ status: "exited", exitCode: 7 })
  await client.removeWorkload("web")
  await client.run({ networks: ["red"], name: "web", detach: false })
  await client.removeWorkload("web", { force: true })
  for (const call of [client.enter("web"), client.stopWorkload("web"), client.removeWorkload("web"), client.workloadEnded("web", 0)]) {
    expect(await refusal(call)).toBe("404 workload_not_found")
  }
})

describe("logs", () => {
  const read = async (follow: boolean) => {
    let text = ""
    for await (const piece of fixture.client.logs("log", { follow })) text += Buffer.from(piece).toString()
    return text
  }

  test("are what is there, or what comes until the workload ends", async () => {
    const { client, dir } = fixture
    await client.run({ networks: ["red"], name: "log", detach: true })
    expect(await read(false)).toBe("first line\n")
    const following = read(true)
    await Bun.sleep(30)
    appendFileSync(`${dir}/log.log`, "second line\n")
    await Bun.sleep(300)
    // The log drops its older half in place, as the supervisor does it, and goes on.
    writeFileSync(`${dir}/log.log`, "second line\nthird\n")
    await Bun.sleep(300)
    appendFileSync(`${dir}/log.log`, "last words\n")
    await client.workloadEnded("log", 0)
    expect(await following).toBe("first line\nsecond line\nthird\nlast words\n")
  })

  test("of an unknown workload are an error, and a large one arrives whole", async () => {
    expect(await refusal(fixture.client.logs("none").next())).toBe("404 workload_not_found")
    const large = `${"x".repeat(99)}\n`.repeat(50_000)
    writeFileSync(`${fixture.dir}/log.log`, large)
    expect((await read(false)) === large).toBe(true)
  })
})

test("events: as they happen, until the reader goes", async () => {
  const { node, client } = fixture
  const events = client.events()
  const first = events.next()
  while (node.listeners === 0) await Bun.sleep(1)
  const event = { time: "2026-01-01T00:00:00.000Z", type: "network_created", message: "a\nb", fields: { network: "red" } }
  node.emit(event)
  node.emit({ ...event, type: "second" })
  expect((await first).value).toEqual(event)
  expect((await events.next()).value?.type).toBe("second")
  await events.return(undefined)
  while (node.listeners > 0) await Bun.sleep(1)
})

test("status, healthz, metrics, leave", async () => {
  const { node, client } = fixture
  expect(await client.status()).toMatchObject({ node: { name: "swarm-01" }, health: "ok", cluster: { leader: "swarm-01" } })
  expect(await answer("GET", "/healthz")).toBe("200 ok\n")
  expect(await client.metrics()).toContain('ovl_info{version="0.1.0",node="swarm-01",role="server"} 1\n')
  await client.leave()
  expect(node.left).toBe(true)
})

test("healthz of a degraded node is 503 and says why", async () => {
  const { status } = fixture.node
  const problems = [{ code: "no_leader", message: "m", hint: "h" }]
  fixture.node.status = async () => ({ ...(await status()), health: "degraded", problems })
  expect(await answer("GET", "/healthz")).toBe("503 degraded: no_leader\n")
  fixture.node.status = status
})

test.each([
  ["POST", "/api/v1/networks", "{", "400 json_malformed: request refused: its body is not JSON"],
  ["POST", "/api/v1/networks", "\xff", "422 request_invalid: request refused: expected object, received string"],
  ["POST", "/api/v1/networks", "[]", "422 request_invalid: request refused: expected object, received array"],
  ["POST", "/api/v1/networks", "", "422 request_invalid: request refused: name: expected string, received undefined"],
  ["POST", "/api/v1/networks", '{"name":"a b"}', "422 request_invalid: request refused: name: a name begins with"],
  ["POST", "/api/v1/networks", '{"name":"a","colour":1}', '422 request_invalid: request refused: unknown field: "colour"'],
  ["POST", "/api/v1/networks", '{"name":"a","subnets":[{"subnet":1}]}', "422 request_invalid: request refused: subnets.0.subnet: expected string"],
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
  const got = await answer(method, path, body === "\xff" ? '"text"' : body)
  expect(got.slice(0, expected.length)).toBe(expected)
  expect(got).not.toContain("\n")
})

test("405 names what is allowed", async () => {
  const response = await fetch("http://localhost/api/v1/networks/x", { method: "PATCH", unix: fixture.socket })
  expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, DELETE"])
})

test("a body over its bound is 413, chunked or not, and a deep one is no crash", async () => {
  const name = "x".repeat(1_048_577)
  expect(await answer("POST", "/api/v1/networks", JSON.stringify({ name }))).toStartWith("413 body_too_large: ")
  const body = new ReadableStream({ start: (stream) => (stream.enqueue(Buffer.from(name)), stream.close()) })
  const chunked = await fetch("http://localhost/api/v1/networks", { method: "POST", body, unix: fixture.socket })
  expect(chunked.status).toBe(413)
  expect(await answer("POST", "/api/v1/networks", "[".repeat(1_000_000))).toStartWith("400 json_malformed: ")
  expect(await answer("POST", "/api/v1/networks", '{"__proto__":{"name":"x"}}')).toStartWith("422 ")
})

test("openapi.json has every route, with its schemas", async () => {
  const api = (await fixture.client.openApi()) as {
    openapi: string
    paths: Record<string, Record<string, { requestBody?: unknown }>>
    components: { schemas: Record<string, unknown> }
  }
  expect(api.openapi).toBe("3.1.0")
  expect(Object.keys(api.paths)).toEqual(
    expect.arrayContaining(["/api/v1/networks", "/api/v1/networks/{ref}", "/api/v1/events", "/healthz", "/metrics", "/v1/kv/{rest}"]),
  )
  expect(api.paths["/api/v1/networks"]?.post?.requestBody).toEqual({
    content: { "application/json": { schema: { $ref: "#/components/schemas/NetworkSpec" } } },
  })
  const text = JSON.stringify(api)
  for (const [, id] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g)) expect(api.components.schemas).toHaveProperty(id!)
})

describe("a daemon that is not there", () => {
  test.each([
    [{ socket: "/nonexistent/ovl.sock" }, "503 no_daemon", "cannot reach the daemon at /nonexistent/ovl.sock: no such file"],
    [{ url: "http://127.0.0.1:1" }, "503 no_daemon", "cannot reach the daemon at http://127.0.0.1:1: nobody is listening"],
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
