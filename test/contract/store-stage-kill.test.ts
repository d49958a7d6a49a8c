/** `kill -9` while whole states are laid in and put in the place of the one in use. */
import { afterEach, beforeEach, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { silentLog } from "../../src/base/log.ts"
import { openLmdb } from "../../src/store/lmdb.ts"
import { type ReadTables, TABLE_NAMES } from "../../src/store/tables.ts"

let dir = ""
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "ovl-lmdb-"))
})
afterEach(() => rmSync(dir, { recursive: true }))

/** The values of all rows of the state. */
function valuesIn(tables: ReadTables): string[] {
  return TABLE_NAMES.flatMap((name) =>
    tables[name].page("", null, 1e6).map(({ value }) => `${Buffer.from(value)}`.trim()),
  )
}

test("killed at any moment, it has the old state or the new one, and never a mix", async () => {
  let last = 0
  for (let round = 0; round < 12; round++) {
    const script = join(import.meta.dir, "store-stage-kill-child.ts")
    const child = Bun.spawn([process.execPath, script, dir], { stdout: "pipe", stderr: "inherit" })
    let text = ""
    for await (const chunk of child.stdout) {
      const isFirst = text === ""
      text += Buffer.from(chunk)
      if (isFirst) setTimeout(() => child.kill("SIGKILL"), 3 + ((round * 37) % 83))
    }
    await child.exited
    expect(child.signalCode).toBe("SIGKILL")
    const told = Number(text.split("\n").at(-2))
    const backend = openLmdb(dir, silentLog)
    const number = Number(Buffer.from(backend.tables.raft.get("number")!))
    expect(number).toBeGreaterThanOrEqual(Math.max(told, last))
    const values = valuesIn(backend.tables)
    expect(values.length).toBe(300 * TABLE_NAMES.length + 1)
    expect(values.filter((value) => value !== `${number}`)).toEqual([])
    while (backend.hasLeftovers) await backend.commit(() => {})
    expect(valuesIn(backend.tables).length).toBe(values.length)
    last = number
    await backend.close()
  }
}, 60_000)
