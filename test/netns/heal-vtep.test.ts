/** A node's own address on the underlay: not there when the daemon starts, and another one than before. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { TestCluster, type TestNode } from "../support/cluster.ts"
import { fdbRows, links } from "../support/kernel-view.ts"
import { until } from "../support/machine.ts"
import { describeAsRoot } from "../support/netns.ts"

describeAsRoot("a node's address", () => {
  let cluster: TestCluster
  let one: TestNode
  let two: TestNode
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1", "n2"] })
    one = cluster.node("n1")
    two = cluster.node("n2")
    one.ovl("network create red --subnet 10.65.10.0/24")
    for (const node of cluster.nodes) node.ovl(`run -d --network red --name w_${node.name}`)
  }, 60_000)
  afterAll(() => cluster.close())

  const bothWays = () => {
    one.exec("w_n1", "ping -c1 -W1 10.65.10.3")
    two.exec("w_n2", "ping -c1 -W1 10.65.10.2")
  }

  test("8: a daemon that is started before it waits, says so, and converges by itself", async () => {
    await two.stop("SIGKILL")
    two.machine.sh("ip addr del 192.168.1.52/24 dev eth0")
    await two.resume()
    const status = two.status()
    expect(status.health).toBe("degraded")
    expect(status.problems).toContainEqual(
      expect.objectContaining({ code: "vtep_missing", message: expect.stringContaining("192.168.1.52") }),
    )
    two.machine.sh("ip addr add 192.168.1.52/24 dev eth0; ip route add default via 192.168.1.1")
    await until(
      () => two.try("status").status === 0,
      () => two.try("status").stdout,
      15_000,
    )
    bothWays()
  }, 60_000)

  test("12: renumbered under a running daemon, all others follow, and its own tunnels too", async () => {
    const hidden = one.hidden("red")
    two.machine.sh("ip addr add 192.168.1.62/24 dev eth0; ip addr del 192.168.1.52/24 dev eth0")
    two.machine.sh("ip addr show dev eth0 | grep -q 192.168.1.62 || ip addr add 192.168.1.62/24 dev eth0")
    two.machine.sh("ip route replace default via 192.168.1.1")
    await until(
      () => fdbRows(one, hidden).some((row) => row.includes("192.168.1.62")),
      () => `the rows lead to the new address: ${fdbRows(one, hidden)} ${two.daemon?.stderr}`,
    )
    const local = () => links(two, hidden).find(({ ifname }) => ifname === "vxlan1")?.linkinfo?.info_data?.local
    await until(() => local() === "192.168.1.62", "vxlan1 has the new address")
    expect(fdbRows(one, hidden).filter((row) => row.includes("192.168.1.52"))).toEqual([])
    bothWays()
    expect(one.nodes().find(({ name }) => name === "n2")?.address).toBe("192.168.1.62")
    await two.stop("SIGKILL")
    await two.resume()
    expect(two.try("status").status).toBe(0)
    bothWays()
  }, 60_000)
})
