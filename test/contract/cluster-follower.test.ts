/**
 * The cluster's contract on a server that does not lead: asked on that server itself, and by a client that is connected
 * to it. And what changes of the lead do to what goes on.
 */
import { describe, expect, test } from "bun:test"
import type { Clock } from "../../src/base/clock.ts"
import { silentLog } from "../../src/base/log.ts"
import { systemClock, systemRandom } from "../../src/linux/system.ts"
import type { ChangeBatch } from "../../src/model/catalog.ts"
import { type LocalCluster, openCluster } from "../../src/registry/cluster-on-store.ts"
import { leaderCluster } from "../../src/registry/leader.ts"
import { FakeReplication } from "../../src/registry/replication-fake.ts"
import { clusterHandler } from "../../src/registry/rpc-handler.ts"
import { remoteCluster } from "../../src/registry/rpc-remote.ts"
import { clusterContract } from "./cluster.ts"
import {
  endpointSpec,
  eventually,
  type Harness,
  joinRequest,
  PassingClock,
  networkSpec,
  newCluster,
  outcome,
  SERVER_ID,
  turn,
} from "./cluster-harness.ts"
import { type ScriptedServer, ScriptedServers, SERVER_IDS } from "./scripted-servers.ts"

interface Servers {
  all: ScriptedServers
  clusters: LocalCluster[]
}

/** Several servers of one cluster; the first one, swarm-01, leads. */
async function openServers(count: number, clock: Clock): Promise<Servers> {
  const all = await ScriptedServers.open(count, clock)
  const made = await newCluster(all.servers[0]!.member.engine, clock)
  made.close()
  for (const { member } of all.servers) member.catchUp()
  const clusters = all.servers.map((server) => clusterOf(server, clock))
  for (const [n, server] of all.servers.entries()) server.handler = clusterHandler(clusters[n]!)
  return { all, clusters }
}

function clusterOf({ member, store, link }: ScriptedServer, clock: Clock): LocalCluster {
  const { replication, nodeId: self } = member
  const local = openCluster({ store, replication, clock, random: systemRandom, log: silentLog, self })
  const cluster = leaderCluster({ local, store, replication, leader: link, clock: systemClock })
  // The servers beside the first one have not joined: no record of theirs is in the way of what the contract counts.
  return { ...cluster, isMember: (id) => SERVER_IDS.includes(id) || cluster.isMember(id) }
}

async function closeServers({ all, clusters }: Servers): Promise<void> {
  for (const cluster of clusters) cluster.close()
  await all.close()
}

async function followerHarness(): Promise<Harness> {
  const clock = new PassingClock()
  const servers = await openServers(2, clock)
  servers.all.cluster.lead(SERVER_IDS[1]!)
  const [cluster] = servers.clusters as [LocalCluster, LocalCluster]
  const { node } = await cluster.join(await joinRequest(cluster))
  const { store } = servers.all.servers[0]!
  const close = () => closeServers(servers)
  const replication = new FakeReplication(SERVER_ID)
  const leader = SERVER_IDS[1]!
  return { cluster, local: cluster, store, clock, replication, leader, node: SERVER_ID, otherNode: node.id, close }
}

async function clientHarness(): Promise<Harness> {
  const clock = new PassingClock()
  const servers = await openServers(2, clock)
  const { all } = servers
  all.cluster.lead(SERVER_IDS[1]!)
  const [following, leading] = servers.clusters as [LocalCluster, LocalCluster]
  const { node } = await following.join(await joinRequest(following))
  const connection = await all.network.connect({
    address: all.servers[0]!.address,
    expect: all.expect,
    credentials: all.credentials(node.id, node.name, "client"),
  })
  const cluster = remoteCluster({ connection: () => connection, clock: systemClock })
  const close = async () => {
    connection.close()
    await closeServers(servers)
  }
  const { store } = all.servers[1]!
  const replication = new FakeReplication(SERVER_ID)
  const leader = SERVER_IDS[1]!
  return { cluster, local: leading, store, clock, replication, leader, node: node.id, otherNode: SERVER_ID, close }
}

clusterContract("on a server that follows", followerHarness, { servers: false })
clusterContract("by a client of a server that follows", clientHarness, { servers: false })

