import { expect, test } from "bun:test"
import { createHash } from "node:crypto"
import type { Command } from "./command.ts"
import { Machine } from "./kv.ts"
import type { KvVerb, Operation } from "./port.ts"
import { encodeEntryBody, encodeJson, encodeRow, MAGIC } from "./snapshot-format.ts"
import { memoryTables, TABLE_NAMES, type Tables } from "./tables.ts"

/** All rows of all tables, as text. */
function dump(tables: Tables): string[] {
  return TABLE_NAMES.flatMap((name) =>
    tables[name]
      .page("", null, 1e9)
      .map(({ key, value }) => `${name} ${JSON.stringify(key)} ${Buffer.from(value).toString("hex")}`),
  )
}

/** A restore, in pieces that cut rows in two. */
function restoring(at: number, id = "r"): Command[] {
  const entry = (key: string) => ({ key, value: Uint8Array.of(9), flags: 0n, createRevision: 1, modRevision: 2 })
  const keys = ["a/2", `a/${"y".repeat(1_500)}`]
  const scope = { areas: ["a/"] }
  const rows = [
    MAGIC,
    encodeRow("h", encodeJson({ revision: 1_000, time: 1, scope })),
    ...keys.map((key) => encodeRow("e", encodeEntryBody({ ...entry(key), lockIndex: 3, lease: null }))),
    encodeRow("z", encodeJson({ keys: 2, sessions: 0 })),
  ]
  const body = Buffer.concat(rows)
  const file = Buffer.concat([body, createHash("sha256").update(body).digest()])
  const info = { revision: 1_000, time: 1, scope, keys: 2, sessions: 0, bytes: file.length }
  const pieces: Command[] = []
  for (let offset = 0; offset < file.length; offset += 7)
    pieces.push({ type: "piece", at, id, offset, bytes: file.subarray(offset, offset + 7) })
  return [...pieces, { type: "restore", at, id, info, scope }]
}

function commands(): Command[] {
  const long = "f/".padStart(1_500, "x")
  const names = ["a/1", "a/2", "a/b/1", "c", `${long}1`, `${long}2`, `${long}${long}3`]
  const list: Command[] = [{ type: "grant", at: 1, lease: "l", ttlMs: 1_000 }]
  for (let i = 0; i < 60; i++) {
    const key = names[(i * 5) % names.length]!
    const operation: Operation =
      i % 3 === 2 ? { op: "delete", key } : { op: "put", key, value: Uint8Array.of(i), lease: i % 4 === 0 ? "l" : null }
    list.push({ type: "transaction", at: i + 2, compare: [], operations: [operation] })
  }
  const spec = { name: "", node: "n", lockDelayMs: 5, ttl: "", checks: ["serfHealth"] }
  const value = Uint8Array.of(7)
  list.push({ type: "open", at: 70, session: { ...spec, id: "s", behavior: "release", ttlMs: 0 } })
  list.push({ type: "open", at: 71, session: { ...spec, id: "t", behavior: "delete", ttlMs: 5_000 } })
  list.push({ type: "open", at: 72, session: { ...spec, id: "u", behavior: "delete", ttlMs: 0 } })
  for (let i = 0; i < 30; i++) {
    const key = names[(i * 5) % names.length]!
    const session = ["s", "t", "u"][i % 3]!
    const verbs: KvVerb[] = [
      { verb: "lock", key, value, flags: BigInt(i) << 60n, session },
      { verb: i % 2 ? "get-tree" : "delete-tree", key: "a/b" },
      { verb: "set", key: names[i % names.length]!, value, flags: 0n },
    ]
    list.push({ type: "kv", at: 73 + i, verbs })
  }
  list.push({ type: "end", at: 104, session: "s" })
  list.push({ type: "expire", at: 105, holders: [{ id: "t", grantRevision: 63 }] })
  list.push({ type: "invalidate", at: 106, node: "n" })
  list.push(...restoring(107))
  list.push({ type: "expire", at: 100, holders: [{ id: "l", grantRevision: 1 }] })
  list.push({ type: "transaction", at: 101, compare: [], operations: [{ op: "deletePrefix", prefix: "" }] })
  return list
}

function run(batchSize: number, list = commands()): string[] {
  const tables = memoryTables()
  for (let i = 0; i < list.length; i += batchSize) {
    const machine = new Machine(tables, { tombstonesMax: 5 })
    for (const command of list.slice(i, i + batchSize)) machine.apply(command)
    machine.finish()
  }
  return dump(tables)
}

test("the same commands leave the same bytes, however they are batched", () => {
  const oneByOne = run(1)
  for (const batchSize of [2, 3, 7, 1_000]) expect(run(batchSize)).toEqual(oneByOne)
  // The last one deletes all keys.
  const others = commands().slice(0, -1)
  for (const batchSize of [2, 1_000]) expect(run(batchSize, others)).toEqual(run(1, others))
  expect(oneByOne.length).toBeGreaterThan(5)
})

test("what is deleted and forgotten leaves nothing but the floor and the header", () => {
  const tables = memoryTables()
  const machine = new Machine(tables, { tombstonesMax: 0 })
  for (const command of commands()) machine.apply(command)
  machine.finish()
  expect(dump(tables).map((line) => line.split(" ").slice(0, 2).join(" "))).toEqual([
    'meta "sessions"',
    'meta "state"',
    'marks "/"',
    'floors "/"',
    `far "${"\\u0000".repeat(6)}"`,
  ])
})

