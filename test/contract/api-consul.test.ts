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
})
