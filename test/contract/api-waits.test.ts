/** Many who wait: each is woken by what concerns it and by nothing else, they share what can be shared, and none is left. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { type Fixture, openFixture, openRequest } from "./api-fixture.ts"
import { nobodyWaits, waitingFor } from "./api-kv.ts"

describe.each(["server", "client"] as const)("blocking queries on a %s", (role) => {
  let fixture: Fixture
  beforeAll(async () => {
    fixture = await openFixture({ role })
  })
  afterAll(() => fixture.close())

  const put = (key: string, body: string) => fetch(`${fixture.url}/v1/kv/${key}`, { method: "PUT", body })
  const get = (path: string, signal?: AbortSignal) => fetch(`${fixture.url}/v1/kv/${path}`, { signal })
  const indexOf = async (path: string) => (await get(path)).headers.get("x-consul-index")

  test("those who wait for one key take one place in the store, and all get the same", async () => {
    await put("shared", "1")
    const index = await indexOf("shared")
    const waiting = Array.from({ length: 100 }, () => get(`shared?index=${index}`))
    await waitingFor(fixture, 100)
    expect(fixture.storeWaits).toBe(1)
    await put("shared", "2")
    const answers = await Promise.all((await Promise.all(waiting)).map((answer) => answer.text()))
    expect(new Set(answers).size).toBe(1)
    expect(answers[0]).toContain(`"Value":"${btoa("2")}"`)
    await nobodyWaits(fixture)
  })

  test("raw, pretty, names and entries of the same wake are told apart", async () => {
    await put("kinds/a", "1")
    const index = await indexOf("kinds/?recurse")
    const queries = ["recurse", "recurse&pretty", "keys", "keys&separator=-", "keys&limit=1"]
    const waiting = queries.map((query) => get(`kinds/?${query}&index=${index}`))
    const single = ["", "raw&", "pretty&"].map((query) => get(`kinds/a?${query}index=${index}`))
    await waitingFor(fixture, queries.length + single.length)
    await put("kinds/a", "2")
    const woken = await Promise.all([...waiting, ...single].map(async (answer) => (await answer).text()))
    const now = [...queries.map((query) => `kinds/?${query}`), "kinds/a", "kinds/a?raw", "kinds/a?pretty"]
    expect(woken).toEqual(await Promise.all(now.map(async (path) => (await get(path)).text())))
    await nobodyWaits(fixture)
  })

  test("B4-B6: a write wakes those whom it concerns, and nobody else", async () => {
    for (const key of ["w/a", "w/b", "w/ab/c"]) await put(key, "1")
    const index = fixture.store.lastChange("kv/")
    const done: string[] = []
    const wait = (path: string) =>
      get(`${path}${path.includes("?") ? "&" : "?"}index=${index}`).then(async (answer) => {
        await answer.arrayBuffer()
        done.push(path)
      })
    const all = ["w/a", "w/b", "w/missing", "w/?recurse", "w/a?recurse", "w/ab/?keys", "x/?recurse"].map(wait)
    await waitingFor(fixture, all.length)
    await put("w/ab/c", "2")
    await Promise.all([all[3], all[4], all[5]])
    expect(done.sort()).toEqual(["w/?recurse", "w/a?recurse", "w/ab/?keys"])
    for (const key of ["w/a", "w/b", "w/missing", "x/y"]) await put(key, "2")
    await Promise.all(all)
    await nobodyWaits(fixture)
  })

  test("B8: writing the same again wakes nobody", async () => {
    await put("b8", "1")
    const index = await indexOf("b8")
    const waiting = get(`b8?raw&index=${index}`)
    await waitingFor(fixture)
    await put("b8", "1")
    await fetch(`${fixture.url}/v1/kv/b8none`, { method: "DELETE" })
    await put("b8", "2")
    expect(await (await waiting).text()).toBe("2")
  })

  test("B1, B3: the wait ends by itself, with a little more than was asked and the same answer", async () => {
    await put("b1", "1")
    const index = await indexOf("b1")
    const from = performance.now()
    const answer = await get(`b1?index=${index}&wait=100ms`)
    expect(performance.now() - from).toBeGreaterThanOrEqual(99)
    expect([answer.status, answer.headers.get("x-consul-index")]).toEqual([200, index])
    const none = await get(`b1none?index=${fixture.store.lastChange("kv/")}&wait=20ms`)
    expect(none.status).toBe(404)
    await nobodyWaits(fixture)
  })

  test("B10: consistent makes sure before and after the wait", async () => {
    await put("b10", "1")
    let asked = 0
    const barrier = fixture.store.barrier.bind(fixture.store)
    fixture.store.barrier = () => {
      asked++
      return barrier()
    }
    const index = await indexOf("b10?stale")
    expect(asked).toBe(0)
    const waiting = get(`b10?consistent&index=${index}`)
    await waitingFor(fixture)
    expect(asked).toBe(1)
    await put("b10", "2")
    await waiting
    expect(asked).toBe(2)
    fixture.store.barrier = barrier
  })

  test("C27: whoever goes away frees its place at once, here and in the store", async () => {
    await put("gone", "1")
    const index = await indexOf("gone?recurse")
    const stop = new AbortController()
    const waiting = ["gone", "gone?recurse", "gonenot"].map((path) =>
      get(`${path}${path.includes("?") ? "&" : "?"}index=${index}`, stop.signal).catch(() => "gone"),
    )
    await waitingFor(fixture, 3)
    stop.abort()
    expect(await Promise.all(waiting)).toEqual(["gone", "gone", "gone"])
    await nobodyWaits(fixture)
  })

  test("a thousand watchers, each of a key of its own, while another key is written", async () => {
    const index = fixture.store.lastChange("kv/")
    const crowd = await Promise.all(
      Array.from({ length: 1_000 }, (_, i) => openRequest(fixture.url, `/v1/kv/crowd/${i}?index=${index}`)),
    )
    await waitingFor(fixture, 1_000)
    await put("elsewhere", "1")
    expect(fixture.waiters).toBe(1_000)
    await put("crowd/500", "1")
    expect(await crowd[500]!.answer).toContain("HTTP/1.1 200 OK")
    expect(fixture.waiters).toBe(999)
    for (const one of crowd) one.close()
    await nobodyWaits(fixture)
  })
})

test("a store that closes lets everybody go", async () => {
  const fixture = await openFixture()
  await fetch(`${fixture.url}/v1/kv/closing`, { method: "PUT", body: "1" })
  const waiting = fetch(`${fixture.url}/v1/kv/closing?index=${fixture.store.lastChange("kv/")}`)
  await waitingFor(fixture)
  await fixture.store.close()
  expect((await waiting).status).toBe(500)
  await nobodyWaits(fixture)
  await fixture.close()
})
