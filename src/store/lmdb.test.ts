import { afterEach, beforeEach, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { GENERATION_DROP_ROWS } from "../base/limits.ts"
import { silentLog } from "../base/log.ts"
import type { Backend } from "./backend.ts"
import { openLmdb } from "./lmdb.ts"
import { memoryBackend } from "./memory-backend.ts"
import { type ReadTables, TABLE_NAMES } from "./tables.ts"

let dir = ""
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "ovl-lmdb-"))
})
afterEach(() => rmSync(dir, { recursive: true }))

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** `entries a=1` for each row of the state. */
function show(tables: ReadTables): string[] {
  return TABLE_NAMES.flatMap((name) =>
    tables[name].page("", null, 1e6).map(({ key, value }) => `${name} ${key}=${Buffer.from(value)}`),
  )
}

async function fill(backend: Backend): Promise<void> {
  await backend.commit((tables) => {
    tables.entries.put("a", bytes("old"))
    tables.marks.put("m", bytes("old"))
    tables.raft.put("r", bytes("old"))
    tables.log.put("1", bytes("entry"))
  })
}

for (const [name, open] of [
  ["LMDB", () => openLmdb(dir, silentLog)],
  ["memory", memoryBackend],
] as const) {
  test(`${name}: a stage takes the place of the state together with other changes`, async () => {
    const backend = open()
    await fill(backend)
    const kept = backend.keep()
    const stage = await backend.stage()
    await stage.load((tables) => tables.entries.put("b", bytes("new")))
    await backend.commit((tables) => tables.marks.put("n", bytes("beside")))
    await stage.load((tables) => tables.tombs.put("t", bytes("new")))
    expect(show(backend.tables)).toEqual(["entries a=old", "marks m=old", "marks n=beside"])
    await backend.commit(async (tables, pause) => {
      expect(show(tables)).toEqual(["entries b=new", "tombs t=new"])
      tables.leases.put("l", bytes("on top"))
      tables.raft.put("r", bytes("new"))
      tables.log.delete("1")
      await pause()
      if (name === "LMDB") expect(backend.tables.entries.get("a")).toEqual(Buffer.from("old"))
    }, stage)
    expect(show(backend.tables)).toEqual(["entries b=new", "leases l=on top", "tombs t=new"])
    expect(show(kept.tables)).toEqual(["entries a=old", "marks m=old"])
    expect([backend.tables.raft.page("", null, 9).length, backend.tables.log.page("", null, 9).length]).toEqual([1, 0])
    kept.release()
    stage.discard()
    expect(show(backend.tables).length).toBe(3)
    // And again, the other way round.
    const next = await backend.stage()
    await next.load((tables) => tables.far.put("f", bytes("newer")))
    await backend.commit(() => {}, next)
    expect(show(backend.tables)).toEqual(["far f=newer"])
    await backend.close()
  })

  test(`${name}: a stage that is given up leaves no trace, and the next one is empty`, async () => {
    const backend = open()
    await fill(backend)
    const stage = await backend.stage()
    await stage.load((tables) => tables.entries.put("b", bytes("never")))
    stage.discard()
    expect(show(backend.tables)).toEqual(["entries a=old", "marks m=old"])
    const next = await backend.stage()
    await next.load((tables) => tables.entries.put("c", bytes("new")))
    await backend.commit(() => {}, next)
    expect(show(backend.tables)).toEqual(["entries c=new"])
    await backend.close()
  })
}

test("what is left over goes in slices, along with commits, and after a restart too", async () => {
  let backend = openLmdb(dir, silentLog)
  await fill(backend)
  const stage = await backend.stage()
  const count = 2 * GENERATION_DROP_ROWS + 5
  await stage.load((tables) => {
    for (let i = 0; i < count; i++) tables[i % 2 ? "held" : "graves"].put(`${i}`, bytes("x"))
  })
  expect(backend.hasLeftovers).toBe(false)
  await backend.close()
  backend = openLmdb(dir, silentLog)
  const seen: boolean[] = []
  for (let i = 0; i < 4; i++) {
    seen.push(backend.hasLeftovers)
    await backend.commit(() => {})
  }
  expect(seen).toEqual([true, true, true, false])
  await backend.close()
  backend = openLmdb(dir, silentLog)
  expect(backend.hasLeftovers).toBe(false)
  expect(show(backend.tables)).toEqual(["entries a=old", "marks m=old"])
  await backend.close()
})

