/** What becomes of writes at a follower when the lead changes, before, while and after they are carried out. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { systemClock } from "../../src/linux/system.ts"
import type { SessionSpec } from "../../src/store/port.ts"
import type { ScriptedMember } from "./scripted-cluster.ts"
import { type ScriptedServer, ScriptedServers } from "./scripted-servers.ts"
import { codeOf, put, remove } from "./store-fixture.ts"

let all: ScriptedServers
let a: ScriptedServer
let b: ScriptedServer
let c: ScriptedServer

beforeEach(async () => {
  all = await ScriptedServers.open(3, systemClock)
  const [first, second, third] = all.servers as [ScriptedServer, ScriptedServer, ScriptedServer]
  a = first
  b = second
  c = third
})
afterEach(() => all.close())

const act = (server: ScriptedServer, key: string) => server.store.transact({ operations: [put(key)] })
const keys = ({ engine }: ScriptedMember) => engine.range("").entries.map(({ key }) => key)
const until = async (isSo: () => boolean) => {
  for (let n = 0; n < 500 && !isSo(); n++) await soon(2)
  expect(isSo()).toBe(true)
}
const soon = (ms = 10) => new Promise((resolve) => setTimeout(resolve, ms))
const session = (id: string): SessionSpec => ({
  id,
  name: "",
  node: "swarm-01",
  behavior: "release",
  lockDelayMs: 0,
  ttl: "",
  ttlMs: 0,
  checks: ["serfHealth"],
})

describe("a write through a follower", () => {
  test("is read there once it is acknowledged, however far behind that server is", async () => {
    b.member.behind = true
    const written = act(b, "k")
    let done = false
    void written.then(() => (done = true))
    await until(() => keys(a.member).length === 1)
    await soon(20)
    expect(done).toBe(false)
    b.member.catchUp()
    await written
    expect(keys(b.member)).toEqual(["k"])
  })

  test("that the leader refused, as it leads no more, is made at the next one", async () => {
    all.cluster.ending = "refused"
    const written = act(b, "k")
    await until(() => all.cluster.ending === null)
    all.cluster.lead(c.member.nodeId)
    expect((await written).succeeded).toBe(true)
    expect(all.cluster.log.length).toBe(1)
  })

  test("goes on at this server itself where that one leads now", async () => {
    all.cluster.lead(null)
    const written = act(b, "k")
    await soon()
    all.cluster.lead(b.member.nodeId)
    expect((await written).revision).toBe(1)
  })

  test("is made where the leader is, though this server was told of another one", async () => {
    b.member.believes = c.member.nodeId
    b.member.tell()
    const written = act(b, "k")
    await soon()
    b.member.believes = undefined
    b.member.tell()
    expect((await written).succeeded).toBe(true)
  })

  test("that may have been made is not made again", async () => {
    for (const ending of ["lost", "done_unknown"] as const) {
      all.cluster.ending = ending
      expect(await codeOf(act(b, ending))).toBe("outcome_unknown")
      all.cluster.ending = ending
      const verbs = [{ verb: "set" as const, key: `kv ${ending}`, value: new Uint8Array(), flags: 0n }]
      expect(await codeOf(b.store.kv(verbs))).toBe("outcome_unknown")
      all.cluster.ending = ending
      expect(await codeOf(b.store.transact({ operations: [remove("x")] }))).toBe("outcome_unknown")
    }
    expect(keys(a.member)).toEqual(["done_unknown", "kv done_unknown"])
  })

  test("that waits for a leader who is lost is told so, in time, and not made again", async () => {
    all.cluster.ending = "never"
    const written = codeOf(act(b, "k"))
    await until(() => all.cluster.ending === null)
    all.cluster.lead(c.member.nodeId)
    expect(await written).toBe("outcome_unknown")
  })

  test("that waits for a leader whose connection breaks may have been made", async () => {
    all.cluster.ending = "never"
    const written = codeOf(act(b, "k"))
    await until(() => all.cluster.ending === null)
    all.network.cut(b.member.nodeId)
    expect(await written).toBe("outcome_unknown")
    expect((await act(b, "next")).revision).toBe(2)
  })

  test("with nobody who leads says so, and nothing was done", async () => {
    all.cluster.lead(null)
    const began = performance.now()
    expect(await codeOf(act(b, "k"))).toBe("no_leader")
    expect(performance.now() - began).toBeLessThan(3_000)
    expect(all.cluster.log).toEqual([])
  })

  test("with a leader who cannot be reached says so", async () => {
    await a.listener.close()
    expect(await codeOf(act(b, "k"))).toBe("no_leader")
  })

  test("that is refused for what it is, is refused as by the leader itself", async () => {
    const unknown = { operations: [put("k", "v", { lease: "none" })] }
    expect(await codeOf(b.store.transact(unknown))).toBe("lease_unknown")
    expect(await codeOf(b.store.renewLease("none"))).toBe("lease_unknown")
    expect(await codeOf(b.store.renewSession("none"))).toBe("session_unknown")
  })
})

describe("what may be done twice", () => {
  test("is, until it is known to be done", async () => {
    for (const ending of ["lost", "done_unknown"] as const) {
      all.cluster.ending = ending
      expect(await b.store.grantLease(`l ${ending}`, 10_000)).toEqual({ id: `l ${ending}`, ttlMs: 10_000 })
      all.cluster.ending = ending
      expect((await b.store.createSession(session(`s ${ending}`))).id).toBe(`s ${ending}`)
      all.cluster.ending = ending
      await b.store.destroySession(`s ${ending}`)
      all.cluster.ending = ending
      await b.store.revokeLease(`l ${ending}`)
    }
    expect(b.store.sessions()).toEqual([])
    expect((await b.store.createSession(session("mine"))).id).toBe("mine")
    expect(await codeOf(b.store.createSession(session("mine")))).toBe("session_exists")
  })
})

describe("a restore through a follower", () => {
  async function* file(bytes: Uint8Array, between = async () => {}) {
    yield bytes.subarray(0, 100)
    await between()
    yield bytes.subarray(100)
  }
  const saved = async () => {
    for (let n = 0; n < 20; n++) await act(a, `kv/${n}`)
    const chunks: Uint8Array[] = []
    for await (const chunk of a.store.exportSnapshot({ areas: ["kv/"] }).chunks) chunks.push(chunk)
    await a.store.transact({ operations: [{ op: "deletePrefix", prefix: "kv/" }] })
    await soon()
    return Buffer.concat(chunks)
  }

  test("is of the leader's whole cluster", async () => {
    const bytes = await saved()
    const info = await b.store.importSnapshot(file(bytes), { areas: ["kv/"] })
    expect(info.keys).toBe(20)
    await soon()
    for (const { member } of all.servers) expect(keys(member).length).toBe(20)
  })

  test("changes nothing where the lead changes before its end", async () => {
    const bytes = await saved()
    const failing = b.store.importSnapshot(
      file(bytes, async () => all.cluster.lead(c.member.nodeId)),
      { areas: ["kv/"] },
    )
    expect(["leader_changed", "outcome_unknown"]).toContain(await codeOf(failing))
    for (const { member } of all.servers) expect(keys(member)).toEqual([])
  })
})

test("a watch at a follower sees each revision once and in order, whoever leads meanwhile", async () => {
  const seen: number[] = []
  b.store.watch(
    "",
    0,
    (batch) => seen.push(batch.revision),
    (error) => seen.push(error.message.length),
  )
  for (let n = 0; n < 30; n++) {
    await act(all.servers[n % 3]!, `k${n}`)
    if (n % 7 === 0) all.cluster.lead(all.servers[(n / 7) % 3]!.member.nodeId)
  }
  await soon()
  expect(seen).toEqual(Array.from({ length: 30 }, (_, n) => n + 1))
})

test("only servers may write to the store, and only to the one that leads", async () => {
  const { expect: cluster, network } = all
  const as = (role: "client" | "server") =>
    network.connect({ address: b.address, expect: cluster, credentials: all.credentials("d".repeat(64), "d", role) })
  const client = await as("client")
  expect(await codeOf(client.call("store/destroySession", { id: "x" }))).toBe("forbidden")
  const server = await as("server")
  expect(await codeOf(server.call("store/destroySession", { id: "x" }))).toBe("not_leader")
  all.cluster.lead(b.member.nodeId)
  expect(await codeOf(server.call("store/destroySession", { id: 7 }))).toBe("call_malformed")
  expect(await codeOf(server.call("store/transact", Buffer.from("nonsense")))).toBe("call_malformed")
  expect(await codeOf(server.call("store/destroySession", { id: "x" }))).toBe("ok")
  client.close()
  server.close()
})
