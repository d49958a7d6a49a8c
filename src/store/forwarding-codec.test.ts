import { expect, test } from "bun:test"
import { OvlError } from "../base/errors.ts"
import { kvCommand, transactionCommand } from "./command.ts"
import * as codec from "./forwarding-codec.ts"
import type { KvResult, KvVerb, Transaction, TransactionResult } from "./port.ts"

const value = new TextEncoder().encode("väl")
const flags = 0xffffffffffffffffn
const key = "kv/\xff\0é"

const transaction: Transaction = {
  compare: [
    { key, modRevision: 2 ** 40 },
    { key, exists: true },
    { lease: "l", exists: false },
  ],
  operations: [
    { op: "put", key, value, flags, lease: "l" },
    { op: "put", key: "k".repeat(2_000), value: new Uint8Array(5_000), lease: null },
    { op: "put", key, value: new Uint8Array() },
    { op: "delete", key },
    { op: "deletePrefix", prefix: "", except: ["kv/a", "kv/b"] },
  ],
}
const verbs: KvVerb[] = [
  { verb: "set", key, value, flags },
  { verb: "cas", key, value, flags, index: 7 },
  { verb: "lock", key, value, flags, session: "s" },
  { verb: "unlock", key, value, flags: 0n, session: "s" },
  { verb: "delete", key },
  { verb: "get", key },
  { verb: "get-or-empty", key },
  { verb: "get-tree", key: "kv/" },
  { verb: "check-not-exists", key },
  { verb: "delete-cas", key, index: 0 },
  { verb: "check-index", key, index: 18_446_744_073_709_552_000 },
  { verb: "delete-tree", key, except: ["kv/x"] },
  { verb: "check-session", key, session: "s" },
]
const results: TransactionResult[] = [
  { succeeded: true, revision: 2 ** 47, failed: -1, changed: [1, 0, 70_000] },
  { succeeded: false, revision: 3, failed: 2, changed: [] },
]
const entry = { key, value, flags, createRevision: 1, modRevision: 2 ** 45, lockIndex: 3 }
const kvResults: KvResult[] = [
  { ok: true, revision: 9, results: [{ index: 0, entry: { ...entry, lease: null } }] },
  { ok: true, revision: 9, results: [{ index: 1, entry: { ...entry, lease: "s", value: new Uint8Array(9_000) } }] },
  { ok: false, revision: 1, problems: [{ index: 4, code: "held", what: 'failed to lock key "\xc3\xa9"' }] },
]

test("everything comes out as it went in", () => {
  expect(codec.decodeTransaction(codec.encodeTransaction(transactionCommand(transaction, 0)))).toEqual(transaction)
  const options = { root: "kv/" }
  expect(codec.decodeKv(codec.encodeKv(kvCommand(verbs, 0), options))).toEqual({ verbs, options })
  for (const result of results)
    expect(codec.decodeTransactionResult(codec.encodeTransactionResult(result))).toEqual(result)
  for (const result of kvResults) expect(codec.decodeKvResult(codec.encodeKvResult(result))).toEqual(result)
})

test("what is cut off, too long or from somewhere else is refused, and nothing else happens", () => {
  const samples: [Uint8Array, (bytes: unknown) => unknown][] = [
    [codec.encodeTransaction(transactionCommand(transaction, 0)), codec.decodeTransaction],
    [codec.encodeKv(kvCommand(verbs, 0), { root: "kv/" }), codec.decodeKv],
    [codec.encodeTransactionResult(results[0]!), codec.decodeTransactionResult],
    [codec.encodeKvResult(kvResults[0]!), codec.decodeKvResult],
  ]
  const refused = (decode: (bytes: unknown) => unknown, bytes: unknown) => {
    try {
      decode(bytes)
      return "taken"
    } catch (error) {
      return error instanceof OvlError ? error.code : String(error)
    }
  }
  for (const [bytes, decode] of samples) {
    for (let length = 0; length < Math.min(bytes.length, 300); length++)
      expect(refused(decode, bytes.subarray(0, length))).toBe("call_malformed")
    for (const wrong of [Buffer.concat([bytes, Buffer.of(0)]), Buffer.of(9, ...bytes.subarray(1, 50)), "text", null])
      expect(refused(decode, wrong)).toBe("call_malformed")
    for (let at = 0; at < Math.min(bytes.length, 200); at++) {
      const flipped = Buffer.from(bytes)
      flipped[at]! ^= 0xff
      expect(["taken", "call_malformed"]).toContain(refused(decode, flipped))
    }
  }
})
