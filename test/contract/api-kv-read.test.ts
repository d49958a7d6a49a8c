/** Reading keys by Consul's API, row by row of CONSUL-API: R of its section 2.1, B of its section 2.2. */
import { expect, test } from "bun:test"
import { openFixture, rawRequest } from "./api-fixture.ts"
import { nobodyWaits, onBothRoles, waitingFor } from "./api-kv.ts"

onBothRoles("Consul KV, reading", (kv) => {
  test("R1, C1, C3: one key, its index in header and body, exact flags", async () => {
    await kv.ask("PUT", "/v1/kv/foo?flags=16210313421097356768", "bar")
    const answer = await kv.ask("GET", "/v1/kv/foo")
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
    await kv.ask("PUT", "/v1/kv/last", "1")
    const last = (await kv.entry("last")).ModifyIndex
    await kv.fixture.client.createToken()
    const answer = await kv.ask("GET", "/v1/kv/missing")
    expect([answer.status, await answer.text()]).toEqual([404, ""])
    expect(answer.headers.get("x-consul-index")).toBe(String(last))
  })

  test("R3, W3, W14: no key name", async () => {
    expect(await kv.text("GET", "/v1/kv/")).toBe("400 Missing key name")
    expect(await kv.text("PUT", "/v1/kv/", "x")).toBe("400 Missing key name")
    expect(await kv.text("DELETE", "/v1/kv/")).toBe("400 Missing key name")
  })

  test("R4, R5: recurse by byte prefix, in byte order, with the prefix's own index", async () => {
    await kv.fresh()
    for (const key of ["a/foo", "a/foobar", "a/foo/1", "b"]) await kv.ask("PUT", `/v1/kv/${key}`, key)
    const answer = await kv.ask("GET", "/v1/kv/a/foo?recurse=false")
    const keys = ((await answer.json()) as { Key: string }[]).map(({ Key }) => Key)
    expect(keys).toEqual(["a/foo", "a/foo/1", "a/foobar"])
    expect(answer.headers.get("x-consul-index")).toBe(String((await kv.entry("a/foo/1")).ModifyIndex))
    expect(await kv.text("GET", "/v1/kv/none?recurse")).toBe("404 ")
    const before = await kv.index("/v1/kv/a/?recurse")
    await kv.ask("DELETE", "/v1/kv/a/foobar")
    expect(await kv.index("/v1/kv/a/?recurse")).toBeGreaterThan(before)
  })

  test("R6, R7, R8: keys, cut at the separator", async () => {
    await kv.fresh()
    for (const key of ["x/a", "x/b/1", "x/b/2", "x/c--d--e"]) await kv.ask("PUT", `/v1/kv/${key}`, "1")
    expect(await kv.text("GET", "/v1/kv/x/?keys&recurse&raw")).toBe('200 ["x/a","x/b/1","x/b/2","x/c--d--e"]')
    expect(await kv.text("GET", "/v1/kv/x/?keys&separator=/")).toBe('200 ["x/a","x/b/","x/c--d--e"]')
    expect(await kv.text("GET", "/v1/kv/x/?keys&seperator=--")).toBe('200 ["x/a","x/b/1","x/b/2","x/c--"]')
    expect(await kv.text("GET", "/v1/kv/x/?keys&separator=/&seperator=-")).toBe('200 ["x/a","x/b/","x/c--d--e"]')
    expect(await kv.text("GET", "/v1/kv/x?keys&separator=/")).toBe('200 ["x/"]')
    expect(await kv.text("GET", "/v1/kv/none?keys")).toBe("404 ")
    expect(await kv.index("/v1/kv/x/?keys&separator=/")).toBe((await kv.entry("x/c--d--e")).ModifyIndex as number)
  })

  test("R9: raw", async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
    await kv.ask("PUT", "/v1/kv/raw", bytes)
    const answer = await kv.ask("GET", "/v1/kv/raw?raw=0")
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(bytes)
    expect(answer.headers.get("content-type")).toBe("text/plain")
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff")
    expect(answer.headers.get("content-security-policy")).toBe("sandbox")
    expect(answer.headers.get("content-length")).toBe("256")
    expect(answer.headers.get("x-consul-index")).toBe(String((await kv.entry("raw")).ModifyIndex))
    await kv.ask("PUT", "/v1/kv/raw")
    expect(await kv.text("GET", "/v1/kv/raw?raw")).toBe("200 ")
    expect(await kv.text("GET", "/v1/kv/raw-missing?raw")).toBe("404 ")
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
    await kv.fresh()
    expect(await kv.text("PUT", `/v1/kv/${path}`, "v")).toBe("200 true")
    expect((await kv.entry(path)).Key).toBe(key)
    expect(await kv.text("GET", "/v1/kv/?keys&separator=")).toContain(JSON.stringify(key))
    expect(await kv.text("DELETE", `/v1/kv/${path}`)).toBe("200 true")
    expect((await kv.ask("GET", `/v1/kv/${path}`)).status).toBe(404)
  })

  test("R10: a key that is not UTF-8 is its bytes, and another one than its neighbour", async () => {
    await kv.ask("PUT", "/v1/kv/bytes%ff", "1")
    expect((await kv.ask("GET", "/v1/kv/bytes%fe")).status).toBe(404)
    expect((await kv.entry("bytes%ff")).Key).toBe("bytes\ufffd")
  })

  test.each(["a/../b", "..", "a/..", "../x", "a/%2e%2e/b", "a/.%2E/b", "a%2F..%2Fb", "%2e%2e%2Fb", "a/b/c/../../d"])(
    "R13: %s is refused, not resolved",
    async (path) => {
      await kv.ask("PUT", "/v1/kv/b", "untouched")
      const put = await rawRequest(
        kv.fixture.url,
        [`PUT /v1/kv/${path} HTTP/1.1`, "Host: localhost", "Content-Length: 1"],
        "x",
      )
      expect(put.status).toBe(400)
      expect(await kv.text("GET", "/v1/kv/b?raw")).toBe("200 untouched")
    },
  )

  test("B1, B3: nothing happens: the same answer after the wait", async () => {
    await kv.ask("PUT", "/v1/kv/still", "x")
    const at = await kv.index("/v1/kv/still")
    const answer = await kv.ask("GET", `/v1/kv/still?index=${at}&wait=50ms`)
    expect([answer.status, answer.headers.get("x-consul-index")]).toEqual([200, String(at)])
  })

  test("B2: an index of the past, or ahead of the store, is answered at once", async () => {
    await kv.ask("PUT", "/v1/kv/now", "x")
    const at = await kv.index("/v1/kv/now")
    expect((await kv.ask("GET", `/v1/kv/now?index=${at - 1}`)).status).toBe(200)
    expect((await kv.ask("GET", `/v1/kv/now?index=${at + 1_000_000}`)).status).toBe(200)
  })

  test("B4: a waiting reader of a key wakes when it changes, and when it goes", async () => {
    await kv.ask("PUT", "/v1/kv/wake", "1")
    const first = kv.ask("GET", `/v1/kv/wake?raw&index=${await kv.index("/v1/kv/wake")}`)
    await waitingFor(kv.fixture)
    await kv.ask("PUT", "/v1/kv/wake/below", "other")
    await kv.ask("PUT", "/v1/kv/wake", "2")
    expect(await (await first).text()).toBe("2")
    const second = kv.ask("GET", `/v1/kv/wake?index=${await kv.index("/v1/kv/wake")}`)
    await waitingFor(kv.fixture)
    await kv.ask("DELETE", "/v1/kv/wake")
    expect((await second).status).toBe(404)
  })

  test("B5: a waiting reader of a missing key sleeps through other writes", async () => {
    const waiting = kv.ask("GET", `/v1/kv/unborn?raw&index=${await kv.index("/v1/kv/unborn")}`)
    await waitingFor(kv.fixture)
    await kv.ask("PUT", "/v1/kv/unbornother", "1")
    await kv.ask("PUT", "/v1/kv/unborn", "here")
    expect(await (await waiting).text()).toBe("here")
  })

  test("B6: a waiting reader of a prefix wakes at a deletion below it", async () => {
    await kv.ask("PUT", "/v1/kv/tree/a", "1")
    await kv.ask("PUT", "/v1/kv/tree/b", "1")
    const waiting = kv.ask("GET", `/v1/kv/tree/?keys&index=${await kv.index("/v1/kv/tree/?keys")}`)
    await waitingFor(kv.fixture)
    await kv.ask("PUT", "/v1/kv/elsewhere", "1")
    await kv.ask("DELETE", "/v1/kv/tree/a")
    expect(await (await waiting).text()).toBe('["tree/b"]')
  })
})

test("C27: a reader that goes away is forgotten", async () => {
  const fixture = await openFixture()
  await fetch(`${fixture.url}/v1/kv/gone`, { method: "PUT", body: "x" })
  const index = (await fetch(`${fixture.url}/v1/kv/gone`)).headers.get("x-consul-index")
  const stop = new AbortController()
  const waiting = fetch(`${fixture.url}/v1/kv/gone?index=${index}`, { signal: stop.signal }).catch(() => "aborted")
  await waitingFor(fixture)
  stop.abort()
  expect(await waiting).toBe("aborted")
  await nobodyWaits(fixture)
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
