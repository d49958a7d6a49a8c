/** The servers on the API: shown, handed over, taken out; going on alone; what monitoring sees of them. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { createKeyAndRequest } from "../../src/transport/certificates.ts"
import { answer, refusal } from "./api-answers.ts"
import { type Fixture, openFixture, SELF } from "./api-fixture.ts"

let fixture: Fixture
beforeAll(async () => {
  fixture = await openFixture()
  await fixture.node.cluster.heartbeat(SELF)
})
afterAll(async () => {
  await fixture.close()
  expect(fixture.internalErrors).toEqual([])
})

/** A server that has joined and votes; its id. */
async function addServer(name: string, address: string): Promise<string> {
  const { node } = fixture
  const { token } = await node.cluster.createToken({ role: "server" })
  const { csrPem } = await createKeyAndRequest({ nodeId: "x", name })
  const facts = { version: "0.1.0", underlayMtu: 1500, bootId: "b", peerPort: 8300 }
  const joined = await node.cluster.join({ token, csrPem, name, address, role: "server", ...facts })
  const { id } = joined.node
  await node.cluster.heartbeat(id)
  await node.replication.addLearner(id)
  await node.replication.promote(id)
  node.replication.hear(id, { state: "replicate", lag: 3, lastContactMs: 25, match: 39 })
  while (!node.catalog.alive.has(id)) await Bun.sleep(1)
  return id
}

const at = (method: string, path: string, body: unknown) => answer(fixture.socket, method, path, JSON.stringify(body))

test("one server, then three, as the leader sees them", async () => {
  const { client } = fixture
  const alone = await client.raft()
  expect(alone).toMatchObject({ source: "swarm-01", leader: "swarm-01", term: 1, commit: 40, applied: 40 })
  expect(alone.servers).toMatchObject([{ id: SELF, name: "swarm-01", address: "192.168.1.51:8300", role: "leader" }])
  await addServer("swarm-02", "192.168.1.52")
  await addServer("swarm-03", "192.168.1.53")
  const all = await client.raft()
  expect(all.servers.map(({ name, role, state }) => `${name} ${role} ${state}`)).toEqual([
    "swarm-01 leader alive",
    "swarm-02 voter alive",
    "swarm-03 voter alive",
  ])
})

