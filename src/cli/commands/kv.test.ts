import { expect, test } from "bun:test"
import type { KvEntry } from "../../client/kv.ts"
import { type FakeWorld, ovl, ovlBytes } from "../testing.ts"
import { line } from "./fixtures.ts"

const LOCK_FLAGS = 3304740253564472344n

function entry(key: string, value: string | Uint8Array, more: Partial<KvEntry> = {}): KvEntry {
  const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value
  return { key, value: bytes, flags: 0n, createIndex: 7, modifyIndex: 9, lockIndex: 0, session: null, ...more }
}

const PORT = entry("web/port", "8080", { flags: LOCK_FLAGS, lockIndex: 1, session: "5b0c" })

function holding(...entries: KvEntry[]): FakeWorld {
  return {
    kv: {
      get: (key: string) => ({ index: 9, entry: entries.find((each) => each.key === key) ?? null }),
      list: (prefix: string) => ({ index: 9, entries: entries.filter((each) => each.key.startsWith(prefix)) }),
    },
  }
}

test("get gives the bytes, and a line end on a terminal only", async () => {
  const every = Uint8Array.from({ length: 256 }, (_, byte) => byte)
  const world = holding(entry("all", every), PORT)
  expect(await ovlBytes(line("kv get all"), world)).toBe(Buffer.from(every).toString("latin1"))
  expect((await ovl(line("kv get web/port"), world)).stdout).toBe("8080")
  expect((await ovl(line("kv get web/port"), { ...world, terminal: true })).stdout).toBe("8080\n")
  expect((await ovl(line("kv get web/port --raw"), { ...world, terminal: true })).stdout).toBe("8080")
  expect((await ovl(line("kv get web/port --base64"), world)).stdout).toBe("ODA4MA==\n")
  expect((await ovl(line("kv get /web/port"), world)).stdout).toBe("8080")
})

test("get of what is not there", async () => {
  expect(await ovl(line("kv get web/prot"), holding(PORT))).toEqual({
    status: 3,
    stdout: "",
    stderr: "ovl: kv get web/prot: there is no such key\nhint: `ovl kv ls` lists the keys\n",
  })
  expect(await ovl(line("kv get --recurse nothing/"), holding(PORT))).toEqual({ status: 0, stdout: "", stderr: "" })
})

test("get --detailed, flags exact", async () => {
  expect((await ovl(line("kv get web/port --detailed"), holding(PORT))).stdout).toBe(
    [
      "CreateIndex   7",
      "Flags         3304740253564472344",
      "Key           web/port",
      "LockIndex     1",
      "ModifyIndex   9",
      "Session       5b0c",
      "Value         8080",
      "",
    ].join("\n"),
  )
})

test("get --json, flags exact", async () => {
  const { stdout } = await ovl(line("kv get web/port --json"), holding(PORT))
  expect(stdout).toContain('"flags": 3304740253564472344,')
  expect(JSON.parse(stdout)).toMatchObject({ key: "web/port", value: "ODA4MA==", modifyIndex: 9, session: "5b0c" })
})

test("get --recurse shows keys with their values", async () => {
  const world = holding(entry("web/a", "1\n2"), PORT)
  expect((await ovl(line("kv get --recurse web/"), world)).stdout).toBe("web/a:1\n2\nweb/port:8080\n")
  expect((await ovl(line("kv get --recurse / --base64"), world)).stdout).toBe("web/a:MQoy\nweb/port:ODA4MA==\n")
  expect((await ovl(line("kv get --recurse web/"), { ...world, terminal: true })).stdout).toContain("web/a:1\\n2\n")
  expect((await ovl(line("kv get --recurse --detailed web/"), world)).stdout.split("\n\n")).toHaveLength(2)
})

test("keys, by get and by ls", async () => {
  const asked: unknown[] = []
  const kv = {
    keys: (prefix: string, options: unknown) => {
      asked.push(prefix, JSON.parse(JSON.stringify(options)))
      return ["web/", "zoo"]
    },
  }
  expect((await ovl(line("kv ls"), { kv })).stdout).toBe("web/\nzoo\n")
  await ovl(line("kv ls web/ --recurse --limit 5 --after web/b"), { kv })
  await ovl(line("kv get --keys --separator . web"), { kv })
  expect(JSON.parse((await ovl(line("kv list --json"), { kv })).stdout)).toEqual(["web/", "zoo"])
  expect(asked.slice(0, 6)).toEqual([
    ...["", { separator: "/" }],
    ...["web/", { separator: "", limit: 5, after: "web/b" }],
    ...["web", { separator: "." }],
  ])
})

function writing(answer = true) {
  const asked: unknown[] = []
  const put = (write: { key: string; value: Uint8Array; flags: bigint }, condition: object) => {
    const value = Buffer.from(write.value).toString("latin1")
    asked.push([
      write.key,
      value,
      write.flags,
      Object.fromEntries(Object.entries(condition).filter(([, v]) => v !== undefined)),
    ])
    return answer
  }
  return { asked, kv: { put } }
}

