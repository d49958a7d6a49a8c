/** Consul's API on a server that does not lead, and while nobody does: B10, C3 of CONSUL-API. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { systemClock } from "../../src/linux/system.ts"
import { type Fixture, openFixture } from "./api-fixture.ts"
import { type ScriptedServer, ScriptedServers } from "./scripted-servers.ts"

let all: ScriptedServers
let follower: ScriptedServer
let api: Fixture

beforeEach(async () => {
  all = await ScriptedServers.open(3, systemClock)
  follower = all.servers[1]!
  api = await openFixture({ store: follower.store })
})
afterEach(async () => {
  await api.close()
  await all.close()
})

const lead = (n: number | null) => all.cluster.lead(n === null ? null : all.servers[n]!.member.nodeId)
const ask = (path: string, init?: RequestInit) => fetch(`${api.url}${path}`, init)
const put = (path: string, body = "v") => ask(path, { method: "PUT", body })
const until = async (isSo: () => boolean) => {
  for (let n = 0; n < 500 && !isSo(); n++) await new Promise((resolve) => setTimeout(resolve, 2))
  expect(isSo()).toBe(true)
}

/** `200 index 5 true 0`: status, and what the headers say of the answer's age. */
async function shown(response: Response | Promise<Response>): Promise<string> {
  const { status, headers } = await response
  const of = (name: string) => headers.get(`x-consul-${name}`)
  return `${status} ${of("knownleader")} ${of("lastcontact")}`
}

const READS = ["/v1/kv/k", "/v1/kv/?recurse", "/v1/session/list", "/v1/catalog/nodes", "/v1/health/state/any"]
/** Another way through the code than the plain one. */
const and = (path: string, query: string) => `${path}${path.includes("?") ? "&" : "?"}${query}`

describe("on a follower", () => {
  test("what was written anywhere is read at once, by default and consistent", async () => {
    expect(await (await put("/v1/kv/k", "here")).text()).toBe("true")
    expect(await (await ask("/v1/kv/k?raw")).text()).toBe("here")
    follower.member.behind = true
    for (const [n, query] of ["", "&consistent", "&index=1"].entries()) {
      const value = new TextEncoder().encode(`${n}`)
      await all.servers[0]!.store.kv([{ verb: "set", key: "kv/k", value, flags: 0n }])
      expect(await (await ask(`/v1/kv/k?raw${query}`)).text()).toBe(`${n}`)
    }
  })

  test("an answer says how old it may be", async () => {
    await put("/v1/kv/k")
    for (const path of READS) {
      expect([path, await shown(ask(path))]).toEqual([path, "200 true 0"])
      expect([path, await shown(ask(and(path, "consistent")))]).toEqual([path, "200 true 0"])
      const { barriers } = follower.member
      expect([path, await shown(ask(and(path, "stale")))]).toEqual([path, "200 true 7"])
      expect(follower.member.barriers).toBe(barriers)
    }
    const only = JSON.stringify([{ KV: { Verb: "get", Key: "k" } }])
    expect(await shown(put("/v1/txn?stale", only))).toBe("200 true 7")
    expect(await (await put("/v1/txn?stale", only)).json()).toMatchObject({ LastContact: 7, KnownLeader: true })
    expect(await shown(put("/v1/txn", only))).toBe("200 true 0")
  })

  test("a stale reader who knows more than is here waits for it: his index does not go back", async () => {
    await put("/v1/kv/k")
    follower.member.behind = true
    await all.servers[0]!.store.kv([{ verb: "set", key: "kv/k", value: new Uint8Array(1), flags: 0n }])
    const { revision } = all.servers[0]!.store
    const answer = ask(`/v1/kv/k?stale&index=${revision}&wait=500ms`)
    setTimeout(() => follower.member.catchUp(), 100)
    expect((await answer).headers.get("x-consul-index")).toBe(String(revision))
  })

  test("a waiting reader is woken by what other servers write, whoever leads then", async () => {
    await put("/v1/kv/k")
    let index = Number((await ask("/v1/kv/k")).headers.get("x-consul-index"))
    for (const leader of [2, 1, 0, 2]) {
      const waiting = ask(`/v1/kv/k?index=${index}&wait=10s`)
      await until(() => api.waiters === 1)
      lead(leader)
      const value = new TextEncoder().encode(`by ${leader}`)
      await all.servers[leader]!.store.kv([{ verb: "set", key: "kv/k", value, flags: 0n }])
      const answer = await waiting
      const next = Number(answer.headers.get("x-consul-index"))
      expect(next).toBeGreaterThan(index)
      expect(atob((await answer.json())[0].Value)).toBe(`by ${leader}`)
      index = next
    }
  })
})

describe("while nobody leads", () => {
  test("stale reads are answered and say so; all others are refused as Consul's clients know it", async () => {
    await put("/v1/kv/k")
    lead(null)
    for (const path of READS) {
      expect([path, await shown(ask(and(path, "stale")))]).toEqual([path, "200 false 7"])
      for (const query of ["x", "consistent"]) {
        const answer = await ask(and(path, query))
        expect([path, query, answer.status, await answer.text()]).toEqual([path, query, 500, "No cluster leader"])
      }
    }
    const writes = [put("/v1/kv/k"), ask("/v1/kv/k", { method: "DELETE" }), put("/v1/session/create", "{}")]
    for (const answer of await Promise.all(writes))
      expect([answer.status, await answer.text()]).toEqual([500, "No cluster leader"])
  })
})
