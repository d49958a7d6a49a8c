/** The cluster's contract, second part: nodes, tokens, joining, the stream of changes, and who has programmed what. */
import { expect, test } from "bun:test"
import { NODE_LEASE_TTL_MS, TOKEN_TTL_DEFAULT_MS } from "../../src/base/limits.ts"
import { Catalog, type ChangeBatch } from "../../src/model/catalog.ts"
import type { Cluster } from "../../src/registry/port.ts"
import { endpointSpec, eventually, type Harness, joinRequest, networkSpec, outcome, turn } from "./cluster-harness.ts"

/** A follower with the catalog that it makes of what it hears. */
function follow(cluster: Cluster, fromRevision = 0) {
  const catalog = new Catalog()
  const batches: ChangeBatch[] = []
  const ends: string[] = []
  const follower = cluster.follow(
    fromRevision,
    (batch) => {
      batches.push(batch)
      catalog.apply(batch)
    },
    (error) => ends.push(error.code),
  )
  return { catalog, batches, ends, close: () => follower.close() }
}

export function nodesContract(harness: () => Harness): void {
  streamContract(harness)
  membershipContract(harness)
  tokensContract(harness)
  programmedContract(harness)
}

function streamContract(harness: () => Harness): void {
  test("a follower has the whole catalog, then each change in order, and never a secret", async () => {
    const { cluster, store, node } = harness()
    const { network } = await cluster.createNetwork(networkSpec("red"))
    await cluster.createToken({})
    const seen = follow(cluster)
    await turn()
    expect(seen.batches[0]?.snapshot).toBe(true)
    expect([seen.catalog.networks.size, seen.catalog.nodes.size, seen.catalog.endpoints.size]).toEqual([1, 2, 0])
    const { endpoints } = await cluster.createEndpoints([endpointSpec(network.id, node, "web")])
    await cluster.createToken({})
    const { revision } = await cluster.removeEndpoints([endpoints[0]!.id])
    await turn()
    expect(seen.catalog.revision).toBe(revision)
    const changes = seen.batches
      .slice(1)
      .map(({ changes }) => changes.map((c) => `${c.type} ${c.value ? "set" : "gone"}`))
    expect(changes).toEqual([["endpoint set"], [], ["endpoint gone"]])
    expect(JSON.stringify(seen.batches)).not.toMatch(/PRIVATE|hash|keyPem/)
    expect(JSON.stringify(store.range("kv/").entries.map((e) => new TextDecoder().decode(e.value)))).not.toMatch(
      /PRIVATE/,
    )
    seen.close()
    await cluster.createNetwork(networkSpec("green"))
    await turn()
    expect(seen.batches.length).toBe(4)
  })

  test("a follower that was away goes on where it was, and knows at once that it is back", async () => {
    const { cluster } = harness()
    const { revision } = await cluster.createNetwork(networkSpec("red"))
    const back = follow(cluster, revision)
    await turn()
    const opening = { head: revision, networks: null }
    expect(back.batches).toEqual([{ revision, snapshot: false, changes: [], opening }])
    back.close()
    await cluster.createNetwork(networkSpec("green"))
    const later = follow(cluster, revision)
    await turn()
    expect(later.batches.map((batch) => [batch.snapshot, batch.changes.length])).toEqual([
      [false, 0],
      [false, 1],
    ])
    later.close()
    const ahead = follow(cluster, revision + 1_000_000)
    await turn()
    expect(ahead.batches[0]?.snapshot).toBe(true)
    ahead.close()
  })

  test("a write that changes nothing answers with a revision that followers know", async () => {
    const { cluster, store, node } = harness()
    const { network } = await cluster.createNetwork(networkSpec("red"))
    const { endpoints, revision } = await cluster.createEndpoints([endpointSpec(network.id, node, "web")])
    await store.transact({ operations: [{ op: "put", key: "kv/x", value: new Uint8Array() }] })
    expect(await cluster.removeEndpoints(["d".repeat(64)])).toEqual({ revision })
    expect((await cluster.updateEndpoints([{ id: endpoints[0]!.id, state: "up" }])).revision).toBe(revision)
    expect((await cluster.updateNode(node, { version: "0.1.0" })).revision).toBe(revision)
  })
}

