/** Sessions by Consul's API, and the locks that they hold, row by row: S of CONSUL-API's section 3, W9 and W10 of 2.3. */
import { expect, test } from "bun:test"
import { openFixture } from "./api-fixture.ts"
import { type Kv, nobodyWaits, onBothRoles, waitingFor } from "./api-kv.ts"

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

interface SessionJson {
  ID: string
  LockDelay: number
  TTL: string
  Behavior: string
  Node: string
  CreateIndex: number
  ModifyIndex: number
}

/** Without a lock-delay, unless asked for. */
async function open(kv: Kv, fields: Record<string, unknown> = {}): Promise<string> {
  const answer = await kv.ask("PUT", "/v1/session/create", JSON.stringify({ LockDelay: "0s", ...fields }))
  expect(answer.status).toBe(200)
  return ((await answer.json()) as { ID: string }).ID
}

const info = async (kv: Kv, id: string) =>
  (await (await kv.ask("GET", `/v1/session/info/${id}`)).json()) as SessionJson[]

onBothRoles("Consul sessions", (kv) => {
  test("S1, S8: created with nothing said, and shown", async () => {
    const made = await kv.ask("PUT", "/v1/session/create")
    expect([made.status, made.headers.get("content-type")]).toEqual([200, "application/json"])
    expect(made.headers.get("x-consul-index")).toBeNull()
    const { ID } = (await made.json()) as { ID: string }
    expect(ID).toMatch(UUID)
    const answer = await kv.ask("GET", `/v1/session/info/${ID}`)
    const text = await answer.text()
    const [shown] = JSON.parse(text) as SessionJson[]
    const at = shown!.CreateIndex
    expect(text).toBe(
      `[{"ID":"${ID}","Name":"","Node":"swarm-01","LockDelay":15000000000,"Behavior":"release","TTL":"","NodeChecks":["serfHealth"],"ServiceChecks":null,"CreateIndex":${at},"ModifyIndex":${at}}]`,
    )
    expect(answer.headers.get("x-consul-index")).toBe(String(at))
    expect(answer.headers.get("x-consul-knownleader")).toBe("true")
    expect(answer.headers.get("x-consul-lastcontact")).toBe("0")
  })

  test("S1: fields in any case, and unknown ones ignored; chunked bodies too", async () => {
    const body = JSON.stringify({ name: "n", NODE: "SWARM-01", ttl: "15s", behavior: "delete", lockdelay: 5, x: [1] })
    const chunks = new Blob([body]).stream()
    const made = await fetch(`${kv.fixture.url}/v1/session/create`, { method: "PUT", body: chunks })
    const [shown] = await info(kv, ((await made.json()) as { ID: string }).ID)
    expect(shown).toMatchObject({ Name: "n", Node: "swarm-01", TTL: "15s", Behavior: "delete", LockDelay: 5e9 })
  })

  test.each([
    ['"1ms"', 1e6],
    ['"15s"', 15e9],
    ['"0s"', 0],
    ['""', 0],
    ["0", 0],
    ["1", 1e9],
    ["999", 60e9],
    // Less than a millisecond is one.
    ["1000", 1e6],
    ["30000000000", 30e9],
    ['"10m"', 60e9],
    ["null", 15e9],
  ])("S2: LockDelay %s", async (given, ns) => {
    const made = await kv.ask("PUT", "/v1/session/create", `{"LockDelay":${given}}`)
    const [shown] = await info(kv, ((await made.json()) as { ID: string }).ID)
    expect(shown!.LockDelay).toBe(ns)
  })

  test.each([
    ['{"TTL":"x"}', `500 Session TTL 'x' invalid: time: invalid duration "x"`],
    ['{"TTL":"5s"}', "500 Invalid Session TTL '5000000000', must be between [10s=24h0m0s]"],
    ['{"TTL":"25h"}', "500 Invalid Session TTL '90000000000000', must be between [10s=24h0m0s]"],
    ['{"Behavior":"x"}', "500 Invalid Behavior setting 'x'"],
    ['{"Node":"nowhere"}', "500 Missing node registration"],
    ['{"Checks":["x"]}', "500 Missing check 'x' registration"],
    ['{"NodeChecks":["serfHealth","y"]}', "500 Missing check 'y' registration"],
    ['{"ServiceChecks":[{"ID":"z"}]}', "500 Missing check 'z' registration"],
    ["{", "400 Request decode failed: "],
    ["[]", "400 Request decode failed: "],
    ['{"TTL":10}', "400 Request decode failed: "],
    ['{"LockDelay":"soon"}', "400 Request decode failed: "],
    ['{"Checks":"serfHealth"}', "400 Request decode failed: "],
  ])("S1-S5: %s is refused", async (body, expected) => {
    const got = await kv.text("PUT", "/v1/session/create", body)
    expect(expected.endsWith(": ") ? got.slice(0, expected.length) : got).toBe(expected)
  })

  test("S3: no TTL, and the bounds themselves", async () => {
    for (const TTL of ["", "0s", "10s", "24h"]) expect((await info(kv, await open(kv, { TTL })))[0]!.TTL).toBe(TTL)
  })

  test("S5, S13: checks that are named, and none at all", async () => {
    const checks = async (fields: object) => {
      const [shown] = await info(kv, await open(kv, fields as Record<string, unknown>))
      return (shown as unknown as { NodeChecks: string[] }).NodeChecks
    }
    expect(await checks({ Checks: [] })).toEqual([])
    expect(await checks({ NodeChecks: [] })).toEqual([])
    expect(await checks({ Checks: ["serfHealth"], NodeChecks: ["serfHealth"] })).toEqual(["serfHealth"])
  })

  test("S6, S7, S8: what is not there", async () => {
    const id = await open(kv)
    expect(await kv.text("PUT", `/v1/session/destroy/${id}`)).toBe("200 true")
    expect(await kv.text("PUT", `/v1/session/destroy/${id}`)).toBe("200 true")
    expect(await kv.text("PUT", "/v1/session/destroy/")).toBe("400 Missing session")
    expect(await kv.text("PUT", `/v1/session/renew/${id}`)).toBe(`404 Session id '${id}' not found`)
    expect(await kv.text("PUT", "/v1/session/renew/")).toBe("400 Missing session")
    expect(await kv.text("GET", `/v1/session/info/${id}`)).toBe("200 []")
    expect(await kv.text("GET", "/v1/session/info/a%00b")).toStartWith("400 ")
  })

  test("S7: renewed, without an index and without a change", async () => {
    const id = await open(kv, { TTL: "10s" })
    const before = await info(kv, id)
    const answer = await kv.ask("PUT", `/v1/session/renew/${id}`)
    expect(answer.headers.get("x-consul-index")).toBeNull()
    expect(await answer.json()).toEqual(before)
    expect(await info(kv, id)).toEqual(before)
  })

  test("S9: lists, whole and by node", async () => {
    const id = await open(kv)
    const ids = async (path: string) =>
      ((await (await kv.ask("GET", path)).json()) as SessionJson[]).map(({ ID }) => ID)
    expect(await ids("/v1/session/list")).toContain(id)
    expect(await ids("/v1/session/node/swarm-01")).toContain(id)
    expect(await ids("/v1/session/node/nowhere")).toEqual([])
    expect(await kv.text("GET", "/v1/session/node/")).toBe("400 Missing node name")
  })

  test("S8, S9: waiting for one, and for any", async () => {
    const id = await open(kv)
    const at = await kv.index("/v1/session/list")
    const one = kv.ask("GET", `/v1/session/info/${id}?index=${at}`)
    await waitingFor(kv.fixture)
    const other = await open(kv)
    const any = kv.ask("GET", `/v1/session/list?index=${await kv.index("/v1/session/list")}`)
    await waitingFor(kv.fixture, 2)
    await kv.ask("PUT", `/v1/session/destroy/${id}`)
    expect(await (await one).json()).toEqual([])
    expect(await (await any).text()).toContain(other)
    await nobodyWaits(kv.fixture)
  })
})

