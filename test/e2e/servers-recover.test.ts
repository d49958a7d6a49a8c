/** The majority of the servers is gone for good: one goes on alone, the clients with it, and the others are ghosts. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import type { RecoveryPreview } from "../../src/model/raft.ts"
import { ovlCommand, type TestCluster, type TestNode } from "../support/cluster.ts"
import { until } from "../support/machine.ts"
import { describeAsRoot } from "../support/netns.ts"
import { allVote, joinServer, raftOf, startServers, succeeds } from "../support/servers.ts"

describeAsRoot("three servers of which two are lost", () => {
  let cluster: TestCluster
  let servers: TestNode[]
  let s1: TestNode
  let s2: TestNode
  let s3: TestNode
  let c1: TestNode
  let c2: TestNode
  let ping: ReturnType<TestNode["machine"]["start"]>
  beforeAll(async () => {
    cluster = await startServers(["s1", "s2", "s3"], ["c1", "c2"])
    servers = cluster.nodes.slice(0, 3)
    ;[s1, s2, s3, c1, c2] = cluster.nodes as [TestNode, TestNode, TestNode, TestNode, TestNode]
    await c1.join(s1)
    await c2.join(s2)
    c1.ovl("network create red --subnet 10.65.10.0/24")
    c1.ovl("run -d --network red --name w1")
    c2.ovl("run -d --network red --name w2")
    c1.ovl(["kv", "put", "kept", "by all"])
    ping = c2.machine.start("ip netns exec ovl-w2 ping -q -i 0.02 -W1 10.65.10.2")
  }, 60_000)
  afterAll(() => cluster.close())

  /** It ends by itself, for the cluster has gone on without it. */
  const expectGhost = async (node: TestNode) => {
    const daemon = node.machine.start([...ovlCommand(), "join", "--advertise", node.address])
    await until(
      () => !daemon.running,
      () => `${node.name} ends; it said ${daemon.stdout} ${daemon.stderr}`,
      15_000,
    )
    const { status, stderr } = await daemon.ended
    expect(stderr).toContain("ovl down --all")
    expect(status).toBe(5)
  }

  /** What was there before is there, at the servers and at the clients, and more can be made. */
  const expectAllThere = async (survivor: TestNode, again: string) => {
    for (const client of [c1, c2]) {
      await succeeds(client, ["kv", "put", again, client.name])
      expect(client.ovl("kv get kept")).toBe("by all")
      const names = client.network("red").endpoints.map(({ name }) => name)
      expect(names).toEqual(expect.arrayContaining(["w1", "w2"]))
    }
    c1.ovl(`run -d --network red --name ${again}`)
    expect(c2.exec("w2", `ping -c1 -W1 ${again}`)).toContain("1 received")
    expect(survivor.ovl(`kv get ${again}`)).toBe("c2")
    expect(c1.status().kernel.repairs + c2.status().kernel.repairs).toBe(0)
  }

  test("without a majority everything that needs one fails, and says what to do", async () => {
    expect(s1.try("raft recover --yes").status).toBe(4)
    await s2.stop("SIGKILL")
    await s3.stop("SIGKILL")
    await until(() => raftOf(s1).leader === null, "s1 knows that nobody leads")
    expect(s1.try(["kv", "put", "x", "y"]).status).toBe(6)
    expect(c1.try("network create blue").status).toBe(6)
    expect(s1.status().problems[0]).toMatchObject({ code: "no_leader", hint: expect.stringContaining("raft recover") })
    const preview = s1.try("raft recover --json")
    expect(preview.status).toBe(2)
    expect(JSON.parse(preview.stdout)).toMatchObject({ node: "s1", removed: ["s2", "s3"], recovered: false })
    expect(raftOf(s1).servers).toHaveLength(3)
  }, 60_000)

  test("the survivor goes on alone, the clients with it; the lost ones are refused as ghosts, and may join anew", async () => {
    const done = s1.json<RecoveryPreview>("raft recover --yes")
    expect(done).toMatchObject({ node: "s1", recovered: true, removed: ["s2", "s3"] })
    await succeeds(s1, ["kv", "put", "alone", "s1"])
    expect(raftOf(s1)).toMatchObject({ leader: "s1", servers: [{ name: "s1", role: "leader" }] })
    await expectAllThere(s1, "live")
    await expectGhost(s2)
    for (const ghost of [s2, s3]) {
      ghost.ovl("down --all")
      await joinServer(ghost, s1)
    }
    await allVote(servers)
    expect(s3.ovl("kv get alone")).toBe("s1")
  }, 60_000)

  test("the same on a data directory, where no daemon runs", async () => {
    for (const node of servers) await node.stop("SIGKILL")
    expect(s2.try("raft recover").status).toBe(2)
    expect(s2.json<RecoveryPreview>("raft recover --yes")).toMatchObject({ node: "s2", recovered: true })
    await s2.resume()
    await succeeds(s2, ["kv", "put", "alone", "s2"])
    expect(
      s2
        .nodes()
        .filter(({ role }) => role === "server")
        .map(({ name }) => name),
    ).toEqual(["s2"])
    await expectAllThere(s2, "offline")
    await expectGhost(s1)
  }, 60_000)

  test("no packet was lost meanwhile", async () => {
    ping.signal("SIGINT")
    expect((await ping.ended).stdout).toContain(" 0% packet loss")
  }, 60_000)
})