function membershipContract(harness: () => Harness): void {
  test("info names the cluster, its leader and its servers", async () => {
    const { cluster, local, leader = "a".repeat(64) } = harness()
    expect(await cluster.info()).toMatchObject({
      id: local.record.id,
      kvPrefix: "swarm",
      leader,
      servers: ["192.168.1.51:8300"],
    })
  })

  test("a node is alive while it says so", async () => {
    const { cluster, clock, node } = harness()
    const { catalog, close } = follow(cluster)
    const alive = async () => {
      await turn()
      return catalog.alive.has(node)
    }
    const seenAs = (expected: boolean) => eventually(() => catalog.alive.has(node) === expected)
    expect(await alive()).toBe(false)
    await cluster.heartbeat(node)
    await seenAs(true)
    for (let n = 0; n < 5; n++) {
      await clock.pass(NODE_LEASE_TTL_MS * 0.8)
      await cluster.heartbeat(node)
    }
    expect(await alive()).toBe(true)
    await clock.pass(NODE_LEASE_TTL_MS * 2)
    await seenAs(false)
    await cluster.heartbeat(node)
    await seenAs(true)
    close()
  })

  test("a node hears with its sign of life who wishes for probes, and what it reports reaches the asker (pain 47)", async () => {
    const { cluster, local, clock, node, otherNode } = harness()
    const wish = { asker: node, round: "0011223344556677" }
    expect(await local.heartbeat(otherNode)).toEqual({ probes: [], pings: [] })
    const asked = cluster.probeRound(wish, [otherNode], 5_000)
    let wishes = await local.heartbeat(otherNode)
    for (let n = 0; n < 100 && wishes.probes.length === 0; n++) {
      await turn()
      wishes = await local.heartbeat(otherNode)
    }
    expect(wishes).toEqual({ probes: [wish], pings: [] })
    const report = { ...wish, nodeId: otherNode, small: true, full: false }
    await local.reportProbe(report)
    expect(await asked).toEqual([report])
    expect(await local.heartbeat(otherNode)).toEqual({ probes: [], pings: [] })

    const mine = local.probeRound({ ...wish, asker: otherNode }, [node], 5_000)
    expect((await cluster.heartbeat(node)).probes).toEqual([{ ...wish, asker: otherNode }])
    await cluster.reportProbe({ nodeId: node, asker: otherNode, round: wish.round, small: false, full: false })
    expect(await mine).toHaveLength(1)

    const unanswered = cluster.probeRound(wish, [otherNode], 1_000)
    await turn()
    await clock.pass(1_000)
    expect(await unanswered).toEqual([])
  })

  test("a node hears with its sign of life what it is to ping, and what it reports reaches the asker", async () => {
    const { cluster, local, clock, node, otherNode } = harness()
    const task = { task: 3, endpointId: "e".repeat(64), to: "10.0.0.3", onLink: true, count: 2, intervalMs: 100 }
    const round = "0011223344556677"
    const asked = cluster.pingRound({ asker: node, round, tasks: [{ ...task, nodeId: otherNode }], timeoutMs: 5_000 })
    let { pings } = await local.heartbeat(otherNode)
    for (let n = 0; n < 100 && pings.length === 0; n++) {
      await turn()
      ;({ pings } = await local.heartbeat(otherNode))
    }
    expect(pings).toEqual([{ asker: node, round, tasks: [task] }])
    expect((await cluster.heartbeat(node)).pings).toEqual([])
    const report = {
      nodeId: otherNode,
      round,
      results: [{ task: 3, replies: [{ seq: 1, ms: 0.5, why: null }], problem: null }],
    }
    // Neither another round's nor another node's report is taken for it.
    await local.reportPing({ ...report, round: "ffffffffffffffff" })
    await cluster.reportPing({ ...report, nodeId: node })
    await local.reportPing(report)
    expect(await asked).toEqual([report])
    expect((await local.heartbeat(otherNode)).pings).toEqual([])

    const silent = cluster.pingRound({ asker: node, round, tasks: [{ ...task, nodeId: otherNode }], timeoutMs: 1_000 })
    await turn()
    await clock.pass(1_000)
    expect(await silent).toEqual([])
    expect((await local.heartbeat(otherNode)).pings).toEqual([])
  })

  test("a node's facts change, but not to an address that another one has", async () => {
    const { cluster, store, node, otherNode } = harness()
    await cluster.updateNode(node, { address: "192.168.1.61", underlayMtu: 9000 })
    const record = (id: string) => JSON.parse(new TextDecoder().decode(store.get(`ovl/nodes/${id}`)!.value))
    expect(record(node)).toMatchObject({ address: "192.168.1.61", underlayMtu: 9000, version: "0.1.0" })
    const { address, name } = record(otherNode)
    expect(await outcome(cluster.updateNode(node, { address }))).toBe(
      `conflict address_taken: address ${address}: in use by node ${name}`,
    )
    expect(await outcome(cluster.updateNode(node, { address: "x" }))).toMatch(/^usage address_invalid/)
  })

  test("VTEPs of two families are refused: their nodes could not reach each other", async () => {
    const { cluster, local, node } = harness()
    const sixth = await joinRequest(local, { name: "third", address: "fd00:1::53" })
    expect(await outcome(local.join(sixth))).toMatch(
      /^conflict address_family: address fd00:1::53: IPv6, and node swarm-0\d has IPv4$/,
    )
    expect(await outcome(cluster.updateNode(node, { address: "fd00:1::51" }))).toMatch(/^conflict address_family/)
    expect(await outcome(local.join({ ...sixth, address: "192.168.1.53" }))).toBe("ok")
  })

  test("a node that is removed takes its endpoints with it and can come back as a new one", async () => {
    const { cluster, local, store } = harness()
    const { node } = await local.join(await joinRequest(local, { name: "third", address: "192.168.1.53" }))
    const { network } = await cluster.createNetwork(networkSpec("red"))
    await local.heartbeat(node.id)
    await local.createEndpoints([endpointSpec(network.id, node.id, "web")])
    const again = await joinRequest(local, { name: "THIRD", address: "192.168.1.54" })
    expect(await outcome(local.join(again))).toBe("conflict name_taken: node THIRD: the name is taken")
    expect(await outcome(local.join({ ...again, name: "fourth", address: "192.168.1.53" }))).toBe(
      "conflict address_taken: address 192.168.1.53: in use by node third",
    )
    await cluster.removeNode(node.id, { leave: false })
    expect([local.isMember(node.id), store.leases().length]).toEqual([false, 0])
    expect(store.range("ovl/endpoints/").entries.length).toBe(0)
    expect(await outcome(local.heartbeat(node.id))).toMatch(/^not_found node_not_found/)
    expect(await outcome(local.createEndpoints([endpointSpec(network.id, node.id, "web")]))).toMatch(/^not_found/)
    expect(await outcome(cluster.removeNode(node.id, { leave: false }))).toMatch(/^not_found node_not_found/)
    expect((await local.join(again)).node.name).toBe("THIRD")
  })

  test("a node that left is still shown, until its name is wanted again", async () => {
    const { local, store } = harness()
    const request = await joinRequest(local, { name: "third", address: "192.168.1.53" })
    const { node } = await local.join(request)
    await local.removeNode(node.id, { leave: true })
    expect(JSON.parse(new TextDecoder().decode(store.get(`ovl/nodes/${node.id}`)!.value)).state).toBe("left")
    expect(await outcome(local.heartbeat(node.id))).toBe(
      "forbidden not_member: node third: no member of the cluster any more",
    )
    const back = await local.join(request)
    expect([back.node.name, back.node.id === node.id]).toEqual(["third", false])
    expect(store.get(`ovl/nodes/${node.id}`)).toBeUndefined()
  })

  test("who lost the answer to its join asks again, and is the same node; nobody else is", async () => {
    const { cluster, local } = harness()
    const { token } = await cluster.createToken({ uses: 1 })
    const request = await joinRequest(local, { token, name: "third", address: "192.168.1.53" })
    const first = await local.join(request)
    const again = await local.join(request)
    expect([again.node.id === first.node.id, again.clusterId === first.clusterId]).toEqual([true, true])
    const other = await joinRequest(local, { name: "third", address: "192.168.1.53" })
    expect(await outcome(local.join(other))).toMatch(/^conflict name_taken/)
    await cluster.removeNode(first.node.id, { leave: false })
    expect(await outcome(local.join(request))).toMatch(/^forbidden token_unknown/)
  })

  test("the only server does not go before the others", async () => {
    const { cluster, local } = harness()
    expect(await outcome(local.removeNode("a".repeat(64), { leave: true }))).toBe(
      "conflict last_server: node swarm-01: the only server, and swarm-02 is still a member",
    )
    expect((await cluster.info()).servers.length).toBe(1)
  })
}

