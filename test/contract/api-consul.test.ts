/** What holds for all of Consul's paths, row by row of CONSUL-API, section 1. */
import { expect, test } from "bun:test"
import { type RawAnswer, rawRequest } from "./api-fixture.ts"
import { onBothRoles } from "./api-kv.ts"

onBothRoles("Consul's paths", (kv) => {
  test.each(["a%00", "a%0ab", "a%c2%a0b"])("C22: %s is refused", async (path) => {
    expect((await kv.ask("PUT", `/v1/kv/${path}`, "x")).status).toBe(400)
  })

  test("C23: a percent sign without digits is refused", async () => {
    const answer = await rawRequest(kv.fixture.url, ["GET /v1/kv/a%zz HTTP/1.1", "Host: localhost"])
    expect(answer.status).toBe(400)
  })

  test("C2: pretty", async () => {
    await kv.ask("PUT", "/v1/kv/pretty?flags=3304740253564472344", "x")
    const lines = (await (await kv.ask("GET", "/v1/kv/pretty?pretty")).text()).split("\n")
    expect([lines[0], lines[1], lines.at(-1)]).toEqual(["[", "    {", ""])
    expect(lines).toContain('        "Flags": 3304740253564472344,')
    expect(await kv.text("PUT", "/v1/kv/pretty?pretty=1", "y")).toBe("200 true\n")
  })

  test("C7: an error is text without a line end", async () => {
    expect((await kv.ask("GET", "/v1/kv/")).headers.get("content-type")).toBe("text/plain; charset=utf-8")
  })

  test.each(["POST", "PATCH", "HEAD"])("C8: %s is not allowed", async (method) => {
    const answer = await kv.ask(method, "/v1/kv/x")
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, "OPTIONS,GET,PUT,DELETE"])
    expect(await answer.text()).toBe(method === "HEAD" ? "" : `method ${method} not allowed`)
  })

  test("C9: OPTIONS", async () => {
    const allow = async (path: string) => {
      const answer = await kv.ask("OPTIONS", path)
      return `${answer.status} ${answer.headers.get("allow")} ${await answer.text()}`
    }
    expect(await allow("/v1/kv/x")).toBe("200 OPTIONS,GET,PUT,DELETE ")
    expect(await allow("/v1/session/create")).toBe("200 OPTIONS,PUT ")
    expect(await allow("/v1/snapshot")).toBe("200 OPTIONS,GET,PUT ")
    expect(await allow("/v1/status/leader")).toBe("200 OPTIONS,GET ")
  })

  test("C10, C11: unknown paths, and /v1/kv", async () => {
    expect(await kv.text("GET", "/v1/nothing")).toBe("404 Invalid URL path: not a recognized HTTP API endpoint\n")
    const moved = await kv.ask("GET", "/v1/kv?recurse")
    expect([moved.status, moved.headers.get("location")]).toEqual([301, "/v1/kv/?recurse"])
  })

  test("C12: a query that does not parse", async () => {
    for (const query of ["%zz", "a;b", "x=%2"]) {
      const answer: RawAnswer = await rawRequest(kv.fixture.url, [`GET /v1/kv/x?${query} HTTP/1.1`, "Host: localhost"])
      expect([answer.status, answer.text]).toEqual([500, ""])
    }
  })

  test("C13, C14, C15, C16: wait, index and consistency", async () => {
    await kv.ask("PUT", "/v1/kv/c13?wait=3000ms", "x")
    for (const wait of ["10s", "5m", "1h2m", "1.5s", "15000ms", "100us", "0", ""]) {
      expect((await kv.ask("GET", `/v1/kv/c13?wait=${wait}`)).status).toBe(200)
    }
    expect(await kv.text("GET", "/v1/kv/c13?wait=10")).toBe("400 Invalid wait time")
    expect(await kv.text("GET", "/v1/kv/c13?index=-1")).toBe("400 Invalid index")
    expect(await kv.text("GET", "/v1/kv/c13?index=18446744073709551616")).toBe("400 Invalid index")
    expect(await kv.text("GET", "/v1/kv/c13?stale&consistent")).toBe(
      "400 Cannot specify ?stale with ?consistent, conflicting semantics.",
    )
    expect(await kv.text("GET", "/v1/kv/c13?max_stale=x")).toBe('400 Invalid max_stale value "x"')
    expect((await kv.ask("GET", "/v1/kv/c13?consistent=")).status).toBe(200)
  })

  test("C17, C18: other datacenters and namespaces", async () => {
    expect((await kv.ask("GET", "/v1/kv/x?dc=dc1&raw")).status).toBe(404)
    expect(await kv.text("GET", "/v1/kv/x?dc=dc1&datacenter=dc2")).toBe("500 No path to datacenter")
    expect(await kv.text("GET", "/v1/kv/x?ns=a")).toBe(
      '400 Invalid query parameter: "ns" - Namespaces are a Consul Enterprise feature',
    )
    const headers = { "X-Consul-Partition": "a" }
    expect((await kv.ask("GET", "/v1/kv/x", undefined, headers)).status).toBe(400)
  })

  test("C11: a path with doubled slashes is moved to where it belongs", async () => {
    for (const [path, location] of [
      ["/v1//status/leader", "/v1/status/leader"],
      ["/v1/session//list?dc=dc1", "/v1/session/list?dc=dc1"],
      ["/v1//kv/a", "/v1/kv/a"],
    ]) {
      const answer = await rawRequest(kv.fixture.url, [`GET ${path} HTTP/1.1`, "Host: localhost"])
      expect([answer.status, answer.headers.get("location")]).toEqual([301, location!])
    }
    expect((await kv.ask("GET", "/v1//nothing")).status).toBe(404)
  })

  test("C15: ages in Cache-Control, and what counts as stale", async () => {
    const withAge = async (value: string) =>
      (await kv.ask("GET", "/v1/kv/c13", undefined, { "Cache-Control": value })).status
    expect(await withAge("max-age=30, must-revalidate")).toBe(200)
    expect(await withAge("max-age=soon")).toBe(400)
    expect((await kv.ask("GET", "/v1/kv/c13?cached&max_stale=2s&leader")).status).toBe(200)
  })

  test("C18: the namespace and partition that there are may be named", async () => {
    expect((await kv.ask("GET", "/v1/kv/c13?ns=default&partition=default")).status).toBe(200)
    const header = await kv.ask("GET", "/v1/kv/c13", undefined, { "X-Consul-Namespace": "team" })
    expect(await header.text()).toBe(
      'Invalid header: "X-Consul-Namespace" - Namespaces are a Consul Enterprise feature',
    )
  })

  test("C25: a body that waits for a word of welcome", async () => {
    const head = ["PUT /v1/kv/c25 HTTP/1.1", "Host: localhost", "Content-Length: 2000", "Expect: 100-continue"]
    const answer = await rawRequest(kv.fixture.url, head, "x".repeat(2_000))
    expect(answer.text).toEndWith("true")
    expect((await (await kv.ask("GET", "/v1/kv/c25?raw")).text()).length).toBe(2_000)
  })

  test("W4: what contradicts itself is told in the form of a query", async () => {
    expect(await kv.text("PUT", "/v1/kv/k?cas=0&acquire=a%2Fb+c%C3%A7", "x")).toBe(
      "400 Conflicting flags: acquire=a%2Fb+c%C3%A7&cas=0\n",
    )
  })

  test("the short way and the long way answer alike", async () => {
    await kv.ask("PUT", "/v1/kv/alike/plain?flags=7", "value")
    const shown = async (path: string) => {
      const answer = await kv.ask("GET", path)
      const headers = [...answer.headers].filter(([name]) => name !== "date")
      return { status: answer.status, headers, text: await answer.text() }
    }
    for (const [plain, other] of [
      ["/v1/kv/alike/plain", "/v1/kv/alike%2Fplain"],
      ["/v1/kv/alike/none", "/v1/kv/alike%2Fnone"],
      ["/v1/kv/alike/plain", "/v1/kv/alike/plain?stale"],
    ])
      expect(await shown(plain!)).toEqual(await shown(other!))
    for (const path of ["alike/put", "alike%2Fput2"]) {
      const put = await kv.ask("PUT", `/v1/kv/${path}`, "v")
      expect([put.status, put.headers.get("content-type"), await put.text()]).toEqual([200, "application/json", "true"])
    }
  })
})