test("monitoring sees who leads, who lags and since when each was heard", async () => {
  const text = await fixture.client.metrics()
  const lines = text.split("\n").filter((line) => line.startsWith("ovl_raft"))
  const id = fixture.node.catalog.findNode("swarm-02")!.id
  expect(lines).toContain("ovl_raft_is_leader 1")
  expect(lines).toContain("ovl_raft_term 1")
  expect(lines).toContain("ovl_raft_commit_index 40")
  expect(lines).toContain('ovl_raft_members{role="voter"} 3')
  expect(lines).toContain(`ovl_raft_member_lag_entries{server="swarm-02",id="${id}"} 3`)
  expect(lines).toContain(`ovl_raft_member_last_contact_seconds{server="swarm-02",id="${id}"} 0.025`)
  // What the store and the transport count themselves.
  expect(lines).toContain("ovl_raft_proposals_waiting 3")
  for (const line of text.split("\n")) expect(line).toMatch(/^(# (HELP|TYPE) ovl_\w+ .+|ovl_\w+(\{.+\})? -?[\d.e+]+|)$/)
  const names = text.split("\n").flatMap((line) => /^# TYPE (\S+)/.exec(line)?.[1] ?? [])
  expect(new Set(names).size).toBe(names.length)
})

test("Consul's clients see the same", async () => {
  const { url, tokens } = fixture
  const ask = async (method: string, path: string) => {
    const answered = await fetch(url + path, { method, headers: { "X-Consul-Token": tokens.server } })
    return { status: answered.status, json: (await answered.json()) as Record<string, unknown> }
  }
  const configuration = await ask("GET", "/v1/operator/raft/configuration")
  expect(configuration.json).toMatchObject({
    Index: 40,
    Servers: [
      { Node: "swarm-01", Leader: true, Voter: true },
      { Node: "swarm-02", Leader: false, Voter: true, LastIndex: 39, Address: "192.168.1.52:8300" },
      { Node: "swarm-03" },
    ],
  })
  const well = await ask("GET", "/v1/operator/autopilot/health")
  expect([well.status, well.json.Healthy, well.json.FailureTolerance]).toEqual([200, true, 1])
  const third = fixture.node.catalog.findNode("swarm-03")!.id
  fixture.node.replication.hear(third, { lastContactMs: 60_000 })
  const ill = await ask("GET", "/v1/operator/autopilot/health")
  expect([ill.status, ill.json.Healthy, ill.json.FailureTolerance]).toEqual([429, false, 0])
  expect(ill.json.Servers).toMatchObject([{}, {}, { Name: "swarm-03", Healthy: false, LastContact: "60000ms" }])
  fixture.node.replication.hear(third, { lastContactMs: 20 })
})

test("a server is taken out by name, by id, and by Consul's way; not the one that is asked", async () => {
  const { client, node, url, tokens } = fixture
  await client.removeServer("SWARM-03")
  expect((await client.raft()).servers.map(({ name }) => name)).toEqual(["swarm-01", "swarm-02"])
  expect(await refusal(client.removeServer("swarm-03"))).toMatch(/node_not_found/)
  expect(await refusal(client.removeServer("swarm-01"))).toMatch(/node_is_self/)
  const orphan = "9".repeat(64)
  await node.replication.addLearner(orphan)
  await client.removeServer(orphan)
  expect(node.replication.members.has(orphan)).toBe(false)
  await addServer("swarm-04", "192.168.1.54")
  const target = "/v1/operator/raft/peer?address=192.168.1.54:8300"
  const answered = await fetch(url + target, { method: "DELETE", headers: { "X-Consul-Token": tokens.server } })
  expect([answered.status, await answered.text()]).toEqual([200, ""])
  while (node.catalog.findNode("swarm-04")) await Bun.sleep(1)
})

test("the lead is handed over; then this server says what it knows by itself", async () => {
  const { client, node } = fixture
  expect(await refusal(client.transferLeader("nobody"))).toMatch(/node_not_found/)
  expect(await client.transferLeader("swarm-02")).toEqual({ leader: "swarm-02" })
  const view = await client.raft()
  expect(view).toMatchObject({ source: "swarm-01", leader: "swarm-02" })
  expect(view.servers.map(({ lag }) => lag)).toEqual([null, null])
  const metrics = await client.metrics()
  expect(metrics).toContain("ovl_raft_is_leader 0\n")
  expect(metrics).not.toContain("ovl_raft_member_lag_entries")
  node.replication.leader = null
  node.replication.lastContactMs = 4_500
  expect((await client.raft()).leader).toBe(null)
  expect(await client.metrics()).toContain("ovl_raft_last_contact_seconds 4.5\n")
  expect(await (await fetch(`${fixture.url}/v1/status/leader`)).text()).toBe('""')
  const health = await fetch(`http://localhost/v1/operator/autopilot/health`, { unix: fixture.socket })
  expect([health.status, await health.text()]).toEqual([500, "No cluster leader"])
})

test("going on alone is asked for over the socket, and done when it is confirmed", async () => {
  const { client, node } = fixture
  expect(await client.recover({ confirm: false })).toMatchObject({
    node: "swarm-01",
    commit: 40,
    undecided: 2,
    lastContactMs: 4_500,
    removed: ["swarm-02"],
    recovered: false,
  })
  expect(node.replication.asked).not.toContain("recover alone")
  expect(await client.recover({ confirm: true })).toMatchObject({ recovered: true })
  expect((await client.raft()).servers.map(({ name, role }) => `${name} ${role}`)).toEqual(["swarm-01 leader"])
  expect(await at("POST", "/api/v1/raft/recover", { yes: true })).toMatch(/^400|^422/)
})

test("a client has no part in it", async () => {
  const other = await openFixture({ role: "client" })
  expect((await other.client.raft()).leader).toBe("swarm-01")
  expect(await refusal(other.client.recover({ confirm: true }))).toMatch(/not_a_server/)
  expect(await other.client.metrics()).not.toContain("ovl_raft")
  await other.close()
})
