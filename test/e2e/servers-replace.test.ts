/** Servers that are gone for good, and data directories that should not come back as if nothing had been. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { ovlCommand, type TestCluster, type TestNode } from "../support/cluster.ts"
import { type Background, type Done, until } from "../support/machine.ts"
import { describeAsRoot } from "../support/netns.ts"
import { allVote, dumpsEqual, joinServer, raftOf, startServers } from "../support/servers.ts"

/** Starts the daemon on what is in its data directory, which is expected to end by itself. */
async function endOf(node: TestNode, ...verb: string[]): Promise<Done> {
  const words = verb.length > 0 ? verb : ["join", "--advertise", node.address]
  return ended(node.machine.start([...ovlCommand(), ...words]))
}

async function ended(daemon: Background): Promise<Done> {
  await until(
    () => !daemon.running,
    () => `it ends; it said ${daemon.stdout} ${daemon.stderr}`,
    15_000,
  )
  return daemon.ended
}

const identityOf = (node: TestNode) => JSON.parse(readFileSync(join(node.dataDir, "node.json"), "utf8"))

describeAsRoot("servers that are replaced", () => {
  let cluster: TestCluster
  let s1: TestNode
  let s2: TestNode
  let s3: TestNode
  let s4: TestNode
  beforeAll(async () => {
    cluster = await startServers(["s1", "s2", "s3"], ["s4"])
    ;[s1, s2, s3, s4] = cluster.nodes as [TestNode, TestNode, TestNode, TestNode]
    s1.ovl(["kv", "put", "before", "the loss"])
  }, 60_000)
  afterAll(() => cluster.close())

  test("a server on an old copy of its data notices, says so and ends; nothing is lost by it", async () => {
    await s3.stop()
    const copy = join(cluster.scratch, "copy")
    cpSync(s3.dataDir, copy, { recursive: true })
    await s3.resume()
    await allVote([s1, s2, s3])
    for (let n = 0; n < 5; n++) s3.ovl(["kv", "put", "since", `the copy ${n}`])
    await s3.stop()
    rmSync(s3.dataDir, { recursive: true })
    cpSync(copy, s3.dataDir, { recursive: true })
    const done = await endOf(s3)
    expect(done.status).toBe(74)
    expect(done.stderr).toContain("is this an old copy?")
    expect(done.stderr).toContain("ovl node rm")
    expect(s1.ovl("kv get since")).toBe("the copy 4")
  }, 60_000)

  test("a dead server is taken out and another joins; the old one is refused, says so and ends", async () => {
    await s3.stop("SIGKILL")
    s1.ovl("node rm s3")
    await joinServer(s4, s2)
    await allVote([s1, s2, s4])
    expect(s4.ovl("kv get before")).toBe("the loss")
    const old = await endOf(s3)
    expect(old.status).toBe(5)
    expect(old.stderr).toContain("removed")
    expect(old.stderr).toContain("ovl down --all")
    expect(raftOf(s1).servers.map(({ name }) => name)).toEqual(["s1", "s2", "s4"])
    await dumpsEqual([s1, s2, s4])
  }, 60_000)

  test("a server whose store is gone does not start under its old name, and is not missed", async () => {
    await s2.stop("SIGKILL")
    rmSync(join(s2.dataDir, "store"), { recursive: true })
    const done = await endOf(s2)
    expect(done.status).toBe(1)
    expect(done.stderr).toContain("its store is gone")
    expect(done.stderr).toContain("ovl node rm")
    s4.ovl("node rm s2")
    s2.ovl("down --all")
    await joinServer(s2, s4)
    await allVote([s1, s2, s4])
    expect(s2.ovl("kv get before")).toBe("the loss")
  }, 60_000)

  test("a server that waits for the store ends at once when it is told to", async () => {
    s3.ovl("down --all")
    mkdirSync(s3.dataDir, { recursive: true })
    s3.machine.run("iptables -A INPUT -p tcp --dport 8300 -j DROP")
    const token = s1.ovl("token create --role server")
    const words = ["join", s1.address, "--server", "--token", token, "--name", "s5", "--advertise", s3.address]
    const daemon = s3.machine.start([...ovlCommand(), ...words])
    await until(() => daemon.stderr.includes("waiting for the leader"), "it waits for the store")
    await until(() => raftOf(s1).servers.some(({ name }) => name === "s5"), "it is one of them")
    daemon.signal("SIGTERM")
    expect(await ended(daemon)).toMatchObject({ status: 0 })
    s3.machine.run("iptables -F INPUT")
    // It goes on where it was, without a token.
    await s3.resume()
    await until(
      () => raftOf(s1).servers.some(({ name, lag }) => name === "s5" && lag === 0),
      "it has caught up",
      20_000,
    )
    s3.ovl("leave")
    expect(raftOf(s1).servers.map(({ name }) => name)).toEqual(["s1", "s2", "s4"])
  }, 60_000)

  test("a first start that was cut off before the node had its identity is taken up", async () => {
    const alone = await cluster.addNode("alone")
    await alone.serve()
    const { clusterId, nodeId } = identityOf(alone)
    alone.ovl(["kv", "put", "made", "before"])
    await alone.stop("SIGKILL")
    rmSync(join(alone.dataDir, "node.json"))
    await alone.serve()
    expect(identityOf(alone)).toMatchObject({ clusterId, nodeId })
    expect(alone.ovl("kv get made")).toBe("before")
    expect(alone.status().cluster.leader).toBe("alone")
    await alone.stop()
    await alone.resume()
    expect(alone.ovl("kv get made")).toBe("before")
    expect(existsSync(join(alone.dataDir, "store"))).toBe(true)
  }, 60_000)
})
