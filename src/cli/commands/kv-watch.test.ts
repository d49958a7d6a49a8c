import { expect, test } from "bun:test"
import { OvlError } from "../../base/errors.ts"
import type { KvEntry } from "../../client/kv.ts"
import { ovl } from "../testing.ts"
import { line } from "./fixtures.ts"

function entry(key: string, value: string, modifyIndex: number): KvEntry {
  const bytes = new TextEncoder().encode(value)
  return { key, value: bytes, flags: 7n, createIndex: 1, modifyIndex, lockIndex: 0, session: null }
}

/** A store that answers each question with the next of these, and then says that it is over. */
function telling(...answers: ({ index: number; entries: KvEntry[] } | OvlError)[]) {
  const asked: number[] = []
  const next = (_key: string, { index }: { index: number }) => {
    asked.push(index)
    const answer = answers.shift()
    if (answer === undefined) throw new OvlError("over", "the test: is over")
    if (answer instanceof OvlError) throw answer
    return { ...answer, entry: answer.entries[0] ?? null }
  }
  return { asked, kv: { get: next, list: next } }
}

const OVER = "ovl: the test: is over\n"

test("each change of a key is a line, what was there before is none", async () => {
  const { asked, kv } = telling(
    { index: 5, entries: [entry("a", "old", 5)] },
    { index: 6, entries: [entry("a", "new\nline", 6)] },
    { index: 6, entries: [entry("a", "new\nline", 6)] },
    { index: 9, entries: [] },
    { index: 12, entries: [entry("a", "again", 12)] },
  )
  expect(await ovl(line("kv watch a"), { kv })).toEqual({
    status: 1,
    stdout: "6 put a new\\nline\n9 delete a\n12 put a again\n",
    stderr: OVER,
  })
  expect(asked).toEqual([0, 5, 6, 6, 9, 12])
})

test("below a prefix, in the order of the changes, with what is there first if that is wanted", async () => {
  const answers = () =>
    telling(
      { index: 5, entries: [entry("x/a", "1", 5), entry("x/b", "2", 3)] },
      { index: 8, entries: [entry("x/a", "1", 5), entry("x/c", "4", 7), entry("x/d", "5", 6)] },
    )
  const later = "6 put x/d 5\n7 put x/c 4\n8 delete x/b\n"
  expect((await ovl(line("kv watch -r x/"), answers())).stdout).toBe(later)
  expect((await ovl(line("kv watch -r x/ --initial"), answers())).stdout).toBe(`3 put x/b 2\n5 put x/a 1\n${later}`)
})

test("as documents", async () => {
  const { kv } = telling(
    { index: 1, entries: [] },
    { index: 6, entries: [entry("a", "v", 6)] },
    { index: 7, entries: [] },
  )
  const { stdout } = await ovl(line("kv watch a --json"), { kv })
  expect(
    stdout
      .trim()
      .split("\n")
      .map((each) => JSON.parse(each)),
  ).toEqual([
    {
      index: 6,
      action: "put",
      key: "a",
      flags: 7,
      value: "dg==",
      createIndex: 1,
      modifyIndex: 6,
      lockIndex: 0,
      session: null,
    },
    { index: 7, action: "delete", key: "a" },
  ])
})

test("a program for each change", async () => {
  const ran: unknown[] = []
  const { kv } = telling(
    { index: 1, entries: [] },
    { index: 6, entries: [entry("a", "v", 6)] },
    { index: 7, entries: [] },
  )
  const runProgram = (words: readonly string[], stdin: string, env: Record<string, string>) => {
    ran.push([words, stdin, env])
    return ran.length === 1 ? 3 : 0
  }
  const outcome = await ovl(line("kv watch a -- sh -c x --json"), { kv, runProgram })
  expect(outcome).toEqual({ status: 1, stdout: "", stderr: `sh for a: exit status 3\n${OVER}` })
  const words = ["sh", "-c", "x", "--json"]
  expect(ran).toEqual([
    [words, "v", { OVL_KV_ACTION: "put", OVL_KV_KEY: "a", OVL_KV_INDEX: "6", OVL_KV_FLAGS: "7" }],
    [words, "", { OVL_KV_ACTION: "delete", OVL_KV_KEY: "a", OVL_KV_INDEX: "7", OVL_KV_FLAGS: "0" }],
  ])
})

const GONE = new OvlError("no_daemon", "cannot reach the daemon", { kind: "unavailable" })

test("a daemon that is away is waited for, and asked from the same index on", async () => {
  const { asked, kv } = telling({ index: 5, entries: [] }, GONE, GONE, { index: 6, entries: [entry("a", "v", 6)] })
  expect(await ovl(line("kv watch a"), { kv })).toEqual({
    status: 1,
    stdout: "6 put a v\n",
    stderr: `waiting: cannot reach the daemon\ngoing on\n${OVER}`,
  })
  expect(asked).toEqual([0, 5, 5, 5, 6])
})

test("one that was never there is an error", async () => {
  expect((await ovl(line("kv watch a"), telling(GONE))).status).toBe(6)
})

test("an index that went back is begun anew", async () => {
  const { asked, kv } = telling(
    { index: 50, entries: [entry("a", "1", 50)] },
    { index: 20, entries: [entry("a", "0", 20)] },
    { index: 20, entries: [entry("a", "0", 20)] },
  )
  expect((await ovl(line("kv watch a"), { kv })).stdout).toBe("20 put a 0\n")
  expect(asked).toEqual([0, 50, 0, 20])
})
