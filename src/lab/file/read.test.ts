/** Every way in which a lab's file can be wrong, with the very words. */
import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { LAB_FILE_MAX_BYTES, LAB_FILE_MISTAKES_MAX, LAB_NODES_MAX } from "../../base/limits.ts"
import { topologySchema } from "../topology.ts"
import { labJsonSchema } from "./json-schema.ts"
import { LabFileError } from "./mistakes.ts"
import { readLabFile } from "./read.ts"

const ROOT = resolve(import.meta.dir, "../../..")
const GOOD = `name: lab
nodes:
  n1: { address: 192.168.1.11 }
  n2:
networks:
  red: { subnet: 10.65.10.0/24 }
  blue: { subnet: 10.65.10.0/24 }
  vault: { subnet: 10.66.0.0/24, internal: true }
  auto:
workloads:
  a: { node: n1, network: red, ip: 10.65.10.2 }
  b: { node: n2, network: red }
expect:
  - a reaches b
`

/** All that is wrong, one line each, without the excerpts. */
function mistakesOf(text: string): string[] {
  try {
    readLabFile("f", text)
    return []
  } catch (error) {
    if (!(error instanceof LabFileError)) throw error
    return error.mistakes.map(({ line, column, what, why }) => `${line}:${column} ${what}: ${why}`)
  }
}

/** GOOD with one line in the place of another. */
function withLine(number: number, line: string): string {
  const lines = GOOD.split("\n")
  lines[number - 1] = line
  return lines.join("\n")
}

test("a file that is right", () => {
  expect(mistakesOf(GOOD)).toEqual([])
  const { hosts, workloads } = readLabFile("f", GOOD)
  expect(hosts.map(({ name, address, role }) => `${name} ${address} ${role}`)).toEqual([
    "n1 192.168.1.11/24 server",
    "n2 192.168.1.1/24 client",
  ])
  expect(workloads.map(({ name, address }) => `${name} ${address}`)).toEqual(["a 10.65.10.2", "b 10.65.10.3"])
})

