/** The store's contract, first part: transactions, keys and ranges, the last change below a prefix. */
import { describe, expect, test } from "bun:test"
import { STORE_VALUE_MAX_BYTES } from "../../src/base/limits.ts"
import type { Transaction } from "../../src/store/port.ts"
import { codeOf, prefix, put, remove, show, type StoreFixture } from "./store-fixture.ts"

export function dataContract(at: StoreFixture): void {
  describe("transactions", () => {
    test("a new at.store is at revision 0 and empty", () => {
      expect(at.store.revision).toBe(0)
      expect(at.store.get("a")).toBeUndefined()
      expect(at.store.range("")).toEqual({ entries: [], more: false, revision: 0 })
      expect(at.store.lastChange("")).toBe(0)
      expect(at.store.status().knownLeader).toBe(true)
    })

    test("all that one transaction changes has one revision", async () => {
      const result = await at.act(put("a", "1"), put("b", "2"), remove("c"))
      expect(result).toEqual({ succeeded: true, revision: 1, failed: -1, changed: [1, 1, 0] })
      await at.act(put("a", "3"))
      expect(at.store.range("").entries.map(show)).toEqual(["a=3 @2", "b=2 @1"])
      expect(at.store.get("a")?.createRevision).toBe(1)
      expect(at.store.status().index).toBeGreaterThanOrEqual(2)
    })

    test("a transaction that changes nothing has no revision", async () => {
      await at.act(put("a", "1", { flags: 7n }))
      for (const operation of [put("a", "1", { flags: 7n }), remove("b"), prefix("c")]) {
        expect(await at.act(operation)).toEqual({ succeeded: true, revision: 1, failed: -1, changed: [0] })
      }
      expect((await at.act(put("a", "1"))).revision).toBe(2)
      expect(at.store.get("a")?.flags).toBe(0n)
    })

    test("operations see those before them", async () => {
      const result = await at.act(put("a"), put("a", "w"), remove("a"), remove("a"), put("a", "x"), prefix("a"))
      expect(result.changed).toEqual([1, 1, 1, 0, 1, 1])
      expect(at.store.range("").entries).toEqual([])
      expect(at.store.lastChange("a")).toBe(1)
    })

    test("compares hold all, or nothing is done and the first that failed is named", async () => {
      await at.act(put("a", "1"))
      await at.store.grantLease("l", 1_000)
      const cases: [Transaction["compare"], number][] = [
        [[{ key: "a", modRevision: 1 }], -1],
        [[{ key: "a", modRevision: 2 }], 0],
        [[{ key: "b", modRevision: 0 }], -1],
        [[{ key: "a", modRevision: 0 }], 0],
        [
          [
            { key: "a", exists: true },
            { key: "b", exists: false },
          ],
          -1,
        ],
        [
          [
            { key: "a", exists: true },
            { key: "b", exists: true },
            { key: "a", exists: false },
          ],
          1,
        ],
        [
          [
            { lease: "l", exists: true },
            { lease: "m", exists: false },
          ],
          -1,
        ],
        [[{ lease: "m", exists: true }], 0],
      ]
      for (const [compare, failed] of cases) {
        const result = await at.store.transact({ compare, operations: [put("x", "y"), remove("x")] })
        expect([compare, result.succeeded, result.failed]).toEqual([compare, failed < 0, failed])
        if (failed >= 0) expect(result).toMatchObject({ revision: at.store.revision, changed: [0, 0] })
      }
    })

    test("of 200 that want the same missing key, one gets it", async () => {
      const compare = [{ key: "vni/256", exists: false }]
      const tries = Array.from({ length: 200 }, (_, i) =>
        at.store.transact({ compare, operations: [put("vni/256", `${i}`)] }),
      )
      const results = await Promise.all(tries)
      const winners = results.flatMap((result, i) => (result.succeeded ? [i] : []))
      expect(winners).toHaveLength(1)
      expect(`${Buffer.from(at.store.get("vni/256")!.value)}`).toBe(`${winners[0]}`)
      expect(results.map((result) => result.revision)).toEqual(Array(200).fill(1))
    })

    test("200 that count on what they read lose no count", async () => {
      const increment = async (): Promise<void> => {
        for (;;) {
          const entry = at.store.get("count")
          const next = Number(entry ? `${Buffer.from(entry.value)}` : 0) + 1
          const compare = [{ key: "count", modRevision: entry?.modRevision ?? 0 }]
          if ((await at.store.transact({ compare, operations: [put("count", `${next}`)] })).succeeded) return
        }
      }
      await Promise.all(Array.from({ length: 40 }, increment))
      expect(show(at.store.get("count")!)).toBe("count=40 @40")
    })

    test("values and flags come back exactly", async () => {
      const value = Uint8Array.from({ length: 256 }, (_, i) => i)
      await at.store.transact({ operations: [{ op: "put", key: "a", value, flags: 3304740253564472344n }] })
      await at.store.transact({ operations: [{ op: "put", key: "b", value: new Uint8Array(), flags: 2n ** 64n - 1n }] })
      const large = new Uint8Array(STORE_VALUE_MAX_BYTES).fill(9)
      await at.store.transact({ operations: [{ op: "put", key: "c", value: large }] })
      expect(at.store.get("a")).toMatchObject({ value, flags: 3304740253564472344n })
      expect(at.store.get("b")).toMatchObject({ value: new Uint8Array(), flags: 2n ** 64n - 1n })
      expect(Buffer.compare(at.store.get("c")!.value, large)).toBe(0)
    })

    test("what cannot be is refused and changes nothing", async () => {
      const bad: [Transaction, string][] = [
        [{ operations: [put("")] }, "store_invalid"],
        [{ operations: [put("\u0100")] }, "store_invalid"],
        [{ operations: [put("k".repeat(65_537))] }, "store_invalid"],
        [{ operations: [put("a", "v", { flags: -1n })] }, "store_invalid"],
        [{ operations: [put("a", "v", { flags: 2n ** 64n })] }, "store_invalid"],
        [{ operations: [], compare: [{ key: "a", modRevision: 0.5 }] }, "store_invalid"],
        [{ operations: [put("a", "v".repeat(STORE_VALUE_MAX_BYTES + 1))] }, "value_too_large"],
        [{ operations: Array(5_000).fill(put("a")) }, "transaction_too_large"],
        [{ operations: [put("ok"), put("a", "v", { lease: "none" })] }, "lease_unknown"],
        [{ operations: [put("a", "v", { lease: "" })] }, "lease_invalid"],
      ]
      for (const [transaction, code] of bad) expect(await codeOf(at.store.transact(transaction))).toBe(code)
      expect(at.store.revision).toBe(0)
    })

    test("more than may wait for the disk is refused as busy, and the rest is done", async () => {
      const tries = await Promise.all(Array.from({ length: 9_000 }, (_, i) => codeOf(at.act(put(`k/${i}`)))))
      const done = tries.filter((code) => code === "ok").length
      expect(tries.slice(done).every((code) => code === "store_busy")).toBe(true)
      expect([done > 1_000, done < 9_000, at.store.revision]).toEqual([true, true, done])
    })

    test("barrier resolves when all acknowledged writes are seen", async () => {
      await at.act(put("a"))
      await at.store.barrier()
      expect(at.store.get("a")?.modRevision).toBe(1)
    })
  })

  describe("keys and ranges", () => {
    test("a prefix is one of bytes, and keys come in the order of bytes", async () => {
      const keys = ["a", "a/", "a/b", "a/b/c", "a0", "a\x00", "a\xff", "a\xff\xff", "b", "\x00", "\xff"]
      for (const key of keys) await at.act(put(key))
      expect(at.listed("")).toEqual([...keys].sort())
      expect(at.listed("a")).toEqual(["a", "a\x00", "a/", "a/b", "a/b/c", "a0", "a\xff", "a\xff\xff"])
      expect(at.listed("a/")).toEqual(["a/", "a/b", "a/b/c"])
      expect(at.listed("a\xff")).toEqual(["a\xff", "a\xff\xff"])
      expect(at.listed("\xff")).toEqual(["\xff"])
    })

    test("a range can be paged through", async () => {
      await at.act(
        ...Array.from({ length: 500 }, (_, i) => put(`k/${String(i).padStart(3, "0")}`)),
        put("k0"),
        put("j"),
      )
      const keys: string[] = []
      let after: string | undefined
      for (let more = true; more; ) {
        const page = at.store.range("k/", { after, limit: 7 })
        keys.push(...page.entries.map((entry) => entry.key))
        ;({ more } = page)
        after = page.entries.at(-1)?.key
      }
      expect(keys).toEqual(Array.from({ length: 500 }, (_, i) => `k/${String(i).padStart(3, "0")}`))
      expect(at.listed("k/", { after: "a", limit: 1 })).toEqual(["k/000"])
      expect(at.store.range("k/", { after: "z" })).toEqual({ entries: [], more: false, revision: 1 })
      expect(at.store.range("k/", { limit: 500 }).more).toBe(false)
      expect(at.store.range("k/", { limit: 0 })).toEqual({ entries: [], more: true, revision: 1 })
    })

    test("deletePrefix spares what it is told to", async () => {
      await at.act(...["a/1", "a/2/x", "a/2/y", "a/20", "a/3", "b"].map((key) => put(key)))
      expect((await at.act(prefix("a/", ["a/2/", "zzz"]))).changed).toEqual([3])
      expect(at.listed("")).toEqual(["a/2/x", "a/2/y", "b"])
      expect((await at.act(prefix("a/2/x", ["a/"]))).changed).toEqual([0])
      expect((await at.act(prefix("", ["b"]))).changed).toEqual([2])
      expect(at.listed("")).toEqual(["b"])
    })

    test("keys of any length are kept apart and in order", async () => {
      const long = "x".repeat(1_024)
      const keys = [
        long,
        `${long}\x00`,
        `${long}\x00\x00`,
        `${long}a`,
        `${long}${long}`,
        `${long}${long}\x00`,
        `${long}${long}b/c`,
        `${long}${long}${long}z`,
        `${long}\xff`,
        "x".repeat(1_023),
        `${"x".repeat(1_023)}y`,
        `${"x".repeat(1_023)}yz`,
        "y".repeat(65_536),
        "w",
      ]
      await at.act(...keys.map((key) => put(key, `${key.length}`)))
      expect(at.listed("")).toEqual([...keys].sort())
      for (const key of keys) expect(`${Buffer.from(at.store.get(key)!.value)}`).toBe(`${key.length}`)
      expect(at.store.get(`${long}${long}${long}`)).toBeUndefined()
      expect(at.listed(`${long}${long}`)).toEqual([...keys].sort().filter((key) => key.startsWith(`${long}${long}`)))
      expect(at.listed("", { after: `${long}${long}`, limit: 2 })).toEqual([`${long}${long}\x00`, `${long}${long}b/c`])
      await at.act(...keys.filter((_, i) => i % 2 === 0).map(remove))
      expect(at.listed("")).toEqual(keys.filter((_, i) => i % 2 === 1).sort())
      await at.act(prefix(""))
      expect(at.listed("")).toEqual([])
      expect(at.store.lastChange(`${long}${long}`)).toBe(3)
    })
  })

  describe("lastChange", () => {
    test("knows puts, deletions and emptied folders, exactly", async () => {
      await at.act(put("a/b/1"))
      await at.act(put("a/c/1"))
      await at.act(put("a/b2"))
      await at.act(put("z"))
      await at.act(remove("a/b/1"))
      await at.act(put("y/1"))
      const last = (...prefixes: string[]) => prefixes.map((key) => [key, at.store.lastChange(key)])
      const expected = [
        ["", 6],
        ["a", 5],
        ["a/", 5],
        ["a/b", 5],
        ["a/b/", 5],
        ["a/b/1", 5],
        ["a/b/2", 0],
        ["a/b2", 3],
        ["a/c", 2],
        ["a/c/1", 2],
        ["z", 4],
        ["y", 6],
        ["q/", 0],
      ] as [string, number][]
      expect(last(...expected.map(([key]) => key))).toEqual(expected)
      await at.act(prefix("a"))
      expect(last("a", "a/b", "a/b/", "a/b/1", "a/b2", "a/c/", "z", "")).toEqual([
        ["a", 7],
        ["a/b", 7],
        ["a/b/", 5],
        ["a/b/1", 5],
        ["a/b2", 7],
        ["a/c/", 7],
        ["z", 4],
        ["", 7],
      ])
    })
  })
}
