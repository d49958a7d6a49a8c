import { expect, test } from "bun:test"
import { ManualClock } from "../base/manual-clock.ts"
import { PING_AT_ONCE_MAX } from "../base/limits.ts"
import { Catalog, type Change } from "../model/catalog.ts"
import type { EndpointRecord } from "../model/endpoint.ts"
import type { NetworkRecord } from "../model/network.ts"
import type { NodeRecord } from "../model/node.ts"
import type { PingReport, PingReply, PingRound } from "../model/ping.ts"
import type { EchoOptions } from "./echo.ts"
import { Pinger } from "./pinger.ts"

const log = { debug() {}, info() {}, warn() {}, error() {} }
const RED = "r".repeat(64)
const BLUE = "b".repeat(64)
const idOf = (name: string) => name.padEnd(64, "_")

function network(id: string, name: string, subnet: string): Change {
  return {
    type: "network",
    id,
    value: { id, name, tenant: "default", vni: 256, subnets: [{ subnet }] } as NetworkRecord,
  }
}

function node(id: string): Change[] {
  const value = { id, name: id, address: "192.168.1.1", state: "member" } as NodeRecord
  return [
    { type: "node", id, value },
    { type: "alive", id, value: true },
  ]
}

function endpoint(name: string, nodeId: string, ip: string, more: Partial<EndpointRecord> = {}): Change {
  const id = idOf(name)
  const value = { id, name, workload: name, nodeId, networkId: RED, ip, netns: `/run/netns/${name}`, state: "up" }
  return { type: "endpoint", id, value: { ifname: "eth0", ...value, ...more } as EndpointRecord }
}

const answered: PingReply[] = [{ seq: 1, ms: 1, why: null }]

function setUp(changes: Change[], self = "n1") {
  const catalog = new Catalog()
  catalog.apply({ revision: 1, snapshot: true, changes })
  const asked: EchoOptions[] = []
  const rounds: PingRound[] = []
  const reports: PingReport[] = []
  const world = { most: 0, now: 0, reports: [] as PingReport[], echo: async (): Promise<PingReply[]> => answered }
  const pinger = new Pinger({
    replica: { catalog, look: async () => catalog },
    nodeId: self,
    cluster: {
      pingRound: async (round) => {
        rounds.push(round)
        return world.reports
      },
      reportPing: async (report) => void reports.push(report),
    },
    echo: async (options) => {
      asked.push(options)
      world.most = Math.max(world.most, ++world.now)
      try {
        return await world.echo()
      } finally {
        world.now--
      }
    },
    clock: new ManualClock(),
    random: { bytes: (length) => new Uint8Array(length).fill(7) },
    log,
  })
  return { pinger, asked, rounds, reports, world, catalog }
}

const base = [...node("n1"), ...node("n2"), network(RED, "red", "10.0.0.0/24")]
const pace = { count: 1, intervalMs: 10 }

test("a workload of this node pings by its own interface and address; an address outside where routes lead", async () => {
  const { pinger, asked, rounds } = setUp([
    ...base,
    endpoint("a", "n1", "10.0.0.2/24"),
    endpoint("b", "n2", "10.0.0.3/24"),
  ])
  const view = await pinger.ping({ from: "a", to: "b", ...pace })
  expect(view).toMatchObject({ network: "red", from: { node: "n1" }, to: { name: "b", node: "n2" }, received: 1 })
  await pinger.ping({ from: "a", to: "203.0.113.1", ...pace })
  expect(asked.map(({ namespace, from, to, device }) => ({ namespace, from, to, device }))).toEqual([
    { namespace: "/run/netns/a", from: "10.0.0.2", to: "10.0.0.3", device: "eth0" },
    { namespace: "/run/netns/a", from: null, to: "203.0.113.1", device: null },
  ])
  expect(rounds).toEqual([])
})

test("another node's workload is ordered there; who does not report, or is not heard from, has a name", async () => {
  const far = endpoint("b", "n2", "10.0.0.3/24")
  const { pinger, asked, rounds, world, catalog } = setUp([...base, endpoint("a", "n1", "10.0.0.2/24"), far])
  world.reports = [{ nodeId: "n2", round: "07".repeat(8), results: [{ task: 0, replies: answered, problem: null }] }]
  expect((await pinger.ping({ from: "b", to: "a", ...pace })).received).toBe(1)
  expect(asked).toEqual([])
  expect(rounds.map(({ asker, tasks }) => ({ asker, tasks }))).toEqual([
    {
      asker: "n1",
      tasks: [{ nodeId: "n2", task: 0, endpointId: idOf("b"), to: "10.0.0.2", onLink: true, ...pace }],
    },
  ])
  world.reports = []
  expect(await pinger.ping({ from: "b", to: "a", ...pace })).toMatchObject({
    sent: 0,
    problem: "node n2 does not answer",
  })
  catalog.apply({ revision: 2, snapshot: false, changes: [{ type: "alive", id: "n2", value: null }] })
  expect((await pinger.ping({ from: "b", to: "a", ...pace })).problem).toBe("node n2 does not answer")
  expect(rounds).toHaveLength(2)
})

