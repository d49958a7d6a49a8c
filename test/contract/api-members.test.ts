/** What Consul's clients look at besides keys: members, catalog, health, status, operator. CONSUL-API, section 5. */
import { expect, test } from "bun:test"
import { openFixture, SELF } from "./api-fixture.ts"
import { nobodyWaits, onBothRoles, waitingFor } from "./api-kv.ts"

onBothRoles("Consul's members", (kv) => {
  const json = async (path: string) => (await kv.ask("GET", path)).json()

  test("/v1/status", async () => {
    expect(await kv.text("GET", "/v1/status/leader")).toBe('200 "192.168.1.51:8300"')
    expect(await kv.text("GET", "/v1/status/leader?dc=dc1")).toBe('200 "192.168.1.51:8300"')
    expect(await kv.text("GET", "/v1/status/leader?dc=dc2")).toBe("500 No path to datacenter")
    expect(await kv.text("GET", "/v1/status/peers")).toBe('200 ["192.168.1.51:8300"]')
  })

  test("/v1/agent/self and members", async () => {
    await kv.fixture.node.cluster.heartbeat(SELF)
    while (!kv.fixture.node.catalog.alive.has(SELF)) await Bun.sleep(1)
    const self = (await json("/v1/agent/self")) as { Config: object; Member: object }
    expect(self).toMatchObject({ DebugConfig: {}, Coord: null, Stats: {}, Meta: {} })
    expect(self.Config).toMatchObject({
      Datacenter: "dc1",
      PrimaryDatacenter: "dc1",
      NodeName: "swarm-01",
      NodeID: SELF,
      Version: expect.stringMatching(/^1\.\d+\.\d+$/),
    })
    const member = { Name: "swarm-01", Addr: "192.168.1.51", Port: 8300, Status: 1, ProtocolMax: 5, DelegateCur: 4 }
    expect(self.Member).toMatchObject({ ...member, Tags: { role: "consul", dc: "dc1" } })
    expect(await json("/v1/agent/members")).toEqual([self.Member])
  })

  test("/v1/agent/services, checks and metrics", async () => {
    expect(await kv.text("GET", "/v1/agent/services")).toBe("200 {}")
    expect(await kv.text("GET", "/v1/agent/checks")).toBe("200 {}")
    expect(await json("/v1/agent/metrics")).toMatchObject({ Gauges: expect.any(Array), Counters: [] })
  })

  test("/v1/catalog", async () => {
    expect(await kv.text("GET", "/v1/catalog/datacenters")).toBe('200 ["dc1"]')
    expect(await kv.text("GET", "/v1/catalog/services")).toBe('200 {"consul":[]}')
    const answer = await kv.ask("GET", "/v1/catalog/nodes")
    expect(Number(answer.headers.get("x-consul-index"))).toBeGreaterThan(0)
    expect(answer.headers.get("x-consul-knownleader")).toBe("true")
    expect(answer.headers.get("x-consul-effective-consistency")).toBe("leader")
    const nodes = (await answer.json()) as { ModifyIndex: number }[]
    const node = { ID: SELF, Node: "swarm-01", Address: "192.168.1.51", Datacenter: "dc1", Meta: {} }
    expect(nodes).toEqual([expect.objectContaining(node)])
    expect(nodes[0]!.ModifyIndex).toBeGreaterThan(0)
    expect(await json("/v1/catalog/service/consul")).toMatchObject([
      { Node: "swarm-01", ServiceName: "consul", ServicePort: 8300 },
    ])
    expect(await kv.text("GET", "/v1/catalog/service/web")).toBe("200 []")
    expect(await json("/v1/catalog/node/SWARM-01")).toMatchObject({
      Node: node,
      Services: { consul: { ID: "consul" } },
    })
    expect(await kv.text("GET", "/v1/catalog/node/none")).toBe("200 null")
    expect(await kv.text("GET", "/v1/catalog/node/")).toBe("400 Missing node name")
  })

  test("/v1/health", async () => {
    await kv.fixture.node.cluster.heartbeat(SELF)
    const check = {
      Node: "swarm-01",
      CheckID: "serfHealth",
      Name: "Serf Health Status",
      Status: "passing",
      ServiceTags: [],
    }
    expect(await json("/v1/health/node/swarm-01")).toMatchObject([check])
    expect(await kv.text("GET", "/v1/health/node/none")).toBe("200 []")
    expect(await json("/v1/health/service/consul?passing=1")).toMatchObject([
      { Node: { Node: "swarm-01" }, Checks: [check] },
    ])
    expect(await kv.text("GET", "/v1/health/service/web")).toBe("200 []")
    expect(await kv.text("GET", "/v1/health/checks/consul")).toBe("200 []")
    expect(await json("/v1/health/state/any")).toMatchObject([check])
    expect(await kv.text("GET", "/v1/health/state/critical")).toBe("200 []")
    expect(await kv.text("GET", "/v1/health/state/purple")).toBe('400 Invalid check state: "purple"')
  })

  test("waiting for the catalog to change", async () => {
    const waiting = kv.ask("GET", `/v1/health/state/any?index=${await kv.index("/v1/health/state/any")}`)
    await waitingFor(kv.fixture)
    await kv.ask("PUT", "/v1/kv/other", "x")
    await kv.fixture.node.cluster.updateNode(SELF, { version: `0.${Date.now()}.0` })
    expect((await waiting).status).toBe(200)
    await nobodyWaits(kv.fixture)
  })

  test("no service registry: it says so, and takes nothing", async () => {
    const headers = { Authorization: `Bearer ${kv.fixture.tokens.server}` }
    const put = await kv.ask("PUT", "/v1/agent/service/register", "{}", headers)
    expect([put.status, await put.text()]).toEqual([
      404,
      "No such endpoint: there is no service registry, only the cluster's own members",
    ])
    expect((await kv.ask("PUT", "/v1/agent/service/register", "{}")).status).toBe(403)
  })

  test("/v1/operator, for who may", async () => {
    const headers = { "X-Consul-Token": kv.fixture.tokens.server }
    const configuration = await kv.ask("GET", "/v1/operator/raft/configuration", undefined, headers)
    expect(await configuration.json()).toMatchObject({
      Servers: [
        { ID: SELF, Node: "swarm-01", Address: "192.168.1.51:8300", Leader: true, Voter: true, ProtocolVersion: "3" },
      ],
    })
    const health = await kv.ask("GET", "/v1/operator/autopilot/health", undefined, headers)
    expect(await health.json()).toMatchObject({ Healthy: true, FailureTolerance: 0, Servers: [{ Name: "swarm-01" }] })
    const peer = async (query: string) => {
      const answer = await kv.ask("DELETE", `/v1/operator/raft/peer${query}`, undefined, headers)
      return `${answer.status} ${await answer.text()}`
    }
    expect(await peer("")).toMatch(/^400 Must specify either/)
    expect(await peer("?id=x&address=y")).toBe("400 Must specify only one of ?id or ?address")
    expect(await peer("?id=x")).toBe('500 id "x" was not found in the Raft configuration')
    const transfer = await kv.ask("POST", "/v1/operator/raft/transfer-leader", undefined, headers)
    expect([transfer.status, await transfer.text()]).toEqual([
      409,
      "cannot hand the lead over: no other server has a vote",
    ])
    expect((await kv.ask("GET", "/v1/operator/raft/configuration")).status).toBe(403)
    const socket = await fetch("http://localhost/v1/operator/raft/configuration", { unix: kv.fixture.socket })
    expect(socket.status).toBe(200)
  })

  test("C20: no access lists", async () => {
    expect(await kv.text("GET", "/v1/acl/tokens")).toBe("401 ACL support disabled")
    expect(await kv.text("PUT", "/v1/acl/bootstrap")).toBe("401 ACL support disabled")
  })
})

test("without a server, a client says so as Consul does", async () => {
  const fixture = await openFixture({ role: "client" })
  await fixture.losePeers()
  const ask = async (path: string) => {
    const answer = await fetch(fixture.url + path)
    return `${answer.status} ${await answer.text()}`
  }
  expect(await ask("/v1/kv/x")).toBe("500 No cluster leader")
  expect(await ask("/v1/catalog/nodes")).toBe("500 No cluster leader")
  expect(await ask("/v1/agent/self")).toStartWith("200 ")
  await fixture.close()
})
