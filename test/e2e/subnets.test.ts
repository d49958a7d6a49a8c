/**
 * Several subnets of one family in a network, by the whole program: one segment, so that a workload in each reaches the
 * others without a router, by the rows that there are for every endpoint.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { RECONCILE_INTERVAL_MS } from "../../src/base/limits.ts"
import { ovlCommand, TestCluster, type TestNode } from "../support/cluster.ts"
import { until } from "../support/machine.ts"
import { traced, writesIn } from "../support/netlink-writes.ts"
import { describeAsRoot } from "../support/netns.ts"

const TRACE = "/run/netlink-trace"
const WIDE = "--subnet 10.65.10.0/30 --subnet fd00:65:10::/126 --subnet 10.65.11.0/29 --subnet fd00:65:11::/64"

describeAsRoot("a network of several subnets on two nodes", () => {
  let cluster: TestCluster
  let one: TestNode
  let two: TestNode

  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1", "n2"] })
    ;[one, two] = cluster.nodes as [TestNode, TestNode]
    one.ovl(`network create wide ${WIDE} --gateway 10.65.11.6`)
    one.ovl("run -d --network wide --name a")
    two.ovl("run -d --network wide --name b")
    one.ovl("run -d --network wide --name c")
    two.ovl("run -d --network wide --name d")
  }, 60_000)
  afterAll(() => cluster.close())

  const ping = (node: TestNode, from: string, to: string) => node.exec(from, `ping -n -c1 -W2 ${to}`)
  const shell = (node: TestNode, workload: string, script: string) => node.ovl(["exec", workload, "sh", "-c", script])
  const routes = (node: TestNode, workload: string) =>
    shell(node, workload, "ip route show dev eth0; ip -6 route show dev eth0")
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => !line.startsWith("fe80::"))

  describe("addresses", () => {
    test("the second subnet of a family is begun when the first is full", () => {
      const shown = ["a", "b", "c", "d"].map((name) => {
        const { ip, ip6, mac } = two.endpoint(name)
        return `${name} ${ip} ${ip6} ${mac}`
      })
      expect(shown).toEqual([
        "a 10.65.10.2/30 fd00:65:10::2/126 02:42:0a:41:0a:02",
        "b 10.65.11.1/29 fd00:65:10::3/126 02:42:0a:41:0b:01",
        "c 10.65.11.2/29 fd00:65:11::2/64 02:42:0a:41:0b:02",
        "d 10.65.11.3/29 fd00:65:11::3/64 02:42:0a:41:0b:03",
      ])
      expect(two.network("wide").subnets.map(({ subnet, gateway }) => `${subnet} ${gateway}`)).toEqual([
        "10.65.10.0/30 10.65.10.1",
        "10.65.11.0/29 10.65.11.6",
        "fd00:65:10::/126 fd00:65:10::1",
        "fd00:65:11::/64 fd00:65:11::1",
      ])
      expect(one.ovl("network ls")).toContain("10.65.10.0/30, 10.65.11.0/29, fd00:65:10::/126, fd00:65:11::/64")
    })

    test("what Docker's record says", () => {
      const key = `ovl/docker/network/v1.0/overlay/network/${one.network("wide").id}/`
      const value = JSON.parse(one.ovl(`kv get ${key}`)) as {
        subnets: { SubnetIP: string; GwIP: string; Vni: number }[]
      }
      expect(value.subnets.map(({ SubnetIP, GwIP, Vni }) => `${SubnetIP} ${GwIP} ${Vni}`)).toEqual([
        "10.65.10.0/30 10.65.10.1/30 256",
        "10.65.11.0/29 10.65.11.6/29 256",
        "fd00:65:10::/126 fd00:65:10::1/126 256",
        "fd00:65:11::/64 fd00:65:11::1/64 256",
      ])
    })

    test("what is wrong is refused, and nothing is made", () => {
      const said = (line: string) => {
        const done = one.try(line)
        return `${done.status} ${done.stderr.split("\n")[0]}`
      }
      const many = Array.from({ length: 9 }, (_, n) => `--subnet 10.${n}.0.0/24`).join(" ")
      expect(
        [
          "network create x --subnet 10.1.0.0/16 --subnet 10.1.2.0/24",
          `network create x ${many}`,
          "network create x --subnet 10.1.0.0/24 --subnet 10.2.0.0/24 --gateway 10.3.0.1",
          "network create x --subnet 10.1.0.0/24 --subnet 10.2.0.0/24 --ip-range 10.3.0.0/25",
          "network create x --subnet 10.1.0.0/24 --subnet 172.18.9.0/24",
          "run -d --network wide --name x --ip 10.65.12.1",
          "run -d --network wide --name x --ip 10.65.11.6",
          "run -d --network wide --name x --ip 10.65.11.1",
        ].map(said),
      ).toEqual([
        "4 ovl: subnet 10.1.2.0/24: overlaps 10.1.0.0/16, another one of the network",
        "2 ovl: 9 subnets: a network can have 8 at most",
        "2 ovl: gateway 10.3.0.1: outside the subnets 10.1.0.0/24, 10.2.0.0/24",
        "2 ovl: ip range 10.3.0.0/25: outside the subnets 10.1.0.0/24, 10.2.0.0/24",
        expect.stringMatching(/^4 ovl: subnet 172.18.9.0\/24: overlaps the egress bridge 172.18.0.0\/16 of node n\d$/),
        expect.stringMatching(/^2 ovl: .*address 10.65.12.1: outside the subnets 10.65.10.0\/30, 10.65.11.0\/29$/),
        expect.stringMatching(/^2 ovl: .*address 10.65.11.6: it is the gateway's$/),
        expect.stringMatching(/^4 ovl: .*address 10.65.11.1: in use by b on network wide$/),
      ])
      expect(one.ovl("network ls -q").split("\n")).toHaveLength(1)
      expect(one.ovl("ps -q").split("\n")).toHaveLength(2)
    })
  })

  describe("traffic", () => {
    test("each reaches each at once, over subnets and hosts, in both families, and the gateways", () => {
      const all: [TestNode, string, string[]][] = [
        [one, "a", ["10.65.11.1", "10.65.11.2", "10.65.11.3", "fd00:65:10::3", "fd00:65:11::2", "fd00:65:11::3"]],
        [two, "b", ["10.65.10.2", "10.65.11.2", "10.65.11.3", "fd00:65:10::2", "fd00:65:11::2", "fd00:65:11::3"]],
        [one, "c", ["10.65.10.2", "10.65.11.1", "10.65.10.1", "10.65.11.6", "fd00:65:10::2", "fd00:65:11::1"]],
      ]
      for (const [node, from, targets] of all)
        for (const to of targets)
          expect([from, to, ping(node, from, to)]).toEqual([from, to, expect.stringContaining(" 0% packet loss")])
      const { pairs, failed } = two.json<{ pairs: unknown[]; failed: number }>("ping --all-pairs wide")
      expect([pairs.length, failed]).toEqual([12, 0])
    }, 60_000)

    test("a further subnet is the interface's own; the egress is as it was", () => {
      expect(routes(one, "a")).toEqual([
        "10.65.10.0/30 proto kernel scope link src 10.65.10.2",
        "10.65.11.0/29 scope link",
        "fd00:65:10::/126 proto kernel metric 256 pref medium",
        "fd00:65:11::/64 metric 1024 pref medium",
      ])
      expect(two.exec("b", "ip route show default")).toContain("dev eth1")
      expect(one.exec("c", "ping -n -c1 -W2 203.0.113.1")).toContain(" 0% packet loss")
    })

    test("no row but those of the endpoints, no two ports with one name", () => {
      const hidden = one.hidden("wide")
      const shown = (line: string) =>
        one.machine
          .sh(line)
          .trim()
          .split("\n")
          .map((each) => each.trim())
          .sort()
      expect(
        shown(`bridge -n ${hidden} fdb show dev vxlan1 | grep 192`).map((row) => row.replace("link-netnsid 0 ", "")),
      ).toEqual([
        "02:42:0a:41:0b:01 dst 192.168.1.52 self permanent",
        "02:42:0a:41:0b:03 dst 192.168.1.52 self permanent",
      ])
      expect(shown(`ip -n ${hidden} neigh show nud permanent dev vxlan1`)).toEqual([
        "10.65.11.1 lladdr 02:42:0a:41:0b:01 PERMANENT",
        "10.65.11.3 lladdr 02:42:0a:41:0b:03 PERMANENT",
        "fd00:65:10::3 lladdr 02:42:0a:41:0b:01 PERMANENT",
        "fd00:65:11::3 lladdr 02:42:0a:41:0b:03 PERMANENT",
      ])
      expect(shown(`ip -n ${hidden} -br link show type veth`).map((line) => line.split("@")[0])).toEqual([
        "veth2",
        "veth6",
      ])
    })

    test("an address of another subnet of the network is spoofed like any other", () => {
      one.machine.run("ip -n ovl-a addr add 10.65.11.5/29 dev eth0")
      const spoofed = shell(one, "a", "ping -n -c1 -W1 -I 10.65.11.5 10.65.11.3 || true")
      expect(spoofed).toContain("100% packet loss")
      one.machine.run("ip -n ovl-a addr del 10.65.11.5/29 dev eth0")
    })

    test("names and addresses resolve from every subnet", () => {
      expect(one.exec("a", "getent ahostsv4 d")).toContain("10.65.11.3")
      expect(two.exec("b", "getent hosts 10.65.10.2")).toMatch(/10\.65\.10\.2 +a/)
      expect(two.exec("d", "getent hosts fd00:65:10::2")).toMatch(/ a\b/)
      expect(two.exec("d", "cat /etc/resolv.conf")).toContain("nameserver 10.65.11.6")
    })
  })

  describe("repair", () => {
    test("a route that somebody deleted comes back, and is told", async () => {
      for (const family of ["", "-6"]) {
        const dst = family === "" ? "10.65.11.0/29" : "fd00:65:11::/64"
        one.machine.run(`ip ${family} -n ovl-a route del ${dst} dev eth0`)
        await until(() => routes(one, "a").some((line) => line.startsWith(dst)), `the route to ${dst} is back`, 5_000)
      }
      one.machine.run("ip -n ovl-a link set eth0 down")
      await until(
        () => routes(one, "a").filter((line) => !line.includes("kernel")).length === 2,
        "both are back",
        5_000,
      )
      expect(ping(one, "a", "10.65.11.3")).toContain(" 0% packet loss")
      expect(one.ovl("events")).toContain("10.65.11.0/29")
    }, 30_000)

    test("a start and a look at everything write nothing", async () => {
      await one.stop("SIGKILL")
      one.daemon = one.machine.start([...traced(TRACE), ...ovlCommand(), "join", "--advertise", one.address])
      await one.daemon.says("is ready")
      const before = one.status().kernel.lastReconcile
      await until(() => one.status().kernel.lastReconcile !== before, "a look at everything", 2 * RECONCILE_INTERVAL_MS)
      expect(writesIn(one.machine, TRACE)).toEqual([])
      expect(one.status().kernel).toMatchObject({ inSync: true, repairs: 0 })
      one.machine.run("ip -n ovl-a route del 10.65.11.0/29 dev eth0")
      await until(() => writesIn(one.machine, TRACE).length > 0, "the trace shows the write of a repair")
      one.machine.sh("kill -9 $(cat /run/ovl/ovl.pid)")
      await one.resume()
    }, 60_000)
  })

  test("a workload on two networks that share a further subnet keeps both ways, and nothing is repaired for ever", async () => {
    one.ovl(
      "network create left --subnet 10.71.0.0/24 --subnet 10.70.0.0/24 --subnet fd00:71::/64 --subnet fd00:70::/64 --internal",
    )
    one.ovl(
      "network create right --subnet 10.72.0.0/24 --subnet 10.70.0.0/24 --subnet fd00:72::/64 --subnet fd00:70::/64 --internal",
    )
    one.ovl("network create below --subnet 10.70.0.0/24 --internal")
    one.ovl("run -d --network left,right,below --name f")
    const seen = () =>
      shell(one, "f", "ip route show 10.70.0.0/24; ip -6 route show fd00:70::/64")
        .split("\n")
        .map((line) => line.trim())
    expect(seen()).toEqual([
      "10.70.0.0/24 dev eth0 scope link",
      "10.70.0.0/24 dev eth1 scope link",
      "10.70.0.0/24 dev eth2 proto kernel scope link src 10.70.0.2",
      "fd00:70::/64 dev eth0 metric 1024 pref medium",
      "fd00:70::/64 dev eth1 metric 1024 pref medium",
    ])
    const { repairs, lastReconcile } = one.status().kernel
    await until(() => one.status().kernel.lastReconcile !== lastReconcile, "a look", 2 * RECONCILE_INTERVAL_MS)
    expect(one.status().kernel).toMatchObject({ inSync: true, repairs })
    one.ovl("rm --force f")
  }, 30_000)

  test("a namespace that is attached keeps a route of its own to such a subnet", () => {
    two.machine.run("ip netns add theirs")
    two.machine.run("ip -n theirs link set lo up")
    two.machine.run("ip -n theirs link add up0 type bridge")
    two.machine.run("ip -n theirs link set up0 up")
    two.machine.run("ip -n theirs route add 10.65.10.0/30 dev up0")
    two.ovl("attach --network wide --netns theirs --name e")
    expect(
      two.machine
        .run("ip -n theirs route show 10.65.10.0/30")
        .trim()
        .split("\n")
        .map((line) => line.trim()),
    ).toEqual(["10.65.10.0/30 dev up0 scope link", "10.65.10.0/30 dev eth0 scope link"])
    two.ovl("detach e")
    expect(two.machine.run("ip -n theirs route show 10.65.10.0/30").trim()).toBe("10.65.10.0/30 dev up0 scope link")
  })
})