test("a node's report counts for its own workloads only", async () => {
  const others = [endpoint("b", "n2", "10.0.0.3/24"), endpoint("c", "n3", "10.0.0.4/24")]
  const { pinger, world } = setUp([...base, ...node("n3"), endpoint("a", "n1", "10.0.0.2/24"), ...others])
  // Pairs in order: a-b, a-c, b-a, b-c, c-a, c-b; the last two are n3's, and n2 answers for all.
  const results = [0, 1, 2, 3, 4, 5].map((task) => ({ task, replies: answered, problem: null }))
  world.reports = [{ nodeId: "n2", round: "07".repeat(8), results }]
  world.echo = async () => [{ seq: 1, ms: null, why: null }]
  const { pairs } = await pinger.pingNetwork("red", pace)
  expect(pairs.map(({ from, to, received, problem }) => `${from.name}-${to.name} ${received} ${problem}`)).toEqual([
    "a-b 0 null",
    "a-c 0 null",
    "b-a 1 null",
    "b-c 1 null",
    "c-a 0 node n3 does not answer",
    "c-b 0 node n3 does not answer",
  ])
})

test("an order is carried out once, for endpoints of this node only, and reported", async () => {
  const changes = [
    ...base,
    endpoint("a", "n1", "10.0.0.2/24", { state: "pending" }),
    endpoint("b", "n2", "10.0.0.3/24"),
  ]
  const { pinger, asked, reports } = setUp(changes, "n2")
  const task = { to: "10.0.0.2", onLink: true, ...pace }
  const round = "0011223344556677"
  const tasks = ["b", "a", "gone"].map((name, at) => ({ ...task, task: at, endpointId: idOf(name) }))
  pinger.takePart([{ asker: "n1", round, tasks }])
  pinger.takePart([{ asker: "n1", round, tasks }])
  for (let n = 0; n < 50; n++) await Promise.resolve()
  expect(asked).toHaveLength(1)
  expect(reports).toEqual([
    {
      nodeId: "n2",
      round,
      results: [
        { task: 0, replies: answered, problem: null },
        { task: 1, replies: [], problem: "it is gone" },
        { task: 2, replies: [], problem: "it is gone" },
      ],
    },
  ])
})

test("what the kernel refuses, and an endpoint that is not up, is a problem of that pair", async () => {
  const pending = endpoint("c", "n1", "10.0.0.4/24", { state: "pending" })
  const { pinger, world } = setUp([...base, endpoint("a", "n1", "10.0.0.2/24"), pending])
  world.echo = () => Promise.reject(new Error("setns: no such file"))
  expect((await pinger.ping({ from: "a", to: "c", ...pace })).problem).toContain("no such file")
  expect((await pinger.ping({ from: "c", to: "a", ...pace })).problem).toBe("it is pending, not up")
})

test("a name that is not there is met with one that is close", async () => {
  const { pinger } = setUp([...base, endpoint("web-server", "n1", "10.0.0.2/24")])
  const hintOf = (to: string) => pinger.ping({ from: "web-server", to, ...pace }).catch(({ hint }) => hint)
  expect(await hintOf("web-sever")).toBe("did you mean web-server? ovl endpoint ls shows all")
  expect(await hintOf("database")).toBe("see ovl endpoint ls")
})

test("all pairs: each both ways, so many at a time, and too many are refused", async () => {
  const of = (count: number) =>
    Array.from({ length: count }, (_, at) => endpoint(`w${at}`, "n1", `10.0.0.${at + 2}/24`))
  const { pinger, world, asked } = setUp([...base, ...of(10)])
  world.echo = async () => {
    const isLast = asked.length === 90
    await Bun.sleep(0)
    return isLast ? [{ seq: 1, ms: null, why: null }] : answered
  }
  const view = await pinger.pingNetwork("red", pace)
  expect([view.pairs.length, view.failed, world.most]).toEqual([90, 1, PING_AT_ONCE_MAX])
  expect(view.pairs.find(({ received }) => received === 0)).toMatchObject({ from: { name: "w9" }, to: { name: "w8" } })
  const many = setUp([...base, ...of(34)]).pinger.pingNetwork("red", pace)
  await expect(many).rejects.toMatchObject({ code: "pairs_too_many", kind: "invalid" })
})

test("with several networks the shared one is taken, or the one that was named", async () => {
  const second = (name: string, ip: string) => {
    const { value } = endpoint(name, "n1", ip) as { value: EndpointRecord }
    const id = idOf(`${name}2`)
    return {
      type: "endpoint",
      id,
      value: { ...value, id, name: `${name}.blue`, networkId: BLUE, ifname: "eth1" },
    } as Change
  }
  const { pinger, asked } = setUp([
    ...base,
    network(BLUE, "blue", "10.1.0.0/24"),
    endpoint("a", "n1", "10.0.0.2/24"),
    second("a", "10.1.0.2/24"),
    endpoint("b", "n1", "10.0.0.3/24"),
    second("b", "10.1.0.3/24"),
  ])
  await pinger.ping({ from: "a", to: "b", ...pace })
  await pinger.ping({ from: "a", to: "b", network: "blue", ...pace })
  await pinger.ping({ from: "a", to: "b.blue", ...pace })
  await pinger.ping({ from: "a", to: "10.1.0.3", ...pace })
  expect(asked.map(({ to, device }) => `${to} ${device}`)).toEqual([
    "10.0.0.3 eth0",
    "10.1.0.3 eth1",
    "10.1.0.3 eth1",
    "10.1.0.3 eth1",
  ])
  await expect(pinger.ping({ from: "a.blue", to: "b", network: "red", ...pace })).rejects.toMatchObject({
    code: "endpoint_not_found",
    message: "endpoint a.blue: not on network red",
  })
})
