/** The store's contract, fifth part: waiting for a change, names below a prefix, and states that are kept. */
import { describe, expect, test } from "bun:test"
import { WATCHERS_MAX } from "../../src/base/limits.ts"
import type { WaitTarget } from "../../src/store/port.ts"
import { prefix, put, remove, settled, type StoreFixture } from "./store-fixture.ts"
import { lock, set } from "./store-verbs.ts"

export function waitContract(at: StoreFixture): void {
  const session = (id: string, more = {}) =>
    at.store.createSession({
      id,
      name: "",
      node: "n",
      behavior: "release",
      lockDelayMs: 0,
      ttl: "",
      ttlMs: 0,
      checks: [],
      ...more,
    })

  describe("waits", () => {
    /** Waits for each target, does, and tells which of them were woken. */
    const wokenBy = async (targets: WaitTarget[], act: () => Promise<unknown>): Promise<WaitTarget[]> => {
      const woken: WaitTarget[] = []
      const waits = targets.map((target) => at.store.waitFor(target, () => woken.push(target)))
      await act()
      await settled(at.store)
      for (const wait of waits) wait.cancel()
      return woken
    }
    const targets: WaitTarget[] = [
      { key: "a/b" },
      { key: "a/bc" },
      { key: "a/" },
      { prefix: "a/b" },
      { prefix: "a/bc" },
      { prefix: "" },
      { session: "s" },
      { session: "t" },
      { sessions: true },
    ]

    test("are woken by what touches them, and by nothing else", async () => {
      await at.act(put("a/b"))
      const keyed = [{ key: "a/b" }, { prefix: "" }, { prefix: "a/b" }]
      expect(await wokenBy(targets, () => at.act(put("a/b", "2")))).toEqual(keyed)
      expect(await wokenBy(targets, () => at.act(put("a/b", "2")))).toEqual([])
      expect(await wokenBy(targets, () => at.act(put("A"), remove("zz")))).toEqual([{ prefix: "" }])
      expect(await wokenBy(targets, () => at.act(put("a/bcd")))).toEqual([
        { prefix: "" },
        { prefix: "a/b" },
        { prefix: "a/bc" },
      ])
      expect(await wokenBy(targets, () => at.act(remove("a/b")))).toEqual(keyed)
      expect(await wokenBy(targets, () => at.act(remove("a/b")))).toEqual([])
      expect(await wokenBy(targets, () => session("s"))).toEqual([{ session: "s" }, { sessions: true }])
      expect(await wokenBy(targets, () => at.store.renewSession("s"))).toEqual([])
      expect(await wokenBy(targets, () => at.store.kv([lock("a/b", "s")]))).toEqual(keyed)
      expect(await wokenBy(targets, () => at.store.destroySession("s"))).toEqual([
        ...keyed,
        { session: "s" },
        { sessions: true },
      ])
      expect(await wokenBy(targets, () => at.store.grantLease("s", 1_000))).toEqual([])
      expect(await wokenBy(targets, () => at.act(prefix("")))).toEqual([
        { prefix: "" },
        { key: "a/b" },
        { prefix: "a/b" },
        { prefix: "a/bc" },
      ])
    })

    test("are woken once, when the change can be read, and never after they were cancelled", async () => {
      const woken: string[] = []
      at.store.waitFor({ key: "a" }, () => woken.push(`first ${at.store.get("a")?.modRevision}`))
      const second = at.store.waitFor({ key: "a" }, () => woken.push("second"))
      const third = at.store.waitFor({ prefix: "a" }, () => woken.push("third"))
      at.store.waitFor({ key: "a" }, () => second.cancel())
      third.cancel()
      third.cancel()
      await at.act(put("a"))
      await at.act(put("a", "2"))
      expect(woken).toEqual(["first 1", "second"])
    })

    test("one that is made in a wake waits for the next change", async () => {
      const woken: number[] = []
      const again = (): void => {
        woken.push(at.store.revision)
        if (woken.length < 3) at.store.waitFor({ key: "a" }, again)
      }
      at.store.waitFor({ key: "a" }, again)
      for (let i = 0; i < 3; i++) await at.act(put("a", `${i}`))
      expect(woken).toEqual([1, 2, 3])
    })

    test("are woken by the close, and are bounded", async () => {
      let count = 0
      const waits = Array.from({ length: WATCHERS_MAX }, (_, i) =>
        at.store.waitFor(i % 2 ? { key: `k${i}` } : { prefix: `k${i}` }, () => count++),
      )
      expect(() => at.store.waitFor({ key: "x" }, () => {})).toThrow("waiting already")
      waits[0]!.cancel()
      at.store.waitFor({ key: "x" }, () => count++)
      for (const wait of waits.slice(2)) wait.cancel()
      await at.store.close()
      expect(count).toBe(2)
    })
  })

  describe("names", () => {
    const names = (start: string, separator: string, options?: { after?: string; limit?: number }) =>
      at.store.keys(start, separator, options).names

    test("are cut behind the first separator that follows the prefix, and given once", async () => {
      await at.act(...["a", "a/", "a/b", "a/b/c", "a/b/d", "a/e", "ab/c", "b"].map((key) => put(key)))
      expect(names("", "/")).toEqual(["a", "a/", "ab/", "b"])
      expect(names("a", "/")).toEqual(["a", "a/", "ab/"])
      expect(names("a/", "/")).toEqual(["a/", "a/b", "a/b/", "a/e"])
      expect(names("a/b", "/")).toEqual(["a/b", "a/b/"])
      expect(names("", "")).toEqual(["a", "a/", "a/b", "a/b/c", "a/b/d", "a/e", "ab/c", "b"])
      expect(names("a", "b/")).toEqual(["a", "a/", "a/b", "a/b/", "a/e", "ab/"])
      expect(names("x", "/")).toEqual([])
    })

    test("are the same as by reading every key, for any separator, paged or not", async () => {
      const long = "x".repeat(1_020)
      const parts = ["", "a", "\xff", "\xff\xff", "/", "//", "\x00", long]
      const keys = parts.flatMap((first) => parts.flatMap((second) => [`k${first}${second}`, `k${first}/${second}/z`]))
      for (let i = 0; i < 60; i++) keys.push(`k/many/${String(i).padStart(3, "0")}`, `k${long}many${i}/x`)
      await at.act(...[...new Set(keys)].map((key) => put(key)))
      const all = at.listed("")
      for (const separator of ["", "/", "//", "\xff", "\x00", "/z", "many", "xx"])
        for (const start of ["", "k", "k/", "k\xff", `k${long}`, `k${long}m`, "k/many/0"]) {
          const cut = (key: string) => {
            const found = separator === "" ? -1 : key.indexOf(separator, start.length)
            return found < 0 ? key : key.slice(0, found + separator.length)
          }
          const wanted = [...new Set(all.filter((key) => key.startsWith(start)).map(cut))]
          expect([separator, start, names(start, separator)]).toEqual([separator, start, wanted])
          const paged: string[] = []
          for (;;) {
            const page = at.store.keys(start, separator, { after: paged.at(-1), limit: 3 })
            paged.push(...page.names)
            if (!page.more) break
          }
          expect([separator, start, paged]).toEqual([separator, start, wanted])
        }
    })
  })

  describe("views", () => {
    test("show the state of their revision, whatever is written", async () => {
      await session("s")
      await at.act(put("a", "1"), put("d/b", "1"))
      const view = at.store.view()
      await at.store.kv([set("a", "2"), { verb: "delete-tree", key: "d/" }, set("e")])
      await at.store.destroySession("s")
      expect(at.listed("")).toEqual(["a", "e"])
      expect(view.range("", { limit: 1 }).entries.map((entry) => `${entry.key} ${entry.modRevision}`)).toEqual(["a 2"])
      expect(view.range("", { after: "a" })).toMatchObject({ entries: [{ key: "d/b" }], more: false, revision: 2 })
      expect([view.revision, view.keys("", "/").names, view.lastChange("d/")]).toEqual([2, ["a", "d/"], 2])
      expect([view.sessions().length, view.lastSessionChange(), view.get("e")]).toEqual([1, 1, undefined])
      expect(view.read([{ verb: "get", key: "d/b" }]).ok).toBe(true)
      view.close()
      view.close()
      expect(() => view.get("a")).toThrow("not kept")
    })

    test("end when nobody reads them, when there are too many, and with the store", async () => {
      await at.act(put("a"))
      const used = at.store.view()
      const idle = at.store.view()
      for (let i = 0; i < 4; i++) {
        at.clock.advance(40_000)
        expect(used.get("a")?.key).toBe("a")
      }
      expect(() => idle.get("a")).toThrow("not kept")
      for (let i = 0; i < 63; i++) at.store.view()
      expect(() => at.store.view()).toThrow("under way already")
      await at.store.close()
      expect(() => used.get("a")).toThrow("not kept")
      expect(at.clock.timers).toBe(0)
    })
  })
}
