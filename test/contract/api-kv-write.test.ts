/** Writing and deleting keys by Consul's API, row by row of CONSUL-API, section 2.3; and the keys that nobody may write. */
import { expect, test } from "bun:test"
import { chunked } from "./api-fixture.ts"
import { onBothRoles } from "./api-kv.ts"

onBothRoles("Consul KV, writing", (kv) => {
  test("W1: the body as it is, whatever its type; flags are 0 unless given", async () => {
    const form = { "Content-Type": "application/x-www-form-urlencoded" }
    await kv.ask("PUT", "/v1/kv/w1?flags=18446744073709551615", "a=b&c")
    expect(await kv.text("GET", "/v1/kv/w1")).toContain('"Flags":18446744073709551615,')
    const answer = await kv.ask("PUT", "/v1/kv/w1", "a=b&c%20", form)
    expect(await answer.text()).toBe("true")
    expect(answer.headers.get("content-type")).toBe("application/json")
    expect((await kv.entry("w1")).Flags).toBe(0)
    expect(await kv.text("GET", "/v1/kv/w1?raw")).toBe("200 a=b&c%20")
  })

  test("W1: an empty value is null; C6: a write has no index", async () => {
    const answer = await kv.ask("PUT", "/v1/kv/empty")
    expect(answer.headers.get("x-consul-index")).toBeNull()
    expect((await kv.entry("empty")).Value).toBeNull()
  })

  test("W2: flags that are no number", async () => {
    const want = (what: string, why: string) => `500 strconv.ParseUint: parsing "${what}": ${why}`
    expect(await kv.text("PUT", "/v1/kv/k?flags=abc", "x")).toBe(want("abc", "invalid syntax"))
    expect(await kv.text("PUT", "/v1/kv/k?flags=-1", "x")).toBe(want("-1", "invalid syntax"))
    expect(await kv.text("PUT", "/v1/kv/k?flags=18446744073709551616", "x")).toBe(
      want("18446744073709551616", "value out of range"),
    )
  })

  test("W4, W14: parameters that contradict each other", async () => {
    expect(await kv.text("PUT", "/v1/kv/k?release=b&cas=0", "x")).toBe("400 Conflicting flags: cas=0&release=b\n")
    expect(await kv.text("DELETE", "/v1/kv/k?recurse&cas=1")).toBe("400 Conflicting flags: cas=1&recurse=\n")
  })

  test("W5: a value of 524288 bytes passes, one more does not, chunked or not", async () => {
    const exact = new Uint8Array(524_288)
    const over = new Uint8Array(524_289)
    expect((await kv.ask("PUT", "/v1/kv/big", exact)).status).toBe(200)
    const refused = await kv.ask("PUT", "/v1/kv/big", over)
    expect(refused.status).toBe(413)
    expect(await refused.text()).toMatch(
      /^Request body\(524289 bytes\) too large, max size: 524288 bytes.*Value exceeds.*is too large/,
    )
    const put = (body: ReadableStream) => fetch(`${kv.fixture.url}/v1/kv/big`, { method: "PUT", body })
    expect((await put(chunked(exact))).status).toBe(200)
    expect((await put(chunked(over))).status).toBe(413)
  })

  test("W7, W8: compare and set", async () => {
    await kv.ask("DELETE", "/v1/kv/cas")
    expect(await kv.text("PUT", "/v1/kv/cas?cas=7", "a")).toBe("200 false")
    expect(await kv.text("PUT", "/v1/kv/cas?cas=0", "a")).toBe("200 true")
    expect(await kv.text("PUT", "/v1/kv/cas?cas=0", "b")).toBe("200 false")
    const at = (await kv.entry("cas")).ModifyIndex
    expect(await kv.text("PUT", `/v1/kv/cas?cas=${at}`, "a")).toBe("200 true")
    expect((await kv.entry("cas")).ModifyIndex).toBe(at)
    expect(await kv.text("PUT", `/v1/kv/cas?cas=${at}`, "b")).toBe("200 true")
    expect(await kv.text("PUT", `/v1/kv/cas?cas=${at}`, "c")).toBe("200 false")
    expect(await kv.text("PUT", "/v1/kv/cas?cas=18446744073709551615", "c")).toBe("200 false")
    expect(await kv.text("PUT", "/v1/kv/cas?cas=x", "c")).toBe('500 strconv.ParseUint: parsing "x": invalid syntax')
    expect(await kv.text("GET", "/v1/kv/cas?raw")).toBe("200 b")
  })

  test("B8: writing the same again changes nothing", async () => {
    await kv.ask("PUT", "/v1/kv/same?flags=3", "a")
    const at = (await kv.entry("same")).ModifyIndex
    expect(await kv.text("PUT", "/v1/kv/same?flags=3", "a")).toBe("200 true")
    expect((await kv.entry("same")).ModifyIndex).toBe(at)
    await kv.ask("PUT", "/v1/kv/same", "a")
    expect((await kv.entry("same")).ModifyIndex).toBeGreaterThan(at as number)
  })

  test("W11, W12: delete", async () => {
    await kv.ask("PUT", "/v1/kv/d", "a")
    const at = (await kv.entry("d")).ModifyIndex
    expect(await kv.text("DELETE", "/v1/kv/d?cas=0")).toBe("200 false")
    expect(await kv.text("DELETE", `/v1/kv/d?cas=${Number(at) - 1}`)).toBe("200 false")
    expect(await kv.text("DELETE", `/v1/kv/d?cas=${at}`)).toBe("200 true")
    expect(await kv.text("DELETE", `/v1/kv/d?cas=${at}`)).toBe("200 true")
    expect(await kv.text("DELETE", "/v1/kv/d")).toBe("200 true")
  })

  test("W13: a recursive delete takes the byte prefix and nothing else", async () => {
    for (const key of ["t/a", "t/ab/c", "t/b"]) await kv.ask("PUT", `/v1/kv/${key}`, "1")
    expect(await kv.text("DELETE", "/v1/kv/t/a?recurse=0")).toBe("200 true")
    expect(await kv.text("GET", "/v1/kv/t/?keys")).toBe('200 ["t/b"]')
  })

  test("protected keys: read by all, written by nobody, spared by a wider delete", async () => {
    const record = `swarm/docker/network/v1.0/overlay/network/${(await kv.fixture.client.network("red")).id}/`
    for (const key of [record, "swarm/docker/network/", "swarm/docker/network/x", "/swarm%2Fdocker/network/x"]) {
      for (const over of [kv.fixture.url, null]) {
        const options = over ? {} : { unix: kv.fixture.socket }
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
    await kv.ask("PUT", "/v1/kv/swarm/docker/networks", "1")
    for (const prefix of ["swarm/docker/network", "swarm/", ""]) {
      expect(await kv.text("DELETE", `/v1/kv/${prefix}?recurse`)).toBe("200 true")
    }
    expect(await kv.text("GET", "/v1/kv/?keys")).toBe(`200 ["${record}"]`)
    expect((await kv.entry(record)).Flags).toBe(Number(3304740253564472344n))
  })
})