test("put: text, standard input, a file, base64, nothing", async () => {
  const { asked, kv } = writing()
  const bytes = Uint8Array.of(0, 255, 10)
  const world = { kv, stdin: bytes, files: { "cert.pem": bytes } }
  expect(await ovl(line("kv put a 8080"), world)).toEqual({ status: 0, stdout: "", stderr: "wrote a (4 bytes)\n" })
  expect(await ovl(line("kv put a -q"), world)).toEqual({ status: 0, stdout: "", stderr: "" })
  for (const words of ["kv put a -", "kv put a @cert.pem", "kv put a --base64 AP8K", "kv put a -- -5"])
    expect([words, (await ovl(line(words), world)).status]).toEqual([words, 0])
  await ovl(["kv", "put", "ä b/?#%", "ü"], world)
  expect(asked).toEqual([
    ["a", "8080", 0n, {}],
    ["a", "", 0n, {}],
    ["a", "\0\xff\n", 0n, {}],
    ["a", "\0\xff\n", 0n, {}],
    ["a", "\0\xff\n", 0n, {}],
    ["a", "-5", 0n, {}],
    ["ä b/?#%", "\xc3\xbc", 0n, {}],
  ])
})

test("put: flags, conditions and locks", async () => {
  const { asked, kv } = writing()
  for (const words of [
    "kv put a v --flags 18446744073709551615",
    "kv put a v --cas --modify-index 0",
    "kv put a v --acquire --session 5b0c",
    "kv put a v --release --session 5b0c",
  ])
    expect([words, (await ovl(line(words), { kv })).status]).toEqual([words, 0])
  expect(asked).toEqual([
    ["a", "v", 2n ** 64n - 1n, {}],
    ["a", "v", 0n, { cas: 0n }],
    ["a", "v", 0n, { acquire: "5b0c" }],
    ["a", "v", 0n, { release: "5b0c" }],
  ])
})

test.each([
  ["kv put a v --cas --modify-index 8", "cas_failed"],
  ["kv put a v --acquire --session s", "lock_not_acquired"],
  ["kv put a v --release --session s", "lock_not_held"],
  ["kv del a --cas --modify-index 8", "cas_failed"],
])("ovl %s, where that does not hold, is a conflict", async (words, code) => {
  const kv = { put: () => false, delete: () => false }
  const outcome = await ovl([...line(words), "--json"], { kv })
  expect([outcome.status, outcome.stdout, JSON.parse(outcome.stderr).error.code]).toEqual([4, "", code])
})

test("del", async () => {
  const asked: unknown[] = []
  const kv = { delete: (key: string, options: unknown) => asked.push([key, options]) > 0 }
  expect(await ovl(line("kv del a"), { kv })).toEqual({ status: 0, stdout: "", stderr: "deleted a\n" })
  expect((await ovl(line("kv delete -r a/"), { kv })).stderr).toBe("deleted all keys that begin with a/\n")
  expect((await ovl(line("kv del a --cas --modify-index 5"), { kv })).status).toBe(0)
  expect(asked).toEqual([
    ["a", { recurse: false, cas: undefined }],
    ["a/", { recurse: true, cas: undefined }],
    ["a", { recurse: false, cas: 5n }],
  ])
})

test.each([
  ["kv get", "argument_missing"],
  ["kv get a/../b", "key_invalid"],
  ["kv get a\tb", "key_invalid"],
  ["kv get /", "key_invalid"],
  ["kv get a --raw --json", "raw_and_more"],
  ["kv get a --keys --detailed", "keys_and_values"],
  ["kv get a --separator x", "separator_without_keys"],
  ["kv put a v --flags -1", "option_value_missing"],
  ["kv put a v --flags 18446744073709551616", "number_invalid"],
  ["kv put a v --flags 0x1", "number_invalid"],
  ["kv put a v --cas", "option_missing"],
  ["kv put a v --modify-index 1", "option_missing"],
  ["kv put a v --acquire", "option_missing"],
  ["kv put a v --session s", "session_unused"],
  ["kv put a v --acquire --release --session s", "conditions_conflict"],
  ["kv put a v --cas --modify-index 1 --acquire --session s", "conditions_conflict"],
  ["kv put a --base64 ?", "base64_invalid"],
  ["kv put a b c", "argument_unexpected"],
  ["kv del / ", "argument_empty"],
  ["kv del -r a --cas --modify-index 1", "recurse_and_cas"],
  ["kv ls --limit 0", "option_value_invalid"],
])("ovl %s is refused before a daemon is asked", async (words, code) => {
  const outcome = await ovl(["--json", ...line(words)])
  expect([outcome.status, outcome.stdout, JSON.parse(outcome.stderr).error.code]).toEqual([2, "", code])
})