describe("the lead changes", () => {
  const batches = () => {
    const seen: ChangeBatch[] = []
    return { seen, onBatch: (batch: ChangeBatch) => void seen.push(batch) }
  }

  test("while networks are made on all servers: each once, and followers miss nothing", async () => {
    const servers = await openServers(3, systemClock)
    const { all, clusters } = servers
    const { seen, onBatch } = batches()
    clusters[2]!.follow(0, onBatch, () => {})
    const making = Array.from({ length: 24 }, (_, n) => outcome(clusters[n % 3]!.createNetwork({ name: `n${n}` })))
    for (const leader of [1, 2, 0, 1]) {
      await turn()
      all.cluster.lead(all.servers[leader]!.member.nodeId)
    }
    const said = await Promise.all(making)
    await eventually(() => new Set(all.servers.map(({ store }) => store.revision)).size === 1)
    const made = seen.flatMap(({ changes }) => changes.filter((change) => change.type === "network"))
    const done = said.filter((each) => each === "ok").length
    expect(said.every((each) => each === "ok" || each.includes("outcome_unknown"))).toBe(true)
    expect(made.length).toBeGreaterThanOrEqual(done)
    expect(new Set(made.map(({ id }) => id)).size).toBe(made.length)
    const revisions = seen.map(({ revision }) => revision)
    expect(revisions).toEqual([...new Set(revisions)].sort((x, y) => x - y))
    await closeServers(servers)
  })

  test("and the new leader knows whose kernels have followed", async () => {
    const servers = await openServers(3, systemClock)
    const { all, clusters } = servers
    const [leading, second, third] = clusters as [LocalCluster, LocalCluster, LocalCluster]
    const { node } = await second.join(await joinRequest(second))
    const { network } = await leading.createNetwork(networkSpec("red"))
    const { revision } = await leading.createEndpoints([endpointSpec(network.id, node.id, "web")])
    await second.heartbeat(node.id)
    await eventually(() => third.nodeOfEndpoint("x") === undefined && all.servers[2]!.store.revision >= revision)
    expect(await third.awaitProgrammed([network.id], revision, 50)).toEqual({ lagging: ["swarm-02"] })
    second.reportProgrammed(node.id, revision)
    expect(await third.awaitProgrammed([network.id], revision, 2_000)).toEqual({ lagging: [] })
    all.cluster.lead(all.servers[2]!.member.nodeId)
    expect(await third.awaitProgrammed([network.id], revision, 2_000)).toEqual({ lagging: [] })
    expect(await leading.awaitProgrammed([network.id], revision, 2_000)).toEqual({ lagging: [] })
    await closeServers(servers)
  })

  test("while somebody waits for other kernels: he is answered by the new leader", async () => {
    const servers = await openServers(3, systemClock)
    const { all, clusters } = servers
    const [leading, second, third] = clusters as [LocalCluster, LocalCluster, LocalCluster]
    const { node } = await leading.join(await joinRequest(leading))
    const { network } = await leading.createNetwork(networkSpec("red"))
    const { revision } = await leading.createEndpoints([endpointSpec(network.id, node.id, "web")])
    await leading.heartbeat(node.id)
    await turn()
    const waiting = [leading, second].map((cluster) => cluster.awaitProgrammed([network.id], revision, 10_000))
    await turn()
    all.cluster.lead(all.servers[2]!.member.nodeId)
    third.reportProgrammed(node.id, revision)
    expect(await Promise.all(waiting)).toEqual([{ lagging: [] }, { lagging: [] }])
    await closeServers(servers)
  })
})

describe("a server that is behind", () => {
  test("lets a follower who knows more wait, and takes it no step back", async () => {
    const servers = await openServers(2, systemClock)
    const { all, clusters } = servers
    const [leading, following] = clusters as [LocalCluster, LocalCluster]
    all.servers[1]!.member.behind = true
    const { revision } = await leading.createNetwork(networkSpec("red"))
    const seen: string[] = []
    following.follow(
      revision,
      (batch) => seen.push(`${batch.revision - revision} ${batch.snapshot}`),
      (error) => seen.push(error.code),
    )
    await turn()
    await leading.createNetwork({ name: "green" })
    all.servers[1]!.member.catchUp()
    expect(seen[0]).toBe("0 false")
    all.cluster.lead(null)
    following.follow(
      revision + 1_000,
      (batch) => seen.push(`${batch.revision} ${batch.snapshot}`),
      (error) => seen.push(error.code),
    )
    await eventually(() => seen.at(-1) === "no_leader")
    await closeServers(servers)
  })

  test("asks before it takes a peer for none, or its endpoint", async () => {
    const servers = await openServers(2, systemClock)
    const { all, clusters } = servers
    const [leading] = clusters as [LocalCluster, LocalCluster]
    all.servers[1]!.member.behind = true
    const { node } = await leading.join(await joinRequest(leading))
    const knows = () => clusters.map((cluster) => [cluster.isMember(node.id), cluster.mayConnect(node.id)])
    expect(knows()).toEqual([
      [true, true],
      [false, true],
    ])
    const { network } = await leading.createNetwork(networkSpec("red"))
    const { endpoints } = await leading.createEndpoints([endpointSpec(network.id, node.id, "web")])
    const connection = await all.network.connect({
      address: all.servers[1]!.address,
      expect: all.expect,
      credentials: all.credentials(node.id, node.name, "client"),
    })
    const client = remoteCluster({ connection: () => connection, clock: systemClock })
    const followed: string[] = []
    client.follow(
      0,
      () => followed.push("a batch"),
      (error) => followed.push(error.code),
    )
    await eventually(() => followed.length > 0)
    expect(followed[0]).toBe("a batch")
    await client.heartbeat(node.id)
    expect(await outcome(client.updateEndpoints([{ id: endpoints[0]!.id, state: "failed" }]))).toBe("ok")
    await leading.removeNode(node.id, { leave: false })
    all.servers[1]!.member.catchUp()
    await turn()
    expect(knows()).toEqual([
      [false, false],
      [false, false],
    ])
    connection.close()
    await closeServers(servers)
  })
})
