/** The store's contract, third part: Consul's verbs, alone and together (CONSUL-API W6-W12, T1-T8). */
import { describe, expect, test } from "bun:test"
import type { KvVerb } from "../../src/store/port.ts"
import { codeOf, put, show, type StoreFixture } from "./store-fixture.ts"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const LOCK_FLAG = 3304740253564472344n

export const set = (key: string, value = "v", flags = 0n): KvVerb => ({ verb: "set", key, value: bytes(value), flags })
export const cas = (key: string, index: number, value = "v"): KvVerb => {
  return { verb: "cas", key, value: bytes(value), flags: 0n, index }
}
export const lock = (key: string, session: string, value = "v", flags = 0n): KvVerb => {
  return { verb: "lock", key, value: bytes(value), flags, session }
}
export const unlock = (key: string, session: string, value = "v"): KvVerb => {
  return { verb: "unlock", key, value: bytes(value), flags: 0n, session }
}
export const simple = (
  verb: "delete" | "get" | "get-or-empty" | "get-tree" | "check-not-exists",
  key: string,
): KvVerb => {
  return { verb, key }
}
export const indexed = (verb: "delete-cas" | "check-index", key: string, index: number): KvVerb => ({
  verb,
  key,
  index,
})
export const tree = (key: string, except?: string[]): KvVerb => ({ verb: "delete-tree", key, except })
export const held = (key: string, session: string): KvVerb => ({ verb: "check-session", key, session })

