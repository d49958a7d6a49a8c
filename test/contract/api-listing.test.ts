/** Listings by Consul's API: pages of them, and long ones, which are streamed from one state of the store. */
import { expect, test } from "bun:test"
import type { KvVerb } from "../../src/store/port.ts"
import { type Fixture, openFixture } from "./api-fixture.ts"
import { type Kv, onBothRoles } from "./api-kv.ts"

const LONG = 3_000
const name = (i: number) => `long/${String(i).padStart(6, "0")}`

/** Past the API, which would take a request for each. */
async function fill(fixture: Fixture, count: number, valueBytes: number): Promise<void> {
  const value = new Uint8Array(valueBytes).fill(97)
  for (let from = 0; from < count; from += 100) {
    const verbs: KvVerb[] = []
    for (let i = from; i < Math.min(count, from + 100); i++)
      verbs.push({ verb: "set", key: `kv/${name(i)}`, value, flags: 0n })
    await fixture.store.kv(verbs)
  }
}

const keysOf = async (answer: Response) => ((await answer.json()) as { Key: string }[]).map(({ Key }) => Key)

onBothRoles("long listings", (kv: Kv) => {
  test("pages: limit and after, of entries and of names", async () => {
    for (const key of ["p/a", "p/b/1", "p/b/2", "p/c", "p/d"]) await kv.ask("PUT", `/v1/kv/${key}`, key)
    expect(await keysOf(await kv.ask("GET", "/v1/kv/p/?recurse&limit=2"))).toEqual(["p/a", "p/b/1"])
    expect(await keysOf(await kv.ask("GET", "/v1/kv/p/?recurse&limit=2&after=p/b/1"))).toEqual(["p/b/2", "p/c"])
    expect(await keysOf(await kv.ask("GET", "/v1/kv/p/?recurse&limit=9&after=p%2Fc"))).toEqual(["p/d"])
    expect(await kv.text("GET", "/v1/kv/p/?recurse&limit=9&after=p/d")).toBe("200 []")
    expect(await kv.text("GET", "/v1/kv/p/?keys&limit=2")).toBe('200 ["p/a","p/b/1"]')
    expect(await kv.text("GET", "/v1/kv/p/?keys&separator=/&limit=2")).toBe('200 ["p/a","p/b/"]')
    expect(await kv.text("GET", "/v1/kv/p/?keys&separator=/&limit=2&after=p/b/")).toBe('200 ["p/c","p/d"]')
    expect(await kv.text("GET", "/v1/kv/p/?keys&limit=x")).toBe("400 Invalid limit")
    expect(await kv.text("GET", "/v1/kv/none/?keys&limit=2")).toBe("404 ")
  })

  test("pretty", async () => {
    const text = await (await kv.ask("GET", "/v1/kv/p/?keys&pretty&limit=2")).text()
    expect(text).toBe('[\n    "p/a",\n    "p/b/1"\n]\n')
    const entries = await (await kv.ask("GET", "/v1/kv/p/?recurse&pretty")).text()
    expect(entries).toBe(`${JSON.stringify(JSON.parse(entries), null, 4)}\n`)
  })

  test("one that is long arrives whole and in order, and says its index", async () => {
    await fill(kv.fixture, LONG, 300)
    const expected = Array.from({ length: LONG }, (_, i) => name(i))
    const at = await kv.index(`/v1/kv/${name(LONG - 1)}`)
    for (const query of ["recurse", "recurse&pretty"]) {
      const answer = await kv.ask("GET", `/v1/kv/long/?${query}`)
      expect(answer.headers.get("content-type")).toBe("application/json")
      expect(answer.headers.get("x-consul-index")).toBe(String(at))
      const text = await answer.text()
      expect((JSON.parse(text) as { Key: string }[]).map(({ Key }) => Key)).toEqual(expected)
      if (query.endsWith("pretty")) expect(text).toBe(`${JSON.stringify(JSON.parse(text), null, 4)}\n`)
    }
    expect(await (await kv.ask("GET", "/v1/kv/long/?keys")).json()).toEqual(expected)
    expect(await kv.text("GET", "/v1/kv/?keys&separator=/")).toContain('"long/"')
  })

  test("one that is long is of one state, whatever is written meanwhile", async () => {
    await fill(kv.fixture, LONG, 300)
    const answer = await kv.ask("GET", "/v1/kv/long/?recurse")
    const reader = answer.body!.getReader()
    const chunks = [(await reader.read()).value!]
    await kv.ask("DELETE", "/v1/kv/long/?recurse")
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) chunks.push(piece.value)
    const all = JSON.parse(Buffer.concat(chunks).toString()) as unknown[]
    expect(all.length).toBe(LONG)
  })
})

test("a reader of a long listing who goes away gives its state of the store back", async () => {
  const fixture = await openFixture()
  const open = countViews(fixture)
  await fill(fixture, LONG, 3_000)
  const stop = new AbortController()
  const answers = await Promise.all(
    [1, 2, 3].map(() => fetch(`${fixture.url}/v1/kv/long/?recurse`, { signal: stop.signal })),
  )
  expect(open.made).toBe(1)
  expect(open.now).toBe(1)
  await answers[0]!.body!.getReader().read()
  stop.abort()
  while (open.now > 0) await Bun.sleep(1)
  await fixture.close()
})

function countViews({ store }: Fixture): { made: number; now: number } {
  const counts = { made: 0, now: 0 }
  const make = store.view.bind(store)
  store.view = () => {
    const view = make()
    counts.made++
    counts.now++
    const close = view.close.bind(view)
    view.close = () => {
      counts.now--
      close()
    }
    return view
  }
  return counts
}
