/** Who may be in a cluster: tokens, names, old data directories, nodes that were removed. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync, readdirSync } from "node:fs"
import { ovlCommand, TestCluster, type TestNode } from "../support/cluster.ts"
import { fdbRows, hiddenNamespaces, neighbourRows } from "../support/kernel-view.ts"
import { until } from "../support/machine.ts"
import { describeAsRoot } from "../support/netns.ts"

describeAsRoot("who may be in the cluster", () => {
  let cluster: TestCluster
  let one: TestNode
  let two: TestNode
  let three: TestNode
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1", "n2", "n3"], start: false })
    one = cluster.node("n1")
    two = cluster.node("n2")
    three = cluster.node("n3")
    await one.serve()
    await two.join(one)
    one.ovl("network create red --subnet 10.65.10.0/24")
    two.ovl("run -d --network red --name b")
    one.ovl("run -d --network red --name a")
  })
  afterAll(() => cluster.close())

  const refused = (node: TestNode, token: string, name = node.name) => {
    const args = ["join", "192.168.1.51", "--name", name, "--advertise", node.address, "--token", token]
    const done = node.try([...args, "--json"])
    expect(existsSync(`${node.dataDir}/node.json`)).toBe(false)
    expect(hiddenNamespaces(node)).toEqual([])
    return `${done.status} ${(JSON.parse(done.stderr.trim().split("\n").at(-1)!) as { error: { code: string } }).error.code}`
  }

  test("tokens that are forged, malformed, expired, used up, of another role or cluster are refused", async () => {
    const good = one.ovl("token create")
    const last = good.at(-1) === "0" ? "1" : "0"
    expect(refused(three, `${good.slice(0, -1)}${last}`)).toMatch(/^5 /)
    expect(refused(three, "no-token")).toMatch(/^5 token_malformed/)
    const short = one.ovl("token create --ttl 1s")
    await Bun.sleep(1_100)
    expect(refused(three, short)).toBe("5 token_expired")
    expect(refused(three, one.ovl("token create --role server"))).toBe("5 token_role")
    const other = await cluster.addNode("other")
    await other.serve()
    expect(refused(three, other.ovl("token create"))).toMatch(/^5 /)
    const once = one.ovl("token create --uses 1")
    await three.launch(["join", one.address, "--name", "n3", "--advertise", three.address, "--token", once])
    three.ovl("leave")
    await three.daemon?.ended
    expect(refused(three, once)).toMatch(/^5 /)
    const revoked = one.json<{ id: string; token: string }>("token create")
    one.ovl(`token rm ${revoked.id}`)
    expect(refused(three, revoked.token)).toMatch(/^5 /)
  })

  test("a name in use cannot be joined with, in whatever case", () => {
    const token = one.ovl("token create")
    expect(refused(three, token, "n2")).toBe("4 name_taken")
    expect(refused(three, token, "N2")).toBe("4 name_taken")
  })

  test("a token from a file, the environment and standard input", async () => {
    const token = one.ovl("token create")
    const args = ["join", one.address, "--name", "n3", "--advertise", three.address]
    three.machine.sh(`echo ${token} > /run/token`)
    await three.launch([...args, "--token-file", "/run/token"])
    three.ovl("leave")
    await three.daemon?.ended
    await three.launch(args, { env: { OVL_TOKEN: token } })
    three.ovl("leave")
    await three.daemon?.ended
    three.daemon = three.machine.start([...ovlCommand(), ...args, "--token", "-"])
    three.daemon.write(`${token}\n`)
    three.daemon.closeInput()
    await three.daemon.says("is ready")
    three.ovl("leave")
    await three.daemon.ended
  })

  test("resuming wants no token; serve never begins a new cluster over old data", async () => {
    const id = one.status().cluster.id
    await one.stop()
    await one.serve()
    expect(one.status().cluster.id).toBe(id)
    await two.stop()
    await two.launch(["serve", "--advertise", two.address])
    expect(two.status()).toMatchObject({ cluster: { id }, node: { role: "client", name: "n2" } })
    await two.stop()
    await two.launch(["join", "203.0.113.9", "--token", "nonsense", "--advertise", two.address])
    expect(two.status().cluster.id).toBe(id)
    expect(two.status().kernel.repairs).toBe(0)
    await two.stop()
    const wrongName = two.try("join --name another")
    expect(wrongName.status).toBe(4)
    await two.resume()
  })

  test("a node that was removed is refused, its rows go, and its name is free", async () => {
    expect(neighbourRows(one, one.hidden("red"))).toHaveLength(1)
    one.ovl("node rm n2")
    expect(neighbourRows(one, one.hidden("red"))).toEqual([])
    expect(fdbRows(one, one.hidden("red")).filter((row) => row.includes("192.168"))).toEqual([])
    expect(one.json<{ name: string }[]>("endpoint ls").map((each) => each.name)).toEqual(["a"])
    await until(() => two.try("status").status === 7, "the removed node is degraded")
    expect(two.try("run -d --network red --name c").status).toBeGreaterThan(2)
    await two.stop("SIGKILL")
    const again = two.machine.start([...ovlCommand(), "join", "--advertise", two.address])
    await until(() => two.try("status").status === 7 || !again.running, "the removed node says that it is out", 15_000)
    if (again.running) again.signal("SIGKILL")
    await again.ended
    two.ovl("down --all")
    await two.join(one)
    two.ovl("run -d --network red --name b")
    two.exec("b", "ping -c1 -W1 a")
  })

  test("secrets are in files that only root may read", () => {
    const found = one.machine.run(
      `find ${one.dataDir} /run/ovl ( -type d -o -type f ) -perm /077 -not -path */workloads/*/*`,
    )
    expect(found).toBe("")
    expect(readdirSync(one.dataDir).sort()).toEqual(["node.json", "store"])
  })
})
