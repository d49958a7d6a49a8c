/** Two nodes in one process: the real registry, store (in memory), agents and workloads, over kernels in memory. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Identity } from "../agent/identity.ts"
import { silentLog } from "../base/log.ts"
import { FakeKernel } from "../kernel/fake.ts"
import { systemClock, systemRandom } from "../linux/system.ts"
import { renderPlan } from "../model/operation.ts"
import { createClusterIfNew } from "../registry/bootstrap.ts"
import { type LocalCluster, openCluster } from "../registry/cluster-on-store.ts"
import { FakeReplication } from "../registry/replication-fake.ts"
import { openMemoryStore } from "../store/memory.ts"
import { createKeyAndRequest } from "../transport/certificates.ts"
import { type Agent, assembleAgent } from "./assemble.ts"

const UNDERLAY = {
  links: [{ name: "e0", mtu: 1500, up: true }],
  routes: [{ dst: "default", via: "192.168.1.1", device: "e0" }],
}

let dir: string
let cluster: LocalCluster
let agents: Agent[]

interface TestNode {
  id: string
  kernel: FakeKernel
  agent: Agent
  runDir: string
}

async function start(id: string, name: string, kernel: FakeKernel): Promise<TestNode> {
  const runDir = join(dir, name)
  mkdirSync(join(runDir, "workloads"), { recursive: true })
  const identity = { nodeId: id, name, role: "server", clusterId: "c", servers: ["192.168.1.51:8300"] } as Identity
  const agent = assembleAgent({
    identity,
    runDir,
    dataDir: runDir,
    kernel,
    cluster,
    listenForNames: null,
    log: silentLog,
  })
  agents.push(agent)
  agent.replica.start()
  await agent.synced
  await cluster.heartbeat(id)
  return { id, kernel, agent, runDir }
}

async function twoNodes(): Promise<[TestNode, TestNode]> {
  const store = openMemoryStore({ clock: systemClock })
  const self = { id: "a".repeat(64), name: "h1", address: "192.168.1.51", peerAddress: "192.168.1.51:8300" }
  const facts = { version: "1", underlayMtu: 1500, bootId: "b" }
  const where = { clock: systemClock, random: systemRandom }
  await createClusterIfNew(store, { ...where, kvPrefix: "ovl", self: { ...self, ...facts } })
  cluster = openCluster({ store, replication: new FakeReplication(self.id), ...where, log: silentLog, self: self.id })
  const { token } = await cluster.createToken({})
  const { csrPem } = await createKeyAndRequest({ nodeId: "x", name: "h2" })
  const second = await cluster.join({ token, csrPem, name: "h2", address: "192.168.1.52", role: "client", ...facts })
  const kernel = () => new FakeKernel({ facts: UNDERLAY })
  return [await start(self.id, "h1", kernel()), await start(second.node.id, "h2", kernel())]
}

function rows(node: TestNode): string[] {
  return node.kernel.listHidden().flatMap(({ netns }) => {
    const seen = node.kernel.observeNetwork(netns)
    return [
      ...(seen?.fdb ?? []).map((row) => `fdb ${row.mac} dst ${row.dst}`),
      ...(seen?.neighbours ?? []).map((row) => `neigh ${row.ip} ${row.mac}`),
    ]
  })
}

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "ovl-agent-"))
  agents = []
})
afterEach(() => {
  for (const agent of agents) agent.close()
  cluster.close()
  rmSync(dir, { recursive: true })
})

describe("a workload comes and goes", () => {
  test("when run returns, every node of the network has its rows; when it is removed, none has", async () => {
    const [h1, h2] = await twoNodes()
    await cluster.createNetwork({ name: "red", subnets: [{ subnet: "10.65.10.0/24" }] })
    await h1.agent.workloads.run({ networks: ["red"], name: "w1", detach: true })
    await h2.agent.workloads.run({ networks: ["red"], name: "w2", detach: true })
    expect(rows(h1)).toEqual(["fdb 02:42:0a:41:0a:03 dst 192.168.1.52", "neigh 10.65.10.3 02:42:0a:41:0a:03"])
    expect(rows(h2)).toEqual(["fdb 02:42:0a:41:0a:02 dst 192.168.1.51", "neigh 10.65.10.2 02:42:0a:41:0a:02"])
    await h2.agent.workloads.remove("w2", { force: true })
    expect(rows(h1)).toEqual([])
    expect(h2.kernel.inventory()).toEqual(new FakeKernel({ facts: UNDERLAY }).inventory())
  })

  test("its interfaces are eth0, eth1, ... in order, the egress last, and only where the network is not internal", async () => {
    const [h1] = await twoNodes()
    await cluster.createNetwork({ name: "red", internal: true })
    await cluster.createNetwork({ name: "green" })
    await h1.agent.workloads.run({ networks: ["red", "green"], name: "w1", detach: true })
    const own = [...h1.agent.replica.catalog.endpoints.values()].map((each) => [
      each.name,
      each.ifname,
      each.egress?.ifname,
    ])
    expect(own.sort()).toEqual([
      ["w1", "eth0", undefined],
      ["w1.green", "eth1", "eth2"],
    ])
  })

  test("its files: its own names, and the gateway for all others", async () => {
    const [h1, h2] = await twoNodes()
    await cluster.createNetwork({ name: "red", subnets: [{ subnet: "10.65.10.0/24" }] })
    await h1.agent.workloads.run({ networks: ["red"], name: "w1", detach: true })
    await h2.agent.workloads.run({ networks: ["red"], name: "w2", detach: true })
    h1.agent.workloads.enter("w1")
    const read = (name: string) => readFileSync(join(h1.runDir, "workloads/w1", name), "utf8").split("\n")
    expect(read("hosts").slice(2)).toEqual(["10.65.10.2\tw1 w1.red", ""])
    expect(read("resolv.conf")).toContain("nameserver 10.65.10.1")
  })
})

describe("what fails leaves nothing", () => {
  for (const op of ["vxlan-add", "veth-add", "addr-add", "route-replace"] as const)
    test(`${op} refused by the kernel`, async () => {
      const [h1, h2] = await twoNodes()
      await cluster.createNetwork({ name: "red" })
      const before = h1.kernel.inventory()
      h1.kernel.refuse = (operation) => operation.op === op
      expect(h1.agent.workloads.run({ networks: ["red"], name: "w1", detach: true })).rejects.toThrow()
      await Bun.sleep(20)
      h1.kernel.refuse = () => false
      expect(h1.kernel.inventory()).toEqual(before)
      expect([...h1.kernel.world.namespaces.keys()]).toEqual([""])
      expect(h1.agent.workloads.list()).toEqual([])
      expect(h2.agent.replica.catalog.endpoints.size).toBe(0)
      await h1.agent.workloads.run({ networks: ["red"], name: "w1", detach: true })
    })
})

describe("a new daemon over an old kernel", () => {
  test("finds its own and writes nothing", async () => {
    const [h1] = await twoNodes()
    await cluster.createNetwork({ name: "red" })
    await h1.agent.workloads.run({ networks: ["red"], name: "w1", detach: true })
    h1.agent.close()
    h1.kernel.performed.length = 0
    const again = await start(h1.id, "h1", h1.kernel)
    await again.agent.endpoints.freeWhatIsGone(true)
    await again.agent.workloads.resume()
    expect(renderPlan(h1.kernel.performed)).toBe("")
    expect(again.agent.workloads.list().map((each) => [each.name, each.status])).toEqual([["w1", "running"]])
  })

  test("repairs by difference what somebody took away meanwhile", async () => {
    const [h1, h2] = await twoNodes()
    const { network } = await cluster.createNetwork({ name: "red", subnets: [{ subnet: "10.65.10.0/24" }] })
    await h1.agent.workloads.run({ networks: ["red"], name: "w1", detach: true })
    await h2.agent.workloads.run({ networks: ["red"], name: "w2", detach: true })
    h1.agent.close()
    const ns = `/run/netns/1-${network.id.slice(0, 10)}`
    h1.kernel.apply(
      [{ op: "neigh-del", ns, name: "vxlan1", ip: "10.65.10.3", mac: "02:42:0a:41:0a:03" }],
      "best-effort",
    )
    h1.kernel.performed.length = 0
    await start(h1.id, "h1", h1.kernel)
    expect(renderPlan(h1.kernel.performed)).toBe(
      `ip -n ${ns.slice("/run/netns/".length)} neigh replace 10.65.10.3 lladdr 02:42:0a:41:0a:03 dev vxlan1 nud permanent\n`,
    )
  })

  test("gives up an attached namespace that is gone, without a restart", async () => {
    const [h1, h2] = await twoNodes()
    await cluster.createNetwork({ name: "red" })
    h1.kernel.apply([{ op: "netns-add", ns: "/run/netns/web" }], "best-effort")
    await h1.agent.endpoints.attach({ network: "red", netns: "web", name: "web" })
    await h2.agent.workloads.run({ networks: ["red"], name: "w2", detach: true })
    expect(rows(h2).length).toBe(2)
    h1.kernel.apply([{ op: "netns-del", ns: "/run/netns/web" }], "best-effort")
    h1.agent.dataplane.reconcile()
    await Bun.sleep(20)
    expect([...h1.agent.replica.catalog.endpoints.values()].map((each) => each.name)).toEqual(["w2"])
    expect(rows(h2)).toEqual([])
  })

  test("frees what was being attached when the old one died, and what has lost its namespace", async () => {
    const [h1] = await twoNodes()
    const { network } = await cluster.createNetwork({ name: "red" })
    await cluster.createEndpoints([
      {
        networkId: network.id,
        nodeId: h1.id,
        workload: "half",
        name: "half",
        ip: null,
        mac: null,
        ifname: "eth0",
        netns: "/run/netns/half",
        netnsId: null,
        origin: "attach",
        egress: null,
      },
    ])
    await h1.agent.endpoints.freeWhatIsGone(true)
    expect(h1.agent.replica.catalog.endpoints.size).toBe(0)
    expect(h1.kernel.listHidden()).toEqual([])
  })
})
