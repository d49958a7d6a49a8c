/** A client while every server is dead: its data plane stays, a start restores it from disk, detach works and is told later. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import type { EndpointView } from "../../src/model/endpoint.ts"
import { TestCluster, type TestNode } from "../support/cluster.ts"
import { hiddenNamespaces, kernelText } from "../support/kernel-view.ts"
import { until } from "../support/machine.ts"
import { describeAsRoot } from "../support/netns.ts"

describeAsRoot("clients whose servers are all dead", () => {
  let cluster: TestCluster
  let server: TestNode
  let c1: TestNode
  let c2: TestNode
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["s1", "c1", "c2"] })
    server = cluster.node("s1")
    c1 = cluster.node("c1")
    c2 = cluster.node("c2")
    server.ovl("network create red --subnet 10.65.10.0/24")
    server.ovl("network create green --subnet 10.65.20.0/24")
    server.ovl("run -d --network green --name g1")
    c1.ovl("run -d --network red --name w1")
    c2.ovl("run -d --network red --name w2")
    c1.machine.run("ip netns add guest")
    c1.ovl("attach --network red --netns guest --name guest")
  })
  afterAll(() => cluster.close())

  const names = (node: TestNode) =>
    node
      .json<EndpointView[]>("endpoint ls")
      .map((each) => each.name)
      .sort()
  const cached = () => join(c1.dataDir, "catalog.json")

  test("a client keeps on disk what concerns it, readable by root alone, and asks for the rest", async () => {
    const isThere = () => existsSync(cached()) && readFileSync(cached(), "utf8").includes('"guest"')
    await until(isThere, "the catalog is on disk")
    expect(readFileSync(cached(), "utf8")).not.toContain('"g1"')
    expect(statSync(cached()).mode & 0o777).toBe(0o600)
    expect(names(c1)).toEqual(["g1", "guest", "w1", "w2"])
    expect(c1.network("green").endpoints.map((each) => each.name)).toEqual(["g1"])
  })

  test("killed and started again while no server answers, it is as it was, and no packet is lost (pain 26)", async () => {
    await server.stop("SIGKILL")
    const before = kernelText(c1)
    const ping = c2.machine.start("ip netns exec ovl-w2 ping -q -i 0.01 -W1 -c 300 10.65.10.2")
    await c1.stop("SIGKILL")
    await c1.resume()
    expect((await ping.ended).stdout).toContain("300 received, 0% packet loss")
    expect(kernelText(c1)).toBe(before)
    expect(c1.try("status").status).toBe(7)
  })

  test("what of its data plane is gone meanwhile comes back from disk", async () => {
    const before = kernelText(c1)
    await c1.stop("SIGKILL")
    for (const name of hiddenNamespaces(c1)) c1.machine.run(`ip netns del ${name}`)
    c1.machine.run("ip link del ovl_gwbridge")
    c1.machine.run("iptables -F OVL-VXLAN")
    await c1.resume()
    expect(kernelText(c1)).toBe(before)
    c1.exec("w1", "ping -c1 -W1 w2")
    c1.machine.run("ip netns exec guest ping -c1 -W1 10.65.10.3")
  })

  test("what needs a server fails with exit 6, and leaves nothing", () => {
    const before = [kernelText(c1), c1.machine.run("ip netns ls")]
    c1.machine.run("ip netns add other")
    for (const line of [
      "network create blue",
      "run -d --network red --name w9",
      "attach --network red --netns other --name other",
      "token create",
    ])
      expect([line, c1.try(line).status]).toEqual([line, 6])
    c1.machine.run("ip netns del other")
    expect([kernelText(c1), c1.machine.run("ip netns ls")]).toEqual(before)
    expect(c1.try("ps").stdout).not.toContain("w9")
  })

  test("detach and rm work, last over a restart, and are told when a server is back", async () => {
    c1.ovl("detach guest")
    c1.ovl("rm --force w1")
    expect(hiddenNamespaces(c1)).toEqual([])
    await c1.stop("SIGKILL")
    await c1.resume()
    expect(hiddenNamespaces(c1)).toEqual([])
    expect(c1.machine.run("ip netns exec guest ip -br link")).not.toContain("eth0")
    await server.resume()
    await until(
      () => names(server).join() === "g1,w2",
      () => `the server has freed them: ${names(server)}`,
    )
    await until(() => c1.try("status").status === 0, "the client finds its server again")
    expect(hiddenNamespaces(c1)).toEqual([])
    c1.ovl("run -d --network red --name w1")
    c1.exec("w1", "ping -c1 -W1 w2")
  })

  test("a damaged file is not used, and nothing comes of it", async () => {
    const before = kernelText(c1)
    await server.stop("SIGKILL")
    await c1.stop("SIGKILL")
    c1.machine.run(["sh", "-c", `printf x | dd of=${cached()} bs=1 seek=300 conv=notrunc status=none`])
    await c1.resume()
    expect(c1.daemon?.stderr).toContain("the catalog on disk is not used")
    expect(kernelText(c1)).toBe(before)
    await server.resume()
    await until(() => c1.try("status").status === 0, "the client finds its server again")
    expect(kernelText(c1)).toBe(before)
  })
})
