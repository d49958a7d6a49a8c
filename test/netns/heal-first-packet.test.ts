/**
 * When `run` returns, the first packet arrives, from every node; a workload that comes up elsewhere under the same
 * address is reached there, even if it never says a word; a long ping outlives the comings and goings of others.
 */
import { afterAll, beforeAll, expect, test } from "bun:test"
import type { AttachSpec, EndpointView } from "../../src/model/endpoint.ts"
import { TestCluster, type TestNode } from "../support/cluster.ts"
import { fdbRows, neighbourRows } from "../support/kernel-view.ts"
import { until } from "../support/machine.ts"
import { describeAsRoot } from "../support/netns.ts"
import { Pinger } from "../support/pinger.ts"

/** Workloads that come up, so many at a time; each is pinged from all other hosts, and pings them. */
const WORKLOADS = 1_000
/** All hosts of a test are one kernel, which holds about a thousand neighbours that it has learned itself. */
const WORKLOADS_AT_A_TIME = 150
/** Attaches under way on each host. */
const ATTACHES_AT_ONCE = 8
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
  const call = async (node: TestNode, method: string, target: string, body?: object) => {
    const unix = node.machine.file("/run/ovl/ovl.sock")
    const answer = await fetch(`http://ovl${target}`, { method, unix, body: body && JSON.stringify(body) })
    if (!answer.ok) throw new Error(`${node.name}: ${method} ${target}: ${await answer.text()}`)
    return answer
  }
  const attach = async (node: TestNode, spec: AttachSpec) =>
    (await (await call(node, "POST", "/api/v1/endpoints", spec)).json()) as EndpointView
  const bare = (ip: string) => ip.split("/")[0]!
  const address = (node: TestNode, name: string) => bare(node.endpoint(name).ip)

  /** Does something with each, ATTACHES_AT_ONCE at a time on each node. */
  const onAll = <T>(node: TestNode, each: readonly T[], act: (node: TestNode, one: T) => Promise<void>) => {
    const left = [...each]
    const lane = async () => {
      for (let one = left.shift(); one !== undefined; one = left.shift()) await act(node, one)
    }
    return Promise.all(Array.from({ length: ATTACHES_AT_ONCE }, lane))
  }

  test("a thousand first pings, hosts in all pairs, both directions: none lost; detach withdraws everywhere (pain 2)", async () => {
    const { nodes } = cluster
    const keepers = nodes.map((node) => ({
      node,
      address: address(node, `keeper_${node.name}`),
      pinger: new Pinger(node.machine.file(`/run/netns/ovl-keeper_${node.name}`)),
    }))
    const onlyKeepers = nodes.flatMap((node) =>
      keepers.filter((each) => each.node !== node).map((each) => `${node.name} ${each.address}`),
    )
    const known = () =>
      nodes.flatMap((node) => neighbourRows(node, hidden).map((row) => `${node.name} ${row.split(" ")[0]}`))
    const names = (node: TestNode) =>
      Array.from({ length: WORKLOADS_AT_A_TIME / nodes.length }, (_, i) => `c${i}${node.name}`)
    const netns = (verb: string) => {
      for (const node of nodes) {
        const lines = names(node).map((name) => `netns ${verb} ${name}`)
        node.machine.run("ip -batch -", { input: lines.join("\n") })
      }
    }
    let pings = 0
    for (let round = 0; round < Math.ceil(WORKLOADS / WORKLOADS_AT_A_TIME); round++) {
      const pingers = keepers.map(({ pinger }) => pinger)
      const attached: EndpointView[] = []
      netns("add")
      // The first packets leave in the very turn in which the answer is here.
      const come = async (node: TestNode, name: string) => {
        const view = await attach(node, { network: "red", name, netns: `/run/netns/${name}` })
        const comer = new Pinger(node.machine.file(`/run/netns/${name}`))
        for (const other of keepers.filter((each) => each.node !== node)) {
          other.pinger.ping(bare(view.ip))
          comer.ping(other.address)
          pings += 2
        }
        pingers.push(comer)
        attached.push(view)
      }
      await Promise.all(nodes.map((node) => onAll(node, names(node), come)))
      const unanswered = () => pingers.flatMap((pinger) => pinger.unanswered())
      await until(
        () => unanswered().length === 0,
        () => `${unanswered().length} of ${pings} lost, such as ${unanswered().slice(0, 10)}`,
        2_000,
      )
      const leave = async (node: TestNode, { id }: EndpointView) =>
        void (await call(node, "DELETE", `/api/v1/endpoints/${id}`))
      await Promise.all(
        nodes.map((node) =>
          onAll(
            node,
            attached.filter((view) => view.node === node.name),
            leave,
          ),
        ),
      )
      // When the last detach has returned, nobody knows any of them.
      expect(known().sort()).toEqual(onlyKeepers.sort())
      for (const pinger of pingers.slice(keepers.length)) pinger.close()
      netns("del")
      for (const { node } of keepers) node.machine.run(`ip -n ovl-keeper_${node.name} neigh flush dev eth0`)
    }
    for (const { pinger } of keepers) pinger.close()
    expect(pings).toBeGreaterThanOrEqual(4 * WORKLOADS)
  }, 120_000)

  test("a workload that moved to another host with the same address and stays silent is reached there (pain 2) (pain 3)", async () => {
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

  test("the same under a running ping, and no longer than it takes to attach (pain 2)", async () => {
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

  test("churn under a long ping loses none of it (pain 7)", async () => {
    const [one, two] = cluster.nodes as [TestNode, TestNode, TestNode]
    const running = one.machine.start(`ip netns exec ovl-keeper_n1 ping -i 0.05 -c 200 -q ${address(two, "keeper_n2")}`)
    for (let round = 0; round < 10; round++) {
      two.ovl(`run -d --network red --name churn${round}`)
      two.ovl(`rm --force churn${round}`)
    }
    expect((await running.ended).stdout).toContain("200 packets transmitted, 200 received, 0% packet loss")
  }, 60_000)
})