test("commits and loads come one after the other, and nothing is committed at once beside them", async () => {
  const backend = openLmdb(dir, silentLog)
  const stage = await backend.stage()
  const order: string[] = []
  const loading = stage.load(() => void order.push("load"))
  const committing = backend.commit(async (_, pause) => {
    order.push("commit")
    await pause()
    order.push("after the pause")
  })
  const failing = backend.commit(() => {
    throw new Error("no")
  })
  const last = stage.load(() => void order.push("last"))
  expect(backend.isBusy).toBe(true)
  expect(() => backend.commitNow(() => {})).toThrow("under way")
  const outcomes = await Promise.allSettled([loading, committing, failing, last])
  expect(outcomes.map((outcome) => outcome.status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"])
  expect(order).toEqual(["load", "commit", "after the pause", "last"])
  expect(backend.isBusy).toBe(false)
  backend.commitNow((tables) => tables.raft.put("r", bytes("now")))
  expect(backend.tables.raft.get("r")).toEqual(Buffer.from("now"))
  await backend.close()
})

test("closing waits for what was asked for, and refuses what comes later", async () => {
  let backend = openLmdb(dir, silentLog)
  const stage = await backend.stage()
  const committing = backend.commit((tables) => tables.entries.put("a", bytes("1")))
  const loading = stage.load((tables) => tables.entries.put("b", bytes("2")))
  const closing = backend.close()
  expect(await stage.load(() => {}).catch((error) => error.code)).toBe("store_closed")
  await Promise.all([committing, loading, closing])
  backend = openLmdb(dir, silentLog)
  expect([show(backend.tables), backend.hasLeftovers]).toEqual([["entries a=1"], true])
  await backend.close()
})

test("what is committed behind an install changes the new state", async () => {
  const backend = openLmdb(dir, silentLog)
  await fill(backend)
  const stage = await backend.stage()
  const installing = backend.commit(() => {}, stage)
  await Promise.all([installing, backend.commit((tables) => tables.entries.put("late", bytes("1")))])
  expect(show(backend.tables)).toEqual(["entries late=1"])
  await backend.close()
})

test("an install that fails changes nothing", async () => {
  const backend = openLmdb(dir, silentLog)
  await fill(backend)
  const stage = await backend.stage()
  await stage.load((tables) => tables.entries.put("b", bytes("new")))
  const failing = backend.commit((tables) => {
    tables.raft.put("r", bytes("new"))
    throw new Error("no")
  }, stage)
  expect(await failing.catch((error) => error.code)).toBe("store_failed")
  expect(show(backend.tables)).toEqual(["entries a=old", "marks m=old"])
  expect(backend.tables.raft.get("r")).toEqual(Buffer.from("old"))
  await backend.commit(() => {}, stage)
  expect(show(backend.tables)).toEqual(["entries b=new"])
  expect(backend.tables.raft.get("r")).toEqual(Buffer.from("old"))
  await backend.close()
})

test("a row in all tables survives a restart, whichever generation is in use", async () => {
  for (let round = 0; round < 3; round++) {
    const backend = openLmdb(dir, silentLog)
    expect(show(backend.tables)).toEqual(round === 0 ? [] : [`far f=${round - 1}`])
    const stage = await backend.stage()
    await stage.load((tables) => tables.far.put("f", bytes(`${round}`)))
    await backend.commit(() => {}, stage)
    await backend.close()
  }
})

/** As the version before generations made it, of which the source is not here any more. */
function makeFormerStore(): void {
  const script = `
    const { open } = require("lmdb")
    const binary = { keyEncoding: "binary", encoding: "binary" }
    const root = open({ path: ${JSON.stringify(join(dir, "store"))}, noSubdir: false, overlappingSync: false, maxDbs: 64, ...binary })
    root.transactionSync(() => {
      const table = (name) => root.openDB(name, binary)
      for (const name of "entries leases held marks floors tombs graves far".split(" ")) table(name)
      table("meta").put(Buffer.from("format"), Buffer.from("ovl store 1"))
      table("entries").put(Buffer.from("a"), Buffer.from("former"))
    })
    await root.close()`
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, "-e", script], { cwd: import.meta.dir })
  expect(`${exitCode} ${stderr}`).toBe("0 ")
}

test("a store of the version before opens as it is, and keeps its rows", async () => {
  makeFormerStore()
  for (let round = 0; round < 2; round++) {
    const backend = openLmdb(dir, silentLog)
    expect(show(backend.tables)).toEqual(["entries a=former"])
    expect(backend.tables.raft.page("", null, 1)).toEqual([])
    await backend.close()
  }
})
