/** Whatever has a network namespace can be attached, while it lives, to several networks; its owner stays its owner. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import type { EndpointView } from "../../src/model/endpoint.ts"
import { TestCluster, type TestNode } from "../support/cluster.ts"
import { type Background, until } from "../support/machine.ts"
import { describeAsRoot } from "../support/netns.ts"

/** The names and addresses of the IPv4 interfaces of a namespace, sorted. */
function inside(node: TestNode, netns: string): string[] {
  const lines = node.machine.run(`ip netns exec ${netns} ip -4 -o addr show scope global`).trim().split("\n")
  return lines.map((line) => line.trim().split(/\s+/).slice(1, 4).join(" ").replace(" inet", "")).sort()
}

function refusal(node: TestNode, line: string): string {
  const done = node.try(line)
  return `${done.status} ${done.stderr.split("\n")[0]}`
}

function reaches(node: TestNode, from: string, to: string): boolean {
  return node.machine.try(`ip netns exec ${from} ping -c1 -W2 ${to}`).status === 0
}

describeAsRoot("attach anything", () => {
  let cluster: TestCluster
  let node: TestNode
  let container: Background
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1"] })
    node = cluster.node("n1")
    node.ovl("network create red --subnet 10.65.10.0/24")
    node.ovl("network create green --subnet 10.65.20.0/24")
    node.ovl("network create inner --subnet 10.65.30.0/24 --internal")
    node.ovl("run -d --network red --name web")
    for (const name of ["h1", "h2"]) node.machine.run(`ip netns add ${name}`)
    container = node.machine.start(
      "unshare --fork --kill-child --pid --net --mount sh -c".split(" ").concat("echo in; exec sleep 600"),
    )
    await container.says("in")
  })
  afterAll(() => cluster.close())

  function events(): string {
    return node.daemon!.stderr + node.daemon!.stdout
  }

  test("a name of `ip netns`, its path, and a process in a network, mount and pid namespace of its own", () => {
    expect(node.ovl("attach --network red --netns h1 --name h1")).toBe("h1")
    expect(node.ovl("attach --network green --netns /run/netns/h1 --name h1")).toBe("h1.green")
    expect(inside(node, "h1").map((line) => line.split(" ")[0])).toEqual(["eth0", "eth1", "eth2"])
    const child = node.machine.run(`pgrep -P ${container.innerPid}`).trim()
    expect(node.ovl(`attach --network red --pid ${child} --name box`)).toBe("box")
    expect(node.endpoint("box")).toMatchObject({ netns: `/proc/${child}/ns/net`, state: "up", ifname: "eth0" })
    expect(reaches(node, "h1", node.endpoint("box").ip.split("/")[0]!)).toBe(true)
  })

  test("what is not there, and what is the host's own, is refused", () => {
    expect(refusal(node, "attach --network red --pid 4000000")).toMatch(/^3 ovl: cannot attach to pid 4000000/)
    expect(refusal(node, "attach --network red --netns nowhere")).toMatch(/^3 ovl: cannot attach/)
    expect(refusal(node, "attach --network red --pid 1")).toMatch(/^2 ovl: .*host's own/)
  })

  test("no egress where it is not wanted", () => {
    node.ovl("attach --network red --netns h2 --name h2 --no-egress")
    expect(node.endpoint("h2").egress).toBeNull()
    expect(inside(node, "h2")).toHaveLength(1)
  })

  test("a workload that runs is connected, and its new network carries at once", () => {
    expect(node.ovl("network connect green web")).toBe("web.green")
    expect(node.endpoint("web.green")).toMatchObject({ network: "green", ifname: "eth2", egress: null })
    expect(reaches(node, "ovl-web", node.endpoint("h1.green").ip.split("/")[0]!)).toBe(true)
    expect(node.json<{ networks: string[] }[]>("ps")[0]!.networks).toEqual(["red", "green"])
    expect(refusal(node, "network connect green web")).toBe("4 ovl: workload web: on network green already")
    expect(refusal(node, "network connect green nobody")).toBe("3 ovl: no workload nobody on this node")
    node.ovl("network connect inner h2 --ip 10.65.30.9")
    expect(node.endpoint("h2.inner").ip).toBe("10.65.30.9/24")
  })

  test("disconnected, its egress goes on by the network that is left", () => {
    node.ovl("network disconnect red web")
    expect(node.json<{ networks: string[] }[]>("ps")[0]!.networks).toEqual(["green"])
    expect(node.endpoint("web.green").egress).toMatchObject({ ifname: "eth1" })
    const route = () => node.machine.run("ip netns exec ovl-web ip route show default").trim()
    expect(route()).toContain("dev eth1")
    expect(node.status().kernel.repairs).toBe(0)
    expect(refusal(node, "network disconnect red web")).toBe("3 ovl: workload web: not on network red")
    expect(node.ovl("network connect red web")).toBe("web")
    node.ovl("network disconnect inner h2")
  })

  test("an interface that its owner renames is known by its new name, and left alone", async () => {
    const renamed = (name: string) =>
      node.json<EndpointView[]>("endpoint ls").find((each) => each.name === name)!.ifname
    const before = node.status().kernel.repairs
    node.machine.run("ip -n h1 link set eth0 down")
    node.machine.run("ip -n h1 link set eth0 name lan0")
    node.machine.run("ip -n h1 link set lan0 up")
    await until(() => renamed("h1") === "lan0", "the new name is known")
    await until(() => events().includes("interface eth0 of endpoint h1 is called lan0 by now"), "the event")
    expect(inside(node, "h1").map((line) => line.split(" ")[0])).toEqual(["eth1", "eth2", "lan0"])
    expect(node.status().kernel.repairs - before).toBeLessThanOrEqual(1)
    expect(reaches(node, "h1", node.endpoint("box").ip.split("/")[0]!)).toBe(true)
  })

  test("an interface that its owner removes is made again under the name it had", async () => {
    node.machine.run("ip -n h1 link del lan0")
    await until(() => inside(node, "h1").some((line) => line.startsWith("lan0 ")), "lan0 is back")
    await until(() => /repaired .*lan0/.test(events()), "the event")
    expect(reaches(node, "h1", node.endpoint("box").ip.split("/")[0]!)).toBe(true)
  })

  test("one network less by its name, and all at once by the workload's", () => {
    node.ovl("detach h1.green")
    expect(inside(node, "h1").some((line) => line.includes("10.65.20."))).toBe(false)
    expect(node.ovl("detach h1 h2")).toBe("h1\nh2")
    expect(node.try("detach h1").status).toBe(3)
    expect(node.machine.run("ip -n h1 -o link").trim().split("\n")).toHaveLength(1)
  })

  test("an attached process that ends leaves nothing behind (pain 11)", async () => {
    container.signal("SIGKILL")
    await container.ended
    const names = () => node.json<EndpointView[]>("endpoint ls").map((each) => each.name)
    await until(() => !names().includes("box"), "the endpoint is freed", 20_000)
  }, 30_000)
})
