/** Clients of three servers, of which now this one, now that one dies: each goes on at another, and nothing is missed. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { TestCluster, type TestNode } from "../support/cluster.ts"
import { until } from "../support/machine.ts"
import { describeAsRoot } from "../support/netns.ts"

describeAsRoot("clients of three servers", () => {
  let cluster: TestCluster
  let servers: TestNode[]
  let c1: TestNode
  let c2: TestNode
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["s1", "s2", "s3", "c1", "c2"], start: false })
    servers = ["s1", "s2", "s3"].map((name) => cluster.node(name))
    const [first, ...others] = servers
    await first!.serve()
    for (const each of others) {
      const token = first!.ovl("token create --role server")
      const self = ["--name", each.name, "--advertise", each.address]
      await each.launch(["join", first!.address, "--server", "--token", token, ...self])
    }
    await until(
      () => first!.nodes().filter((node) => node.voter).length === 3,
      () => `all three vote: ${first!.ovl("node ls")}`,
      20_000,
    )
    c1 = cluster.node("c1")
    c2 = cluster.node("c2")
    for (const each of [c1, c2]) await each.join(first!)
    first!.ovl("network create red --subnet 10.65.10.0/24")
    c1.ovl("run -d --network red --name w1")
    c2.ovl("run -d --network red --name w2")
  })
  afterAll(() => cluster.close())

  test("a client knows all servers from the stream, and keeps them", async () => {
    const known = () => JSON.parse(readFileSync(join(c1.dataDir, "node.json"), "utf8")).servers as string[]
    await until(
      () => known().length === 3,
      () => known().join(),
    )
    expect(known().sort()).toEqual(servers.map((each) => `${each.address}:8300`).sort())
  })

  test("whichever server dies, clients attach and see each other's endpoints, and no packet is lost", async () => {
    for (const dying of servers) {
      const ping = c2.machine.start("ip netns exec ovl-w2 ping -q -i 0.01 -W1 -c 300 10.65.10.2")
      await dying.stop("SIGKILL")
      const name = `after-${dying.name}`
      await until(
        () => c1.try(`run -d --network red --name ${name}`).status === 0,
        `a workload is made after ${dying.name} died`,
      )
      expect(c2.exec("w2", `ping -c1 -W1 ${name}`)).toContain("1 received")
      expect((await ping.ended).stdout).toContain("300 received, 0% packet loss")
      await dying.resume()
      await until(
        () => servers.every((each) => each.try("status").status === 0),
        () => `all are well again: ${servers.map((each) => each.try("status").stdout).join("\n")}`,
        20_000,
      )
    }
    expect(c1.status().kernel.repairs).toBe(0)
    expect(c2.status().kernel.repairs).toBe(0)
  })

  test("without a majority, though a server answers: exit 6, and detach is told when there is one again", async () => {
    const [first, second, third] = servers
    await first!.stop("SIGKILL")
    await second!.stop("SIGKILL")
    expect(c1.try("network create blue").status).toBe(6)
    expect(c1.try("run -d --network red --name w9").status).toBe(6)
    c1.ovl("rm --force w1")
    expect(c1.machine.run("ip netns ls")).not.toContain("ovl-w1")
    await first!.resume()
    await until(
      () => !third!.try("endpoint ls").stdout.includes("w1 "),
      () => `w1 is freed: ${third!.try("endpoint ls").stdout}`,
      20_000,
    )
    expect(third!.ovl("endpoint ls")).not.toContain("w9")
  })
})