function deleting(...keys: string[]): Command {
  return { type: "transaction", at: 1, compare: [], operations: keys.map((key) => ({ op: "delete", key })) }
}

function putting(...keys: string[]): Command {
  const operations = keys.map((key): Operation => ({ op: "put", key, value: Uint8Array.of(1) }))
  return { type: "transaction", at: 1, compare: [], operations }
}

test("a forgotten deletion stays known to the folder that it was in", () => {
  const machine = new Machine(memoryTables(), { tombstonesMax: 1 })
  machine.apply(putting("a/x", "a/y", "a/z", "b"))
  machine.apply(deleting("a/x"))
  machine.apply(deleting("a/z"))
  machine.finish()
  expect(["a/x", "a/z", "a/q", "b", "c"].map((key) => machine.lastChange(key))).toEqual([2, 3, 2, 1, 0])
})

test("graves are counted as they are", () => {
  const tables = memoryTables()
  const machine = new Machine(tables)
  const twice = [putting("a/x"), deleting("a/x"), putting("a/x"), deleting("a/x"), putting("b")]
  const operations = twice.flatMap((command) => (command.type === "transaction" ? command.operations : []))
  machine.apply({ type: "transaction", at: 1, compare: [], operations })
  machine.finish()
  expect(machine.header().graves).toBe(tables.graves.page("", null, 100).length)
})

test("an expiry names the grant that it means", () => {
  const machine = new Machine(memoryTables())
  machine.apply({ type: "grant", at: 1, lease: "l", ttlMs: 1_000 })
  machine.apply({ type: "grant", at: 2, lease: "l", ttlMs: 2_000 })
  const late = machine.apply({ type: "expire", at: 3, holders: [{ id: "l", grantRevision: 1 }] })
  expect(late).toMatchObject({ changed: false, revision: 2 })
  const right = machine.apply({ type: "expire", at: 4, holders: [{ id: "l", grantRevision: 2 }] })
  expect(right).toMatchObject({ changed: true, revision: 3, holders: [{ id: "l", session: false, present: null }] })
})

test("a key with thousands of folders costs no more than its first ones", () => {
  const tables = memoryTables()
  const machine = new Machine(tables)
  const key = "/".repeat(60_000)
  const put: Operation = { op: "put", key, value: Uint8Array.of(1) }
  machine.apply({ type: "transaction", at: 1, compare: [], operations: [put] })
  machine.finish()
  expect(tables.marks.page("", null, 1_000).length).toBe(33)
  expect(machine.lastChange("/".repeat(59_000))).toBe(1)
  expect(machine.lastChange(`${"/".repeat(59_000)}x`)).toBe(0)
})

test("a restore needs all pieces of its own file, each once", () => {
  const tables = memoryTables()
  const machine = new Machine(tables)
  machine.apply(putting("a/2", "a/3", "b"))
  const [first, second, ...rest] = restoring(5)
  const restore = rest.pop()!
  const outcome = (command: Command) => machine.apply(command).outcome.type
  expect(outcome(second!)).toBe("pieces_lost")
  expect([first!, first!, second!, first!].map(outcome)).toEqual(["done", "done", "done", "done"])
  expect(outcome(rest[1]!)).toBe("pieces_lost")
  expect(outcome(restore)).toBe("pieces_lost")
  // Another one takes its place.
  expect(outcome(restoring(6, "other")[0]!)).toBe("done")
  expect([rest[0]!, restore].map(outcome)).toEqual(["pieces_lost", "pieces_lost"])
  expect(outcome({ type: "discard", at: 7, id: "r" })).toBe("done")
  expect(tables.scratch.page("", null, 10).length).toBe(2)
  expect(restoring(8).map(outcome)).toContain("done")
  machine.finish()
  expect(tables.scratch.page("", null, 10)).toEqual([])
  expect(Array.from(machine.entries(""), ({ key, modRevision }) => `${key.slice(0, 4)} ${modRevision}`)).toEqual([
    "a/2 1001",
    "a/yy 1001",
    "b 1",
  ])
})

test("pieces that make no sound snapshot are dropped, and nothing is changed", () => {
  const tables = memoryTables()
  const machine = new Machine(tables)
  machine.apply(putting("a/2"))
  const commands = restoring(5)
  const last = commands.at(-2)
  if (last?.type === "piece") last.bytes[0]! ^= 1
  const { outcome, changed, revision } = commands.map((command) => machine.apply(command)).at(-1)!
  expect(outcome).toEqual({ type: "snapshot_invalid", why: "read snapshot: its checksum does not match" })
  expect([changed, revision]).toEqual([false, 1])
  expect(tables.scratch.page("", null, 10)).toEqual([])
})

test("a restore that is given up leaves nothing", () => {
  const tables = memoryTables()
  const machine = new Machine(tables)
  for (const command of restoring(5).slice(0, 9)) machine.apply(command)
  machine.apply({ type: "discard", at: 6, id: "r" })
  expect(tables.scratch.page("", null, 10)).toEqual([])
})
