/** The audit over the real application: each change yields one line that says who, from where, what and what came of it. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import type { AuditLine } from "../../src/api/audit.ts"
import { CONSUL_ENDPOINTS } from "../../src/api/consul/table.ts"
import { consulChange } from "../../src/api/consul/audit.ts"
import { OWN_ROUTES } from "../../src/api/routes/table.ts"
import { answer } from "./api-answers.ts"
import { type Fixture, openFixture } from "./api-fixture.ts"

let fixture: Fixture
afterEach(() => fixture.close())

/** `socket network create red 17`, or with `!code` for the revision; the number of a revision is not told. */
function text({ who, what, object, revision, error }: AuditLine): string {
  const outcome = error === undefined ? (revision === undefined ? "" : "@") : `!${error}`
  return [who, what, object, outcome].filter(Boolean).join(" ")
}

/** The lines since the last call. */
function told(lines = fixture.audit.lines): string[] {
  return lines.splice(0).map(text)
}

const overSocket = (method: string, path: string, body?: object) =>
  answer(fixture.socket, method, path, body && JSON.stringify(body))

async function overTcp(
  method: string,
  path: string,
  {
    token,
    headers = {},
    body,
  }: {
    token?: string
    headers?: Record<string, string>
    body?: string
  } = {},
): Promise<number> {
  const all = token ? { ...headers, Authorization: `Bearer ${token}` } : headers
  const response = await fetch(fixture.url + path, { method, headers: all, body })
  await response.text()
  return response.status
}

describe("of ovl's own API", () => {
  beforeEach(async () => {
    fixture = await openFixture()
  })

  test("every row that is no GET either changes something, and is told once, or is known to look only", async () => {
    const looks = ["/api/v1/networks/:ref/ping", "/api/v1/ping", "/api/v1/probe"]
    for (const { method, path, change } of OWN_ROUTES) {
      const changes = method !== "GET" && !looks.includes(path)
      expect([method, path, change !== undefined]).toEqual([method, path, changes])
      if (path === "/api/v1/events" || path === "/api/v1/raft/recover") continue
      const target = path.replace(/:\w+/, "none")
      await overSocket(method, target, method === "POST" ? {} : undefined)
      expect([method, path, told().length]).toEqual([method, path, changes ? 1 : 0])
      await overTcp(method, target)
      expect([method, path, told().length]).toEqual([method, path, changes ? 1 : 0])
    }
  })

  test("a line says what, to what, and the revision or the error", async () => {
    const { client } = fixture
    await client.createNetwork({ name: "red", subnets: [{ subnet: "10.65.10.0/24" }] })
    const { revision, from, node } = fixture.audit.lines[0]!
    expect([revision, from, node]).toEqual([fixture.store.revision, "local", "swarm-01"])
    await client.createNetwork({ name: "RED" }).catch(() => {})
    await client.attach({ network: "red", name: "ns", netns: "/run/netns/ns" })
    await client.networks()
    await client.detach("ns")
    await client.removeNetwork("red")
    await client.removeNetwork("red").catch(() => {})
    expect(told()).toEqual([
      "socket network create red @",
      "socket network create RED !network_name_taken",
      "socket attach ns @",
      "socket detach ns @",
      "socket network rm red @",
      "socket network rm red !network_not_found",
    ])
    await overSocket("POST", "/api/v1/raft/recover", {})
    expect(told()).toEqual([])
  })

  test("a look at what a recovery would cost is no change, not even where it is refused", async () => {
    await fixture.close()
    fixture = await openFixture({ role: "client" })
    expect(await overSocket("POST", "/api/v1/raft/recover", {})).toContain("not_a_server")
    expect(told()).toEqual([])
    await overSocket("POST", "/api/v1/raft/recover", { confirm: true })
    expect(told()).toEqual(["socket raft recover !not_a_server"])
  })

  test("no line holds a token that was made, used or refused", async () => {
    const { token, id } = await fixture.client.createToken({ role: "server" })
    const { tokens } = fixture
    const wrong = `${tokens.server.slice(0, -4)}XXXX`
    await overTcp("POST", "/api/v1/networks", { token, body: '{"name":"a"}' })
    await overTcp("DELETE", `/api/v1/networks/a?token=${token}`)
    await overTcp("DELETE", "/api/v1/networks/b", { token: tokens.client })
    await overTcp("DELETE", "/api/v1/networks/b", { token: wrong })
    await overTcp("DELETE", `/api/v1/tokens/${id}`, { token })
    const written = JSON.stringify(fixture.audit.lines)
    for (const secret of [token, tokens.server, tokens.client, wrong]) expect(written).not.toContain(secret.slice(-20))
    const clientId = tokens.client.split(".")[2]
    expect(fixture.audit.lines.slice(1).map(({ from }) => from)).toEqual(
      Array.from({ length: 5 }, () => expect.stringMatching(/^127\.0\.0\.1:\d+$/)),
    )
    expect(told()).toEqual([
      `socket token create ${id} @`,
      `token/${id} network create a @`,
      `token/${id} network rm a @`,
      `token/${clientId} network rm b !token_role`,
      "nobody network rm b !token_unknown",
      `token/${id} token rm ${id} @`,
    ])
  })

  test("nothing that a request says of itself changes who and from where", async () => {
    const headers = {
      "X-Forwarded-For": "192.0.2.1",
      Forwarded: "for=192.0.2.1;by=x",
      "X-Real-IP": "192.0.2.1",
      "X-Ovl-Node": "swarm-02",
      From: "root@localhost",
      "User-Agent": "socket",
    }
    await overTcp("DELETE", "/api/v1/networks/x", { headers })
    await fetch("http://localhost/api/v1/networks/x", { method: "DELETE", unix: fixture.socket, headers })
    const [tcp, socket] = fixture.audit.lines
    expect([tcp!.who, tcp!.from]).toEqual(["nobody", expect.stringMatching(/^127\.0\.0\.1:\d+$/)])
    expect([socket!.who, socket!.from]).toEqual(["socket", "local"])
  })

  test("of Consul's paths only what operators do is told", async () => {
    await overSocket("PUT", "/v1/kv/a")
    await overSocket("PUT", "/v1/session/create")
    await overSocket("PUT", "/v1/txn", [])
    expect(told()).toEqual([])
    await overTcp("PUT", "/v1/snapshot")
    await overSocket("DELETE", "/v1/operator/raft/peer?id=abc&token=secret")
    expect(told()).toEqual([
      "nobody snapshot restore !http_403",
      expect.stringMatching(/^socket raft rm abc !http_\d+$/),
    ])
  })
})

