/**
 * The KV part of Consul's API, row by row of CONSUL-API (R1, W7, ... are its rows), asked of a server over TCP and of a
 * client that passes everything on to one.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { type Fixture, openFixture, type RawAnswer, rawRequest } from "./api-fixture.ts"

for (const role of ["server", "client"] as const) {
  describe(`Consul KV on a ${role}`, () => {
    let fixture: Fixture
    beforeAll(async () => {
      fixture = await openFixture({ role })
      await fixture.client.createNetwork({ name: "red", subnets: [{ subnet: "10.65.10.0/24" }] })
    })
    afterAll(() => fixture.close())

    const ask = (method: string, path: string, body?: string | Uint8Array<ArrayBuffer>, headers = {}) =>
      fetch(`${fixture.url}${path}`, { method, body, headers, redirect: "manual" })
    const text = async (method: string, path: string, body?: string) => {
      const answer = await ask(method, path, body)
      return `${answer.status} ${await answer.text()}`
    }
    const entry = async (key: string) =>
      ((await (await ask("GET", `/v1/kv/${key}`)).json()) as Record<string, unknown>[])[0]!
    const index = async (path: string) => Number((await ask("GET", path)).headers.get("x-consul-index"))
    const fresh = async () => {
      await ask("DELETE", "/v1/kv/?recurse")
    }

    test("R1, C1, C3: one key, its index in header and body, exact flags", async () => {
      await ask("PUT", "/v1/kv/foo?flags=16210313421097356768", "bar")
      const answer = await ask("GET", "/v1/kv/foo")
      const at = answer.headers.get("x-consul-index")
      expect(await answer.text()).toBe(
        `[{"CreateIndex":${at},"ModifyIndex":${at},"LockIndex":0,"Key":"foo","Flags":16210313421097356768,"Value":"YmFy"}]`,
      )
      expect(answer.headers.get("content-type")).toBe("application/json")
      expect(answer.headers.get("x-consul-knownleader")).toBe("true")
      expect(answer.headers.get("x-consul-lastcontact")).toBe("0")
      expect(Number(at)).toBeGreaterThan(1)
    })

    test("R2: a missing key is 404, empty, with the index of the last KV change", async () => {
      await ask("PUT", "/v1/kv/last", "1")
      const last = (await entry("last")).ModifyIndex
      const answer = await ask("GET", "/v1/kv/missing")
      expect([answer.status, await answer.text()]).toEqual([404, ""])
      expect(answer.headers.get("x-consul-index")).toBe(String(last))
    })

    test("R3, W3, W14: no key name", async () => {
      expect(await text("GET", "/v1/kv/")).toBe("400 Missing key name")
      expect(await text("PUT", "/v1/kv/", "x")).toBe("400 Missing key name")
      expect(await text("DELETE", "/v1/kv/")).toBe("400 Missing key name")
    })

    test("R4, R5: recurse by byte prefix, in byte order, with the prefix's own index", async () => {
      await fresh()
      for (const key of ["a/foo", "a/foobar", "a/foo/1", "b"]) await ask("PUT", `/v1/kv/${key}`, key)
      const answer = await ask("GET", "/v1/kv/a/foo?recurse=false")
      const keys = ((await answer.json()) as { Key: string }[]).map(({ Key }) => Key)
      expect(keys).toEqual(["a/foo", "a/foo/1", "a/foobar"])
      expect(answer.headers.get("x-consul-index")).toBe(String((await entry("a/foo/1")).ModifyIndex))
      expect(await text("GET", "/v1/kv/none?recurse")).toBe("404 ")
      const before = await index("/v1/kv/a/?recurse")
      await ask("DELETE", "/v1/kv/a/foobar")
      expect(await index("/v1/kv/a/?recurse")).toBeGreaterThan(before)
    })

    test("R6, R7, R8: keys, cut at the separator", async () => {
      await fresh()
      for (const key of ["x/a", "x/b/1", "x/b/2", "x/c--d--e"]) await ask("PUT", `/v1/kv/${key}`, "1")
      expect(await text("GET", "/v1/kv/x/?keys&recurse&raw")).toBe('200 ["x/a","x/b/1","x/b/2","x/c--d--e"]')
      expect(await text("GET", "/v1/kv/x/?keys&separator=/")).toBe('200 ["x/a","x/b/","x/c--d--e"]')
      expect(await text("GET", "/v1/kv/x/?keys&seperator=--")).toBe('200 ["x/a","x/b/1","x/b/2","x/c--"]')
      expect(await text("GET", "/v1/kv/x/?keys&separator=/&seperator=-")).toBe('200 ["x/a","x/b/","x/c--d--e"]')
      expect(await text("GET", "/v1/kv/x?keys&separator=/")).toBe('200 ["x/"]')
      expect(await text("GET", "/v1/kv/none?keys")).toBe("404 ")
      expect(await index("/v1/kv/x/?keys&separator=/")).toBe((await entry("x/c--d--e")).ModifyIndex as number)
    })

    test("R9: raw", async () => {
      const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
      await ask("PUT", "/v1/kv/raw", bytes)
      const answer = await ask("GET", "/v1/kv/raw?raw=0")
      expect(new Uint8Array(await answer.arrayBuffer())).toEqual(bytes)
      expect(answer.headers.get("content-type")).toBe("text/plain")
      expect(answer.headers.get("x-content-type-options")).toBe("nosniff")
      expect(answer.headers.get("content-security-policy")).toBe("sandbox")
      expect(answer.headers.get("content-length")).toBe("256")
      expect(answer.headers.get("x-consul-index")).toBe(String((await entry("raw")).ModifyIndex))
      await ask("PUT", "/v1/kv/raw")
      expect(await text("GET", "/v1/kv/raw?raw")).toBe("200 ")
      expect(await text("GET", "/v1/kv/raw-missing?raw")).toBe("404 ")
    })

    test.each([
      ["%2Fa%2Fx", "a/x"],
      ["a%2Fx%2F1", "a/x/1"],
      ["p%252Fq", "p%2Fq"],
      ["a+b", "a+b"],
      ["a%20b%3Fc%23d", "a b?c#d"],
      ["az%C3%A7uez", "azçuez"],
      ["dir/", "dir/"],
      ["a//b", "a//b"],
      ["//lead", "lead"],
      ["a..b/..c", "a..b/..c"],
    ])("R10-R13: the path %s is the key %s", async (path, key) => {
      await fresh()
      expect(await text("PUT", `/v1/kv/${path}`, "v")).toBe("200 true")
      expect((await entry(path)).Key).toBe(key)
      expect(await text("GET", "/v1/kv/?keys&separator=")).toContain(JSON.stringify(key))
      expect(await text("DELETE", `/v1/kv/${path}`)).toBe("200 true")
      expect((await ask("GET", `/v1/kv/${path}`)).status).toBe(404)
    })

    test("R10: a key that is not UTF-8 is its bytes, and another one than its neighbour", async () => {
      await ask("PUT", "/v1/kv/bytes%ff", "1")
      expect((await ask("GET", "/v1/kv/bytes%fe")).status).toBe(404)
      expect((await entry("bytes%ff")).Key).toBe("bytes\ufffd")
    })

    test.each(["a/../b", "..", "a/..", "../x", "a/%2e%2e/b", "a/.%2E/b", "a%2F..%2Fb", "%2e%2e%2Fb", "a/b/c/../../d"])(
      "R13: %s is refused, not resolved",
      async (path) => {
        await ask("PUT", "/v1/kv/b", "untouched")
        const put = await rawRequest(
          fixture.url,
          [`PUT /v1/kv/${path} HTTP/1.1`, "Host: localhost", "Content-Length: 1"],
          "x",
        )
        expect(put.status).toBe(400)
        expect(await text("GET", "/v1/kv/b?raw")).toBe("200 untouched")
      },
    )

    test.each(["a%00", "a%0ab", "a%c2%a0b"])("C22: %s is refused", async (path) => {
      expect((await ask("PUT", `/v1/kv/${path}`, "x")).status).toBe(400)
    })

    test("C23: a percent sign without digits is refused", async () => {
      const answer = await rawRequest(fixture.url, ["GET /v1/kv/a%zz HTTP/1.1", "Host: localhost"])
      expect(answer.status).toBe(400)
    })

    test("W1: the body as it is, whatever its type; flags are 0 unless given", async () => {
      const form = { "Content-Type": "application/x-www-form-urlencoded" }
      await ask("PUT", "/v1/kv/w1?flags=18446744073709551615", "a=b&c")
      expect(await text("GET", "/v1/kv/w1")).toContain('"Flags":18446744073709551615,')
      const answer = await ask("PUT", "/v1/kv/w1", "a=b&c%20", form)
      expect(await answer.text()).toBe("true")
      expect(answer.headers.get("content-type")).toBe("application/json")
      expect((await entry("w1")).Flags).toBe(0)
      expect(await text("GET", "/v1/kv/w1?raw")).toBe("200 a=b&c%20")
    })

    test("W1: an empty value is null; C6: a write has no index", async () => {
      const answer = await ask("PUT", "/v1/kv/empty")
      expect(answer.headers.get("x-consul-index")).toBeNull()
      expect((await entry("empty")).Value).toBeNull()
    })

    test("W2: flags that are no number", async () => {
      const want = (what: string, why: string) => `500 strconv.ParseUint: parsing "${what}": ${why}`
      expect(await text("PUT", "/v1/kv/k?flags=abc", "x")).toBe(want("abc", "invalid syntax"))
      expect(await text("PUT", "/v1/kv/k?flags=-1", "x")).toBe(want("-1", "invalid syntax"))
      expect(await text("PUT", "/v1/kv/k?flags=18446744073709551616", "x")).toBe(
        want("18446744073709551616", "value out of range"),
      )
    })

    test("W4, W14: parameters that contradict each other", async () => {
      expect(await text("PUT", "/v1/kv/k?release=b&cas=0", "x")).toBe("400 Conflicting flags: cas=0&release=b\n")
      expect(await text("DELETE", "/v1/kv/k?recurse&cas=1")).toBe("400 Conflicting flags: cas=1&recurse=\n")
    })

    test("W5: a value of 524288 bytes passes, one more does not, chunked or not", async () => {
      const exact = new Uint8Array(524_288)
      const over = new Uint8Array(524_289)
      const chunked = (bytes: Uint8Array) =>
        new ReadableStream({ start: (stream) => (stream.enqueue(bytes), stream.close()) })
      expect((await ask("PUT", "/v1/kv/big", exact)).status).toBe(200)
      const refused = await ask("PUT", "/v1/kv/big", over)
      expect(refused.status).toBe(413)
      expect(await refused.text()).toMatch(
        /^Request body\(524289 bytes\) too large, max size: 524288 bytes.*Value exceeds.*is too large/,
      )
      const put = (body: ReadableStream) => fetch(`${fixture.url}/v1/kv/big`, { method: "PUT", body })
      expect((await put(chunked(exact))).status).toBe(200)
      expect((await put(chunked(over))).status).toBe(413)
    })

    test("W7, W8: compare and set", async () => {
      await ask("DELETE", "/v1/kv/cas")
      expect(await text("PUT", "/v1/kv/cas?cas=7", "a")).toBe("200 false")
      expect(await text("PUT", "/v1/kv/cas?cas=0", "a")).toBe("200 true")
      expect(await text("PUT", "/v1/kv/cas?cas=0", "b")).toBe("200 false")
      const at = (await entry("cas")).ModifyIndex
      expect(await text("PUT", `/v1/kv/cas?cas=${at}`, "a")).toBe("200 true")
      expect((await entry("cas")).ModifyIndex).toBe(at)
      expect(await text("PUT", `/v1/kv/cas?cas=${at}`, "b")).toBe("200 true")
      expect(await text("PUT", `/v1/kv/cas?cas=${at}`, "c")).toBe("200 false")
      expect(await text("PUT", "/v1/kv/cas?cas=18446744073709551615", "c")).toBe("200 false")
      expect(await text("PUT", "/v1/kv/cas?cas=x", "c")).toBe('500 strconv.ParseUint: parsing "x": invalid syntax')
      expect(await text("GET", "/v1/kv/cas?raw")).toBe("200 b")
    })

    test("B8: writing the same again changes nothing", async () => {
      await ask("PUT", "/v1/kv/same?flags=3", "a")
      const at = (await entry("same")).ModifyIndex
      expect(await text("PUT", "/v1/kv/same?flags=3", "a")).toBe("200 true")
      expect((await entry("same")).ModifyIndex).toBe(at)
      await ask("PUT", "/v1/kv/same", "a")
      expect((await entry("same")).ModifyIndex).toBeGreaterThan(at as number)
    })

    test("W11, W12: delete", async () => {
      await ask("PUT", "/v1/kv/d", "a")
      const at = (await entry("d")).ModifyIndex
      expect(await text("DELETE", "/v1/kv/d?cas=0")).toBe("200 false")
      expect(await text("DELETE", `/v1/kv/d?cas=${Number(at) - 1}`)).toBe("200 false")
      expect(await text("DELETE", `/v1/kv/d?cas=${at}`)).toBe("200 true")
      expect(await text("DELETE", `/v1/kv/d?cas=${at}`)).toBe("200 true")
      expect(await text("DELETE", "/v1/kv/d")).toBe("200 true")
    })

    test("W13: a recursive delete takes the byte prefix and nothing else", async () => {
      for (const key of ["t/a", "t/ab/c", "t/b"]) await ask("PUT", `/v1/kv/${key}`, "1")
      expect(await text("DELETE", "/v1/kv/t/a?recurse=0")).toBe("200 true")
      expect(await text("GET", "/v1/kv/t/?keys")).toBe('200 ["t/b"]')
    })

    test("protected keys: read by all, written by nobody, spared by a wider delete", async () => {
      const record = `swarm/docker/network/v1.0/overlay/network/${(await fixture.client.network("red")).id}/`
      for (const key of [record, "swarm/docker/network/", "swarm/docker/network/x", "/swarm%2Fdocker/network/x"]) {
        for (const over of [fixture.url, null]) {
          const options = over ? {} : { unix: fixture.socket }
          const at = `${over ?? "http://localhost"}/v1/kv/${key}`
          for (const [method, query] of [
            ["PUT", ""],
            ["PUT", "?cas=0"],
            ["DELETE", ""],
            ["DELETE", "?cas=5"],
            ["DELETE", "?recurse"],
          ]) {
            const answer = await fetch(at + query, { method, ...options })
            expect(`${method} ${key}${query} ${answer.status}`).toBe(`${method} ${key}${query} 403`)
          }
        }
      }
      await ask("PUT", "/v1/kv/swarm/docker/networks", "1")
      for (const prefix of ["swarm/docker/network", "swarm/", ""]) {
        expect(await text("DELETE", `/v1/kv/${prefix}?recurse`)).toBe("200 true")
      }
      expect(await text("GET", "/v1/kv/?keys")).toBe(`200 ["${record}"]`)
      expect((await entry(record)).Flags).toBe(Number(3304740253564472344n))
    })

    test("C2: pretty", async () => {
      await ask("PUT", "/v1/kv/pretty?flags=3304740253564472344", "x")
      const lines = (await (await ask("GET", "/v1/kv/pretty?pretty")).text()).split("\n")
      expect([lines[0], lines[1], lines.at(-1)]).toEqual(["[", "    {", ""])
      expect(lines).toContain('        "Flags": 3304740253564472344,')
      expect(await text("PUT", "/v1/kv/pretty?pretty=1", "y")).toBe("200 true\n")
    })

    test("C7: an error is text without a line end", async () => {
      expect((await ask("GET", "/v1/kv/")).headers.get("content-type")).toBe("text/plain; charset=utf-8")
    })

    test.each(["POST", "PATCH", "HEAD"])("C8: %s is not allowed", async (method) => {
      const answer = await ask(method, "/v1/kv/x")
      expect([answer.status, answer.headers.get("allow")]).toEqual([405, "OPTIONS,GET,PUT,DELETE"])
      expect(await answer.text()).toBe(method === "HEAD" ? "" : `method ${method} not allowed`)
    })

    test("C9: OPTIONS", async () => {
      const allow = async (path: string) => {
        const answer = await ask("OPTIONS", path)
        return `${answer.status} ${answer.headers.get("allow")} ${await answer.text()}`
      }
      expect(await allow("/v1/kv/x")).toBe("200 OPTIONS,GET,PUT,DELETE ")
      expect(await allow("/v1/session/create")).toBe("200 OPTIONS,PUT ")
      expect(await allow("/v1/snapshot")).toBe("200 OPTIONS,GET,PUT ")
      expect(await allow("/v1/status/leader")).toBe("200 OPTIONS,GET ")
    })

    test("C10, C11: unknown paths, and /v1/kv", async () => {
      expect(await text("GET", "/v1/nothing")).toBe("404 Invalid URL path: not a recognized HTTP API endpoint\n")
      const moved = await ask("GET", "/v1/kv?recurse")
      expect([moved.status, moved.headers.get("location")]).toEqual([301, "/v1/kv/?recurse"])
    })

    test("C12: a query that does not parse", async () => {
      for (const query of ["%zz", "a;b", "x=%2"]) {
        const answer: RawAnswer = await rawRequest(fixture.url, [`GET /v1/kv/x?${query} HTTP/1.1`, "Host: localhost"])
        expect([answer.status, answer.text]).toEqual([500, ""])
      }
    })

    test("C13, C14, C15, C16: wait, index and consistency", async () => {
      await ask("PUT", "/v1/kv/c13?wait=3000ms", "x")
      for (const wait of ["10s", "5m", "1h2m", "1.5s", "15000ms", "100us", "0", ""]) {
        expect((await ask("GET", `/v1/kv/c13?wait=${wait}`)).status).toBe(200)
      }
      expect(await text("GET", "/v1/kv/c13?wait=10")).toBe("400 Invalid wait time")
      expect(await text("GET", "/v1/kv/c13?index=-1")).toBe("400 Invalid index")
      expect(await text("GET", "/v1/kv/c13?index=18446744073709551616")).toBe("400 Invalid index")
      expect(await text("GET", "/v1/kv/c13?stale&consistent")).toBe(
        "400 Cannot specify ?stale with ?consistent, conflicting semantics.",
      )
      expect(await text("GET", "/v1/kv/c13?max_stale=x")).toBe('400 Invalid max_stale value "x"')
      expect((await ask("GET", "/v1/kv/c13?consistent=")).status).toBe(200)
    })

    test("C17, C18: other datacenters and namespaces", async () => {
      expect((await ask("GET", "/v1/kv/x?dc=dc1&raw")).status).toBe(404)
      expect(await text("GET", "/v1/kv/x?dc=dc1&datacenter=dc2")).toBe("500 No path to datacenter")
      expect(await text("GET", "/v1/kv/x?ns=a")).toBe(
        '400 Invalid query parameter: "ns" - Namespaces are a Consul Enterprise feature',
      )
      const headers = { "X-Consul-Partition": "a" }
      expect((await ask("GET", "/v1/kv/x", undefined, headers)).status).toBe(400)
    })

    test("B1, B3: nothing happens: the same answer after the wait", async () => {
      await ask("PUT", "/v1/kv/still", "x")
      const at = await index("/v1/kv/still")
      const answer = await ask("GET", `/v1/kv/still?index=${at}&wait=50ms`)
      expect([answer.status, answer.headers.get("x-consul-index")]).toEqual([200, String(at)])
    })

    test("B2: an index of the past, or ahead of the store, is answered at once", async () => {
      await ask("PUT", "/v1/kv/now", "x")
      const at = await index("/v1/kv/now")
      expect((await ask("GET", `/v1/kv/now?index=${at - 1}`)).status).toBe(200)
      expect((await ask("GET", `/v1/kv/now?index=${at + 1_000_000}`)).status).toBe(200)
    })

    test("B4: a waiting reader of a key wakes when it changes, and when it goes", async () => {
      await ask("PUT", "/v1/kv/wake", "1")
      const first = ask("GET", `/v1/kv/wake?raw&index=${await index("/v1/kv/wake")}`)
      await waitingFor(fixture)
      await ask("PUT", "/v1/kv/wake/below", "other")
      await ask("PUT", "/v1/kv/wake", "2")
      expect(await (await first).text()).toBe("2")
      const second = ask("GET", `/v1/kv/wake?index=${await index("/v1/kv/wake")}`)
      await waitingFor(fixture)
      await ask("DELETE", "/v1/kv/wake")
      expect((await second).status).toBe(404)
    })

    test("B5: a waiting reader of a missing key sleeps through other writes", async () => {
      const waiting = ask("GET", `/v1/kv/unborn?raw&index=${await index("/v1/kv/unborn")}`)
      await waitingFor(fixture)
      await ask("PUT", "/v1/kv/unbornother", "1")
      await ask("PUT", "/v1/kv/unborn", "here")
      expect(await (await waiting).text()).toBe("here")
    })

    test("B6: a waiting reader of a prefix wakes at a deletion below it", async () => {
      await ask("PUT", "/v1/kv/tree/a", "1")
      await ask("PUT", "/v1/kv/tree/b", "1")
      const waiting = ask("GET", `/v1/kv/tree/?keys&index=${await index("/v1/kv/tree/?keys")}`)
      await waitingFor(fixture)
      await ask("PUT", "/v1/kv/elsewhere", "1")
      await ask("DELETE", "/v1/kv/tree/a")
      expect(await (await waiting).text()).toBe('["tree/b"]')
    })

    test("what is not there yet says so", async () => {
      for (const [method, path] of [
        ["PUT", "/v1/txn"],
        ["PUT", "/v1/session/create"],
        ["GET", "/v1/agent/self"],
        ["PUT", "/v1/kv/k?acquire=s"],
      ]) {
        expect(await text(method!, path!)).toMatch(/^500 .*not available in this version$/)
      }
    })

    test("/v1/status", async () => {
      expect(await text("GET", "/v1/status/leader")).toBe('200 "192.168.1.51:8300"')
      expect(await text("GET", "/v1/status/peers")).toBe('200 ["192.168.1.51:8300"]')
    })
  })
}

/** Until the blocking query has begun to watch: what is written from then on must wake it. */
async function waitingFor(fixture: Fixture): Promise<void> {
  while (fixture.watches === 0) await Bun.sleep(1)
  fixture.watches = 0
}

