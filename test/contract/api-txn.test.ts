/** Transactions by Consul's API, row by row: T of CONSUL-API's section 4. */
import { expect, test } from "bun:test"
import { onBothRoles } from "./api-kv.ts"

const b64 = (text: string) => Buffer.from(text).toString("base64")

onBothRoles("Consul transactions", (kv) => {
  const txn = async (operations: unknown, query = "") => {
    const answer = await kv.ask("PUT", `/v1/txn${query}`, JSON.stringify(operations))
    return { status: answer.status, headers: answer.headers, text: await answer.text() }
  }
  const op = (Verb: string, Key: string, more: object = {}) => ({ KV: { Verb, Key, ...more } })
  const errors = async (...operations: unknown[]) => {
    const { status, text } = await txn(operations)
    expect(status).toBe(409)
    const { Results, Errors } = JSON.parse(text) as { Results: null; Errors: { OpIndex: number; What: string }[] }
    expect(Results).toBeNull()
    return Errors.map(({ OpIndex, What }) => `${OpIndex} ${What}`)
  }

  test("T1, T8: all verbs that write, in one index; values only where they are asked for", async () => {
    await kv.ask("PUT", "/v1/kv/t/gone", "1")
    const { status, headers, text } = await txn([
      op("set", "t/a", { Value: b64("one"), Flags: 42 }),
      op("get", "t/a"),
      op("delete", "t/gone"),
      op("delete", "t/never"),
      op("check-not-exists", "t/gone"),
      op("get-or-empty", "t/none"),
      op("get-tree", "t/"),
    ])
    expect([status, headers.get("content-type")]).toEqual([200, "application/json"])
    const at = (await kv.entry("t/a")).ModifyIndex
    const entry = (value: string) =>
      `{"KV":{"CreateIndex":${at},"ModifyIndex":${at},"LockIndex":0,"Key":"t/a","Flags":42,"Value":${value}}}`
    const empty = '{"KV":{"CreateIndex":0,"ModifyIndex":0,"LockIndex":0,"Key":"t/none","Flags":0,"Value":null}}'
    const value = `"${b64("one")}"`
    expect(text).toBe(`{"Results":[${entry("null")},${entry(value)},${empty},${entry(value)}],"Errors":null}`)
  })

  test("T1: exact flags, and fields in any case", async () => {
    const body = '[{"kv":{"verb":"set","KEY":"t/flags","value":"YQ==","flags":18446744073709551615}}]'
    expect(await kv.text("PUT", "/v1/txn", body)).toContain('"Flags":18446744073709551615,')
    expect(await kv.text("GET", "/v1/kv/t/flags")).toContain('"Flags":18446744073709551615,')
  })

  test("T2: nothing is applied, and all errors are told, later ones as if the earlier had been done", async () => {
    expect(
      await errors(
        op("lock", "t2/lock", { Session: "nope" }),
        op("get", "t2/lock"),
        op("set", "t2/new", { Value: b64("x") }),
        op("get", "t2/new"),
      ),
    ).toEqual(['0 invalid session "nope"', '1 key "t2/lock" doesn\'t exist'])
    expect((await kv.ask("GET", "/v1/kv/t2/new")).status).toBe(404)
  })

  test("T3: what is no operation", async () => {
    expect(await errors(op("frobnicate", "k"))).toEqual(["0 unknown KV operation: frobnicate"])
    expect(await errors({}, op("get", ""))).toEqual(["0 unknown operation type"])
    expect(await errors({ Service: { Verb: "get" } })).toEqual([
      "0 Service operations are not served: there is no service registry",
    ])
  })

  test("T4: the texts", async () => {
    await kv.ask("PUT", "/v1/kv/t4", "x")
    const made = await kv.ask("PUT", "/v1/session/create", '{"LockDelay":"60s"}')
    const { ID } = (await made.json()) as { ID: string }
    const held = await kv.ask("PUT", "/v1/session/create")
    const other = ((await held.json()) as { ID: string }).ID
    await kv.ask("PUT", `/v1/kv/t4lock?acquire=${ID}`, "x")
    const at = (await kv.entry("t4")).ModifyIndex
    expect(
      await errors(
        op("cas", "t4", { Index: 1, Value: "" }),
        op("delete-cas", "t4", { Index: 1 }),
        op("lock", "t4lock", { Session: other }),
        op("unlock", "t4lock", { Session: other }),
        op("get", "t4none"),
        op("check-not-exists", "t4"),
        op("check-session", "t4none", { Session: ID }),
        op("check-session", "t4lock", { Session: other }),
        op("check-index", "t4none", { Index: 2 }),
        op("check-index", "t4", { Index: 2 }),
        op("lock", "t4", {}),
        op("lock", "t4", { Session: "x" }),
      ),
    ).toEqual([
      '0 failed to set key "t4", index is stale',
      '1 failed to delete key "t4", index is stale',
      '2 failed to lock key "t4lock", lock is already held',
      '3 failed to unlock key "t4lock", lock isn\'t held, or is held by another session',
      '4 key "t4none" doesn\'t exist',
      '5 key "t4" exists',
      '6 failed to check session, key "t4none" doesn\'t exist',
      `7 failed session check for key "t4lock", current session "${ID}" != "${other}"`,
      '8 failed to check index, key "t4none" doesn\'t exist',
      `9 failed index check for key "t4", current modify index ${at} != 2`,
      "10 missing session",
      '11 invalid session "x"',
    ])
    // Looked at before anything is tried.
    expect(await errors(op("get", "t4none"), op("set", "", { Value: "" }))).toEqual(["1 Must provide key"])
    await kv.ask("PUT", `/v1/session/destroy/${ID}`)
    expect(await errors(op("lock", "t4lock", { Session: other }))).toEqual([
      '0 failed to lock key "t4lock" due to lock delay',
    ])
  })

  test("T4: a key that is not ASCII is named as it is", async () => {
    expect(await errors(op("get", "t4/çé"))).toEqual(['0 key "t4/çé" doesn\'t exist'])
  })

  test("T5: limits", async () => {
    const many = (count: number) => Array.from({ length: count }, (_, i) => op("set", `t5/${i}`, { Value: "" }))
    expect((await txn(many(128))).status).toBe(200)
    expect(await txn(many(129))).toMatchObject({
      status: 413,
      text: "Transaction contains too many operations (129 > 128)",
    })
    const value = (bytes: number) => [op("set", "t5/big", { Value: Buffer.alloc(bytes, 97).toString("base64") })]
    expect((await txn(value(524_288))).status).toBe(200)
    expect(await txn(value(524_289))).toMatchObject({
      status: 413,
      text: 'Value for key "t5/big" is too large (524289 > 524288 bytes)',
    })
    const body = new Uint8Array(12_582_913)
    const over = await kv.ask("PUT", "/v1/txn", body)
    expect([over.status, (await over.text()).slice(0, 65)]).toEqual([
      413,
      "Request body(12582913 bytes) too large, max size: 12582912 bytes.",
    ])
  })

  test.each([
    "",
    "{",
    "{}",
    "[1]",
    '[{"KV":1}]',
    '[{"KV":{"Verb":"set","Key":"k","Value":"%%"}}]',
    '[{"KV":{"Verb":"set","Key":"k","Value":"YQ"}}]',
    '[{"KV":{"Verb":"set","Key":"k","Flags":-1}}]',
    '[{"KV":{"Verb":"set","Key":"k","Flags":1.5}}]',
    '[{"KV":{"Verb":"set","Key":"k","Flags":18446744073709551616}}]',
    '[{"KV":{"Verb":"set","Key":"k","Colour":"red"}}]',
    '[{"KV":{"Verb":"set","Key":["k"]}}]',
    '[{"Colour":{}}]',
    "[".repeat(100_000),
  ])("T6: %.60s does not parse", async (body) => {
    expect(await kv.text("PUT", "/v1/txn", body)).toStartWith("400 Failed to parse body: ")
  })

  test("T7: one that only reads says how fresh it is, and changes nothing", async () => {
    await kv.ask("PUT", "/v1/kv/t7", "x")
    const { revision } = kv.fixture.store
    const { status, headers, text } = await txn(
      [op("get", "t7"), op("check-index", "t7", { Index: revision })],
      "?stale",
    )
    expect(status).toBe(200)
    expect(headers.get("x-consul-index")).toBeNull()
    expect([headers.get("x-consul-knownleader"), headers.get("x-consul-lastcontact")]).toEqual(["true", "0"])
    const body = JSON.parse(text) as { Results: unknown[]; Index: number; LastContact: number; KnownLeader: boolean }
    expect(body).toMatchObject({ Errors: null, Index: revision, LastContact: 0, KnownLeader: true })
    expect(body.Results.length).toBe(2)
    expect(kv.fixture.store.revision).toBe(revision)
    expect(await errors(op("get", "t7none"))).toEqual(['0 key "t7none" doesn\'t exist'])
  })

  test("T8: the same content again is no change; a locked key keeps its session", async () => {
    await kv.ask("PUT", "/v1/kv/t8?flags=1", "x")
    const at = (await kv.entry("t8")).ModifyIndex
    await txn([op("set", "t8", { Value: b64("x"), Flags: 1 })])
    expect((await kv.entry("t8")).ModifyIndex).toBe(at)
    const made = await kv.ask("PUT", "/v1/session/create")
    const { ID } = (await made.json()) as { ID: string }
    const { text } = await txn([
      op("lock", "t8", { Session: ID, Value: b64("y") }),
      op("check-session", "t8", { Session: ID }),
    ])
    expect(JSON.parse(text).Results[0].KV).toMatchObject({ Session: ID, LockIndex: 1 })
    await txn([op("cas", "t8", { Index: (await kv.entry("t8")).ModifyIndex, Value: b64("z") })])
    expect(await kv.entry("t8")).toMatchObject({ Session: ID, LockIndex: 0 })
  })

  test("T9: an empty list", async () => {
    const { status, text } = await txn([])
    expect([status, JSON.parse(text).Errors]).toEqual([200, null])
  })

  test("protected keys: a write that names one is refused whole, in every verb; a wider tree spares them", async () => {
    const record = `swarm/docker/network/v1.0/overlay/network/${(await kv.fixture.client.network("red")).id}/`
    for (const verb of ["set", "cas", "lock", "unlock", "delete", "delete-cas", "delete-tree"]) {
      for (const key of [record, "swarm/docker/network/", "/swarm/docker/network/x"]) {
        const { status } = await txn([op("set", "innocent", { Value: "" }), op(verb, key, { Index: 1, Session: "s" })])
        expect(`${verb} ${key} ${status}`).toBe(`${verb} ${key} 403`)
      }
    }
    expect((await kv.ask("GET", "/v1/kv/innocent")).status).toBe(404)
    expect((await txn([op("get", record), op("check-not-exists", "swarm/docker/network/x")])).status).toBe(200)
    expect((await txn([op("delete-tree", "swarm/")])).status).toBe(200)
    expect((await kv.ask("GET", `/v1/kv/${record}`)).status).toBe(200)
  })
})