const WRONG: [what: string, text: string, told: string[]][] = [
  ["nothing", "", ["1:1 : the file is empty"]],
  ["only a comment", "# a lab\n", ["1:1 : the file is empty"]],
  ["no mapping", "- a\n", ["1:1 : a lab is a mapping of keys to values, not a list"]],
  [
    "no YAML",
    "name: [a\n",
    ["2:1 : this is no YAML: flow sequence in block collection must be sufficiently indented and end with a ]"],
  ],
  ["a tab", "name: lab\nnodes:\n\tn1:\n", ["3:1 : this is no YAML: tabs are not allowed as indentation"]],
  ["nothing but a name", "name: lab\n", ["1:1 : nodes is missing"]],
  ["a key twice", withLine(4, "  n1:"), ["4:3 nodes.n1: it is there twice"]],
  ["two documents", `${GOOD}---\n${GOOD}`, ["15:1 : a second document begins: a file holds one lab"]],
  [
    "an unknown key, nearly right",
    withLine(3, "  n1: { adress: 1.1.1.1 }"),
    ["3:9 nodes.n1: unknown key adress: did you mean address?"],
  ],
  [
    "an unknown key",
    withLine(1, "name: lab\nzebra: 1"),
    [
      "2:1 : unknown key zebra: there is name, description, kv-prefix, underlay, outside, nodes, networks, workloads, expect",
    ],
  ],
  [
    "what is not built",
    withLine(6, "  red: { subnet: 10.65.10.0/24, secure: true }"),
    ["6:33 networks.red: secure: not available in this version"],
  ],
  ["a number for a text", withLine(1, "name: 5"), ["1:7 name: it wants a text, not a number: put it in quotes"]],
  [
    "a text for a number",
    withLine(6, "  red: { subnet: 10.65.10.0/24, mtu: big }"),
    ["6:38 networks.red.mtu: it wants a number, not a text"],
  ],
  [
    "half a number",
    withLine(6, "  red: { subnet: 10.65.10.0/24, vni: 1.5 }"),
    ["6:38 networks.red.vni: 1.5 is not a whole number"],
  ],
  [
    "too large a number",
    withLine(6, "  red: { subnet: 10.65.10.0/24, vni: 16777216 }"),
    ["6:38 networks.red.vni: it must be at most 16777215"],
  ],
  [
    "too small a number",
    withLine(1, "name: lab\nunderlay: { mtu: 60 }"),
    ["2:18 underlay.mtu: it must be at least 118"],
  ],
  [
    "neither true nor false",
    withLine(8, "  vault: { internal: yes }"),
    ["8:22 networks.vault.internal: it wants true or false, not yes"],
  ],
  [
    "a word that is none of those",
    withLine(4, "  n2: { role: sever }"),
    ["4:15 nodes.n2.role: sever is not one of server, client: did you mean server?"],
  ],
  ["a list for keys", withLine(6, "  red: [1]"), ["6:3 networks.red: it wants keys and values, not a list"]],
  [
    "a bad name",
    withLine(4, "  n_2!:"),
    ["4:3 nodes.n_2!: n_2!: a name begins with a letter or digit and has letters, digits, '_', '.', '-', at most 63"],
  ],
  [
    "a long node's name",
    withLine(4, "  a-node-with-a-long-name:"),
    ["4:3 nodes.a-node-with-a-long-name: at most 15 characters"],
  ],
  ["the switch's name", withLine(4, "  n2:\n  underlay:"), ["5:3 nodes.underlay: underlay is the switch's own name"]],
  ["names that differ by case only", withLine(4, "  n2:\n  N1:"), ["5:3 nodes.N1: N1 is what node n1 is called"]],
  [
    "a workload called as a node",
    withLine(11, "  n2: { node: n1, network: red }\n  a: { node: n1, network: red }"),
    ["11:3 workloads.n2: n2 is what node n2 is called"],
  ],
  [
    "an alias",
    "name: &x lab\nkv-prefix: *x\nnodes: { n1: }\n",
    ["2:12 kv-prefix: aliases are not supported: write the value itself"],
  ],
  ["a tag", "name: !!str lab\nnodes: { n1: }\n", ["1:13 name: the tag tag:yaml.org,2002:str is not supported"]],
  ["a key that is no word", "name: lab\n? [a]\n: b\nnodes: { n1: }\n", ["2:3 : a key must be a single word"]],
  [
    "__proto__",
    "name: lab\n__proto__: { a: 1 }\nnodes: { __proto__: , n1: }\n",
    ["2:1 : __proto__ is no key of anything", "3:10 nodes: __proto__ is no key of anything"],
  ],
  [
    "nested too deep",
    `name: lab\nnodes: ${"[".repeat(40)}${"]".repeat(40)}\n`,
    ["2:24 nodes[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]: it is nested deeper than 16 levels"],
  ],
  [
    "too many nodes",
    `name: lab\nnodes:\n${Array.from({ length: LAB_NODES_MAX + 1 }, (_, n) => `  n${n}:\n`).join("")}`,
    ["2:1 nodes: 33 of them: a lab has 32 at most"],
  ],
  [
    "too long a file",
    `name: lab\n#${"x".repeat(LAB_FILE_MAX_BYTES)}`,
    [`1:1 : the file is longer than ${LAB_FILE_MAX_BYTES} bytes`],
  ],
  ["no node", "name: lab\nnodes: {}\n", ["2:1 nodes: a lab has one node at least"]],
  [
    "no server",
    withLine(3, "  n1: { role: client }").replace("  n2:\n", "  n2: { role: client }\n"),
    ["2:1 nodes: one node at least must be a server"],
  ],
  // Addresses of the underlay.
  [
    "no address",
    withLine(3, "  n1: { address: 192.168.1 }"),
    ["3:18 nodes.n1.address: 192.168.1: it is not an IPv4 address"],
  ],
  [
    "an address outside",
    withLine(3, "  n1: { address: 192.168.2.1 }"),
    ["3:18 nodes.n1.address: 192.168.2.1: it is outside the underlay's subnet 192.168.1.0/24"],
  ],
  [
    "the network's own",
    withLine(3, "  n1: { address: 192.168.1.0 }"),
    ["3:18 nodes.n1.address: 192.168.1.0: it is the network address"],
  ],
  [
    "broadcast",
    withLine(3, "  n1: { address: 192.168.1.255 }"),
    ["3:18 nodes.n1.address: 192.168.1.255: it is the broadcast address"],
  ],
  [
    "twice",
    withLine(4, "  n2: { address: 192.168.1.11 }"),
    ["4:18 nodes.n2.address: 192.168.1.11 is the address of node n1"],
  ],
  [
    "the outside's",
    withLine(4, "  n2: { address: 192.168.1.254 }"),
    ["4:18 nodes.n2.address: 192.168.1.254 is the address of the outside host"],
  ],
  [
    "host bits in the subnet",
    withLine(1, "name: lab\nunderlay: { subnet: 192.168.1.1/24 }"),
    ["2:21 underlay.subnet: subnet 192.168.1.1/24: host bits are set: did you mean 192.168.1.0/24?"],
  ],
  [
    "too small a subnet",
    withLine(1, "name: lab\nunderlay: { subnet: 192.168.1.0/30 }"),
    ["2:21 underlay.subnet: the prefix length of the underlay must be from 8 to 29"],
  ],
  [
    "the outside within",
    withLine(1, "name: lab\noutside: { address: 192.168.1.7 }"),
    ["2:21 outside.address: 192.168.1.7: it lies in the underlay's own subnet"],
  ],
  [
    "a subnet that is full",
    `name: lab\nunderlay: { subnet: 10.0.0.0/29 }\nnodes: { a: , b: , c: , d: , e: , f: }\n`,
    ["3:35 nodes.f: the underlay 10.0.0.0/29 has no address left"],
  ],
  [
    "a rate without unit",
    withLine(4, "  n2: { rate: 10 }"),
    ["4:15 nodes.n2.rate: it wants a text, not a number: put it in quotes"],
  ],
  [
    "a rate in other words",
    withLine(4, "  n2: { rate: 10Mbps }"),
    ["4:15 nodes.n2.rate: 10Mbps: a rate is written as 512kbit, 10mbit or 1gbit"],
  ],
  [
    "a rate out of range",
    withLine(4, "  n2: { rate: 1kbit }"),
    ["4:15 nodes.n2.rate: 1kbit: a rate is from 64kbit to 30gbit"],
  ],
  [
    "a link of nobody",
    withLine(1, "name: lab\nunderlay: { links: [{ between: [n1, n3], state: down }] }"),
    ["2:37 underlay.links[0].between[1]: there is no node n3: did you mean n1?"],
  ],
  [
    "a link with one end",
    withLine(1, "name: lab\nunderlay: { links: [{ between: [n1] }] }"),
    ["2:23 underlay.links[0].between: it wants at least 2 of them"],
  ],
  [
    "a link to itself",
    withLine(1, "name: lab\nunderlay: { links: [{ between: [n1, n1] }] }"),
    ["2:37 underlay.links[0].between[1]: n1 twice: a link has two different ends"],
  ],
  [
    "a link twice",
    withLine(1, "name: lab\nunderlay: { links: [{ between: [n1, n2] }, { between: [n2, n1] }] }"),
    ["2:56 underlay.links[1].between[0]: the link of n2 and n1 is there twice"],
  ],
  // Networks.
  [
    "no subnet",
    withLine(6, "  red: { subnet: 10.65.10 }"),
    ["6:18 networks.red.subnet: subnet 10.65.10: not a subnet"],
  ],
  [
    "a subnet with host bits",
    withLine(6, "  red: { subnet: 10.65.10.1/24 }"),
    ["6:18 networks.red.subnet: subnet 10.65.10.1/24: host bits are set: did you mean 10.65.10.0/24?"],
  ],
  [
    "a gateway outside",
    withLine(6, "  red: { subnet: 10.65.10.0/24, gateway: 10.65.11.1 }"),
    ["6:18 networks.red.subnet: gateway 10.65.11.1: outside the subnet 10.65.10.0/24"],
  ],
  [
    "a VNI twice",
    withLine(6, "  red: { subnet: 10.65.10.0/24, vni: 300 }").replace("blue: {", "blue: { vni: 300,"),
    ["7:16 networks.blue.vni: 300 is the VNI of network red"],
  ],
  [
    "a network's name twice",
    withLine(7, "  RED:"),
    ["7:3 networks.RED: it is the same name as red: upper and lower case do not count"],
  ],
  // Workloads.
  [
    "an unknown node",
    withLine(12, "  b: { node: n3, network: red }"),
    ["12:14 workloads.b.node: there is no node n3: did you mean n1?"],
  ],
  [
    "an unknown network",
    withLine(12, "  b: { node: n2, network: rde }"),
    ["12:27 workloads.b.network: there is no network rde: did you mean red?"],
  ],
  ["no node at all", withLine(12, "  b: { network: red }"), ["12:3 workloads.b: node is missing"]],
  ["no network at all", withLine(12, "  b: { node: n2 }"), ["12:3 workloads.b: network is missing"]],
  [
    "both forms",
    withLine(12, "  b: { node: n2, network: red, networks: [vault] }"),
    ["12:32 workloads.b.networks: say either network or networks, not both"],
  ],
  [
    "a network twice",
    withLine(12, "  b: { node: n2, networks: [red, red] }"),
    ["12:34 workloads.b.networks[1]: network red is named twice"],
  ],
  [
    "subnets that overlap",
    withLine(12, "  b: { node: n2, networks: [red, blue] }"),
    ["12:34 workloads.b.networks[1]: its subnet overlaps that of red: one workload cannot be on both"],
  ],
  [
    "an address out of the subnet",
    withLine(12, "  b: { node: n2, network: red, ip: 10.65.11.3 }"),
    ["12:36 workloads.b.ip: 10.65.11.3: outside the subnet 10.65.10.0/24"],
  ],
  [
    "the gateway's",
    withLine(12, "  b: { node: n2, network: red, ip: 10.65.10.1 }"),
    ["12:36 workloads.b.ip: 10.65.10.1 is the address of the gateway on red"],
  ],
  [
    "somebody's",
    withLine(12, "  b: { node: n2, network: red, ip: 10.65.10.2 }"),
    ["12:36 workloads.b.ip: 10.65.10.2 is the address of a on red"],
  ],
  [
    "an address where there is no subnet",
    withLine(12, "  b: { node: n2, network: auto, ip: 10.0.1.2 }"),
    ["12:37 workloads.b.ip: 10.0.1.2: network auto has no subnet in this file to hold it"],
  ],
  [
    "an address with a length",
    withLine(12, "  b: { node: n2, network: red, ip: 10.65.10.4/24 }"),
    ["12:36 workloads.b.ip: 10.65.10.4/24: it is no address: write it without a prefix length"],
  ],
  [
    "a subnet that is used up",
    withLine(6, "  red: { subnet: 10.65.10.0/30 }"),
    ["12:3 workloads.b: network red has no address left for it"],
  ],
  [
    "a bad port",
    withLine(12, '  b: { node: n2, network: red, ports: ["80"] }'),
    ["12:40 workloads.b.ports[0]: port 80: malformed"],
  ],
  [
    "a port twice",
    withLine(12, '  b: { node: n1, network: red, ports: ["80:80"] }').replace("ip: 10.65.10.2", 'ports: ["79-81:1-3"]'),
    ["12:40 workloads.b.ports[0]: 80:80: that port of n1 is published by a"],
  ],
  [
    "a port without a way",
    withLine(12, '  b: { node: n1, network: vault, ports: ["80:80"] }'),
    ["12:34 workloads.b.ports: it is only on internal networks, which have no way to the outside"],
  ],
  [
    "a bad MAC",
    withLine(12, "  b: { node: n2, network: red, mac: 1 }"),
    ["12:37 workloads.b.mac: it wants a text, not a number: put it in quotes"],
  ],
  [
    "a list in a command",
    withLine(12, "  b: { node: n2, network: red, command: [a, [b]] }"),
    ["12:45 workloads.b.command[1]: it wants a single value, not a list"],
  ],
  // Expectations.
  [
    "other words",
    withLine(14, "  - a pings b"),
    [
      '14:5 expect[0]: not understood: write "A reaches B", "A does not reach B", "A reaches B tcp 8080", "A reaches B with 8950 bytes", "A hears B on 239.1.1.1", "all of NETWORK reach each other"',
    ],
  ],
  [
    "nobody",
    withLine(14, "  - a reaches c"),
    ["14:5 expect[0]: there is no workload, node or address c: did you mean a?"],
  ],
  [
    "nobody's address",
    withLine(14, "  - a reaches 10.65.10.99"),
    ["14:5 expect[0]: nobody in this lab has the address 10.65.10.99"],
  ],
  ["itself", withLine(14, "  - a reaches a"), ["14:5 expect[0]: a and itself: that proves nothing"]],
  [
    "no group",
    withLine(14, "  - a hears b on 10.0.0.1"),
    ["14:5 expect[0]: 10.0.0.1 is not an IPv4 multicast address"],
  ],
  [
    "a node that hears",
    withLine(14, "  - n1 hears b on 239.1.1.1"),
    ["14:5 expect[0]: there is no workload n1: there is a, b"],
  ],
  ["no port", withLine(14, "  - a reaches b tcp 70000"), ["14:5 expect[0]: ports are from 1 to 65535"]],
  [
    "too small a packet",
    withLine(14, "  - a reaches b with 20 bytes"),
    ["14:5 expect[0]: a packet has 200 to 65535 bytes"],
  ],
  [
    "an unknown network of all",
    withLine(14, "  - all of rde reach each other"),
    ["14:5 expect[0]: there is no network rde: did you mean red?"],
  ],
]

for (const [what, text, told] of WRONG) test(`wrong: ${what}`, () => expect(mistakesOf(text)).toEqual(told))

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
  expect(deep("[", 100_000)).toEndWith("it is nested deeper than 16 levels")
  expect(deep("{a: ", 30_000)).toEndWith("it is nested deeper than 16 levels")
  const many = Array.from({ length: 20_000 }, (_, n) => `k${n}: 1\n`).join("")
  expect(mistakesOf(many)).toHaveLength(LAB_FILE_MISTAKES_MAX)
  expect(mistakesOf("a: 1\n".repeat(20_000))).toHaveLength(LAB_FILE_MISTAKES_MAX)
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