function tokensContract(harness: () => Harness): void {
  test("a token lets in as often and as long as it says, in its role", async () => {
    const { cluster, local, store, clock } = harness()
    const { token, id, role, expires } = await cluster.createToken({ uses: 2 })
    expect([role, Date.parse(expires) - clock.now()]).toEqual(["client", TOKEN_TTL_DEFAULT_MS])
    expect(await cluster.checkToken(token)).toEqual({ role: "client" })
    expect(
      JSON.stringify(store.range("ovl/tokens/").entries.map((e) => new TextDecoder().decode(e.value))),
    ).not.toContain(token.split(".").at(-1)!)
    const request = await joinRequest(local, { token, name: "n3", address: "192.168.1.53" })
    expect(await outcome(local.join({ ...request, csrPem: "nonsense" }))).toMatch(/^invalid request_invalid/)
    await local.join(request)
    expect((await cluster.listTokens()).find((t) => t.id === id)?.usesLeft).toBe(1)
    await local.join({ ...request, name: "n4", address: "192.168.1.54" })
    const third = { ...request, name: "n5", address: "192.168.1.55" }
    expect(await outcome(local.join(third))).toMatch(/^forbidden token_unknown/)
    const { token: fresh } = await cluster.createToken({})
    await clock.pass(TOKEN_TTL_DEFAULT_MS)
    expect(await outcome(local.join({ ...third, token: fresh }))).toMatch(
      /^forbidden token_expired: token [0-9a-f]+: expired/,
    )
    expect(await outcome(cluster.checkToken(fresh))).toMatch(/^forbidden token_expired/)
    const server = await cluster.createToken({ role: "server", ttlMs: 1000 })
    expect(await outcome(local.join({ ...third, token: server.token }))).toMatch(/^forbidden token_role/)
    expect(store.range("ovl/tokens/").entries.length).toBe(1)
  })

  test("a token can be taken back; a forged or cut one is refused", async () => {
    const { cluster } = harness()
    const { token, id } = await cluster.createToken({})
    const forged = token.slice(0, -4) + (token.endsWith("AAAA") ? "BBBB" : "AAAA")
    expect(await outcome(cluster.checkToken(forged))).toMatch(/^forbidden token_unknown/)
    expect(await outcome(cluster.checkToken("ovl1.x"))).toMatch(/^forbidden token_malformed/)
    await cluster.removeToken(id)
    expect(await outcome(cluster.checkToken(token))).toMatch(/^forbidden token_unknown/)
    expect(await outcome(cluster.removeToken(id))).toMatch(/^not_found token_unknown/)
    expect(await outcome(cluster.createToken({ uses: 0 }))).toMatch(/^usage token_spec_invalid/)
    expect(await outcome(cluster.createToken({ ttlMs: -1 }))).toMatch(/^usage token_spec_invalid/)
  })
}

