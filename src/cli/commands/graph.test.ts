import { expect, test } from "bun:test"
import { OvlError } from "../../base/errors.ts"
import type { EndpointView } from "../../model/endpoint.ts"
import { ovl } from "../testing.ts"
import { ENDPOINT, line, NODE, RED } from "./fixtures.ts"

const end = (name: string, network: string, node: string, ip: string, more: Partial<EndpointView> = {}) => ({
  ...ENDPOINT,
  id: `${name}${network}`,
  name,
  network,
  node,
  ip,
  ...more,
})

const NETWORKS = [
  {
    ...RED,
    name: "blue",
    vni: 257,
    subnets: [{ subnet: "10.66.0.0/24", gateway: "" }],
    endpoints: [] as EndpointView[],
  },
  {
    ...RED,
    endpoints: [
      end("ns1", "red", "h1", "10.65.10.2/24"),
      end("ns1.b", "red", "h1", "10.65.10.4/24", { state: "failed" }),
      end("namespace-3", "red", "h2", "10.65.10.3/24", { ip6: "fd00::3/64" }),
    ],
  },
]
NETWORKS[0]!.endpoints = [end("ns1.blue", "blue", "h1", "10.66.0.2/24")]
const NODES = [
  { ...NODE, name: "h1" },
  { ...NODE, name: "h2", address: "192.168.1.52", leader: false, role: "client", state: "failed" },
  { ...NODE, name: "h3", address: "192.168.1.53", leader: false, role: "client" },
]
const client = {
  networks: async () => NETWORKS,
  nodes: async () => NODES,
  network: async (name: string) => {
    const found = NETWORKS.find((each) => each.name === name)
    if (found) return found
    throw new OvlError("network_not_found", `network ${name}: not found`, { kind: "not_found" })
  },
}

test("ascii: a tree a network, plain characters, what is not well said", async () => {
  expect((await ovl(["graph"], { client })).stdout).toBe(
    [
      "blue  10.66.0.0/24  VNI 257",
      "`-- h1  192.168.1.51  server (leader)",
      "    `-- ns1  10.66.0.2",
      "",
      "red  10.65.10.0/24  VNI 256",
      "|-- h1  192.168.1.51  server (leader)",
      "|   |-- ns1    10.65.10.2",
      "|   `-- ns1.b  10.65.10.4  failed",
      "`-- h2  192.168.1.52  client  FAILED",
      "    `-- namespace-3  10.65.10.3 fd00::3",
      "",
      "nodes without endpoints",
      "`-- h3  192.168.1.53  client",
      "",
    ].join("\n"),
  )
  expect((await ovl(line("graph --network blue"), { client })).stdout).toBe(
    "blue  10.66.0.0/24  VNI 257\n`-- h1  192.168.1.51  server (leader)\n    `-- ns1  10.66.0.2\n",
  )
  expect((await ovl(line("graph --network none"), { client })).status).toBe(3)
})

test("no line is longer than the terminal", async () => {
  const { stdout } = await ovl(["graph", "--no-color"], { client, terminal: true, columns: 30 })
  expect(Math.max(...stdout.split("\n").map((each) => each.length))).toBe(30)
  expect(stdout).toContain("`-- h2  192.168.1.52  clien...\n")
})

test("nothing there is said", async () => {
  const empty = { networks: async () => [], nodes: async () => [NODE] }
  expect((await ovl(["graph"], { client: empty })).stdout).toBe(
    "no networks\n\nnodes without endpoints\n`-- swarm-01  192.168.1.51  server (leader)\n",
  )
})

/** The statements that these drawings are made of; anything else is no DOT (graphviz.org/doc/info/lang.html). */
const QUOTED = String.raw`"(?:[^"\\]|\\.)*"`
const ATTRIBUTES = String.raw`\[\w+=(?:\w+|${QUOTED})(?:, \w+=(?:\w+|${QUOTED}))*\]`
const DOT = [
  /^graph ovl \{$/,
  /^ {2}rankdir=LR;$/,
  new RegExp(`^ +\\w+ ${ATTRIBUTES};$`),
  /^ {2}subgraph cluster_\d+ \{$/,
  new RegExp(`^ {4}label=${QUOTED};$`),
  new RegExp(`^ {2}\\w+ -- \\w+ ${ATTRIBUTES};$`),
  /^ {2}\}$/,
  /^\}$/,
]

test("dot: every line is a statement, braces match, and lines join what was declared", async () => {
  const { stdout } = await ovl(line("graph --format dot"), { client })
  const lines = stdout.trimEnd().split("\n")
  expect(lines.filter((each) => !DOT.some((pattern) => pattern.test(each)))).toEqual([])
  expect(stdout.split("{").length).toBe(stdout.split("}").length)
  const declared = new Set(lines.flatMap((each) => /^ +(\w+) \[/.exec(each)?.[1] ?? []))
  const edges = lines.flatMap((each) => (/ -- /.test(each) ? [each.trim().split(" ").slice(0, 3)] : []))
  expect(edges).toHaveLength(4)
  for (const [from, , to] of edges) expect([declared.has(from!), declared.has(to!)]).toEqual([true, true])
  // One workload on two networks is one box with two lines.
  expect(lines.filter((each) => each.includes('[label="ns1"]'))).toHaveLength(1)
  expect(stdout).toContain('node0w0 -- net0 [label="10.66.0.2"];')
  expect(stdout).toContain('node0w0 -- net1 [label="10.65.10.2"];')
  expect(stdout).toContain('label="h2\\n192.168.1.52 client\\nfailed";')
})

test("mermaid: boxes are closed, texts quoted, and lines join what was declared", async () => {
  const { stdout } = await ovl(line("graph --format mermaid"), { client })
  expect(stdout).toBe(
    [
      "flowchart LR",
      '  net0(["blue<br/>10.66.0.0/24<br/>VNI 257"])',
      '  net1(["red<br/>10.65.10.0/24<br/>VNI 256"])',
      '  subgraph node0["h1 192.168.1.51 server (leader)"]',
      '    node0w0["ns1"]',
      '    node0w1["ns1.b"]',
      "  end",
      '  subgraph node1["h2 192.168.1.52 client failed"]',
      '    node1w0["namespace-3"]',
      "  end",
      '  node2["h3 192.168.1.53 client"]',
      '  node0w0 ---|"10.66.0.2"| net0',
      '  node0w0 ---|"10.65.10.2"| net1',
      '  node0w1 ---|"10.65.10.4 failed"| net1',
      '  node1w0 ---|"10.65.10.3 fd00::3"| net1',
      "",
    ].join("\n"),
  )
})

test("the same as data, and a format that there is not", async () => {
  const { nodes, networks } = JSON.parse((await ovl(line("graph --json"), { client })).stdout)
  expect([nodes.length, networks.length, nodes[0].workloads[0].interfaces.length]).toEqual([3, 2, 2])
  expect((await ovl(line("graph --format svg"))).status).toBe(2)
})
