/** Saving all keys and sessions as one file and restoring them: all or nothing, and the index never goes back. */
import { expect, test } from "bun:test"
import { onBothRoles, nobodyWaits, waitingFor } from "./api-kv.ts"

onBothRoles("Consul's snapshot", (kv) => {
  const token = () => ({ "X-Consul-Token": kv.fixture.tokens.server })
  const save = async () => new Uint8Array(await (await kv.ask("GET", "/v1/snapshot", undefined, token())).arrayBuffer())
  const restore = (file: BodyInit) => kv.ask("PUT", "/v1/snapshot", file, token())
  const names = async () => (await (await kv.ask("GET", "/v1/kv/?keys")).json()) as string[]

  test("needs a token of role server, or the socket", async () => {
    expect((await kv.ask("GET", "/v1/snapshot")).status).toBe(403)
    expect((await kv.ask("PUT", "/v1/snapshot", "x")).status).toBe(403)
    const answer = await fetch("http://localhost/v1/snapshot", { unix: kv.fixture.socket })
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/x-gzip"])
    expect(Number(answer.headers.get("x-consul-index"))).toBeGreaterThan(0)
    expect(answer.headers.get("x-consul-knownleader")).toBe("true")
    await answer.arrayBuffer()
  })

  test("brings back what there was, wakes all who wait, and goes on counting", async () => {
    await kv.fresh()
    await kv.ask("PUT", "/v1/kv/kept?flags=18446744073709551615", "old")
    await kv.ask("PUT", "/v1/kv/dropped", "old")
    const made = await kv.ask("PUT", "/v1/session/create")
    const { ID } = (await made.json()) as { ID: string }
    await kv.ask("PUT", `/v1/kv/locked?acquire=${ID}`, "x")
    const before = await names()
    const file = await save()
    await kv.ask("PUT", "/v1/kv/kept", "new")
    await kv.ask("DELETE", "/v1/kv/dropped")
    await kv.ask("PUT", "/v1/kv/later", "x")
    await kv.ask("PUT", `/v1/session/destroy/${ID}`)
    const { revision } = kv.fixture.store
    const waiting = kv.ask("GET", `/v1/kv/unchanged?index=${await kv.index("/v1/kv/unchanged")}`)
    await waitingFor(kv.fixture)
    const answer = await restore(file)
    expect([answer.status, await answer.text()]).toEqual([200, ""])
    expect((await waiting).status).toBe(404)
    await nobodyWaits(kv.fixture)
    expect(await names()).toEqual(before)
    expect(await kv.text("GET", "/v1/kv/kept?raw")).toBe("200 old")
    expect(await kv.text("GET", "/v1/kv/kept")).toContain('"Flags":18446744073709551615,')
    expect((await kv.entry("locked")).Session).toBe(ID)
    expect((await kv.ask("PUT", `/v1/session/renew/${ID}`)).status).toBe(200)
    expect(kv.fixture.store.revision).toBeGreaterThan(revision)
    expect((await kv.entry("kept")).ModifyIndex).toBeGreaterThan(revision)
  })

  test("leaves the networks' records as they are", async () => {
    const file = await save()
    await kv.fixture.client.createNetwork({ name: "blue", subnets: [{ subnet: "10.9.0.0/24" }] })
    await restore(file)
    const { id } = await kv.fixture.client.network("blue")
    expect((await kv.ask("GET", `/v1/kv/swarm/docker/network/v1.0/overlay/network/${id}/`)).status).toBe(200)
    await kv.fixture.client.removeNetwork("blue")
  })

  test("refuses what is damaged, cut off, or none, and keeps what it has", async () => {
    await kv.ask("PUT", "/v1/kv/mine", "here")
    const file = await save()
    await kv.ask("PUT", "/v1/kv/mine", "still here")
    const flipped = file.slice()
    flipped[flipped.length >> 1]! ^= 1
    for (const bad of [flipped, file.slice(0, -1), file.slice(0, 40), Buffer.from("no snapshot"), new Uint8Array()]) {
      expect((await restore(bad)).status).toBe(400)
    }
    expect(await kv.text("GET", "/v1/kv/mine?raw")).toBe("200 still here")
  })

  test("has no secret in it", async () => {
    const file = Buffer.from(await save()).toString("latin1")
    expect(file).not.toContain("PRIVATE KEY")
    expect(file).not.toContain("ovl/")
  })
})
