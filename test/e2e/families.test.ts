/** IPv6, multicast and MTU by the whole program: what the command line takes, what comes of it, and what follows changes. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { TestCluster, type TestNode } from "../support/cluster.ts"
import { until } from "../support/machine.ts"
import { describeAsRoot } from "../support/netns.ts"

describeAsRoot("networks of both families on three nodes", () => {
  let cluster: TestCluster
  let one: TestNode
  let two: TestNode
  let three: TestNode

  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1", "n2", "n3"] })
    ;[one, two, three] = cluster.nodes as [TestNode, TestNode, TestNode]
    one.ovl("network create both --subnet fd00:65:11::/64 --subnet 10.65.11.0/24")
    one.ovl("network create six --subnet fd00:65:12::/64 --internal")
    one.ovl("network create many --subnet 10.65.13.0/24 --multicast")
  })
  afterAll(() => cluster.close())

  const mtus = (node: TestNode, workload: string) =>
    node
      .exec(workload, "ip -o link")
      .split("\n")
      .flatMap((line) => /(eth\d)@.* mtu (\d+)/.exec(line)?.slice(1, 3).join(" ") ?? [])

  test("are shown as they were asked for, IPv4 first", () => {
    expect(two.network("both").subnets).toEqual([
      { subnet: "10.65.11.0/24", gateway: "10.65.11.1" },
      { subnet: "fd00:65:11::/64", gateway: "fd00:65:11::1" },
    ])
    expect([two.network("many").multicast, two.network("both").multicast]).toEqual([true, false])
  })

  test("give addresses of both families in order, or the one that is asked for", () => {
    one.ovl("run -d --network both --name a")
    two.ovl("run -d --network both --name b --ip6 fd00:65:11::b")
    two.ovl("run -d --network both --name c --ip fd00:65:11::c")
    one.ovl("run -d --network six --name d")
    three.ovl("run -d --network six --name e --ip fd00:65:12::e")
    const shown = ["a", "b", "c", "d", "e"].map((name) => {
      const { ip, ip6 } = one.endpoint(name)
      return `${name} ${ip} ${ip6}`
    })
    expect(shown).toEqual([
      "a 10.65.11.2/24 fd00:65:11::2/64",
      "b 10.65.11.3/24 fd00:65:11::b/64",
      "c 10.65.11.4/24 fd00:65:11::c/64",
      "d fd00:65:12::2/64 fd00:65:12::2/64",
      "e fd00:65:12::e/64 fd00:65:12::e/64",
    ])
    expect(two.try("run -d --network both --name x --ip fd00:65:11::b").stderr).toContain("in use by b on network both")
    expect(two.try("run -d --network many --name x --ip6 fd00::2").stderr).toContain("has no IPv6 subnet")
  }, 30_000)

  test("first pings arrive, in both families and in IPv6 alone (pain 36)", () => {
    for (const [node, from, to] of [
      [one, "a", "10.65.11.3"],
      [one, "a", "fd00:65:11::b"],
      [two, "c", "fd00:65:11::2"],
      [one, "d", "fd00:65:12::e"],
      [three, "e", "fd00:65:12::2"],
    ] as const) {
      expect(node.exec(from, `ping -n -c1 -W2 ${to}`)).toContain(" 0% packet loss")
    }
    expect(one.status().kernel.inSync).toBe(true)
  }, 20_000)

  test("in a steady state nothing is repaired", async () => {
    const repairs = () => [one, two, three].map((node) => node.status().kernel.repairs)
    const before = repairs()
    await Bun.sleep(2_500)
    expect(repairs()).toEqual(before)
  }, 20_000)

  test("the MTU follows the underlay, down and up to jumbo frames, and no ping is lost meanwhile (pain 20) (pain 21)", async () => {
    const underlay = (bytes: number) => {
      for (const [, port] of cluster.underlay.run("ip -o link").matchAll(/ (p\d+)@/g))
        cluster.underlay.run(`ip link set ${port} mtu ${bytes}`)
      cluster.underlay.run(`ip link set sw0 mtu ${bytes}`)
      for (const node of cluster.nodes) node.machine.run(`ip link set eth0 mtu ${bytes}`)
    }
    const all = (eth0: number, eth1: number) => {
      const seen = [...mtus(one, "a"), ...mtus(two, "b")].join()
      return seen === [`eth0 ${eth0}`, `eth1 ${eth1}`, `eth0 ${eth0}`, `eth1 ${eth1}`].join()
    }
    const repairs = one.status().kernel.repairs
    const pinging = one.machine.start([
      "nsenter",
      "--net=/run/netns/ovl-a",
      "ping",
      "-n",
      "-q",
      "-i",
      "0.02",
      "-c",
      "250",
      "-W",
      "2",
      "fd00:65:11::b",
    ])
    underlay(1350)
    await until(() => all(1300, 1350), "MTU 1300 everywhere")
    expect(two.network("both").mtu).toBe(1300)
    underlay(9000)
    await until(() => all(8950, 9000), "MTU 8950 everywhere")
    expect(one.exec("a", "ping -n -c1 -W2 -M do -s 8922 10.65.11.3")).toContain(" 0% packet loss")
    expect((await pinging.ended).stdout).toContain("250 received")
    // A way of its own: only the route says that it is narrow.
    one.machine.run(`ip route add ${three.address}/32 dev eth0 mtu 1400`)
    await until(() => mtus(two, "b").join() === "eth0 1350,eth1 9000", "MTU 1350 on the other node")
    await until(() => mtus(one, "a").join() === "eth0 1350,eth1 1400", "MTU 1350 on the node with the route")
    one.machine.run(`ip route del ${three.address}/32 dev eth0`)
    await until(() => all(8950, 9000), "MTU 8950 again")
    expect(one.status().kernel.repairs).toBe(repairs)
    one.ovl("network create wide --subnet 10.65.14.0/24 --mtu 8000")
    underlay(1500)
    await until(() => all(1450, 1500), "MTU 1450 again")
    expect(one.status().problems.map(({ code }) => code)).toContain("network_too_wide")
    one.ovl("network rm wide")
  }, 60_000)

  test("a restart does not widen what a route has narrowed", async () => {
    two.machine.run(`ip route add ${three.address}/32 dev eth0 mtu 1400`)
    await until(() => one.network("both").mtu === 1350, "MTU 1350")
    await two.stop()
    await two.resume()
    await Bun.sleep(300)
    expect([mtus(two, "b")[0], one.network("both").mtu]).toEqual(["eth0 1350", 1350])
    two.machine.run(`ip route del ${three.address}/32 dev eth0`)
    await until(() => one.network("both").mtu === 1450, "MTU 1450")
  }, 30_000)

  test("a node with a VTEP of the other family is not let in", async () => {
    const four = await cluster.addNode("n4")
    four.machine.run("ip addr add fd00:1::54/64 dev eth0 nodad")
    const token = one.ovl("token create")
    const said = four.try(`join ${one.address} --token ${token} --name n4 --advertise fd00:1::54`)
    expect([said.status, said.stderr]).toEqual([4, expect.stringContaining("IPv6, and node n")])
  }, 20_000)

  test("a multicast network replicates to those who take part, and to them only", () => {
    one.ovl("run -d --network many --name m1")
    two.ovl("run -d --network many --name m2")
    const flood = (node: TestNode) =>
      node.machine.run(`bridge -n ${node.hidden("many")} fdb show dev vxlan1`).match(/00:00:00:00:00:00 dst [\d.]+/g)
    expect(flood(one)).toEqual(["00:00:00:00:00:00 dst 192.168.1.52"])
    three.ovl("run -d --network many --name m3")
    expect(flood(one)?.sort()).toEqual(["00:00:00:00:00:00 dst 192.168.1.52", "00:00:00:00:00:00 dst 192.168.1.53"])
    expect(one.exec("m1", "ping -n -c1 -W2 10.65.13.4")).toContain(" 0% packet loss")
    three.ovl("rm --force m3")
    expect(flood(one)).toEqual(["00:00:00:00:00:00 dst 192.168.1.52"])
  }, 30_000)

  test("everything goes again", async () => {
    for (const [node, names] of [
      [one, "a d m1"],
      [two, "b c m2"],
      [three, "e"],
    ] as const)
      node.ovl(`rm --force ${names}`)
    for (const name of ["both", "six", "many"]) one.ovl(`network rm ${name}`)
    for (const node of [one, two, three]) expect(node.machine.run("ip netns ls").trim()).toBe("")
  }, 30_000)
})
