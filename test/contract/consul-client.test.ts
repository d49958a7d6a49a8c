/**
 * The npm `consul` client, written for Consul by others, drives keys, sessions, transactions, watches and status of a
 * server, and of a client node that passes everything on.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test"
import { type Fixture, openFixture } from "./api-fixture.ts"
import { nobodyWaits, waitingFor } from "./api-kv.ts"

// What Consul answers with `false`, this client gives as undefined.

/** Of the package, which has no types of its own, what is used here. */
interface Item {
  CreateIndex: number
  ModifyIndex: number
  LockIndex: number
  Key: string
  Flags: number
  Value: string | null
  Session?: string
}
type Options = Record<string, unknown>
interface Watch {
  on(event: "change", listener: (data: Item | Item[] | undefined, response: { statusCode: number }) => void): void
  on(event: "error", listener: (error: Error) => void): void
  end(): void
}
interface Consul {
  kv: {
    get(options: string | Options): Promise<Item & Item[] & Buffer>
    keys(options: string | Options): Promise<string[]>
    set(key: string, value: string | Buffer | null, options?: Options): Promise<boolean>
    del(options: string | Options): Promise<boolean>
  }
  session: {
    create(options?: Options): Promise<{ ID: string }>
    destroy(id: string): Promise<void>
    get(id: string): Promise<Options | undefined>
    list(): Promise<Options[]>
    node(name: string): Promise<Options[]>
    renew(id: string): Promise<Options[]>
  }
  transaction: { create(operations: unknown[]): Promise<{ Results: { KV: Item }[]; Errors: null }> }
  status: { leader(): Promise<string>; peers(): Promise<string[]> }
  agent: { self(): Promise<{ Config: { NodeName: string } }>; members(): Promise<{ Name: string }[]> }
  catalog: { datacenters(): Promise<string[]>; node: { list(): Promise<{ Node: string }[]> } }
  health: { state(name: string): Promise<{ CheckID: string }[]> }
  watch(options: { method: unknown; options: Options }): Watch
}
type ConsulClass = new (options: { host: string; port: string; defaults?: Options }) => Consul
// @ts-expect-error it has no types
const consulClass = (await import("consul")).default as ConsulClass