describe("of keys and sessions, where all is wanted", () => {
  test("writes are told, by path and without a value; reading and renewing are not", async () => {
    fixture = await openFixture({ audit: "all" })
    const value = "a-value-that-is-nobodys-business"
    const put = (path: string) => overTcp("PUT", path, { body: value })
    await put("/v1/kv/config/port")
    await put("/v1/kv/config/port?cas=1")
    await put("/v1/kv/config/b%20c?flags=7")
    await overTcp("GET", "/v1/kv/config/port")
    await put("/v1/kv/swarm/docker/network/x")
    await overTcp("DELETE", "/v1/kv/config?recurse")
    expect(JSON.stringify(fixture.audit.lines)).not.toContain(value)
    expect(told()).toEqual([
      "nobody kv put config/port",
      "nobody kv put config/port !condition_failed",
      "nobody kv put config/b%20c",
      "nobody kv put swarm/docker/network/x !http_403",
      "nobody kv del config",
    ])
    const created = await overSocket("PUT", "/v1/session/create")
    const id = (JSON.parse(created.slice(4)) as { ID: string }).ID
    await overSocket("PUT", `/v1/session/renew/${id}`)
    await overSocket("PUT", `/v1/session/destroy/${id}`)
    expect(told()).toEqual(["socket session create", `socket session destroy ${id}`])
  })

  test("a transaction is told if it changes something", async () => {
    fixture = await openFixture({ audit: "all" })
    const txn = (Verb: string, rest = {}) => overSocket("PUT", "/v1/txn", [{ KV: { Verb, Key: "k", ...rest } }])
    await txn("set", { Value: "eA==" })
    await txn("get")
    await txn("get", { Key: "none" })
    await txn("cas", { Value: "eA==", Index: 1 })
    expect(told()).toEqual(["socket kv txn", "socket kv txn !http_409"])
  })

  test("a client tells who asked it, its server which node did", async () => {
    fixture = await openFixture({ role: "client", audit: "all" })
    const { audit } = fixture
    await overTcp("PUT", "/v1/kv/a", { body: "1" })
    await overTcp("GET", "/v1/kv/a")
    await overSocket("PUT", "/v1/txn", [{ KV: { Verb: "get", Key: "a" } }])
    expect([told(), told(audit.atServer)]).toEqual([["nobody kv put a"], ["node/swarm-01 kv put a"]])
  })

  test("each writing path of the table has a line of its own", async () => {
    fixture = await openFixture()
    const silent = ["/v1/session/renew/", "/v1/operator/", "/v1/acl/", "/v1/agent/", "/v1/catalog/", "/v1/health/"]
    for (const { path, methods } of CONSUL_ENDPOINTS)
      for (const method of methods) {
        const changes = method !== "GET" && !silent.includes(path)
        expect([method, path, consulChange(method, `${path}x?token=t`.replace(/([^/])x\?/, "$1?")) !== null]).toEqual([
          method,
          path,
          changes,
        ])
      }
  })
})
