/** A cluster whose underlay is IPv6: servers, VTEPs, filter and tunnel. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { TestCluster, type TestNode } from "../support/cluster.ts"
import { describeAsRoot } from "../support/netns.ts"

describeAsRoot("two nodes whose VTEPs are IPv6", () => {
  let cluster: TestCluster
  let one: TestNode
  let two: TestNode

  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1", "n2"], start: false })
    ;[one, two] = cluster.nodes as [TestNode, TestNode]
    for (const [n, { machine }] of cluster.nodes.entries()) {
      machine.run("ip -4 addr flush dev eth0")
      machine.run(`ip addr add fd00:1::5${n + 1}/64 dev eth0 nodad`)
    }
    await one.launch(["serve", "--name", "n1", "--advertise", "fd00:1::51"])
    const token = one.ovl("token create")
    // Another text for the same address.
    await two.launch(["join", "fd00:1::51", "--token", token, "--name", "n2", "--advertise", "FD00:1:0::52"])
    one.ovl("network create red --subnet 10.65.10.0/24 --internal")
    one.ovl("run -d --network red --name a")
    two.ovl("run -d --network red --name b")
  })
  afterAll(() => cluster.close())

  test("addresses, MTU and rows are of that family, and frames pass at full size (pain 37)", () => {
    expect(
      two
        .nodes()
        .map(({ name, address }) => `${name} ${address}`)
        .sort(),
    ).toEqual(["n1 fd00:1::51", "n2 fd00:1::52"])
    expect(one.network("red").mtu).toBe(1430)
    expect(one.endpoint("b").vtep).toBe("fd00:1::52")
    expect(one.exec("a", "ping -n -c1 -W2 -M do -s 1402 10.65.10.3")).toContain(" 0% packet loss")
    expect(one.machine.run("ip6tables-save")).toContain("-A OVL-VXLAN -s fd00:1::52/128 -j RETURN")
    const rows = one.machine.run(`bridge -n ${one.hidden("red")} fdb show dev vxlan1`)
    expect(rows).toContain("02:42:0a:41:0a:03 dst fd00:1::52")
    for (const node of [one, two]) expect(node.status()).toMatchObject({ health: "ok", kernel: { inSync: true } })
  }, 20_000)
})
