/** Servers restarted one after the other, as an administrator does it, and a part of them upgraded meanwhile. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { join, resolve } from "node:path"
import type { TestCluster, TestNode } from "../support/cluster.ts"
import { describeAsRoot } from "../support/netns.ts"
import { allVote, dumpsEqual, Load, raftOf, startServers } from "../support/servers.ts"

/** What a program that goes round the nodes may find closed: an election, and a busy machine. */
const MOMENT_MS = 5_000
const NEXT_VERSION = "0.99.0"

describeAsRoot("three servers, restarted", () => {
  let cluster: TestCluster
  let servers: TestNode[]
  let client: TestNode
  beforeAll(async () => {
    cluster = await startServers(["s1", "s2", "s3"], ["c1"])
    servers = cluster.nodes.slice(0, 3)
    client = cluster.node("c1")
    await client.join(servers[0]!)
  }, 60_000)
  afterAll(() => cluster.close())

  /** One at a time, the leader among them, and each is back and votes before the next one goes. */
  const restartAll = async (resume: (node: TestNode) => Promise<void>) => {
    for (const node of servers) {
      const done = await node.stop("SIGTERM")
      expect(done).toMatchObject({ status: 0 })
      await resume(node)
      await allVote(servers)
    }
  }

  test("a rolling restart loses no acknowledged write, and none waits for longer than a moment", async () => {
    const load = new Load([...servers, client], "rolling")
    await restartAll((node) => node.resume())
    const { acknowledged, longestGapMs } = await load.stop()
    expect(acknowledged.length).toBeGreaterThan(50)
    expect(longestGapMs).toBeLessThan(MOMENT_MS)
    for (const node of servers) expect(await load.missingAt(node)).toEqual([])
    await dumpsEqual(servers)
  }, 60_000)

  test("a rolling upgrade: servers of two versions and protocols keep the store together, and all end up with the new one", async () => {
    const executable = join(cluster.scratch, "ovl-next")
    const build = [process.execPath, resolve(import.meta.dir, "../support/build-version.ts"), executable, NEXT_VERSION]
    expect(Bun.spawnSync(build).stderr.toString()).toBe("")
    const versions = () => raftOf(client).servers.map(({ name, version }) => `${name} ${version}`)
    const load = new Load([...servers, client], "upgrade")
    await restartAll(async (node) => {
      node.daemon = node.machine.start([executable, "join", "--advertise", node.address])
      await node.daemon.says("is ready")
      expect(versions()).toContain(`${node.name} ${NEXT_VERSION}`)
    })
    await load.stop()
    for (const node of servers) expect(await load.missingAt(node)).toEqual([])
    expect(versions()).toEqual(servers.map(({ name }) => `${name} ${NEXT_VERSION}`))
    await dumpsEqual(servers)
  }, 60_000)
})
