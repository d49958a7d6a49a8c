import { expect, test } from "bun:test"
import type { OvlError } from "../../base/errors.ts"
import { readLabFile } from "../file/read.ts"
import { type LabState, ownNetworks, ownNodes, ownWorkloads } from "../state-record.ts"
import { firstServer, type Topology } from "../topology.ts"
import { type LiveCluster, NO_CLUSTER, planCluster, planNodes } from "./plan.ts"
import { renderClusterStep } from "./steps.ts"

const FILE = `name: lab
nodes:
  n1: { role: server }
  n2:
  n3:
networks:
  red: { subnet: 10.65.10.0/24 }
  blue: { subnet: 10.66.0.0/24 }
workloads:
  a: { node: n1, network: red }
  b: { node: n2, network: red }
  c: { node: n3, networks: [blue, red] }
`
const LAB = readLabFile("f", FILE)

/** The file with words replaced. */
function changed(...pairs: [string, string][]): Topology {
  const text = pairs.reduce((present, [from, to]) => present.replace(from, to), FILE)
  return readLabFile("f", text, { known: () => LAB })
}

function stateOf(topology: Topology): LabState {
  return {
    topology,
    nodes: ownNodes(topology),
    networks: ownNetworks(topology),
    workloads: ownWorkloads(topology),
  }
}

/** As the cluster of a lab is when all of it was made. */
function made({ networks, workloads, hosts }: Topology): LiveCluster {
  return {
    networks: networks.map((network) => network.name),
    endpoints: workloads.flatMap(({ name, networks: on, host }) =>
      on.map((network, at) => ({ name: at === 0 ? name : `${name}.${network}`, network, node: host })),
    ),
    workloads: new Map(
      hosts.map(({ name: host }) => [
        host,
        workloads.filter((each) => each.host === host).map(({ name }) => ({ name, isRunning: true })),
      ]),
    ),
  }
}

/** Without `ovl lab exec --name lab`. */
function plan(wanted: Topology, live = made(LAB), before: LabState | null = stateOf(LAB)): string[] {
  const nodes = planNodes(before, wanted)
  const steps = planCluster(before, wanted, live, nodes.removed)
  const gone = nodes.removed.map(({ name }) =>
    renderClusterStep(wanted, firstServer(wanted), { do: "node-remove", name }),
  )
  const lines = [...gone, ...steps.map((step) => renderClusterStep(wanted, nodes.server, step))]
  return lines.map((line) => line.replace("ovl lab exec --name lab ", ""))
}

test("from nothing", () => {
  expect(plan(LAB, NO_CLUSTER, null)).toEqual([
    "n1 -- ovl network create red --subnet 10.65.10.0/24",
    "n1 -- ovl network create blue --subnet 10.66.0.0/24",
    "n1 -- ovl run -d --network red --name a --ip 10.65.10.2",
    "n2 -- ovl run -d --network red --name b --ip 10.65.10.3",
    "n3 -- ovl run -d --network blue,red --name c --ip 10.66.0.2",
  ])
})

test("nothing is done where all is right", () => {
  expect(plan(LAB)).toEqual([])
})

test("what ended, and what lost its endpoint, is made anew", () => {
  const live = made(LAB)
  const ended = new Map([...live.workloads, ["n1", [{ name: "a", isRunning: false }]]])
  const endpoints = live.endpoints.filter((endpoint) => endpoint.name !== "c.red")
  expect(plan(LAB, { ...live, workloads: ended, endpoints })).toEqual([
    "n1 -- ovl rm --force a",
    "n3 -- ovl rm --force c",
    "n1 -- ovl run -d --network red --name a --ip 10.65.10.2",
    "n3 -- ovl run -d --network blue,red --name c --ip 10.66.0.2",
  ])
})

