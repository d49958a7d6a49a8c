import { expect, test } from "bun:test"
import { STATE_PIECE_MAX_BYTES } from "../base/limits.ts"
import { exportPiece, importPiece } from "./state-rows.ts"
import { memoryTables, type MemoryTables, TABLE_NAMES } from "./tables.ts"

function full(): MemoryTables {
  const tables = memoryTables()
  TABLE_NAMES.forEach((name, i) => {
    // Some tables are empty, one has a few large rows, others have many small ones.
    const count = name === "far" ? 0 : name === "entries" ? 3_000 : 7 * i
    for (let j = 0; j < count; j++) tables[name].put(`${j}\xff\0`.repeat(1 + (j % 3)), new Uint8Array(j % 700).fill(j))
  })
  tables.entries.put("huge", new Uint8Array(STATE_PIECE_MAX_BYTES + 5).fill(1))
  return tables
}

const dump = (tables: MemoryTables): string[] =>
  TABLE_NAMES.flatMap((name) =>
    tables[name].page("", null, 1e9).map(({ key, value }) => `${name} ${key} ${Bun.hash(value)} ${value.length}`),
  )

function pieces(tables: MemoryTables): Uint8Array[] {
  const all: Uint8Array[] = []
  for (let cursor: string | null = ""; cursor !== null; ) {
    const { bytes, next } = exportPiece(tables, cursor)
    all.push(bytes)
    cursor = next
  }
  return all
}

test("what is loaded from all pieces is the same state", () => {
  const tables = full()
  const all = pieces(tables)
  const sizes = all.map((piece) => piece.length)
  expect(sizes.length).toBeGreaterThan(3)
  expect(sizes.filter((size) => size > STATE_PIECE_MAX_BYTES).length).toBe(1)
  const loaded = memoryTables()
  for (const piece of all) importPiece(loaded, piece)
  expect(dump(loaded)).toEqual(dump(tables))
})

test("an empty state is one empty piece", () => {
  const [piece, ...more] = pieces(memoryTables())
  expect(more).toEqual([])
  const loaded = memoryTables()
  importPiece(loaded, piece!)
  expect(dump(loaded)).toEqual([])
})

test("a piece that is damaged, cut off or of a later version is refused", () => {
  const tables = memoryTables()
  tables.meta.put("a", Uint8Array.of(1, 2, 3))
  const [piece] = pieces(tables)
  const load = (bytes: Uint8Array) => () => importPiece(memoryTables(), bytes)
  for (let i = 0; i < piece!.length; i++) {
    const bad = piece!.slice()
    bad[i]! ^= 4
    expect(load(bad)).toThrow(i === 0 ? "does not know" : "damaged")
    expect(load(piece!.subarray(0, i))).toThrow("damaged")
  }
  expect(() => exportPiece(tables, "\x7f")).toThrow("names no table")
})
