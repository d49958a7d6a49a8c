/** The store's contract, sixth part: snapshots, and what a restore does with the state that it finds. */
import { describe, expect, test } from "bun:test"
import type { SnapshotScope, Store } from "../../src/store/port.ts"
import { inspectSnapshot } from "../../src/store/snapshot-import.ts"
import { codeOf, put, remove, settled, show, type StoreFixture } from "./store-fixture.ts"
import { lock, set } from "./store-verbs.ts"

const KV: SnapshotScope = { areas: ["kv/"] }

async function saved(store: Store, scope: SnapshotScope = KV): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of store.exportSnapshot(scope).chunks) pieces.push(piece)
  return Buffer.concat(pieces)
}

async function* inPieces(bytes: Uint8Array, size = bytes.length): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

export function snapshotContract(at: StoreFixture): void {
  const session = (id: string, more = {}) =>
    at.store.createSession({
      id,
      name: "n",
      node: "n1",
      behavior: "release",
      lockDelayMs: 0,
      ttl: "",
      ttlMs: 0,
      checks: [],
      ...more,
    })
  const restore = (bytes: Uint8Array, scope: SnapshotScope = KV) => at.store.importSnapshot(inPieces(bytes, 7), scope)
  const shown = () => at.store.range("").entries.map((entry) => `${show(entry)} locks ${entry.lockIndex}`)

  describe("snapshots", () => {
    test("restore what was, keep what is the same, and never take an index back", async () => {
      await session("s")
      await at.store.kv([
        lock("kv/held", "s", "1", 3304740253564472344n),
        set("kv/same"),
        set("kv/gone"),
        set("kv/b", "1"),
      ])
      await at.act(put("other", "1"), remove("kv/gone"))
      const bytes = await saved(at.store)
      await at.store.destroySession("s")
      await session("t", { behavior: "delete" })
      await at.store.kv([
        lock("kv/new", "t"),
        lock("elsewhere", "t"),
        set("kv/b", "2"),
        { verb: "delete", key: "kv/held" },
      ])
      await at.act(put("other", "2"))
      const before = at.store.revision
      const woken: string[] = []
      at.store.waitFor({ key: "kv/none" }, () => woken.push("key"))
      at.store.waitFor({ sessions: true }, () => woken.push("sessions"))
      const { lines } = at.watched("kv/")
      expect(await restore(bytes)).toMatchObject({ revision: 3, keys: 3, sessions: 1, bytes: bytes.length })
      await settled(at.store)
      const now = before + 1
      expect(shown()).toEqual([
        `kv/b=1 @${now} locks 0`,
        `kv/held=1 @${now} flags 3304740253564472344 lease s locks 1`,
        "kv/same=v @2 locks 0",
        `other=2 @${before} locks 0`,
      ])
      expect(at.store.sessions().map(({ id, createRevision }) => `${id} ${createRevision}`)).toEqual(["s 1"])
      expect([at.store.revision, at.store.lastSessionChange()]).toEqual([now, now])
      expect(["kv/", "kv/gone", "kv/x/", "elsewhere"].map((key) => at.store.lastChange(key))).toEqual([
        now,
        now,
        now,
        now,
      ])
      expect(woken.sort()).toEqual(["key", "sessions"])
      expect(lines).toEqual(["compacted"])
      await at.store.destroySession("s")
      expect(at.store.get("kv/held")?.lease).toBeNull()
    })

    test("restore into an empty store just as it was, and above the snapshot's revision", async () => {
      for (let i = 0; i < 5; i++) await at.act(put("kv/a", `${i}`))
      await at.act(put("kv/d/b"))
      const bytes = await saved(at.store)
      await at.store.close()
      at.harness.cleanUp()
      await at.setUp(at.remake())
      await restore(bytes)
      expect(at.store.range("").entries.map((entry) => `${show(entry)} since ${entry.createRevision}`)).toEqual([
        "kv/a=4 @5 since 1",
        "kv/d/b=v @6 since 6",
      ])
      expect(at.store.revision).toBe(7)
      await at.reopen()
      if (at.harness.keeps) expect([at.store.revision, at.store.lastChange("kv/d/")]).toEqual([7, 7])
    })

    test("hold their areas and nothing else, and no leases", async () => {
      await at.store.grantLease("l", 1_000)
      await at.act(put("kv/a", "1", { lease: "l" }), put("kv/keep/x"), put("ovl/secret", "hush"), put("ovl/nets/a"))
      const scope = { areas: ["ovl/nets/", "kv/"], except: ["kv/keep/"] }
      const bytes = await saved(at.store, scope)
      expect(Buffer.from(bytes).includes("hush")).toBe(false)
      expect(await inspectSnapshot(inPieces(bytes))).toMatchObject({ revision: 2, keys: 2, sessions: 0, scope })
      expect(await codeOf(restore(bytes))).toBe("snapshot_invalid")
      expect(await codeOf(restore(bytes, { areas: ["ovl/"] }))).toBe("snapshot_invalid")
      await at.act(put("kv/a", "2"), put("kv/keep/x", "2"), put("ovl/secret", "3"), put("ovl/nets/b"))
      await restore(bytes, { areas: ["kv/"], except: ["kv/keep/"] })
      expect(shown()).toEqual([
        "kv/a=1 @4 locks 0",
        "kv/keep/x=2 @3 locks 0",
        "ovl/nets/a=v @2 locks 0",
        "ovl/nets/b=v @3 locks 0",
        "ovl/secret=3 @3 locks 0",
      ])
    })

    test("are of one moment, while writing goes on", async () => {
      for (let i = 0; i < 40; i++) await at.act(put(`kv/${10 + i}`, "x".repeat(20_000)))
      const { revision, chunks } = at.store.exportSnapshot(KV)
      const pieces: Uint8Array[] = []
      for await (const piece of chunks) {
        pieces.push(piece)
        await at.act(put(`kv/${10 + pieces.length}`, "later"), remove("kv/49"), put(`kv/z${pieces.length}`))
      }
      expect(pieces.length).toBeGreaterThan(5)
      expect(revision).toBe(40)
      await restore(Buffer.concat(pieces))
      expect(at.listed("")).toEqual(Array.from({ length: 40 }, (_, i) => `kv/${10 + i}`))
      expect(at.store.range("").entries.every(({ value }) => value.length === 20_000)).toBe(true)
    })

    test("that are given up leave nothing behind", async () => {
      for (let i = 0; i < 20; i++) await at.act(put(`kv/${i}`, "x".repeat(20_000)))
      for (let i = 0; i < 70; i++) {
        const { chunks } = at.store.exportSnapshot(KV)
        await chunks.next()
        await chunks.return()
      }
      at.store.view().close()
      const { chunks } = at.store.exportSnapshot(KV)
      await chunks.next()
      at.clock.advance(200_000)
      expect(await codeOf(chunks.next())).toBe("view_expired")
    })

    test("with anything wrong change nothing", async () => {
      await session("s")
      await at.store.kv([lock("kv/a", "s"), set("kv/b"), set("kv/c")])
      const bytes = await saved(at.store)
      await at.act(put("kv/b", "2"))
      const before = [shown(), at.store.revision]
      for (let i = 0; i < bytes.length; i += 1 + (i % 3)) {
        const broken = Uint8Array.from(bytes)
        broken[i]! ^= 1 << (i % 8)
        expect([i, await codeOf(restore(broken))]).toEqual([i, "snapshot_invalid"])
        expect([i, await codeOf(restore(bytes.subarray(0, i)))]).toEqual([i, "snapshot_invalid"])
      }
      expect(await codeOf(restore(Buffer.concat([bytes, Buffer.of(0)])))).toBe("snapshot_invalid")
      async function* failing(): AsyncGenerator<Uint8Array> {
        yield bytes.subarray(0, 50)
        throw new Error("the connection broke")
      }
      expect(await codeOf(at.store.importSnapshot(failing(), KV))).toBe("not an OvlError: Error: the connection broke")
      expect([shown(), at.store.revision]).toEqual(before)
      const first = restore(bytes)
      expect(await codeOf(restore(bytes))).toBe("store_busy")
      await first
      expect(at.store.revision).toBe((before[1] as number) + 1)
    })
  })
}
