/** A node's own address on the underlay: not there when the daemon starts, and another one than before. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { ovlCommand, TestCluster, type TestNode } from "../support/cluster.ts"
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

  test("a daemon that is started before it waits, says so, and converges by itself (pain 8)", async () => {
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

  test("a new node waits for the address that it is to advertise, be it the first server or one that joins (pain 8)", async () => {
    const token = one.ovl("token create")
    const starts = [
      [await cluster.addNode("n3"), ["serve"]],
      [await cluster.addNode("n4"), ["join", one.address, "--token", token]],
    ] as const
    for (const [node, verb] of starts) {
      node.machine.sh(`ip addr del ${node.address}/24 dev eth0`)
      const words = [...verb, "--name", node.name, "--advertise", node.address]
      const daemon = node.machine.start([...ovlCommand(), ...words])
      await until(
        () => daemon.stderr.includes(`cannot advertise ${node.address}: no interface of this host has it`),
        () => `it says what it waits for: ${daemon.stdout} ${daemon.stderr}`,
      )
      node.machine.sh(`ip addr add ${node.address}/24 dev eth0; ip route add default via 192.168.1.1`)
      await daemon.says("is ready")
      expect(node.status()).toMatchObject({ health: "ok", node: { address: node.address } })
      daemon.signal("SIGTERM")
      expect((await daemon.ended).status).toBe(0)
    }
    // One that is told to end while it waits ends at once.
    const last = await cluster.addNode("n5")
    last.machine.sh(`ip addr del ${last.address}/24 dev eth0`)
    const daemon = last.machine.start([...ovlCommand(), "serve", "--advertise", last.address])
    await until(() => daemon.stderr.includes("waiting for the address to advertise"), "it waits")
    daemon.signal("SIGTERM")
    expect((await daemon.ended).status).toBe(0)
    one.ovl("node rm n4")
  }, 60_000)

  test("renumbered under a running daemon, all others follow, and its own tunnels too (pain 12)", async () => {
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

  test("the only server renumbered, running or not: its clients find it by themselves, and say nothing to a stranger (pain 12)", async () => {
    const renumber = (from: string, to: string) =>
      one.machine.sh(`ip addr add ${to}/24 dev eth0; ip addr del ${from}/24 dev eth0
        ip addr show dev eth0 | grep -q ${to} || ip addr add ${to}/24 dev eth0; ip route replace default via 192.168.1.1`)
    const found = (server: string) =>
      until(
        () => two.machine.read(`${two.dataDir}/node.json`).includes(`${server}:8300`) && two.try("status").status === 0,
        () => `n2 has found it at ${server}: ${two.try("status").stdout}`,
        30_000,
      )
    // Knocks of strangers are heard and lead nowhere.
    const stranger = await cluster.addNode("n6")
    stranger.machine.sh(
      `for i in 1 2 3; do timeout 1 bash -c 'exec 3<>/dev/tcp/${two.nodes().find(({ name }) => name === "n2")?.address}/8300'; done`,
    )
    expect(two.try("status").status).toBe(0)
    renumber("192.168.1.51", "192.168.1.71")
    await found("192.168.1.71")
    two.ovl("network create green --subnet 10.65.20.0/24")
    await one.stop("SIGKILL")
    renumber("192.168.1.71", "192.168.1.72")
    await one.launch(["serve", "--advertise", "192.168.1.72"])
    await found("192.168.1.72")
    two.ovl("network rm green")
    bothWays()
  }, 90_000)
})
