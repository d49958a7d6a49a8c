import { expect, test } from "bun:test"
import type { Command } from "../command.ts"
import { decodeCommand, encodeCommand } from "./command-codec.ts"

const at = 1_795_420_800_123
const value = Uint8Array.of(0, 1, 255)
const session = {
  id: "s",
  name: "n\u00e9",
  node: "n",
  behavior: "delete" as const,
  lockDelayMs: 1,
  ttl: "1s",
  ttlMs: 0,
  checks: ["c"],
}
const scope = { areas: ["\xff\0"], except: ["\xff\0x"] }

const COMMANDS: Command[] = [
  {
    type: "transaction",
    at,
    compare: [
      { key: "a\xff", modRevision: 0 },
      { key: "b", modRevision: 2 ** 47 },
      { key: "c", exists: true },
      { lease: "l", exists: false },
    ],
    operations: [
      { op: "put", key: "a".repeat(300), value },
      { op: "put", key: "a", value, flags: 2n ** 64n - 1n },
      { op: "put", key: "a", value: new Uint8Array(), flags: 0n, lease: null },
      { op: "put", key: "a", value: new Uint8Array(2_000).fill(3), lease: "l" },
      { op: "delete", key: "d" },
      { op: "deletePrefix", prefix: "" },
      { op: "deletePrefix", prefix: "p", except: [] },
      { op: "deletePrefix", prefix: "p", except: ["p1", "p2"] },
    ],
  },
  {
    type: "kv",
    at: 0,
    verbs: [
      { verb: "set", key: "a", value, flags: 7n },
      { verb: "cas", key: "a", value, flags: 0n, index: 3 },
      // What Consul's API lets through need not be a revision.
      { verb: "cas", key: "a", value, flags: 0n, index: -1.5 },
      { verb: "lock", key: "a", value, flags: 1n, session: "s" },
      { verb: "unlock", key: "a", value, flags: 1n, session: "" },
      { verb: "delete", key: "a" },
      { verb: "get", key: "a" },
      { verb: "get-or-empty", key: "a" },
      { verb: "get-tree", key: "" },
      { verb: "check-not-exists", key: "a" },
      { verb: "delete-cas", key: "a", index: 2 ** 60 },
      { verb: "check-index", key: "a", index: 1 },
      { verb: "delete-tree", key: "a" },
      { verb: "delete-tree", key: "a", except: ["ab"] },
      { verb: "check-session", key: "a", session: "s" },
    ],
  },
  { type: "grant", at, lease: "l\xe9", ttlMs: 100 },
  { type: "revoke", at, lease: "l" },
  { type: "open", at, session },
  { type: "end", at, session: "s" },
  { type: "invalidate", at, node: "n\u20ac" },
  { type: "expire", at, holders: [{ id: "s", grantRevision: 4 }] },
  { type: "piece", at, id: "r", offset: 2 ** 40, bytes: value },
  {
    type: "restore",
    at,
    id: "r",
    info: { revision: 1, time: 2, scope, keys: 3, sessions: 4, bytes: 5 },
    scope,
  },
  { type: "discard", at, id: "r" },
]

test("every member reads what the proposer wrote", () => {
  for (const command of COMMANDS) expect(decodeCommand(encodeCommand(command, 1))).toEqual(command)
})

test("what is cut off is damaged, what is longer or unknown is of a later version", () => {
  for (const command of COMMANDS) {
    const data = encodeCommand(command, 64)
    for (let length = 0; length < data.length; length += Math.ceil(data.length / 50))
      expect(() => decodeCommand(data.subarray(0, length))).toThrow("damaged")
    expect(() => decodeCommand(Uint8Array.of(...data, 0))).toThrow("newer version")
  }
  expect(() => decodeCommand(Uint8Array.of(2, 0))).toThrow("newer version")
  expect(() => decodeCommand(Uint8Array.of(1, 99))).toThrow("newer version")
})
