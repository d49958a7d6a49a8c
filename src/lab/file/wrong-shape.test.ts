/** What is no lab at all: YAML, keys, types and bounds, with the very words. */
import { expect, test } from "bun:test"
import { LAB_FILE_MAX_BYTES, LAB_NODES_MAX } from "../../base/limits.ts"
import { GOOD, mistakesOf, withLine } from "./fixture.ts"

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
    "a list of names for keys",
    "name: t\nnodes:\n  - n1\n",
    ['2:1 nodes: it wants keys and values, not a list: write "n1:" for "- n1"'],
  ],
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
  [
    "names that cannot be a cable's on the switch",
    withLine(4, "  underlay0:\n  lo:\n  all:\n  n2:\noutside: { name: default }"),
    [
      "4:3 nodes.underlay0: underlay0 is the name of the switch's bridge",
      "5:3 nodes.lo: lo is the name of the loopback interface",
      "6:3 nodes.all: all is what the kernel calls all interfaces together",
      "8:18 outside.name: default is what the kernel calls interfaces that are still to come",
    ],
  ],
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
]

for (const [what, text, told] of WRONG) test(`wrong: ${what}`, () => expect(mistakesOf(text)).toEqual(told))
