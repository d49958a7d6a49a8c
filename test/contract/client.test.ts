/** What a client promises while its servers come and go: what it follows, what it keeps, and what it does without them. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { ClientFixture, soon, type TestClient } from "./client-fixture.ts"
import { endpointSpec, networkSpec, outcome } from "./cluster-harness.ts"

const FIRST = "192.168.1.51:8300"
const SECOND = "192.168.1.61:8300"

let f: ClientFixture
beforeEach(async () => {
  f = await ClientFixture.start()
})
afterEach(() => f.close())

async function endpointOfServer(network: string, name: string) {
  const id = f.clients[0]!.agent.replica.catalog.findNetwork(network)!.id
  const { endpoints } = await f.cluster.createEndpoints([endpointSpec(id, "a".repeat(64), name)])
  return endpoints[0]!
}

async function makeNetworks(client: TestClient, ...names: string[]) {
  let revision = 0
  for (const [index, name] of names.entries())
    revision = (await f.cluster.createNetwork(networkSpec(name, `10.65.${index}.0/24`))).revision
  await client.agent.replica.waitFor(revision)
}

describe("what a client follows", () => {
  test("networks and nodes of all, endpoints only of networks that it takes part in", async () => {
    const c1 = await f.client("c1", "192.168.1.52")
    await makeNetworks(c1, "red", "green")
    await endpointOfServer("red", "r1")
    await endpointOfServer("green", "g1")
    expect(c1.known()).toEqual([])
    c1.guest("web")
    await c1.attach("red", "web")
    expect(c1.known()).toEqual(["r1", "web"])
    await endpointOfServer("red", "r2")
    await endpointOfServer("green", "g2")
    await soon(
      () => c1.known().includes("r2"),
      () => c1.known().join(),
    )
    expect(c1.known()).toEqual(["r1", "r2", "web"])
    expect([...c1.agent.replica.catalog.networks.values()].map((each) => each.name).sort()).toEqual(["green", "red"])
  })

  test("when the first attach on a network answers, the rows of all that were there are in the kernel", async () => {
    const c1 = await f.client("c1", "192.168.1.52")
    await makeNetworks(c1, "red")
    for (const name of ["r1", "r2", "r3"]) await endpointOfServer("red", name)
    c1.guest("web")
    await c1.attach("red", "web")
    expect(c1.rows().sort()).toEqual([
      "02:42:0a:41:00:02 dst 192.168.1.51",
      "02:42:0a:41:00:03 dst 192.168.1.51",
      "02:42:0a:41:00:04 dst 192.168.1.51",
    ])
  })

  test("what it does not follow it can look at, and tells where an endpoint is", async () => {
    const c1 = await f.client("c1", "192.168.1.52")
    await makeNetworks(c1, "red", "green")
    await endpointOfServer("red", "r1")
    const all = await c1.agent.replica.look(null)
    expect([...all.endpoints.values()].map((each) => each.name)).toEqual(["r1"])
    const green = await c1.agent.replica.look([all.findNetwork("green")!.id])
    expect(green.endpoints.size).toBe(0)
    expect(await outcome(c1.agent.endpoints.detach("r1"))).toMatch(/^conflict endpoint_elsewhere/)
    expect(await outcome(c1.agent.endpoints.detach("r9"))).toMatch(/^not_found endpoint_not_found/)
  })

  test("it goes on where it was, at another server, and writes nothing into the kernel", async () => {
    await f.open(SECOND)
    const c1 = await f.client("c1", "192.168.1.52", [SECOND])
    await makeNetworks(c1, "red")
    c1.guest("web")
    await c1.attach("red", "web")
    c1.kernel.performed.length = 0
    await f.shut(FIRST)
    await endpointOfServer("red", "r1")
    await soon(
      () => c1.known().includes("r1"),
      () => c1.known().join(),
    )
    expect(c1.kernel.performed.map(({ op }) => op)).toEqual(["fdb-replace", "neigh-replace"])
  })

  test("a server in a later life of the cluster is followed from the beginning, and its epoch is kept", async () => {
    const c1 = await f.client("c1", "192.168.1.52")
    await makeNetworks(c1, "red")
    await f.shut(FIRST)
    await f.open(FIRST, 3)
    await soon(
      () => c1.agent.replica.known()?.epoch === 3,
      () => "it follows the later life",
    )
    expect(c1.identity.recoveryEpoch).toBe(3)
    expect([...c1.agent.replica.catalog.networks.values()].map((each) => each.name)).toEqual(["red"])
  })
})

describe("without a server", () => {
  test("what needs one is refused, and nothing is left half made", async () => {
    const c1 = await f.client("c1", "192.168.1.52")
    await makeNetworks(c1, "red")
    const before = c1.kernel.inventory()
    await f.shut(FIRST)
    c1.guest("web")
    expect(await outcome(c1.attach("red", "web"))).toMatch(/^unavailable /)
    expect(await outcome(c1.agent.workloads.run({ networks: ["red"], name: "w", detach: true }))).toMatch(
      /^unavailable /,
    )
    expect(c1.agent.workloads.list()).toEqual([])
    c1.kernel.apply([{ op: "netns-del", ns: "/run/netns/web" }], "best-effort")
    expect(c1.kernel.inventory()).toEqual(before)
  })

  test("a client that starts restores its data plane from disk", async () => {
    const c1 = await f.client("c1", "192.168.1.52")
    await makeNetworks(c1, "red")
    await endpointOfServer("red", "r1")
    c1.guest("web")
    await c1.attach("red", "web")
    const before = c1.kernel.inventory()
    c1.stop()
    await f.shut(FIRST)
    expect(statSync(join(c1.dataDir, "catalog.json")).mode & 0o777).toBe(0o600)
    for (const { netns } of c1.kernel.listHidden())
      c1.kernel.apply(
        [
          { op: "neigh-del", ns: netns, name: "vxlan1", ip: "10.65.0.2", mac: "02:42:0a:41:00:02" },
          { op: "fdb-del", ns: netns, name: "vxlan1", mac: "02:42:0a:41:00:02", dst: "192.168.1.51" },
        ],
        "best-effort",
      )
    expect(c1.rows()).toEqual([])
    expect(c1.start()).toBe(true)
    expect(c1.rows()).toEqual(["02:42:0a:41:00:02 dst 192.168.1.51"])
    expect(c1.kernel.inventory()).toEqual(before)
    await f.open(FIRST)
    c1.kernel.performed.length = 0
    await c1.agent.synced
    expect(c1.kernel.performed).toEqual([])
  })

  test("what is newer than the disk stays in the kernel until a server was heard", async () => {
    const c1 = await f.client("c1", "192.168.1.52")
    await makeNetworks(c1, "red")
    c1.guest("web")
    await c1.attach("red", "web")
    c1.stop()
    const older = readFileSync(join(c1.dataDir, "catalog.json"))
    c1.start()
    await c1.agent.synced
    await endpointOfServer("red", "r1")
    c1.guest("web2")
    await c1.attach("red", "web2")
    const before = c1.kernel.inventory()
    c1.stop()
    await f.shut(FIRST)
    writeFileSync(join(c1.dataDir, "catalog.json"), older)
    c1.start()
    expect(c1.kernel.inventory()).toEqual(before)
    await f.open(FIRST)
    await c1.agent.synced
    expect(c1.kernel.inventory()).toEqual(before)
    expect(c1.known()).toEqual(["r1", "web", "web2"])
  })

  for (const [what, spoil] of [
    ["cut off", (text: string) => text.slice(0, -20)],
    ["changed", (text: string) => text.replace("10.65.0.2", "10.65.0.3")],
    ["empty", () => ""],
  ] as const)
    test(`a file that is ${what} is as good as none, and the kernel stays as it is`, async () => {
      const c1 = await f.client("c1", "192.168.1.52")
      await makeNetworks(c1, "red")
      c1.guest("web")
      await c1.attach("red", "web")
      const before = c1.kernel.inventory()
      c1.stop()
      await f.shut(FIRST)
      const path = join(c1.dataDir, "catalog.json")
      writeFileSync(path, spoil(readFileSync(path, "utf8")))
      expect(c1.start()).toBe(false)
      expect(c1.warnings).toContain("the catalog on disk is not used")
      expect(c1.kernel.inventory()).toEqual(before)
      await f.open(FIRST)
      await c1.agent.synced
      expect(c1.kernel.inventory()).toEqual(before)
    })

  test("detach works, survives restarts, and is told when a server answers", async () => {
    const c1 = await f.client("c1", "192.168.1.52")
    const c2 = await f.client("c2", "192.168.1.53")
    await makeNetworks(c1, "red")
    await makeNetworks(c2)
    for (const [client, name] of [
      [c1, "web"],
      [c2, "db"],
    ] as const) {
      client.guest(name)
      await soon(
        () => client.agent.replica.catalog.findNetwork("red") !== undefined,
        () => "red is known",
      )
      await client.attach("red", name)
    }
    await f.shut(FIRST)
    await c1.agent.endpoints.detach("web")
    expect(c1.rows()).toEqual([])
    expect(c1.kernel.listHidden()).toEqual([])
    expect(c1.known()).toEqual(["db"])
    c1.agent.dataplane.reconcile()
    expect(c1.kernel.listHidden()).toEqual([])
    c1.stop()
    c1.start()
    expect(c1.kernel.listHidden()).toEqual([])
    expect(c2.rows()).toEqual(["02:42:0a:41:00:02 dst 192.168.1.52"])
    await f.open(FIRST)
    await soon(
      () => c2.rows().length === 0,
      () => `the other node forgets it: ${c2.rows().join()}`,
    )
    await c1.agent.synced
    expect(c1.kernel.listHidden()).toEqual([])
    // Its name is free again at once.
    await c1.attach("red", "web")
    expect(c1.known()).toEqual(["db", "web"])
    const kept = () => JSON.parse(readFileSync(join(c1.dataDir, "withdrawn.json"), "utf8")).ids as string[]
    await soon(
      () => kept().length === 0,
      () => `nothing is left to tell: ${kept().join()}`,
    )
  })

  test("a workload that run made is stopped and removed", async () => {
    const c1 = await f.client("c1", "192.168.1.52")
    await makeNetworks(c1, "red")
    await c1.agent.workloads.run({ networks: ["red"], name: "w", detach: true })
    await f.shut(FIRST)
    await c1.agent.workloads.remove("w", { force: true })
    expect(c1.agent.workloads.list()).toEqual([])
    expect(c1.kernel.listHidden()).toEqual([])
    await f.open(FIRST)
    await soon(
      () => f.store.range("ovl/endpoints/").entries.length === 0,
      () => "the cluster has freed it",
    )
  })

  test("an attach whose server dies before it answers is taken back, whatever had become of it", async () => {
    const c1 = await f.client("c1", "192.168.1.52")
    await makeNetworks(c1, "red")
    const before = c1.kernel.inventory()
    c1.guest("web")
    const create = f.cluster.createEndpoints.bind(f.cluster)
    f.cluster.createEndpoints = async (specs) => {
      const made = await create(specs)
      f.network.cut(c1.identity.nodeId)
      return made
    }
    expect(await outcome(c1.attach("red", "web"))).toMatch(/^unavailable peer_closed/)
    expect(f.store.range("ovl/endpoints/").entries.length).toBe(1)
    await soon(
      () => c1.agent.replica.following,
      () => "it follows again",
    )
    expect(c1.known()).toEqual([])
    c1.agent.dataplane.reconcile()
    c1.kernel.apply([{ op: "netns-del", ns: "/run/netns/web" }], "best-effort")
    expect(c1.kernel.inventory()).toEqual(before)
  })

  test("where the servers are is learned from the stream", async () => {
    const c1 = await f.client("c1", "192.168.1.52")
    await f.open(SECOND)
    await f.cluster.updateNode("a".repeat(64), { address: "192.168.1.61", peerAddress: SECOND })
    await soon(
      () => c1.identity.servers.join() === SECOND,
      () => c1.identity.servers.join(),
    )
    expect(JSON.parse(readFileSync(join(c1.dataDir, "node.json"), "utf8")).servers).toEqual([SECOND])
    await f.shut(FIRST)
    await makeNetworks(c1, "red")
  })
})
