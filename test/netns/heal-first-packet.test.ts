/**
 * When `run` returns, the first packet arrives, from every node; a workload that comes up elsewhere under the same
 * address is reached there, even if it never says a word; a long ping outlives the comings and goings of others.
 */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { TestCluster, type TestNode } from "../support/cluster.ts"
import { fdbRows, neighbourRows } from "../support/kernel-view.ts"
import { until } from "../support/machine.ts"
import { describeAsRoot } from "../support/netns.ts"

/** A hundred in a quick run; a thousand with OVL_TEST_ALL_STEPS. */
const FIRST_PINGS = process.env.OVL_TEST_ALL_STEPS ? 1_000 : 100
/** How long a moved workload may be unreachable, and the ping's own interval. */
const MOVED_WITHIN_MS = 500
const PING_INTERVAL_MS = 20

describeAsRoot("the first packet", () => {
  let cluster: TestCluster
  let hidden: string
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1", "n2", "n3"] })
    cluster.node("n1").ovl("network create red --subnet 10.65.0.0/20 --internal")
    for (const node of cluster.nodes) node.ovl(`run -d --network red --name keeper_${node.name}`)
    hidden = cluster.node("n1").hidden("red")
  }, 60_000)
  afterAll(() => cluster.close())

  /** Of one packet from a workload on `from`, right away. */
  const ping = (from: TestNode, to: string) =>
    from.machine.try(`ip netns exec ovl-keeper_${from.name} ping -c1 -W1 ${to}`).status === 0
  const address = (node: TestNode, name: string) => node.endpoint(name).ip.split("/")[0]!

  test(
    "none of many is lost, hosts in all pairs; and whoever is gone is gone everywhere",
    () => {
      const { nodes } = cluster
      const pairs = nodes.flatMap((from) => nodes.filter((to) => to !== from).map((to) => [from, to] as const))
      const lost: string[] = []
      for (let round = 0; round < FIRST_PINGS; round++) {
        const [from, to] = pairs[round % pairs.length]!
        const name = `w${round}`
        to.ovl(`run -d --network red --name ${name}`)
        const ip = address(to, name)
        if (!ping(from, ip)) lost.push(`${from.name} > ${to.name} ${ip}`)
        to.ovl(`rm --force ${name}`)
        const rows = nodes.flatMap((node) => neighbourRows(node, hidden).filter((row) => row.startsWith(`${ip} `)))
        if (rows.length > 0) lost.push(`${ip} is still known: ${rows}`)
      }
      expect(lost).toEqual([])
    },
    FIRST_PINGS * 3_000,
  )

  test("2, 3, 7: a workload that is moved and stays silent is reached where it is now", async () => {
    const [one, two, three] = cluster.nodes as [TestNode, TestNode, TestNode]
    const ip = "10.65.9.9"
    two.ovl(`run -d --network red --name mover --ip ${ip}`)
    for (const from of [one, two, three]) expect(ping(from, ip)).toBe(true)
    for (const [from, to] of [
      [two, three],
      [three, one],
      [one, two],
    ] as const) {
      from.ovl("rm --force mover")
      to.ovl(`run -d --network red --name mover --ip ${ip}`)
      for (const each of [one, two, three]) {
        expect([each.name, ping(each, ip)]).toEqual([each.name, true])
        const rows = neighbourRows(each, hidden).filter((row) => row.startsWith(`${ip} `))
        expect([each.name, rows.length]).toEqual([each.name, each === to ? 0 : 1])
        const remote = fdbRows(each, hidden).filter(
          (row) => row.includes("02:42:0a:41:09:09") && row.includes("192.168.1."),
        )
        expect([each.name, remote.length]).toEqual([each.name, each === to ? 0 : 1])
      }
    }
    two.ovl("rm --force mover")
  }, 60_000)

  test("2: the same under a running ping, and no longer than it takes to attach", async () => {
    const [one, two, three] = cluster.nodes as [TestNode, TestNode, TestNode]
    const ip = "10.65.9.10"
    two.ovl(`run -d --network red --name mover --ip ${ip}`)
    const running = one.machine.start(
      `ip netns exec ovl-keeper_n1 ping -D -O -i ${PING_INTERVAL_MS / 1_000} -W1 -c2000 ${ip}`,
    )
    await running.says("bytes from")
    two.ovl("rm --force mover")
    three.ovl(`run -d --network red --name mover --ip ${ip}`)
    const back = Date.now()
    const answered = () =>
      [...running.stdout.matchAll(/\[(\d+\.\d+)\] \d+ bytes from/g)].map((found) => Number(found[1]) * 1_000)
    await until(() => answered().some((at) => at >= back), "it is reached at its new place", MOVED_WITHIN_MS + 1_500)
    running.signal("SIGINT")
    three.ovl("rm --force mover")
  }, 60_000)

  test("7: churn under a long ping loses none of it", async () => {
    const [one, two] = cluster.nodes as [TestNode, TestNode, TestNode]
    const running = one.machine.start(`ip netns exec ovl-keeper_n1 ping -i 0.05 -c 200 -q ${address(two, "keeper_n2")}`)
    for (let round = 0; round < 10; round++) {
      two.ovl(`run -d --network red --name churn${round}`)
      two.ovl(`rm --force churn${round}`)
    }
    expect((await running.ended).stdout).toContain("200 packets transmitted, 200 received, 0% packet loss")
  }, 60_000)
})