function programmedContract(harness: () => Harness): void {
  test("one waits for the live nodes that have the network, but not for itself", async () => {
    const { cluster, local, clock, node, otherNode } = harness()
    const { network } = await cluster.createNetwork(networkSpec("red"))
    const { revision } = await cluster.createEndpoints([endpointSpec(network.id, node, "web")])
    for (const id of [node, otherNode]) await local.heartbeat(id)
    expect(await cluster.awaitProgrammed([network.id], revision, 1000)).toEqual({ lagging: [] })
    const { revision: both } = await local.createEndpoints([endpointSpec(network.id, otherNode, "db")])
    const late = cluster.awaitProgrammed([network.id], both, 1000)
    await turn()
    await clock.pass(1000)
    expect((await late).lagging.length).toBe(1)
    const inTime = cluster.awaitProgrammed([network.id], both, 1000)
    await turn()
    local.reportProgrammed(otherNode, both - 1)
    local.reportProgrammed(otherNode, both)
    expect(await inTime).toEqual({ lagging: [] })
    const dead = cluster.awaitProgrammed([network.id], both + 1, NODE_LEASE_TTL_MS * 4)
    await turn()
    await clock.pass(NODE_LEASE_TTL_MS * 2)
    expect(await dead).toEqual({ lagging: [] })
    cluster.reportProgrammed(node, both)
    await turn()
    await local.heartbeat(node)
    expect(await local.awaitProgrammed([network.id], both, 1000, otherNode)).toEqual({ lagging: [] })
  })
}
