import { expect, test } from "bun:test"
import type { Keeper } from "./backend.ts"
import { OverlayTables } from "./overlay-tables.ts"
import { eachTable, MemoryTable, memoryTables, type ReadTable, type Tables } from "./tables.ts"

/** Numbers that look random and are the same each time. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 8) % below
  }
}

function keeper(): Keeper & { tables: Tables } {
  const tables = memoryTables()
  return { tables, keep: () => ({ tables: memoryTables((name) => tables[name].copy()), release: () => {} }) }
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

function show(table: ReadTable, from = "", to: string | null = null, limit = 1_000): string {
  const rows = table.page(from, to, limit)
  expect(table.pageKeys(from, to, limit)).toEqual(rows.map((row) => row.key))
  return rows.map(({ key, value }) => `${key}=${Buffer.from(value)}`).join(" ")
}

test("changes are seen at once, and are below when they were written", () => {
  const below = keeper()
  for (const key of ["a", "c", "e"]) below.tables.entries.put(key, bytes("old"))
  const overlay = new OverlayTables(below)
  const { entries } = overlay.tables
  entries.put("b", bytes("new"))
  entries.delete("c")
  entries.put("e", bytes("longer than that"))
  entries.put("e", bytes("newer"))
  expect(show(entries)).toBe("a=old b=new e=newer")
  expect([overlay.rows, overlay.bytes, overlay.isFresh]).toEqual([3, 11, true])
  const write = overlay.freeze()
  expect(overlay.isFresh).toBe(false)
  entries.put("c", bytes("back"))
  entries.delete("b")
  expect(show(entries)).toBe("a=old c=back e=newer")
  expect([overlay.rows, overlay.bytes]).toEqual([5, 17])
  expect(show(below.tables.entries)).toBe("a=old c=old e=old")
  write(below.tables)
  overlay.settled()
  expect(show(below.tables.entries)).toBe("a=old b=new e=newer")
  expect(show(entries)).toBe("a=old c=back e=newer")
  expect([overlay.rows, overlay.bytes]).toEqual([2, 6])
})

test("only one set of changes is on its way at a time", () => {
  const overlay = new OverlayTables(keeper())
  overlay.freeze()
  expect(() => overlay.freeze()).toThrow("on their way")
  overlay.settled()
  overlay.freeze()
})

test("what is given out may be changed without a change of the table", () => {
  const overlay = new OverlayTables(keeper())
  const { leases } = overlay.tables
  leases.put("l", Buffer.from("one"))
  leases.get("l")!.fill(0)
  leases.page("", null, 1)[0]!.value.fill(0)
  expect(show(leases)).toBe("l=one")
})

/** A table that writes down how much it was asked for. */
function counting(table: MemoryTable): { table: ReadTable; asked: { rows: number; keys: number } } {
  const asked = { rows: 0, keys: 0 }
  return {
    asked,
    table: {
      get: (key) => table.get(key),
      page(from, to, limit) {
        const rows = table.page(from, to, limit)
        asked.rows += rows.length
        return rows
      },
      pageKeys(from, to, limit) {
        const keys = table.pageKeys(from, to, limit)
        asked.keys += keys.length
        return keys
      },
    },
  }
}

test("a page takes no more rows from below than it gives, and a row taken away is walked over once", () => {
  const rows = new MemoryTable()
  const key = (i: number): string => `${i}`.padStart(5, "0")
  for (let i = 0; i < 10_000; i++) rows.put(key(i), bytes("v"))
  const { table, asked } = counting(rows)
  const tables = { ...memoryTables(), graves: table }
  const overlay = new OverlayTables({ tables, keep: () => ({ tables, release: () => {} }) })
  const { graves } = overlay.tables
  graves.put("x", bytes("v"))
  expect(graves.page("", null, 10).length).toBe(10)
  expect(asked).toEqual({ rows: 10, keys: 0 })
  for (let i = 0; i < 5_000; i++) {
    expect(graves.page("", null, 1)[0]!.key).toBe(key(i))
    graves.delete(key(i))
  }
  expect(asked.rows).toBeLessThan(12_000)
  expect(asked.keys).toBeLessThan(21_000)
  asked.rows = asked.keys = 0
  expect(graves.page(key(10), null, 2).map((row) => row.key)).toEqual([key(5_000), key(5_001)])
  expect(asked).toEqual({ rows: 3, keys: 0 })
  for (let i = 6_000; i < 8_000; i++) graves.delete(key(i))
  asked.rows = asked.keys = 0
  expect(graves.page(key(5_999), null, 2).map((row) => row.key)).toEqual([key(5_999), key(8_000)])
  expect(asked.rows).toBeLessThan(5)
  expect(asked.keys).toBeLessThan(2_400)
  graves.put(key(3), bytes("w"))
  expect(graves.pageKeys("", null, 2)).toEqual([key(3), key(5_000)])
})

test("what is written below directly, between two sets of changes, is seen", () => {
  const below = keeper()
  for (const key of ["a", "b", "c", "d"]) below.tables.graves.put(key, bytes("v"))
  const overlay = new OverlayTables(below)
  const { graves } = overlay.tables
  for (const key of ["a", "b", "c"]) graves.delete(key)
  expect(show(graves, "", null, 1)).toBe("d=v")
  overlay.freeze()(below.tables)
  overlay.settled()
  below.tables.graves.put("b", bytes("again"))
  graves.put("x", bytes("v"))
  expect(show(graves, "", null, 1)).toBe("b=again")
})

/** One run: the overlay and a plain table are changed alike, and must look alike all the time. */
function agree(seed: number): void {
  const random = numbers(seed)
  const below = keeper()
  const overlay = new OverlayTables(below)
  const plain = new MemoryTable()
  const width = [3, 30, 700][random(3)]!
  const key = (): string => `${random(width)}`.padStart(1 + random(2), "0")
  let writing: ((into: Tables) => void) | null = null
  const kept: { seen: string; table: ReadTable }[] = []
  const { tombs } = overlay.tables
  for (let step = 0; step < 300; step++) {
    const act = random(12)
    const name = key()
    if (act < 4) {
      const value = bytes(`${step}`)
      plain.put(name, value)
      tombs.put(name, value)
    } else if (act < 7) {
      const victims = random(4) === 0 ? plain.pageKeys(name, null, random(200)) : [name]
      for (const victim of victims) {
        plain.delete(victim)
        tombs.delete(victim)
      }
    } else if (act === 7 && !writing) writing = overlay.freeze()
    else if (act === 8 && writing) {
      writing(below.tables)
      if (random(2) === 0) expect(show(tombs)).toBe(show(plain))
      overlay.settled()
      writing = null
    } else if (act === 9 && kept.length < 5) kept.push({ seen: show(plain), table: overlay.keep().tables.tombs })
    const to = random(2) === 0 ? null : key()
    const limit = random(5) === 0 ? 1_000 : 1 + random(4)
    expect(show(tombs, name, to, limit)).toBe(show(plain, name, to, limit))
    expect(tombs.get(name)).toEqual(plain.get(name))
  }
  expect(show(tombs)).toBe(show(plain))
  for (const { seen, table } of kept) expect(show(table)).toBe(seen)
  expect(eachTable((name) => overlay.tables[name].page("", null, 1).length).entries).toBe(0)
}

test("whatever is done to it, it looks like a plain table", () => {
  for (let seed = 1; seed <= 150; seed++) agree(seed)
})
