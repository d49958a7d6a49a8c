/** The store's contract, second part: watches, leases, closing and opening again. */
import { describe, expect, test } from "bun:test"
import { codeOf, put, remove, settled, show, type StoreFixture } from "./store-fixture.ts"

export function liveContract(at: StoreFixture): void {
  describe("watches", () => {
    test("each revision that touches the prefix comes once, in order", async () => {
      const all = at.watched("")
      const a = at.watched("a")
      const ab = at.watched("ab")
      await at.act(put("a", "1"), put("b", "1"))
      await at.act(put("ab", "2"))
      await at.act(put("c", "3"))
      await at.act(remove("ab"), put("a", "4"))
      await settled(at.store)
      expect(all.lines).toEqual(["1: a=1 b=1", "2: ab=2", "3: c=3", "4: ab gone a=4"])
      expect(a.lines).toEqual(["1: a=1", "2: ab=2", "4: ab gone a=4"])
      expect(ab.lines).toEqual(["2: ab=2", "4: ab gone"])
    })

    test("begins in the past, and goes on in the present without gap or repeat", async () => {
      for (let i = 1; i <= 5; i++) await at.act(put("k", `${i}`), put("other", `${i}`))
      const from2 = at.watched("k", 2)
      const early = at.act(put("k", "6"))
      expect(from2.lines).toEqual([])
      await early
      await at.act(put("k", "7"))
      await settled(at.store)
      expect(from2.lines).toEqual(["3: k=3", "4: k=4", "5: k=5", "6: k=6", "7: k=7"])
    })

    test("begun while revisions are being told, misses none of them", async () => {
      const lines: string[][] = []
      const first = at.store.watch(
        "",
        0,
        () => {
          first.close()
          lines.push(at.watched("", 0).lines)
        },
        () => {},
      )
      await Promise.all([at.act(put("a")), at.act(put("b")), at.act(put("c"))])
      await settled(at.store)
      expect(lines).toEqual([["1: a=v", "2: b=v", "3: c=v"]])
    })

    test("a closed watch is silent, also when it closes itself", async () => {
      const gone = at.watched("")
      gone.watch.close()
      gone.watch.close()
      let count = 0
      const own = at.store.watch(
        "",
        0,
        () => {
          count++
          own.close()
        },
        () => {},
      )
      await at.act(put("a"))
      await at.act(put("b"))
      await settled(at.store)
      expect([gone.lines, count]).toEqual([[], 1])
    })

    test("a revision is readable when its watch is called", async () => {
      const seen: string[] = []
      at.store.watch(
        "a",
        0,
        (batch) =>
          seen.push(`${batch.revision} ${at.store.revision >= batch.revision} ${at.store.get("a")?.modRevision}`),
        () => {},
      )
      await at.act(put("a", "1"))
      await at.act(put("a", "2"))
      expect(seen).toEqual(["1 true 1", "2 true 2"])
    })

    test("history is bounded: who comes too late is told so", async () => {
      for (let i = 0; i < 40; i++) await at.act(...Array.from({ length: 500 }, (_, n) => put(`k/${n}`, `${i}`)))
      const late = at.watched("k/1", 0)
      const recent = at.watched("k/499", 39)
      await settled(at.store)
      expect(late.lines).toEqual(["compacted"])
      expect(recent.lines).toEqual(["40: k/499=39"])
    })

    test("closing the at.store ends them", async () => {
      const { lines } = at.watched("")
      await settled(at.store)
      await at.store.close()
      expect(lines).toEqual(["store_closed"])
    })
  })

  describe("leases", () => {
    test("keys go with their lease, in one revision", async () => {
      await at.store.grantLease("l", 10_000)
      await at.store.grantLease("m", 10_000)
      await at.act(
        put("a", "1", { lease: "l" }),
        put("b", "1", { lease: "l" }),
        put("c", "1", { lease: "m" }),
        put("d"),
      )
      expect(at.store.get("a")?.lease).toBe("l")
      const { lines } = at.watched("")
      await at.store.revokeLease("l")
      expect(at.store.leases()).toEqual([{ id: "m", ttlMs: 10_000 }])
      expect(at.listed("")).toEqual(["c", "d"])
      await settled(at.store)
      expect(lines).toEqual([`${at.store.revision}: a gone b gone`])
      await at.store.revokeLease("l")
      expect(await codeOf(at.store.renewLease("l"))).toBe("lease_unknown")
    })

    test("a key is held by its last lease only", async () => {
      await at.store.grantLease("l", 10_000)
      await at.store.grantLease("m", 10_000)
      await at.act(...["a", "b", "c", "d"].map((key) => put(key, "1", { lease: "l" })))
      await at.act(put("a", "2", { lease: "m" }), put("b", "2", { lease: null }), put("c", "2"), remove("d"), put("d"))
      await at.store.revokeLease("l")
      expect(at.store.range("").entries.map(show)).toEqual(["a=2 @4 lease m", "b=2 @4", "d=v @4"])
    })

    test("lives for its time after each renewal, and no longer than twice that", async () => {
      await at.store.grantLease("l", 10_000)
      await at.act(put("a", "1", { lease: "l" }))
      for (let i = 0; i < 3; i++) {
        at.clock.advance(9_999)
        await settled(at.store)
        expect(await at.store.renewLease("l")).toEqual({ id: "l", ttlMs: 10_000 })
      }
      at.clock.advance(9_999)
      await settled(at.store)
      expect(at.listed("")).toEqual(["a"])
      at.clock.advance(10_001)
      await settled(at.store)
      expect(at.listed("")).toEqual([])
      expect(at.store.leases()).toEqual([])
      expect(await codeOf(at.store.renewLease("l"))).toBe("lease_unknown")
    })

    test("leases that run out together share one revision", async () => {
      for (const id of ["l", "m", "n"]) {
        await at.store.grantLease(id, id === "n" ? 60_000 : 10_000)
        await at.act(put(id, "1", { lease: id }))
      }
      const before = at.store.revision
      at.clock.advance(20_000)
      await settled(at.store)
      expect([at.listed(""), at.store.revision]).toEqual([["n"], before + 1])
    })

    test("one granted anew outlives an expiry that is under way", async () => {
      await at.store.grantLease("l", 1_000)
      const again = at.store.grantLease("l", 5_000)
      at.clock.advance(2_000)
      await again
      await settled(at.store)
      expect(at.store.leases()).toEqual([{ id: "l", ttlMs: 5_000 }])
    })

    test("what cannot be a lease is refused", async () => {
      for (const [id, ttlMs] of [
        ["", 1_000],
        ["x".repeat(129), 1_000],
        ["l", 1],
        ["l", 1.5],
        ["l", 1e12],
      ] as const)
        expect(await codeOf(at.store.grantLease(id, ttlMs))).toBe("lease_invalid")
      expect(at.store.revision).toBe(0)
    })
  })

  describe("closing", () => {
    test("finishes what was accepted, and refuses the rest", async () => {
      const writes = Array.from({ length: 600 }, (_, i) => at.act(put(`k/${i}`)))
      const closed = at.store.close()
      expect(await codeOf(at.act(put("late")))).toBe("store_closed")
      expect((await Promise.all(writes)).every((result) => result.succeeded)).toBe(true)
      await closed
      await at.store.close()
      expect(() => at.store.get("a")).toThrow("closed")
      expect(() => at.store.range("a")).toThrow("closed")
      expect(await codeOf(at.store.barrier())).toBe("store_closed")
      expect(at.clock.timers).toBe(0)
    })

    test("what was acknowledged is there again, leases with their full time", async () => {
      if (!at.harness.keeps) return
      await at.store.grantLease("l", 10_000)
      await at.act(put("a", "1", { lease: "l" }), put("b/c", "2", { flags: 2n ** 63n }))
      await at.act(remove("b/c"))
      at.clock.advance(9_000)
      await at.store.close()
      at.store = await at.harness.open(at.clock)
      expect(at.store.revision).toBe(3)
      expect(at.store.range("").entries.map(show)).toEqual(["a=1 @2 lease l"])
      expect([at.store.lastChange("b/"), at.store.lastChange("b/c"), at.store.lastChange("a")]).toEqual([3, 3, 2])
      const past = at.watched("", 2)
      const present = at.watched("", 3)
      at.clock.advance(9_999)
      await settled(at.store)
      expect(past.lines).toEqual(["compacted"])
      expect(at.listed("")).toEqual(["a"])
      at.clock.advance(10_001)
      await settled(at.store)
      expect(present.lines).toEqual(["4: a gone"])
    })
  })
}