onBothRoles("Consul locks", (kv) => {
  test("W9: acquired by one session at a time, counted, and held again by the same", async () => {
    const [a, b] = [await open(kv), await open(kv)]
    expect(await kv.text("PUT", `/v1/kv/lock?acquire=${a}&flags=3304740253564472344`, "1")).toBe("200 true")
    expect(await kv.entry("lock")).toMatchObject({ Session: a, LockIndex: 1 })
    expect(await kv.text("GET", "/v1/kv/lock")).toContain('"Flags":3304740253564472344,')
    expect(await kv.text("PUT", `/v1/kv/lock?acquire=${b}`, "2")).toBe("200 false")
    expect(await kv.text("PUT", `/v1/kv/lock?acquire=${a}`, "3")).toBe("200 true")
    expect(await kv.entry("lock")).toMatchObject({ Session: a, LockIndex: 1, Value: btoa("3"), Flags: 0 })
    expect(await kv.text("PUT", `/v1/kv/lock?release=${b}`, "4")).toBe("200 false")
    expect(await kv.text("PUT", `/v1/kv/lock?release=${a}`, "5")).toBe("200 true")
    const free = await kv.entry("lock")
    expect(free).toMatchObject({ LockIndex: 1, Value: btoa("5") })
    expect(free).not.toHaveProperty("Session")
    expect(await kv.text("PUT", `/v1/kv/lock?acquire=${b}`, "6")).toBe("200 true")
    expect(await kv.entry("lock")).toMatchObject({ Session: b, LockIndex: 2 })
  })

  test("W9, W10: sessions that are not there", async () => {
    expect(await kv.text("PUT", "/v1/kv/l?acquire=nope", "x")).toBe('500 invalid session "nope"')
    expect(await kv.text("PUT", "/v1/kv/l?acquire=", "x")).toBe("500 missing session")
    expect(await kv.text("PUT", "/v1/kv/l?release=nope", "x")).toBe("200 false")
    expect(await kv.text("PUT", "/v1/kv/l?acquire=a&cas=1", "x")).toBe("400 Conflicting flags: acquire=a&cas=1\n")
  })

  test("W6: a plain PUT on a locked key keeps its session, and sets its count back", async () => {
    const id = await open(kv)
    await kv.ask("PUT", `/v1/kv/w6?acquire=${id}`, "1")
    const { CreateIndex } = await kv.entry("w6")
    expect(await kv.text("PUT", "/v1/kv/w6", "2")).toBe("200 true")
    expect(await kv.entry("w6")).toMatchObject({ Session: id, LockIndex: 0, CreateIndex })
  })

  test("S11: the end of a session releases its keys in one index, and wakes who waits for them", async () => {
    const id = await open(kv)
    for (const key of ["s11/a", "s11/b"]) await kv.ask("PUT", `/v1/kv/${key}?acquire=${id}`, key)
    const waiting = kv.ask("GET", `/v1/kv/s11/a?index=${await kv.index("/v1/kv/s11/a")}`)
    await waitingFor(kv.fixture)
    await kv.ask("PUT", `/v1/session/destroy/${id}`)
    const [woken] = (await (await waiting).json()) as Record<string, unknown>[]
    expect(woken).toMatchObject({ Key: "s11/a", LockIndex: 1, Value: btoa("s11/a") })
    expect(woken).not.toHaveProperty("Session")
    expect((await kv.entry("s11/b")).ModifyIndex).toBe(woken!.ModifyIndex)
  })

  test("S11: with behavior delete they go", async () => {
    const id = await open(kv, { Behavior: "delete" })
    await kv.ask("PUT", `/v1/kv/s11/c?acquire=${id}`, "1")
    await kv.ask("PUT", `/v1/session/destroy/${id}`)
    expect((await kv.ask("GET", "/v1/kv/s11/c")).status).toBe(404)
  })

  test("S12: for the time of the lock-delay nobody gets the lock; none after a release", async () => {
    const [a, b] = [await open(kv, { LockDelay: "60s" }), await open(kv)]
    await kv.ask("PUT", `/v1/kv/s12?acquire=${a}`, "1")
    await kv.ask("PUT", `/v1/session/destroy/${a}`)
    expect(await kv.text("PUT", `/v1/kv/s12?acquire=${b}`, "2")).toBe("200 false")
    const c = await open(kv, { LockDelay: "60s" })
    await kv.ask("PUT", `/v1/kv/s12b?acquire=${c}`, "1")
    await kv.ask("PUT", `/v1/kv/s12b?release=${c}`, "1")
    expect(await kv.text("PUT", `/v1/kv/s12b?acquire=${b}`, "2")).toBe("200 true")
  })
})

test("S3, S10: a lower minimum, and a session that runs out and takes its key along", async () => {
  const fixture = await openFixture({ consul: { sessionTtlMinMs: 100 } })
  const put = (path: string, body = "") => fetch(fixture.url + path, { method: "PUT", body })
  const refused = await put("/v1/session/create", '{"TTL":"50ms"}')
  expect(await refused.text()).toBe("Invalid Session TTL '50000000', must be between [100ms=24h0m0s]")
  const made = await put("/v1/session/create", '{"TTL":"200ms","Behavior":"delete"}')
  const { ID } = (await made.json()) as { ID: string }
  await put(`/v1/kv/short?acquire=${ID}`, "x")
  const index = (await fetch(`${fixture.url}/v1/kv/short`)).headers.get("x-consul-index")
  expect((await fetch(`${fixture.url}/v1/kv/short?index=${index}`)).status).toBe(404)
  expect((await put(`/v1/session/renew/${ID}`)).status).toBe(404)
  await fixture.close()
})
