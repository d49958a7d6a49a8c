/** Whole states on their way: to a server that was away for too long, and saved and restored while others write. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import type { TestCluster, TestNode } from "../support/cluster.ts"
import { until } from "../support/machine.ts"
import { describeAsRoot } from "../support/netns.ts"
import { allVote, dumpsEqual, http, leaderOf, Load, startServers } from "../support/servers.ts"

/** Values of this size, so often: more than the log keeps. */
const VALUE_BYTES = 500_000
const VALUES = 150

describeAsRoot("three servers and their snapshots", () => {
  let cluster: TestCluster
  let servers: TestNode[]
  let followers: TestNode[]
  let leader: TestNode
  beforeAll(async () => {
    cluster = await startServers(["s1", "s2", "s3"])
    servers = [...cluster.nodes]
    leader = await leaderOf(servers)
    followers = servers.filter((node) => node !== leader)
  }, 60_000)
  afterAll(() => cluster.close())

  const measure = async (node: TestNode, name: string) => {
    const line = (await http(node, "GET", "/metrics"))!.split("\n").find((each) => each.startsWith(`${name} `))
    return line === undefined ? null : Number(line.split(" ")[1])
  }

  test("a server that was away for longer than the log reaches back is given the whole state", async () => {
    const [away, stays] = followers
    await away!.stop()
    for (let n = 0; n < VALUES; n++) {
      const put = await http(stays!, "PUT", `/v1/kv/large/${n % 8}`, `${n}${"x".repeat(VALUE_BYTES)}`)
      expect(put).toBe("true")
    }
    const load = new Load([stays!, leader], "meanwhile")
    await away!.resume()
    await allVote(servers)
    expect((await load.stop()).acknowledged.length).toBeGreaterThan(10)
    await dumpsEqual(servers)
    expect(await load.missingAt(away!)).toEqual([])
    expect(await measure(leader, "ovl_raft_snapshots_sent_total")).toBeGreaterThan(0)
    expect(await measure(away!, "ovl_raft_snapshots_installed_total")).toBe(1)
  }, 60_000)

  test("a snapshot is saved at one server and restored at another while a third one is written to", async () => {
    const [one, two] = followers
    one!.ovl("kv del --recurse large/")
    one!.ovl(["kv", "put", "saved/key", "as it was"])
    const load = new Load([leader], "load")
    one!.ovl("snapshot save /run/saved.snap")
    two!.ovl(["kv", "put", "saved/key", "changed"])
    two!.ovl(["kv", "put", "saved/later", "gone again"])
    one!.ovl("snapshot restore /run/saved.snap")
    for (const node of servers) {
      expect(node.ovl("kv get saved/key")).toBe("as it was")
      expect(node.try("kv get saved/later").status).toBe(3)
    }
    await load.stop()
    await dumpsEqual(servers)
    for (const node of servers) expect(node.status().health).toBe("ok")
    await until(() => leader.try("status").status === 0, "all is well")
  }, 60_000)
})