describe.each(["server", "client"] as const)("the consul client on a %s", (role) => {
  let fixture: Fixture
  let consul: Consul
  beforeAll(async () => {
    fixture = await openFixture({ role })
    const { hostname, port } = new URL(fixture.url)
    // A token is sent although nobody asks for one, as that package's own tests do.
    consul = new consulClass({ host: hostname, port, defaults: { token: "root" } })
  })
  afterAll(() => fixture.close())
  beforeEach(() => consul.kv.del({ key: "", recurse: true }))

  test("get: one, none, with an index, raw", async () => {
    await consul.kv.set("hello", "world")
    const item = await consul.kv.get("hello")
    expect(Object.keys(item).sort()).toEqual(["CreateIndex", "Flags", "Key", "LockIndex", "ModifyIndex", "Value"])
    expect(item).toMatchObject({ Key: "hello", Value: "world", Flags: 0, LockIndex: 0 })
    expect(await consul.kv.get("none")).toBeUndefined()
    expect(String(await consul.kv.get({ key: "hello", raw: true }))).toBe("world")
    for (const mode of [{ consistent: true }, { stale: true }])
      expect(await consul.kv.get({ key: "hello", ...mode })).toMatchObject({ Value: "world" })
  })

  test("get: an empty value is null", async () => {
    await consul.kv.set("empty", "")
    expect((await consul.kv.get("empty")).Value).toBeNull()
  })

  test("get: recurse, and nothing below", async () => {
    for (const key of ["a/x/1", "a/y/2", "b/z"]) await consul.kv.set(key, key)
    const items = await consul.kv.get({ key: "a", recurse: true })
    expect(items.map(({ Key, Value }) => `${Key}=${Value}`)).toEqual(["a/x/1=a/x/1", "a/y/2=a/y/2"])
    expect(await consul.kv.get({ key: "none", recurse: true })).toBeUndefined()
  })

  test("keys: all, cut, none", async () => {
    for (const key of ["a/x/1", "a/y/2", "b/z"]) await consul.kv.set(key, key)
    expect(await consul.kv.keys("a")).toEqual(["a/x/1", "a/y/2"])
    expect(await consul.kv.keys({ key: "a/", separator: "/" })).toEqual(["a/x/", "a/y/"])
    expect(await consul.kv.keys({ key: "", separator: "/" })).toEqual(["a/", "b/"])
    await expect(consul.kv.keys("none")).rejects.toThrow("not found")
  })

  test("set: cas, flags, a buffer", async () => {
    expect(await consul.kv.set("cas", "1", { cas: 0 })).toBe(true)
    expect(await consul.kv.set("cas", "2", { cas: 0 })).toBeFalsy()
    const { ModifyIndex } = await consul.kv.get("cas")
    expect(await consul.kv.set("cas", "2", { cas: ModifyIndex })).toBe(true)
    expect(await consul.kv.set("cas", "3", { cas: ModifyIndex })).toBeFalsy()
    await consul.kv.set("flags", "v", { flags: 255 })
    expect((await consul.kv.get("flags")).Flags).toBe(255)
    await consul.kv.set("buffer", Buffer.from([0, 255, 10]))
    expect([...(await consul.kv.get({ key: "buffer", raw: true }))]).toEqual([0, 255, 10] as never)
  })

  test("del: one, by index, a tree", async () => {
    await consul.kv.set("d/a", "1")
    await consul.kv.set("d/b", "1")
    expect(await consul.kv.del({ key: "d/a", cas: 1 })).toBeFalsy()
    expect(await consul.kv.del("d/a")).toBe(true)
    expect(await consul.kv.get("d/a")).toBeUndefined()
    expect(await consul.kv.del({ key: "d", recurse: true })).toBe(true)
    expect(await consul.kv.get("d/b")).toBeUndefined()
  })

  test("sessions: made, seen, renewed, and a lock changing hands", async () => {
    const first = await consul.session.create({ name: "one", ttl: "10s", lockdelay: "0s", behavior: "release" })
    const second = await consul.session.create({ lockdelay: "0s" })
    expect(await consul.session.get(first.ID)).toMatchObject({
      Name: "one",
      TTL: "10s",
      Node: "swarm-01",
      LockDelay: 0,
    })
    expect((await consul.session.list()).map(({ ID }) => ID)).toEqual(expect.arrayContaining([first.ID, second.ID]))
    expect((await consul.session.node("swarm-01")).map(({ ID }) => ID)).toContain(first.ID)
    expect(await consul.session.renew(first.ID)).toMatchObject([{ ID: first.ID, TTL: "10s" }])
    expect(await consul.kv.set("lock", "1", { acquire: first.ID })).toBe(true)
    expect(await consul.kv.set("lock", "2", { acquire: second.ID })).toBeFalsy()
    expect(await consul.kv.get("lock")).toMatchObject({ Session: first.ID, LockIndex: 1, Value: "1" })
    expect(await consul.kv.set("lock", "3", { release: first.ID })).toBe(true)
    expect(await consul.kv.set("lock", "4", { acquire: second.ID })).toBe(true)
    await consul.session.destroy(second.ID)
    const free = await consul.kv.get("lock")
    expect([free.Session, free.Value, free.LockIndex]).toEqual([undefined, "4", 2])
    await consul.session.destroy(first.ID)
    expect(await consul.session.get(first.ID)).toBeUndefined()
    await expect(consul.session.renew(first.ID)).rejects.toThrow("not found")
    await expect(consul.kv.set("lock", "5", { acquire: first.ID })).rejects.toThrow("invalid session")
  })

  test("transactions: all or nothing", async () => {
    const set = (Key: string, Value: string) => ({
      KV: { Verb: "set", Key, Value: Buffer.from(Value).toString("base64") },
    })
    const done = await consul.transaction.create([
      set("t/1", "one"),
      set("t/2", "two"),
      { KV: { Verb: "get", Key: "t/1" } },
    ])
    expect(done.Errors).toBeNull()
    expect(done.Results.map(({ KV }) => [KV.Key, KV.Value])).toEqual([
      ["t/1", null],
      ["t/2", null],
      ["t/1", "b25l"],
    ])
    const failing = consul.transaction.create([set("t/3", "x"), { KV: { Verb: "check-not-exists", Key: "t/1" } }])
    await expect(failing).rejects.toThrow("conflict")
    expect(await consul.kv.get("t/3")).toBeUndefined()
    expect((await consul.kv.get("t/2")).Value).toBe("two")
  })

  test("watch: every change of a key, from none to gone", async () => {
    const watch = consul.watch({ method: consul.kv.get, options: { key: "watched", wait: "10s" } })
    const seen: (string | null | undefined)[] = []
    const errors: Error[] = []
    watch.on("error", (error) => void errors.push(error))
    let next = () => {}
    watch.on("change", (data) => {
      seen.push((data as Item | undefined)?.Value)
      next()
    })
    const change = (act: () => Promise<unknown>) =>
      new Promise<void>((resolve) => {
        next = resolve
        void waitingFor(fixture).then(act)
      })
    // The first answer says that there is none.
    while (seen.length === 0) await Bun.sleep(1)
    await change(() => consul.kv.set("watched", "1"))
    await change(() => consul.kv.set("watched", "2"))
    await change(() => consul.kv.del("watched"))
    watch.end()
    await nobodyWaits(fixture)
    expect(seen).toEqual([undefined, "1", "2", undefined])
    expect(errors).toEqual([])
  })

  test("watch: a missing key name ends it", async () => {
    const watch = consul.watch({ method: consul.kv.get, options: { key: "" } })
    const error = await new Promise<Error>((resolve) => watch.on("error", resolve))
    expect(error.message).toContain("Missing key name")
  })

  test("status, agent, catalog, health", async () => {
    expect(await consul.status.leader()).toBe("192.168.1.51:8300")
    expect(await consul.status.peers()).toEqual(["192.168.1.51:8300"])
    expect((await consul.agent.self()).Config.NodeName).toBe("swarm-01")
    expect((await consul.agent.members()).map(({ Name }) => Name)).toEqual(["swarm-01"])
    expect(await consul.catalog.datacenters()).toEqual(["dc1"])
    expect((await consul.catalog.node.list()).map(({ Node }) => Node)).toEqual(["swarm-01"])
    expect((await consul.health.state("any")).map(({ CheckID }) => CheckID)).toEqual(["serfHealth"])
  })
})
