/** What a lab's file becomes; how mistakes are told. Which there are is in the tests beside. */
import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { LAB_FILE_MISTAKES_MAX } from "../../base/limits.ts"
import { topologySchema } from "../topology.ts"
import { GOOD, mistakesOf, withLine } from "./fixture.ts"
import { labJsonSchema } from "./json-schema.ts"
import { readLabFile } from "./read.ts"

const ROOT = resolve(import.meta.dir, "../../..")
test("a file that is right", () => {
  expect(mistakesOf(GOOD)).toEqual([])
  const { hosts, workloads } = readLabFile("f", GOOD)
  expect(hosts.map(({ name, address, role }) => `${name} ${address} ${role}`)).toEqual([
    "n1 192.168.1.11/24 server",
    "n2 192.168.1.1/24 client",
  ])
  expect(workloads.map(({ name, address }) => `${name} ${address}`)).toEqual(["a 10.65.10.2", "b 10.65.10.3"])
})

test("several mistakes at once, in the file's order, each with its line and a caret", () => {
  const text = withLine(4, "\tn2: { rol: server }")
    .replace("\tn2", "  n2")
    .replace("network: red }", "network: green }")
  let told = ""
  try {
    readLabFile("dir/f.yaml", text.replace("name: lab", "nam: lab"))
  } catch (error) {
    told = (error as Error).message
  }
  expect(told.split("\n")).toEqual([
    "dir/f.yaml:1:1: unknown key nam: did you mean name?",
    "    nam: lab",
    "    ^^^",
    "dir/f.yaml:4:9: nodes.n2: unknown key rol: did you mean role?",
    "      n2: { rol: server }",
    "            ^^^",
  ])
})

test("no more mistakes are told than anybody reads", () => {
  const many = Array.from({ length: 30 }, (_, n) => `  x${n}: { nod: n1 }\n`).join("")
  expect(mistakesOf(`name: lab\nnodes: { n1: }\nworkloads:\n${many}`)).toHaveLength(LAB_FILE_MISTAKES_MAX)
  expect(() => readLabFile("f", `name: lab\nnodes: { n1: }\nworkloads:\n${many}`)).toThrow("and 20 more")
})

test("what acts on a terminal is not shown", () => {
  let told = ""
  try {
    readLabFile("f", 'name: "\\e[2J"\nnodes: { n1: } # \u001b[2J')
  } catch (error) {
    told = (error as Error).message
  }
  expect(told).toContain("\u00b7[2J: a name begins with")
  expect(told).not.toContain("\u001b")
})

test("files that are made to take long do not", () => {
  const deep = (text: string, times: number) => mistakesOf(`name: x\nnodes: ${text.repeat(times)}`)[0]
  expect(deep("[", 20_000)).toEndWith("it is nested deeper than 16 levels")
  expect(deep("{a: ", 10_000)).toEndWith("it is nested deeper than 16 levels")
  const many = Array.from({ length: 5_000 }, (_, n) => `k${n}: 1\n`).join("")
  expect(mistakesOf(many)).toHaveLength(LAB_FILE_MISTAKES_MAX)
  expect(mistakesOf("a: 1\n".repeat(5_000))).toHaveLength(LAB_FILE_MISTAKES_MAX)
})

test("of a long line the part around the place is shown", () => {
  const line = `description: ${"x ".repeat(200)}# end`
  expect(() => readLabFile("f", `name: lab\nnodes: { n1: { ${"  ".repeat(100)} rol: server } }\n${line}`)).toThrow(
    `f:2:217: nodes.n1: unknown key rol: did you mean role?\n    ${" ".repeat(60)}rol: server } }\n    ${" ".repeat(60)}^^^`,
  )
})

test("an alias bomb is refused before it grows", () => {
  const levels = Array.from({ length: 20 }, (_, n) => `a${n + 1}: &a${n + 1} [${`*a${n},`.repeat(9)}*a${n}]\n`).join("")
  expect(mistakesOf(`a0: &a0 lol\n${levels}`)[0]).toContain("aliases are not supported")
})