test("a workload that changed or moved is another one; what was made by hand stays", () => {
  const live = made(LAB)
  const withHand = new Map([
    ...live.workloads,
    [
      "n2",
      [
        { name: "b", isRunning: true },
        { name: "hand", isRunning: true },
      ],
    ],
  ])
  const wanted = changed(["b: { node: n2,", "b: { node: n3,"], ["a: { node: n1,", "a: { node: n1, ports: ['80:80'],"])
  expect(plan(wanted, { ...live, workloads: withHand as LiveCluster["workloads"] })).toEqual([
    "n1 -- ovl rm --force a",
    "n2 -- ovl rm --force b",
    "n1 -- ovl run -d --network red --name a --ip 10.65.10.2 -p 80:80",
    "n3 -- ovl run -d --network red --name b --ip 10.65.10.3",
  ])
})

test("a network that changed is made anew with those on it, one that the file has no more goes", () => {
  expect(plan(changed(["10.66.0.0/24", "10.67.0.0/24"]))).toEqual([
    "n3 -- ovl rm --force c",
    "n1 -- ovl network rm blue",
    "n1 -- ovl network create blue --subnet 10.67.0.0/24",
    "n3 -- ovl run -d --network blue,red --name c --ip 10.67.0.2",
  ])
  const less = changed(["  blue: { subnet: 10.66.0.0/24 }\n", ""], ["  c: { node: n3, networks: [blue, red] }\n", ""])
  expect(plan(less)).toEqual(["n3 -- ovl rm --force c", "n1 -- ovl network rm blue"])
})

test("not while somebody else is on it", () => {
  const live = made(LAB)
  const endpoints = [...live.endpoints, { name: "hand", network: "blue", node: "n2" }]
  expect(() => plan(changed(["10.66.0.0/24", "10.67.0.0/24"]), { ...live, endpoints })).toThrow(
    "lab lab: network blue cannot be changed: the file does not know hand, which is on it",
  )
})

test("a node that changed leaves and comes back; what was on it goes with it", () => {
  expect(plan(changed(["  n2:\n", "  n2: { address: 192.168.1.99 }\n"]))).toEqual([
    "n2 -- ovl leave",
    "n2 -- ovl run -d --network red --name b --ip 10.65.10.3",
  ])
})

test("another cluster is refused", () => {
  const refused = (wanted: Topology) => () => planNodes(stateOf(LAB), wanted)
  expect(refused(changed(["n1: { role: server }", "n1: { role: server, address: 192.168.1.9 }"]))).toThrow(
    "lab lab is up and cannot be changed to this: none of its servers would stay as it is: in the file n1 has another address",
  )
  const demoted = refused(changed(["n1: { role: server }", "n1:"], ["n2:", "n2: { role: server }"]))
  expect(demoted).toThrow("would stay as it is: in the file n1 is a client")
  expect(hintOf(demoted)).toBe(
    "mark n1 with `role: server` too: only where no node is marked `role: server` the first is one; or `ovl lab down --name lab` first, or give this one another name with --name",
  )
  expect(refused(changed(["name: lab", "name: lab\nkv-prefix: other"]))).toThrow("its kv-prefix is ovl")
  expect(refused(changed(["name: lab", "name: lab\nunderlay: { subnet: 10.0.0.0/24 }"]))).toThrow("its underlay is")
})

test("where another server stays, the first may go", () => {
  const two = changed(["  n3:\n", "  n3: { role: server }\n"])
  const wanted = changed(
    ["  n3:\n", "  n3: { role: server, address: 192.168.1.3 }\n"],
    ["n1: { role: server }", "n1: { address: 192.168.1.77 }"],
  )
  expect(planNodes(stateOf(two), wanted).server.name).toBe("n3")
})

test("words for a shell", () => {
  const wanted = changed(["a: { node: n1,", `a: { node: n1, env: { A: "it's" }, command: "echo $A; sleep 1",`])
  expect(plan(wanted).at(-1)).toBe(
    `n1 -- ovl run -d --network red --name a --ip 10.65.10.2 -e 'A=it'\\''s' -- sh -c 'echo $A; sleep 1'`,
  )
})

function hintOf(work: () => unknown): string {
  try {
    work()
    return ""
  } catch (error) {
    return (error as OvlError).hint
  }
}