test("C27: a reader that goes away is forgotten", async () => {
  const fixture = await openFixture()
  await fetch(`${fixture.url}/v1/kv/gone`, { method: "PUT", body: "x" })
  const index = (await fetch(`${fixture.url}/v1/kv/gone`)).headers.get("x-consul-index")
  const stop = new AbortController()
  const waiting = fetch(`${fixture.url}/v1/kv/gone?index=${index}`, { signal: stop.signal }).catch(() => "aborted")
  await waitingFor(fixture)
  stop.abort()
  expect(await waiting).toBe("aborted")
  while (fixture.openWatches > 0) await Bun.sleep(1)
  await fixture.close()
})

test("the article's transcript: curl -v of a network's record", async () => {
  const fixture = await openFixture()
  const { id } = await fixture.client.createNetwork({ name: "red", subnets: [{ subnet: "10.65.10.0/24" }] })
  const key = `swarm/docker/network/v1.0/overlay/network/${id}/`
  const curl = Bun.spawn(["curl", "-v", `${fixture.url}/v1/kv/${key}`], { stdout: "pipe", stderr: "pipe" })
  const [body, transcript] = await Promise.all([new Response(curl.stdout).text(), new Response(curl.stderr).text()])
  expect(await curl.exited).toBe(0)
  const [record] = JSON.parse(body) as { ModifyIndex: number; Key: string; Value: string }[]
  expect(transcript).toContain("< HTTP/1.1 200 OK")
  expect(transcript).toContain("< Content-Type: application/json")
  expect(transcript).toContain(`< X-Consul-Index: ${record!.ModifyIndex}\r\n`)
  expect(transcript).toContain("< X-Consul-Knownleader: true")
  expect(transcript).toContain("< X-Consul-Lastcontact: 0")
  expect(body).toContain('"Flags":3304740253564472344,')
  expect(record!.Key).toBe(key)
  expect(Buffer.from(record!.Value, "base64").toString()).toBe(
    '{"mtu":0,"secure":false,"subnets":[{"SubnetIP":"10.65.10.0/24","GwIP":"10.65.10.1/24","Vni":256}]}',
  )
  await fixture.close()
})
