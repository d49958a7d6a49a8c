/**
 * Hosts on which something else is in the way: a workload with the address of a VTEP, a route that comes to lie over the
 * egress subnet, a process that does not let go of a namespace.
 */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { OUTSIDE, OUTSIDE_UNDERLAY, TestCluster, type TestNode } from "../support/cluster.ts"
import { hiddenNamespaces, links } from "../support/kernel-view.ts"
import { type Background, until } from "../support/machine.ts"
import { describeAsRoot } from "../support/netns.ts"

describeAsRoot("hosts where something is in the way", () => {
  let cluster: TestCluster
  let one: TestNode
  let two: TestNode
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1", "n2"] })
    one = cluster.node("n1")
    two = cluster.node("n2")
  })
  afterAll(() => cluster.close())

  const reaches = (node: TestNode, workload: string, target: string) =>
    node.try(["exec", workload, "ping", "-n", "-c1", "-W1", target]).status === 0
  const clash = () => one.status().problems.find(({ code }) => code === "egress_subnet_clash")?.message

  test("workloads that have the addresses of the VTEPs reach each other, and the hosts too (pain 42)", () => {
    one.ovl("network create same --subnet 192.168.1.0/24")
    // The own host's address, and that of the other one.
    one.ovl(`run -d --network same --name own --ip ${one.address}`)
    two.ovl("run -d --network same --name third --ip 192.168.1.60")
    expect(reaches(one, "own", "192.168.1.60")).toBe(true)
    expect(reaches(two, "third", one.address)).toBe(true)
    two.ovl(`run -d --network same --name other --ip ${two.address}`)
    expect(reaches(one, "own", two.address)).toBe(true)
    expect(reaches(two, "other", one.address)).toBe(true)
    expect(one.exec("own", "ping -n -c1 -W1 -M do -s 1422 192.168.1.52")).toContain(" 0% packet loss")
    expect(reaches(one, "own", OUTSIDE)).toBe(true)
    one.machine.run(`ping -n -c1 -W1 ${two.address}`)
    for (const node of cluster.nodes) expect(node.status()).toMatchObject({ health: "ok", kernel: { inSync: true } })
    one.ovl("rm --force own")
    two.ovl("rm --force third other")
    one.ovl("network rm same")
  }, 20_000)

  test("a route that comes to lie over the egress subnet is named, and harms no workload (pain 40)", async () => {
    one.ovl("network create red --subnet 10.65.10.0/24")
    one.ovl("run -d --network red --name a")
    const gateway = one.endpoint("a").egress!.gateway
    expect(gateway).toBe("172.18.0.1")
    const route = `172.18.128.0/17 via ${OUTSIDE_UNDERLAY} dev eth0`
    one.machine.run(`ip route add ${route}`)
    await until(() => clash() !== undefined, "it is named")
    expect(clash()).toContain(`the route ${route} overlaps the egress subnet`)
    expect(reaches(one, "a", OUTSIDE)).toBe(true)
    expect(one.endpoint("a").egress!.gateway).toBe(gateway)
    // Who needs no address there now gives it up, and the next ones get what is free.
    one.ovl("rm --force a")
    one.ovl("run -d --network red --name b")
    expect(one.endpoint("b").egress!.gateway).toBe("172.19.0.1")
    expect(reaches(one, "b", OUTSIDE)).toBe(true)
    await until(() => clash() === undefined, "nothing clashes any more")
    one.machine.run(`ip route del ${route}`)
    one.ovl("rm --force b")
  }, 30_000)

  test("a namespace that a process holds blocks nothing: workload, network and number are free again (pain 48)", async () => {
    one.ovl("network create green --subnet 10.65.20.0/24")
    const { vni } = one.network("green")
    one.ovl("run -d --network green --name held")
    two.ovl("run -d --network green --name far")
    one.machine.run("ip netns add guest")
    one.ovl("attach --network green --netns guest --name guest")
    const hidden = one.hidden("green")
    // What runs in a workload ends with it; a descriptor that somebody has open does not.
    const held = one.machine.start(["bash", "-c", "exec 9</run/netns/ovl-held; exec sleep 1000"])
    const holders = [held, ...[hidden, "guest"].map((name) => one.machine.start(`ip netns exec ${name} sleep 1000`))]
    const inside = (holder: Background) =>
      one.machine.try(`nsenter --net=/proc/${holder.innerPid}/${holder === held ? "fd/9" : "ns/net"} ip -br link`)
        .stdout
    for (const each of holders) await until(() => /eth0|vxlan1/.test(inside(each)), "it is held")
    one.ovl("rm --force held")
    one.ovl("detach guest")
    one.machine.run("ip netns del guest")
    two.ovl("rm --force far")
    one.ovl("network rm green")
    expect(hiddenNamespaces(one)).not.toContain(hidden)
    // What the holders still see is empty: no device of ours lives on where nobody finds it.
    for (const each of holders) expect(inside(each)).toMatch(/^lo .*\n$/)
    one.ovl(`network create green --subnet 10.65.20.0/24 --vni ${vni}`)
    one.ovl("run -d --network green --name held")
    two.ovl("run -d --network green --name far")
    expect(reaches(one, "held", "far")).toBe(true)
    expect(holders.every(({ running }) => running)).toBe(true)
    for (const node of cluster.nodes) expect(node.status()).toMatchObject({ health: "ok", kernel: { inSync: true } })
    for (const holder of holders) holder.signal("SIGKILL")
    expect(links(one, one.hidden("green")).map(({ ifname }) => ifname)).toContain("vxlan1")
  }, 30_000)
})