test("put: a value that is too large, or not there", async () => {
  const large = await ovl(line("kv put a -"), { stdin: new Uint8Array(524_289) })
  expect([large.status, large.stderr.split("\n")[0]]).toEqual([
    2,
    "ovl: kv put: the value has 524289 bytes, more than 524288",
  ])
  expect((await ovl(line("kv put a @gone"))).stderr).toStartWith(
    "ovl: cannot read a value gone: there is no such file\n",
  )
  expect((await ovl(line("kv put a @gone"))).status).toBe(3)
})

test("what is exported can be imported", async () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte)
  const entries = [entry('a/ü "x"', bytes, { flags: 2n ** 64n - 1n }), entry("a/empty", ""), PORT]
  const { stdout } = await ovl(line("kv export"), holding(...entries))
  expect(stdout).toContain('"flags": 18446744073709551615')
  const written: unknown[] = []
  const kv = { putAll: (writes: unknown[]) => void written.push(...writes) }
  const outcome = await ovl(line("kv import"), { kv, stdin: stdout })
  expect(outcome).toEqual({ status: 0, stdout: "", stderr: "imported 3 keys\n" })
  expect(written).toEqual(entries.map(({ key, flags, value }) => ({ key, flags, value: Buffer.from(value) })))
  expect((await ovl(line("kv export nothing/"), holding(PORT))).stdout).toBe("[]\n")
})

test("what is excluded is neither exported nor imported", async () => {
  const world = holding(entry("a", ""), entry("ovl/x", ""), entry("ovl/y/z", ""))
  const exported = JSON.parse((await ovl(line("kv export --exclude /ovl/y/,a"), world)).stdout)
  expect(exported.map((each: { key: string }) => each.key)).toEqual(["ovl/x"])
  const keys: string[] = []
  const kv = { put: (write: KvEntry) => keys.push(write.key) > 0 }
  const stdin = JSON.stringify(["a", "b"].map((key) => ({ key, value: "" })))
  await ovl(line("kv import --prefix old/ --exclude old/a"), { kv, stdin })
  expect(keys).toEqual(["old/b"])
})

test("import goes in transactions that are bounded by number and by size", async () => {
  const sizes: number[] = []
  const kv = {
    putAll: (writes: unknown[]) => void sizes.push(writes.length),
    put: () => sizes.push(1) > 0,
  }
  const value = (bytes: number) => Buffer.alloc(bytes).toString("base64")
  const list = Array.from({ length: 300 }, (_, at) => ({ key: `k${at}`, flags: 0, value: "" }))
  const large = Array.from({ length: 8 }, (_, at) => ({ key: `l${at}`, value: value(524_288) }))
  const all = [...list, ...large, { key: "last", value: value(1) }]
  const outcome = await ovl(line("kv import all.json --json"), { kv, files: { "all.json": JSON.stringify(all) } })
  expect(JSON.parse(outcome.stdout)).toEqual({ imported: 309 })
  expect(sizes).toEqual([128, 128, 51, 2])
})

test.each([
  ["[", "it is not JSON"],
  ["{}", "it is not an array"],
  ["[1]", "it is not an object"],
  ['[{"key":"a","value":""},{"value":""}]', "entry 2"],
  ['[{"key":"","value":""}]', "its key is not a text that can be a key"],
  ['[{"key":"a/../b","value":""}]', "'..' is no part of a key"],
  ['[{"key":"a"}]', "its value is not a text in base64"],
  ['[{"key":"a","value":"?"}]', "its value is not base64"],
  ['[{"key":"a","value":"","flags":18446744073709551616}]', "its flags are not"],
  ['[{"key":"a","value":"","flags":1.5}]', "its flags are not"],
  ['[{"key":"a","value":"","flags":-1}]', "its flags are not"],
  ['[{"key":"a","value":"","lock":1}]', 'unknown field "lock"'],
  ['[{"key":"a","value":""},{"key":"/a","value":""}]', "entry 2 of standard input: the key a was there before"],
])("import of %s is refused before anything is written", async (stdin, why) => {
  const outcome = await ovl(line("kv import"), { stdin })
  expect([outcome.status, outcome.stdout]).toEqual([2, ""])
  expect(outcome.stderr).toContain(why)
})

test("import tells how much was written", async () => {
  let calls = 0
  const { OvlError } = await import("../../base/errors.ts")
  const kv = {
    putAll: () => {
      if (++calls === 2) throw new OvlError("no_leader", "cannot write: no leader", { kind: "unavailable" })
    },
  }
  const list = Array.from({ length: 200 }, (_, at) => ({ key: `k${at}`, value: "" }))
  const outcome = await ovl(line("kv import"), { kv, stdin: JSON.stringify(list) })
  expect([outcome.status, outcome.stderr]).toEqual([
    6,
    "ovl: kv import: 128 of 200 keys written: cannot write: no leader\n",
  ])
})