test("words stay as they were written", () => {
  const { workloads, networks } = readLabFile(
    "f",
    `name: lab
nodes: { 1: }
networks: { red: { labels: { a: 010, b: 1e3 } } }
workloads:
  a: { node: "1", network: red, command: [sleep, 010, yes, 1.0], env: { A: 007, B: true, C: "" } }
  b: { node: "1", network: red, command: sleep 1 | cat }
`,
  )
  expect(workloads.map(({ command }) => command)).toEqual([
    ["sleep", "010", "yes", "1.0"],
    ["sh", "-c", "sleep 1 | cat"],
  ])
  expect(workloads[0]!.env).toEqual(["A=007", "B=true", "C="])
  expect(networks[0]!.labels).toEqual({ a: "010", b: "1e3" })
})

test("who asks for no address keeps the one that it has, where nobody else asks for it", () => {
  const before = readLabFile("f", GOOD)
  const known = (lab: string) => (lab === "lab" ? before : null)
  const text = GOOD.replace("n1: { address: 192.168.1.11 }", "n1: { address: 192.168.1.7 }\n  n0:").replace(
    "a: { node: n1, network: red, ip: 10.65.10.2 }",
    "a: { node: n1, network: red }\n  c: { node: n1, network: red }",
  )
  const { hosts, workloads } = readLabFile("f", text, { known })
  expect(hosts.map(({ name, address }) => `${name} ${address}`)).toEqual([
    "n1 192.168.1.7/24",
    "n0 192.168.1.2/24",
    "n2 192.168.1.1/24",
  ])
  expect(workloads.map(({ name, address }) => `${name} ${address}`)).toEqual([
    "a 10.65.10.2",
    "c 10.65.10.4",
    "b 10.65.10.3",
  ])
  const asked = GOOD.replace("b: { node: n2, network: red }", "b: { node: n2, network: red, ip: 10.65.10.9 }")
  const taken = asked.replace("ip: 10.65.10.2 ", "ip: 10.65.10.3 ")
  expect(readLabFile("f", taken, { known }).workloads.map((each) => each.address)).toEqual(["10.65.10.3", "10.65.10.9"])
})

test("a name of one's own goes before the file's, and must be one", () => {
  expect(readLabFile("f", GOOD, { name: "other" }).name).toBe("other")
  expect(() => readLabFile("f", GOOD, { name: "../x" })).toThrow("malformed")
})

test("every sample is right, names its schema, and is called as its file", () => {
  const samples = [...new Bun.Glob("*.yaml").scanSync(join(ROOT, "labs"))].sort()
  expect(samples.map((file) => file.replace(".yaml", ""))).toEqual([
    "jumbo",
    "multicast",
    "partition",
    "published-ports",
    "red-green",
    "same-subnet",
    "three-hosts",
    "three-servers",
  ])
  for (const file of samples) {
    const text = readFileSync(join(ROOT, "labs", file), "utf8")
    expect(text).toStartWith("# yaml-language-server: $schema=../schemas/lab.schema.json\n")
    const topology = readLabFile(file, text)
    expect(topologySchema.parse(topology)).toEqual(topology)
    expect(`${topology.name}.yaml`).toBe(file)
    expect(topology.description).not.toBe("")
  }
})

test("schemas/lab.schema.json is up to date: bun scripts/lab-schema.ts writes it", () => {
  const written = JSON.parse(readFileSync(join(ROOT, "schemas/lab.schema.json"), "utf8"))
  expect(written).toEqual(JSON.parse(labJsonSchema()))
})

test("a name that is none is refused before anything is looked for under it", () => {
  const asked: string[] = []
  const known = (lab: string) => {
    asked.push(lab)
    return null
  }
  expect(() => readLabFile("f", GOOD, { name: "../../tmp/x", known })).toThrow("malformed")
  expect(asked).toEqual([])
  expect([readLabFile("f", GOOD, { name: "other", known }).name, asked]).toEqual(["other", ["other"]])
})
