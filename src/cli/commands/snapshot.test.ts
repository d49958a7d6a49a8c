/** The commands over a real snapshot of a store in memory. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openMemoryStore } from "../../store/memory.ts"
import { ovl, ovlBytes } from "../testing.ts"

const dir = mkdtempSync(join(tmpdir(), "ovl-snapshot-"))
const file = join(dir, "a.snap")
const damaged = join(dir, "damaged.snap")
let snapshot: Uint8Array
afterAll(() => rmSync(dir, { recursive: true }))

beforeAll(async () => {
  const clock = { now: () => Date.parse("2026-03-01T11:00:00Z"), monotonic: () => 0, after: () => () => {} }
  const store = openMemoryStore({ clock })
  const operations = ["kv/a", "kv/b"].map((key) => ({ op: "put" as const, key, value: new Uint8Array(3) }))
  await store.transact({ operations })
  snapshot = Buffer.concat(await Array.fromAsync(store.exportSnapshot({ areas: ["kv/"] }).chunks))
  await store.close()
  writeFileSync(file, snapshot)
  const broken = Uint8Array.from(snapshot)
  broken[60]! ^= 1
  writeFileSync(damaged, broken)
})

function saving(bytes: Uint8Array) {
  return { kv: { saveSnapshot: () => ({ chunks: new Blob([bytes as Uint8Array<ArrayBuffer>]).stream() }) } }
}

test("inspect needs no daemon", async () => {
  expect(await ovl(["snapshot", "inspect", file])).toEqual({
    status: 0,
    stdout: [
      "index      1",
      "made       2026-03-01T11:00:00.000Z (1 hour ago)",
      "keys       2",
      "sessions   0",
      `size       ${snapshot.length} bytes`,
      "checksum   right",
      "",
    ].join("\n"),
    stderr: "",
  })
  expect(JSON.parse((await ovl(["snapshot", "inspect", file, "--json"])).stdout)).toEqual({
    index: 1,
    time: "2026-03-01T11:00:00.000Z",
    keys: 2,
    sessions: 0,
    bytes: snapshot.length,
  })
})

test("a damaged file is told without a daemon, by restore too", async () => {
  for (const verb of ["inspect", "restore"]) {
    const outcome = await ovl(["snapshot", verb, damaged])
    expect([outcome.status, outcome.stdout]).toEqual([2, ""])
    expect(outcome.stderr).toStartWith(`ovl: cannot use snapshot ${damaged}: `)
  }
  expect((await ovl(["snapshot", "restore", join(dir, "none")])).status).toBe(3)
  expect((await ovl(["snapshot", "inspect", dir])).stderr).toContain("it is a directory")
})

test("save writes a checked file and says what is in it", async () => {
  const path = join(dir, "new.snap")
  const outcome = await ovl(["snapshot", "save", path], saving(snapshot))
  expect(outcome).toEqual({ status: 0, stdout: "", stderr: "saved 2 keys and 0 sessions at index 1\n" })
  expect(Buffer.compare(readFileSync(path), snapshot)).toBe(0)
  const json = JSON.parse((await ovl(["snapshot", "save", path, "--json"], saving(snapshot))).stdout)
  expect(json).toMatchObject({ file: path, index: 1, keys: 2 })
})

test("save to standard output is the bytes and nothing else", async () => {
  expect(await ovlBytes(["snapshot", "save", "-"], saving(snapshot))).toBe(Buffer.from(snapshot).toString("latin1"))
  for (const fake of [{ terminal: true }, { env: { OVL_JSON: "1" } }])
    expect((await ovl(["snapshot", "save", "-"], fake)).status).toBe(2)
})

test("what comes in pieces and breaks off is not kept", async () => {
  const path = join(dir, "half.snap")
  const outcome = await ovl(["snapshot", "save", path], saving(snapshot.subarray(0, 50)))
  expect([outcome.status, outcome.stderr.split("\n")[0]]).toEqual([
    2,
    `ovl: cannot use snapshot ${path}: it is cut off`,
  ])
  expect(readdirSync(dir).filter((name) => name.startsWith("half"))).toEqual([])
})

test("restore sends the file", async () => {
  let sent = 0
  const kv = {
    restoreSnapshot: async (source: Blob) => {
      sent = (await source.arrayBuffer()).byteLength
    },
  }
  const outcome = await ovl(["snapshot", "restore", file], { kv })
  expect(outcome).toEqual({ status: 0, stdout: "", stderr: "restored 2 keys and 0 sessions\n" })
  expect(sent).toBe(snapshot.length)
  expect((await ovl(["snapshot", "restore", "-"], { terminal: true })).status).toBe(2)
})
