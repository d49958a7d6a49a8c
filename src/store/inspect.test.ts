import { afterEach, beforeEach, expect, test } from "bun:test"
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { OvlError } from "../base/errors.ts"
import { silentLog } from "../base/log.ts"
import { systemClock } from "../linux/system.ts"
import { openLoneStore } from "./embedded.ts"
import { openLmdb } from "./lmdb.ts"

let dir = ""
let file = ""
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "ovl-store-"))
  file = join(dir, "store", "data.mdb")
  const store = await open()
  for (let i = 0; i < 19; i++) await store.transact({ operations: keys(i) })
  await store.transact({ operations: [{ op: "deletePrefix", prefix: "k/0/" }] })
  await store.transact({ operations: [{ op: "put", key: "k/last", value: Uint8Array.of(1) }] })
  await store.close()
  await freeTheEnd()
})
afterEach(() => rmSync(dir, { recursive: true }))

const open = () => openLoneStore({ dir, clock: systemClock, log: silentLog })

/** Writes many pages behind all that there are, and gives them up, so that it is not the roots that a cut takes first. */
async function freeTheEnd(): Promise<void> {
  const backend = openLmdb(dir, silentLog)
  const stage = await backend.stage()
  await stage.load((tables) => {
    for (let i = 0; i < 6; i++) tables.far.put(`${i}`, new Uint8Array(20_000))
  })
  stage.discard()
  for (let i = 0; i < 14; i++) await backend.commit((tables) => tables.raft.delete(`${i}`))
  await backend.close()
}

/** Some hundred small values, and one that takes pages of its own. */
function keys(round: number) {
  const small = Array.from({ length: 200 }, (_, i) => ({ key: `k/${round}/${i}`, value: new Uint8Array(100) }))
  const all = [...small, { key: `k/${round}/large`, value: new Uint8Array(20_000) }]
  return all.map((entry) => ({ op: "put" as const, ...entry }))
}

/** Opens the store, which must be refused, and leave the file as it is. */
async function refused(): Promise<string> {
  const before = readFileSync(file)
  let code = "opened"
  try {
    await (await open()).close()
  } catch (thrown) {
    code = thrown instanceof OvlError ? thrown.code : String(thrown)
  }
  expect(Buffer.compare(readFileSync(file), before)).toBe(0)
  return code
}

/** `whole` if the store opens with all that it held. */
async function openedWhole(): Promise<string> {
  try {
    const store = await open()
    const count = store.range("").entries.length
    await store.close()
    return count === 18 * 201 + 1 ? "whole" : `${count} keys`
  } catch (thrown) {
    return thrown instanceof OvlError ? thrown.code : String(thrown)
  }
}

function overwrite(at: number, text: string): void {
  const bytes = readFileSync(file)
  bytes.write(text, at, "latin1")
  writeFileSync(file, bytes)
}

test("a sound file opens, and an empty one becomes a store", async () => {
  const store = await open()
  expect(store.range("").entries).toHaveLength(18 * 201 + 1)
  await store.close()
  truncateSync(file, 0)
  const anew = await open()
  expect(anew.revision).toBe(0)
  await anew.close()
})

test("a file of something else is foreign", async () => {
  writeFileSync(file, "SQLite format 3\0".padEnd(20_000, "x"))
  expect(await refused()).toBe("data_foreign")
  writeFileSync(file, "short")
  expect(await refused()).toBe("data_foreign")
})

test("LMDB data of another program, of another version of LMDB or of ovl, is foreign", async () => {
  const sound = readFileSync(file)
  for (const at of [...sound.toString("latin1").matchAll(/meta\0/g)]) overwrite(at.index, "mota")
  expect(await refused()).toBe("data_foreign")
  writeFileSync(file, sound)
  for (const at of [...sound.toString("latin1").matchAll(/ovl store 2/g)]) overwrite(at.index, "ovl store 9")
  expect(await refused()).toBe("data_foreign")
  writeFileSync(file, sound)
  overwrite(28, "\x03")
  expect(await refused()).toBe("data_foreign")
})

test("a damaged meta page or root is corrupt", async () => {
  const sound = readFileSync(file)
  for (const at of [24, 4_096 + 24]) {
    overwrite(at, "????")
    expect(await refused()).toBe("data_corrupt")
    writeFileSync(file, sound)
  }
  const newest = sound.readBigUInt64LE(0x98) > sound.readBigUInt64LE(4_096 + 0x98) ? 0 : 4_096
  const root = Number(sound.readBigUInt64LE(newest + 0x88))
  overwrite(root * 4_096, "\xff".repeat(64))
  expect(await refused()).toBe("data_corrupt")
})

test("a file that is cut off is corrupt, unless only free pages are lost, and never crashes the process", async () => {
  const sound = readFileSync(file)
  const { size } = statSync(file)
  const outcomes: string[] = []
  for (const part of [0.02, 0.1, 0.3, 0.5, 0.7]) {
    truncateSync(file, Math.floor(size * part))
    expect([part, await openedWhole()]).toEqual([part, "data_corrupt"])
    writeFileSync(file, sound)
  }
  for (const pages of [1, 2, 3, 4, 5, 10, 20, 40, 60]) {
    truncateSync(file, size - pages * 4_096)
    outcomes.push(await openedWhole())
    writeFileSync(file, sound)
  }
  expect([...new Set(outcomes)].sort()).toEqual(["data_corrupt", "whole"])
})
