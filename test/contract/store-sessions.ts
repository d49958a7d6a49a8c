/** The store's contract, fourth part: sessions - what their end does, and when it comes (CONSUL-API S1-S13). */
import { describe, expect, test } from "bun:test"
import type { SessionSpec } from "../../src/store/port.ts"
import { codeOf, put, settled, show, type StoreFixture } from "./store-fixture.ts"
import { lock, set, unlock } from "./store-verbs.ts"

export function sessionContract(at: StoreFixture): void {
  const spec = (id: string, more: Partial<SessionSpec> = {}): SessionSpec => ({
    id,
    name: "",
    node: "n1",
    behavior: "release",
    lockDelayMs: 15_000,
    ttl: "",
    ttlMs: 0,
    checks: ["serfHealth"],
    ...more,
  })
  const open = (id: string, more: Partial<SessionSpec> = {}) => at.store.createSession(spec(id, more))
  const ids = () => at.store.sessions().map(({ id }) => id)
  const did = async (...verbs: Parameters<typeof at.store.kv>[0]): Promise<string> => {
    const result = await at.store.kv(verbs)
    return result.ok ? `yes @${result.revision}` : result.problems.map(({ code }) => code).join(" ")
  }
  const shown = () => at.store.range("").entries.map((entry) => `${show(entry)} locks ${entry.lockIndex}`)

  describe("sessions", () => {
    test("are opened, found, listed and ended, each change a revision", async () => {
      await at.act(put("a"))
      const more = { name: "nåme ☃", ttl: "10s", ttlMs: 10_000, behavior: "delete" as const, checks: ["x", "y"] }
      const opened = await open("s", more)
      expect(opened).toEqual({ ...spec("s", more), createRevision: 2, modRevision: 2 })
      expect(at.store.session("s")).toEqual(opened)
      await open("r")
      expect([ids(), at.store.lastSessionChange()]).toEqual([["r", "s"], 3])
      await at.act(put("a", "2"))
      expect(at.store.lastSessionChange()).toBe(3)
      await at.store.destroySession("s")
      await at.store.destroySession("s")
      expect([ids(), at.store.lastSessionChange(), at.store.revision]).toEqual([["r"], 5, 5])
      expect(at.store.session("s")).toBeUndefined()
      expect(at.store.session("")).toBeUndefined()
      await at.store.destroySession("")
      expect(at.store.lastChange("")).toBe(4)
    })

    test("and leases do not take each other for what they are", async () => {
      await open("s", { ttlMs: 1_000 })
      await at.store.grantLease("l", 1_000)
      expect([ids(), at.store.leases()]).toEqual([["s"], [{ id: "l", ttlMs: 1_000 }]])
      expect(at.store.lastSessionChange()).toBe(1)
      expect(await codeOf(open("l"))).toBe("session_exists")
      expect(await codeOf(open("s"))).toBe("session_exists")
      expect(await codeOf(at.store.grantLease("s", 1_000))).toBe("lease_invalid")
      expect(await codeOf(at.store.renewLease("s"))).toBe("lease_unknown")
      expect(await codeOf(at.store.renewSession("l"))).toBe("session_unknown")
      expect(await codeOf(at.act(put("a", "v", { lease: "s" })))).toBe("lease_unknown")
      await at.store.revokeLease("s")
      await at.store.destroySession("l")
      expect([ids(), at.store.leases().length]).toEqual([["s"], 1])
    })

    test("that cannot be are refused", async () => {
      const wrong: Partial<SessionSpec>[] = [
        { id: "" },
        { id: "x".repeat(129) },
        { ttlMs: 99 },
        { ttlMs: 86_400_001 },
        { ttlMs: 1_000.5 },
        { behavior: "keep" as "delete" },
        { lockDelayMs: -1 },
        { lockDelayMs: Number.NaN },
        { name: "x".repeat(1_025) },
        { checks: Array.from({ length: 65 }, () => "c") },
      ]
      for (const more of wrong) expect([more, await codeOf(open("s", more))]).toEqual([more, "session_invalid"])
      expect(at.store.revision).toBe(0)
      expect((await open("s", { lockDelayMs: 999_999 })).lockDelayMs).toBe(60_000)
    })

    test("that release: their keys stay, free, and all changes share one revision", async () => {
      await open("s", { lockDelayMs: 0 })
      await did(lock("a", "s", "1"), lock("b", "s", "2"), set("c", "3"))
      const { lines } = at.watched("")
      await settled(at.store)
      await at.store.destroySession("s")
      expect(shown()).toEqual(["a=1 @3 locks 1", "b=2 @3 locks 1", "c=3 @2 locks 0"])
      expect(lines).toEqual(["3: a=1 b=2"])
      expect(await did(unlock("a", "s"))).toBe("not_held")
      await open("t")
      expect(await did(lock("a", "t", "1"))).toBe("yes @5")
      expect(at.store.get("a")?.lockIndex).toBe(2)
    })

    test("that delete: their keys go, and are remembered", async () => {
      await open("s", { behavior: "delete", lockDelayMs: 0 })
      await did(lock("d/a", "s"), lock("d/b", "s"), set("d/c"))
      await at.store.destroySession("s")
      expect([at.listed(""), at.store.lastChange("d/a"), at.store.lastChange("d/")]).toEqual([["d/c"], 3, 3])
      await at.reopen()
      if (at.harness.keeps) expect(at.store.lastChange("d/a")).toBe(3)
    })

    test("end between their time to live and twice that, and renewing writes nothing", async () => {
      await open("s", { ttlMs: 10_000, ttl: "10s" })
      await did(lock("a", "s"))
      for (let i = 0; i < 3; i++) {
        at.clock.advance(9_999)
        await settled(at.store)
        expect((await at.store.renewSession("s")).ttl).toBe("10s")
      }
      expect(at.store.revision).toBe(2)
      at.clock.advance(10_000)
      await settled(at.store)
      expect(ids()).toEqual(["s"])
      at.clock.advance(10_000)
      await settled(at.store)
      expect([ids(), at.store.get("a")?.lease, at.store.lastSessionChange()]).toEqual([[], null, 3])
      expect(await codeOf(at.store.renewSession("s"))).toBe("session_unknown")
    })

    test("without a time to live never end by themselves", async () => {
      await open("s")
      at.clock.advance(1e9)
      await settled(at.store)
      expect((await at.store.renewSession("s")).id).toBe("s")
    })

    test("have their full time again after a restart", async () => {
      if (!at.harness.keeps) return
      await open("s", { ttlMs: 10_000 })
      await open("t")
      await did(lock("a", "s"))
      at.clock.advance(9_000)
      await at.reopen()
      at.clock.advance(9_999)
      await settled(at.store)
      expect([ids(), at.store.lastSessionChange()]).toEqual([["s", "t"], 2])
      at.clock.advance(10_001)
      await settled(at.store)
      expect([ids(), at.store.get("a")?.lease]).toEqual([["t"], null])
    })

    test("of a failed node end together, but for those that do not ask after its health", async () => {
      await open("s1", { lockDelayMs: 0 })
      await open("s2", { behavior: "delete", lockDelayMs: 0 })
      await open("s3", { checks: [] })
      await open("s4", { node: "n2" })
      await did(lock("a", "s1"), lock("b", "s2"), lock("c", "s3"), lock("d", "s4"))
      expect(await at.store.invalidateNode("n1")).toBe(2)
      expect([ids(), at.store.revision]).toEqual([["s3", "s4"], 6])
      expect(at.store.range("").entries.map(show)).toEqual(["a=v @6", "c=v @5 lease s3", "d=v @5 lease s4"])
      expect(await at.store.invalidateNode("n1")).toBe(0)
      expect(at.store.revision).toBe(6)
    })
  })

  describe("lock-delay", () => {
    test("keeps everybody away for a while after a session's end, also if they ask at the same moment", async () => {
      await open("s", { lockDelayMs: 5_000 })
      await open("t")
      await did(lock("a", "s"), lock("b", "s"), lock("c", "t"))
      const ended = at.store.destroySession("s")
      expect(await did(lock("a", "t"))).toBe("delayed")
      await ended
      expect(at.store.get("a")?.lease).toBeNull()
      const text = await at.store.kv([set("x"), lock("kv/a", "t"), lock("b", "t")], { root: "" })
      expect(text.ok ? [] : text.problems.map(({ index, what }) => `${index}: ${what}`)).toEqual([
        `2: failed to lock key "b" due to lock delay`,
      ])
      expect(at.store.get("x")).toBeUndefined()
      expect(await did(lock("free", "t"))).toBe(`yes @${at.store.revision}`)
      expect(await did(set("b", "2"))).toBe(`yes @${at.store.revision}`)
      at.clock.advance(4_999)
      expect(await did(lock("a", "t"))).toBe("delayed")
      at.clock.advance(1)
      expect(await did(lock("a", "t"))).toBe(`yes @${at.store.revision}`)
    })

    test("follows an expiry, and not an unlock or a deletion", async () => {
      await open("s", { ttlMs: 1_000, lockDelayMs: 60_000 })
      await open("t")
      await did(lock("a", "s"), lock("b", "s"), lock("c", "s"))
      await did(unlock("b", "s"), { verb: "delete", key: "c" })
      at.clock.advance(2_000)
      await settled(at.store)
      expect([await did(lock("a", "t")), await did(lock("b", "t", "x")), await did(lock("c", "t"))]).toEqual([
        "delayed",
        `yes @${at.store.revision - 1}`,
        `yes @${at.store.revision}`,
      ])
    })
  })
}