export function verbContract(at: StoreFixture): void {
  /** `yes @rev`, or the codes of the problems. */
  const did = async (...verbs: KvVerb[]): Promise<string> => {
    const result = await at.store.kv(verbs)
    return result.ok ? `yes @${result.revision}` : result.problems.map(({ code }) => code).join(" ")
  }
  const problems = async (...verbs: KvVerb[]): Promise<string[]> => {
    const result = await at.store.kv(verbs, { root: "kv/" })
    return result.ok ? [] : result.problems.map(({ index, what }) => `${index}: ${what}`)
  }
  const seen = (key: string): string => {
    const entry = at.store.get(key)
    return entry ? `${show(entry)} since ${entry.createRevision} locks ${entry.lockIndex}` : "none"
  }

  describe("single verbs", () => {
    test("set makes a key, changes it, and leaves it alone where nothing differs", async () => {
      expect(await did(set("a", "1", LOCK_FLAG))).toBe("yes @1")
      expect(await did(set("a", "1", LOCK_FLAG))).toBe("yes @1")
      expect(await did(set("a", "1"))).toBe("yes @2")
      expect(await did(set("a", ""))).toBe("yes @3")
      expect(seen("a")).toBe("a= @3 since 1 locks 0")
    })

    test("cas: 0 only makes, a number only replaces that very state", async () => {
      expect(await did(cas("a", 5))).toBe("stale")
      expect(await did(cas("a", 0, "1"))).toBe("yes @1")
      expect(await did(cas("a", 0, "2"))).toBe("stale")
      expect(await did(cas("a", 1, "1"))).toBe("yes @1")
      expect(await did(cas("a", 1, "2"))).toBe("yes @2")
      expect(await did(cas("a", 1, "3"))).toBe("stale")
      expect(seen("a")).toBe("a=2 @2 since 1 locks 0")
    })

    test("delete is always right, and a revision only where there was something", async () => {
      expect(await did(simple("delete", "a"))).toBe("yes @0")
      await did(set("a"))
      expect(await did(simple("delete", "a"))).toBe("yes @2")
      expect(at.store.lastChange("a")).toBe(2)
    })

    test("delete-cas: right where the key is gone or as it was known", async () => {
      expect(await did(indexed("delete-cas", "a", 7))).toBe("yes @0")
      await did(set("a"))
      expect(await did(indexed("delete-cas", "a", 0))).toBe("stale")
      expect(await did(indexed("delete-cas", "a", 2))).toBe("stale")
      expect(await did(indexed("delete-cas", "a", 1))).toBe("yes @2")
      expect(seen("a")).toBe("none")
    })

    test("delete-tree takes a prefix of bytes, but for what it is told to spare", async () => {
      await did(...["f/a", "f/keep/x", "f/keep/y", "f/z", "fa", "g"].map((key) => set(key)))
      expect(await did(tree("f", ["f/keep/"]))).toBe("yes @2")
      expect(at.listed("")).toEqual(["f/keep/x", "f/keep/y", "g"])
      expect(await did(tree("none"))).toBe("yes @2")
      expect(await did(tree(""))).toBe("yes @3")
      expect(at.listed("")).toEqual([])
    })
  })

  describe("locks", () => {
    const open = (id: string) =>
      at.store.createSession({
        id,
        name: "",
        node: "n1",
        behavior: "release",
        lockDelayMs: 0,
        ttl: "",
        ttlMs: 0,
        checks: [],
      })

    test("the first locks, the second does not, the first again goes on", async () => {
      await open("s")
      await open("t")
      expect(await did(lock("a", "s", "1", LOCK_FLAG))).toBe("yes @3")
      expect(await did(lock("a", "t", "2"))).toBe("held")
      expect(seen("a")).toBe(`a=1 @3 flags ${LOCK_FLAG} lease s since 3 locks 1`)
      expect(await did(lock("a", "s", "1", LOCK_FLAG))).toBe("yes @3")
      expect(await did(lock("a", "s", "3"))).toBe("yes @4")
      expect(seen("a")).toBe("a=3 @4 lease s since 3 locks 1")
    })

    test("a plain write keeps the session and forgets the count", async () => {
      await open("s")
      await did(lock("a", "s", "1"))
      expect(await did(set("a", "1"))).toBe("yes @3")
      expect(seen("a")).toBe("a=1 @3 lease s since 2 locks 0")
      expect(await did(cas("a", 3, "2"))).toBe("yes @4")
      expect(seen("a")).toBe("a=2 @4 lease s since 2 locks 0")
      expect(await did(unlock("a", "s", "2"))).toBe("yes @5")
      expect(await did(lock("a", "s", "2"))).toBe("yes @6")
      expect(seen("a")).toBe("a=2 @6 lease s since 2 locks 1")
    })

    test("unlock is its holder's alone, and writes", async () => {
      await open("s")
      expect(await did(unlock("a", "s"))).toBe("not_held")
      await did(lock("a", "s", "1"))
      expect(await did(unlock("a", "t"))).toBe("not_held")
      expect(await did(unlock("a", "s", "2"))).toBe("yes @3")
      expect(seen("a")).toBe("a=2 @3 since 2 locks 1")
      expect(await did(unlock("a", "s", "2"))).toBe("not_held")
      expect(await did(lock("a", "s", "2"))).toBe("yes @4")
      expect(seen("a")).toBe("a=2 @4 lease s since 2 locks 2")
    })

    test("a lock needs a session that is there", async () => {
      await at.store.grantLease("lease", 1_000)
      expect(await did(lock("a", ""))).toBe("session_missing")
      expect(await did(unlock("a", ""))).toBe("session_missing")
      expect(await did(lock("a", "s"))).toBe("session_unknown")
      expect(await did(lock("a", "lease"))).toBe("session_unknown")
      expect(at.store.revision).toBe(1)
    })

    test("a locked key can be deleted, by anybody", async () => {
      await open("s")
      await open("t")
      await did(lock("a", "s"))
      expect(await did(simple("delete", "a"))).toBe("yes @4")
      expect(await did(lock("a", "t"))).toBe("yes @5")
      await at.store.destroySession("s")
      expect(seen("a")).toBe("a=v @5 lease t since 5 locks 1")
    })
  })

  describe("transactions of verbs", () => {
    test("each sees what those before it did; all have one revision", async () => {
      await did(set("k/old", "0"))
      const result = await at.store.kv([
        set("k/a", "1"),
        simple("get", "k/a"),
        cas("k/a", 2, "2"),
        simple("check-not-exists", "k/b"),
        set("k/b", "1"),
        simple("delete", "k/b"),
        simple("get-or-empty", "k/b"),
        indexed("check-index", "k/a", 2),
        held("k/a", ""),
        simple("get-tree", "k/"),
        tree("k/o"),
        simple("get-tree", "k/"),
        indexed("delete-cas", "k/a", 2),
        set("k/a", "3"),
      ])
      if (!result.ok) throw new Error(JSON.stringify(result.problems))
      const lines = result.results.map(({ index, entry }) => `${index} ${show(entry)} since ${entry.createRevision}`)
      expect(lines).toEqual([
        "0 k/a= @2 since 2",
        "1 k/a=1 @2 since 2",
        "2 k/a= @2 since 2",
        "4 k/b= @2 since 2",
        "6 k/b= @0 since 0",
        "7 k/a= @2 since 2",
        "8 k/a= @2 since 2",
        "9 k/a=2 @2 since 2",
        "9 k/old=0 @1 since 1",
        "11 k/a=2 @2 since 2",
        "13 k/a= @2 since 2",
      ])
      expect(result.revision).toBe(2)
      expect(at.store.range("").entries.map(show)).toEqual(["k/a=3 @2"])
    })

    test("a key that was deleted and set again in one is a new key, whatever it holds", async () => {
      await did(set("k/a", "1"), set("k/b", "1"))
      const again = await at.store.kv([
        tree("k/", ["k/b"]),
        simple("get-or-empty", "k/a"),
        set("k/a", "1"),
        set("k/b", "1"),
      ])
      expect(again.ok && again.results.map(({ entry }) => entry.modRevision)).toEqual([0, 2, 1])
      expect(at.store.range("").entries.map(({ createRevision }) => createRevision)).toEqual([2, 1])
    })

    test("where one fails nothing is done, and all that fail are told", async () => {
      await at.store.createSession({
        id: "s",
        name: "",
        node: "n",
        behavior: "release",
        lockDelayMs: 0,
        ttl: "",
        ttlMs: 0,
        checks: [],
      })
      await did(lock("kv/held", "s"), set("kv/a", "1"), set('kv/q"u\\o', "1"))
      const { revision } = at.store
      const found = await problems(
        set("kv/new"),
        cas("kv/a", 1, "2"),
        indexed("delete-cas", "kv/a", 1),
        lock("kv/held", "t"),
        unlock("kv/a", "s"),
        simple("get", "kv/none"),
        simple("check-not-exists", "kv/a"),
        held("kv/none", "s"),
        held("kv/held", "u"),
        held("kv/a", "u"),
        indexed("check-index", "kv/none", 2),
        indexed("check-index", "kv/a", 3),
        lock("kv/a", ""),
        unlock("kv/a", "x"),
        indexed("delete-cas", 'kv/q"u\\o', 9),
        simple("get", "kv/new"),
        tree("kv/"),
        simple("get", "kv/new"),
      )
      expect(found).toEqual([
        `1: failed to set key "a", index is stale`,
        `2: failed to delete key "a", index is stale`,
        `3: invalid session "t"`,
        `4: failed to unlock key "a", lock isn't held, or is held by another session`,
        `5: key "none" doesn't exist`,
        `6: key "a" exists`,
        `7: failed to check session, key "none" doesn't exist`,
        `8: failed session check for key "held", current session "s" != "u"`,
        `9: failed session check for key "a", current session "" != "u"`,
        `10: failed to check index, key "none" doesn't exist`,
        `11: failed index check for key "a", current modify index 2 != 3`,
        "12: missing session",
        `13: failed to unlock key "a", lock isn't held, or is held by another session`,
        `14: failed to delete key "q\\"u\\\\o", index is stale`,
        `17: key "new" doesn't exist`,
      ])
      expect([at.store.revision, at.store.lastChange("kv/new")]).toEqual([revision, 0])
      expect(at.listed("")).toEqual(["kv/a", "kv/held", 'kv/q"u\\o'])
    })

    test("a key must be named, but for deleting everything", async () => {
      expect(await problems(set("kv/"), simple("get", "kv/a"), simple("get-tree", "kv/"))).toEqual([
        "0: Must provide key",
        "2: Must provide key",
      ])
      expect(await problems(tree("kv/"))).toEqual([])
    })

    test("reading needs no command", async () => {
      await did(set("a", "1"), set("b", "2"))
      const read = at.store.read([simple("get", "a"), simple("get-tree", "b"), simple("get-or-empty", "c")])
      expect(read.ok && read.results.map(({ entry }) => show(entry))).toEqual(["a=1 @1", "b=2 @1", "c= @0"])
      expect(at.store.read([simple("get", "c")], { root: "" })).toMatchObject({ ok: false, revision: 1 })
      expect(() => at.store.read([set("a")])).toThrow("does not only read")
    })

    test("what cannot be is refused", async () => {
      expect(await codeOf(at.store.kv(Array.from({ length: 4_097 }, () => simple("get", "a"))))).toBe(
        "transaction_too_large",
      )
      expect(await codeOf(at.store.kv([set("a", "x".repeat(1_048_577))]))).toBe("value_too_large")
      expect(await codeOf(at.store.kv([set("\u0100")]))).toBe("store_invalid")
      expect(await codeOf(at.store.kv([{ ...set("a"), flags: -1n } as KvVerb]))).toBe("store_invalid")
      expect(at.store.revision).toBe(0)
    })

    test("deleting very many keys is one revision, and reads go on meanwhile as if it had not begun", async () => {
      const many = 20_000
      for (let i = 0; i < many; i += 2_000)
        await at.act(...Array.from({ length: 2_000 }, (_, j) => put(`kv/${String(i + j).padStart(5, "0")}`)))
      await at.act(put("other"))
      const before = at.store.revision
      const counts = new Set<string>()
      const woken: string[] = []
      at.store.waitFor({ prefix: "kv/1" }, () => woken.push("prefix"))
      const followed = at.watched("kv/")
      let going = true
      let turns = 0
      const deleted = did(tree("kv/")).finally(() => {
        going = false
      })
      const probe = () => [at.store.get("kv/00000"), at.store.get("kv/19999")].map((entry) => (entry ? 1 : 0)).join("")
      while (going) {
        counts.add(probe())
        turns++
        await new Promise((resolve) => setImmediate(resolve))
      }
      expect(await deleted).toBe(`yes @${before + 1}`)
      if (at.harness.keeps) expect([[...counts], turns > many / 2_048]).toEqual([["11"], true])
      expect([at.listed(""), at.store.lastChange("kv/"), probe()]).toEqual([["other"], before + 1, "00"])
      expect(woken).toEqual(["prefix"])
      expect(followed.lines).toEqual(["compacted"])
      await did(set("kv/again"))
      expect(at.watched("kv/", before + 1).lines).toEqual([])
    }, 30_000)
  })
}
