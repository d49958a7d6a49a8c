import { expect, test } from "bun:test"
import { Seeded } from "../chaos/seeded.ts"
import type { DiskEvent } from "./journal.ts"
import { PowerCutDisk, sectorsOf } from "./power-cut-disk.ts"

const SECTOR = 512

function write(offset: number, text: string): DiskEvent {
  return { kind: "write", member: 1, offset, bytes: Buffer.from(text) }
}

function end(begun: number, result: number, durable = false): DiskEvent {
  return { kind: "end", member: 1, begun, result, durable }
}

const sync: DiskEvent = { kind: "sync", member: 1 }

function diskAfter(...events: DiskEvent[]): PowerCutDisk {
  const disk = new PowerCutDisk()
  for (const [position, event] of events.entries()) disk.take(event, position)
  return disk
}

/** With every write that was not flushed dropped. */
function left(disk: PowerCutDisk): string {
  return Buffer.from(disk.image({ kept: 0, torn: 0 }, new Seeded(1)).bytes).toString()
}

test("a write is on the disk for sure once a flush is over that began after its end", () => {
  const events = [write(0, "a"), end(0, 1), sync, write(1, "b"), end(3, 1)]
  expect(left(diskAfter(...events))).toBe("")
  expect(left(diskAfter(...events, end(2, 0, true)))).toBe("a")
  expect(left(diskAfter(...events, end(2, 0, false)))).toBe("")
  expect(Buffer.from(diskAfter(...events).whole()).toString()).toBe("ab")
})

test("a write that had not returned when the flush began is not meant by it", () => {
  expect(left(diskAfter(write(0, "a"), sync, end(0, 1), end(1, 0, true)))).toBe("")
})

test("a write through O_DSYNC is on the disk at its end, and what was written before it is not", () => {
  expect(left(diskAfter(write(0, "a"), end(0, 1), write(1, "b"), end(2, 1, true)))).toBe("\0b")
})

test("a torn write leaves whole sectors of itself, and the old ones between them", () => {
  const old = "o".repeat(4 * SECTOR)
  const events = [write(0, old), end(0, old.length), sync, end(2, 0, true), write(0, "n".repeat(4 * SECTOR))]
  const disk = diskAfter(...events)
  const seen = new Set<string>()
  const chance = new Seeded(7)
  for (let i = 0; i < 200; i++) {
    const bytes = Buffer.from(disk.image({ kept: 0, torn: 1 }, chance).bytes).toString()
    const sectors = Array.from({ length: 4 }, (_, at) => new Set(bytes.slice(at * SECTOR, (at + 1) * SECTOR)))
    expect(sectors.every(({ size }) => size === 1)).toBe(true)
    seen.add(sectors.map(([letter]) => letter).join(""))
  }
  expect(seen.size).toBe(16)
})

test("a write is cut where the disk's sectors meet", () => {
  const sectors = sectorsOf({ offset: 500, bytes: new Uint8Array(600) })
  expect(sectors.map(({ offset, bytes }) => [offset, bytes.length])).toEqual([
    [500, 12],
    [512, 512],
    [1024, 76],
  ])
})

test("a short write, and a flushed one over another that is not, make the run void", () => {
  expect(() => diskAfter(write(0, "ab"), end(0, 1))).toThrow("had the result 1")
  expect(() => diskAfter(write(0, "a"), write(0, "b"), end(1, 1, true))).toThrow("lies over an earlier one")
})
