/** Three servers: how they come to be, that each serves everything, and that any one of them may die. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import type { TestCluster, TestNode } from "../support/cluster.ts"
import { until } from "../support/machine.ts"
import { describeAsRoot } from "../support/netns.ts"
import {
  allVote,
  dumpsEqual,
  http,
  joinServer,
  leaderOf,
  Load,
  raftOf,
  startServers,
  succeeds,
} from "../support/servers.ts"

describeAsRoot("three servers", () => {
  let cluster: TestCluster
  let servers: TestNode[]
  let client: TestNode
  let other: TestNode
  beforeAll(async () => {
    cluster = await startServers(["s1", "s2", "s3"], ["c1", "c2"])
    servers = cluster.nodes.slice(0, 3)
    client = cluster.node("c1")
    other = cluster.node("c2")
    await client.join(servers[1]!)
    await other.join(servers[2]!)
  }, 60_000)
  afterAll(() => cluster.close())

  test("every node says the same of the servers", async () => {
    const leader = (await leaderOf(servers)).name
    for (const node of [...servers, client]) {
      const view = raftOf(node)
      expect(view.leader).toBe(leader)
      expect(view.servers.map(({ name, state }) => `${name} ${state}`)).toEqual(["s1 alive", "s2 alive", "s3 alive"])
      expect(view.servers.every(({ match, lag }) => match !== null && lag !== null)).toBe(true)
      expect(node.status()).toMatchObject({ health: "ok", cluster: { leader, servers: 3, nodes: 5 } })
      const rows = node.nodes().map(({ name, role, voter, leader: leads }) => `${name} ${role} ${voter} ${leads}`)
      expect(rows.sort()).toEqual(
        ["c1 client false false", "c2 client false false"].concat(
          ["s1", "s2", "s3"].map((name) => `${name} server true ${name === leader}`),
        ),
      )
      const peers = JSON.parse((await http(node, "GET", "/v1/status/peers"))!) as string[]
      expect(peers.sort()).toEqual(servers.map(({ address }) => `${address}:8300`))
    }
  }, 60_000)

  test("what is written at any node is read at every other at once", async () => {
    const nodes = [...servers, client, other]
    for (const [i, writer] of nodes.entries()) {
      writer.ovl(["kv", "put", `at/${writer.name}`, `by ${writer.name}`])
      const reader = nodes[(i + 1) % nodes.length]!
      expect(reader.ovl(["kv", "get", `at/${writer.name}`])).toBe(`by ${writer.name}`)
      writer.ovl(`network create net-${writer.name}`)
      expect(reader.try(`network create net-${writer.name}`).status).toBe(4)
    }
    const names = nodes.map(({ name }) => `net-${name}`).sort()
    const networks = (node: TestNode) => node.json<{ name: string }[]>("network ls").map(({ name }) => name)
    // What others made, a node hears of a moment later.
    for (const node of nodes) {
      await until(
        () => networks(node).sort().join() === names.join(),
        () => `${node.name} knows all networks: ${networks(node)}`,
      )
    }
    for (const node of nodes) node.ovl(`network rm net-${node.name}`)
    await until(() => networks(client).length === 0, "the networks are gone")
  }, 60_000)

  test("each server's metrics say what it does and how far it is", async () => {
    const leader = await leaderOf(servers)
    for (const node of servers) {
      const lines = (await http(node, "GET", "/metrics"))!.split("\n")
      const value = (name: string) => Number(lines.find((line) => line.startsWith(`${name} `))?.split(" ")[1])
      expect(value("ovl_raft_is_leader")).toBe(node === leader ? 1 : 0)
      expect(value("ovl_raft_proposals_total") > 0).toBe(node === leader)
      expect(value("ovl_raft_snapshots_installed_total")).toBe(node.name === "s1" ? 0 : 1)
      for (const name of ["ovl_store_commits_total", "ovl_store_commit_seconds_total", "ovl_store_bytes"])
        expect([name, value(name) > 0]).toEqual([name, true])
      expect(value("ovl_raft_leader_changes_total")).toBeGreaterThan(0)
      expect(value("ovl_raft_log_bytes")).toBeGreaterThan(0)
      const peers = lines.filter((line) => line.startsWith("ovl_raft_peer_connected{"))
      expect(peers.map((line) => line.split(" ")[1])).toEqual(["1", "1"])
    }
  }, 60_000)

  test("the leader dies: writes go on, status names who is lost and what to do, no packet is lost, and it comes back", async () => {
    client.ovl("network create red --subnet 10.65.10.0/24")
    client.ovl("run -d --network red --name w1")
    other.ovl("run -d --network red --name w2")
    const leader = await leaderOf(servers)
    const rest = servers.filter((node) => node !== leader)
    const ping = other.machine.start("ip netns exec ovl-w2 ping -q -i 0.02 -W1 -c 300 10.65.10.2")
    const load = new Load([...rest, client], "kill")
    await Bun.sleep(200)
    await leader.stop("SIGKILL")
    await leaderOf(rest)
    client.ovl(["kv", "put", "after", "the leader died"])
    const { term } = raftOf(rest[0]!)
    const lost = () => rest[0]!.status().problems.find(({ code }) => code === "voter_lost")
    await until(
      () => lost() !== undefined,
      () => `the lost voter is named: ${JSON.stringify(rest[0]!.status().problems)}`,
      20_000,
    )
    expect(lost()!.message).toContain(`server ${leader.name} (${leader.address}:8300)`)
    expect(lost()!.message).toContain("no other one may be lost now")
    expect(lost()!.hint).toContain(`ovl raft rm ${leader.name}`)
    expect(rest[1]!.try("status").status).toBe(7)
    expect(raftOf(rest[1]!).servers.find(({ name }) => name === leader.name)!.state).toBe("failed")
    await leader.resume()
    await allVote(servers)
    expect((await load.stop()).acknowledged.length).toBeGreaterThan(50)
    expect(await load.missingAt(leader)).toEqual([])
    expect(raftOf(leader).term).toBe(term)
    await until(() => servers.every((node) => node.try("status").status === 0), "all is well again", 20_000)
    await dumpsEqual(servers)
    expect((await ping.ended).stdout).toContain("300 received, 0% packet loss")
    expect(client.status().kernel.repairs + other.status().kernel.repairs).toBe(0)
  }, 60_000)

  test("the lead is handed over without a failed write", async () => {
    const leader = await leaderOf(servers)
    const to = servers.find((node) => node !== leader)!
    const load = new Load([client], "transfer")
    expect(client.ovl(`raft transfer ${to.name}`)).toBe(to.name)
    expect(raftOf(leader).leader).toBe(to.name)
    client.ovl(["kv", "put", "after", "the handover"])
    await load.stop()
    expect(await load.missingAt(to)).toEqual([])
    expect(to.try("raft transfer c1").status).toBe(4)
  }, 60_000)

  test("followers leave, then the leader does; the last ones say what is at stake", async () => {
    const leader = await leaderOf(servers)
    const [follower, last] = servers.filter((node) => node !== leader)
    follower!.ovl("leave")
    expect((await follower!.daemon!.ended).status).toBe(0)
    expect(
      raftOf(last!)
        .servers.map(({ name }) => name)
        .sort(),
    ).toEqual([leader.name, last!.name].sort())
    expect(last!.status().problems.map(({ code }) => code)).toContain("even_voters")
    leader.ovl("leave")
    expect((await leader.daemon!.ended).status).toBe(0)
    await succeeds(last!, ["kv", "put", "after", "the leader left"])
    expect(client.ovl("kv get after")).toBe("the leader left")
    expect(raftOf(last!)).toMatchObject({ leader: last!.name, servers: [{ name: last!.name, role: "leader" }] })
    expect(last!.status().problems.map(({ code }) => code)).toContain("single_server")
    expect(last!.try("leave").status).toBe(4)
    await joinServer(follower!, last!)
    await allVote([last!, follower!])
    expect(follower!.ovl("kv get after")).toBe("the leader left")
    expect(client.exec("w1", "ping -c1 -W1 w2")).toContain("1 received")
  }, 60_000)
})
