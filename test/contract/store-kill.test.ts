/** `kill -9` at any instant: everything acknowledged is there, nothing is there by half. */
import { afterEach, beforeEach, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { silentLog } from "../../src/base/log.ts"
import { openLoneStore } from "../../src/store/embedded.ts"
import type { Store } from "../../src/store/port.ts"
import { ManualClock } from "../../src/base/manual-clock.ts"

const ROUNDS = 6
let dir = ""
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "ovl-store-"))
})
afterEach(() => rmSync(dir, { recursive: true }))

/** Lets the child write until it has acknowledged `enough`, kills it, and gives the lines that it printed whole. */
async function writeAndKill(round: number | "trees", enough: number): Promise<string[]> {
  const script = join(import.meta.dir, "store-kill-child.ts")
  const child = Bun.spawn([process.execPath, script, dir, `${round}`], { stdout: "pipe", stderr: "inherit" })
  let text = ""
  for await (const chunk of child.stdout) {
    text += Buffer.from(chunk)
    if (text.split("\n").length <= enough) continue
    if (round === "trees") await new Promise((resolve) => setTimeout(resolve, 15))
    child.kill("SIGKILL")
  }
  await child.exited
  expect(child.signalCode).toBe("SIGKILL")
  return text.split("\n").slice(0, -1)
}

function checkRound(store: Store, lines: string[]): void {
  const acknowledged = lines.map((line) => line.split(" ") as [string, string])
  const last = Math.max(...acknowledged.map(([revision]) => Number(revision)))
  expect(store.revision).toBeGreaterThanOrEqual(last)
  for (const [revision, number] of acknowledged) {
    // Later transactions of the same writers deleted the older ones.
    const entry = store.get(`left/${number}`)
    if (entry) expect(entry.modRevision).toBe(Number(revision))
    else expect(store.lastChange(`left/${number}`)).toBeGreaterThan(Number(revision))
  }
  const side = (name: string) =>
    store.range(`${name}/`).entries.map((entry) => `${entry.key.slice(name.length)} ${entry.modRevision}`)
  expect(side("left")).toEqual(side("right"))
  expect(store.get("last")?.modRevision).toBe(store.revision)
  expect(store.lastChange("")).toBe(store.revision)
}

test("killed again and again, the store loses nothing that it acknowledged", async () => {
  let before = 0
  for (let round = 0; round < ROUNDS; round++) {
    const lines = await writeAndKill(round, 20 + round * 97)
    expect(lines.length).toBeGreaterThanOrEqual(20)
    const store = await openLoneStore({ dir, clock: new ManualClock(), log: silentLog })
    checkRound(store, lines)
    expect(store.revision).toBeGreaterThan(before)
    before = store.revision
    await store.close()
  }
}, 60_000)

test("killed while a tree is deleted or restored, all of it is there or nothing", async () => {
  for (let round = 0; round < 4; round++) {
    const lines = await writeAndKill("trees", 1 + round)
    const [revision] = lines.at(-1)!.split(" ").map(Number)
    const store = await openLoneStore({ dir, clock: new ManualClock(), log: silentLog })
    expect([0, 4_000]).toContain(store.range("tree/").entries.length)
    expect(store.revision).toBeGreaterThanOrEqual(revision!)
    expect(store.lastChange("tree/")).toBe(store.revision)
    await store.close()
  }
}, 60_000)
