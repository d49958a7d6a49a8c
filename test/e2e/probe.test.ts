/**
 * The control plane is well and the data plane is dead: what the network between two hosts, or a firewall on one of them,
 * does to VXLAN is found by trying, and the blocked direction has a name.
 */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test"
import type { ProbeView } from "../../src/model/probe.ts"
import { TestCluster, type TestNode } from "../support/cluster.ts"
import { until } from "../support/machine.ts"
import { describeAsRoot } from "../support/netns.ts"

const VXLAN = "-p udp --dport 4789"
const FULL = "-m length --length 1400:65535"
const OPEN = { small: true, full: true }
const SHUT = { small: false, full: false }
const EATEN = { small: true, full: false }

async function probe(from: TestNode, to?: TestNode): Promise<ProbeView[]> {
  const response = await fetch("http://localhost/api/v1/probe", {
    method: "POST",
    unix: from.machine.file("/run/ovl/ovl.sock"),
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(to ? { node: to.name } : {}),
  })
  expect(response.status).toBe(200)
  return (await response.json()) as ProbeView[]
}

const ways = ([view]: ProbeView[]) => ({ there: view!.there, back: view!.back, largest: view!.largest })

describeAsRoot("two hosts, and what is between them", () => {
  let cluster: TestCluster
  let one: TestNode
  let two: TestNode
  const undo: (() => void)[] = []
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1", "n2"] })
    ;[one, two] = [cluster.node("n1"), cluster.node("n2")]
  })
  afterAll(() => cluster.close())
  afterEach(() => {
    for (const back of undo.splice(0)) back()
  })

  /** Adds a rule until the test is over. */
  const rule = (node: TestNode, text: string) => {
    node.machine.run(`iptables -A ${text}`)
    undo.push(() => node.machine.run(`iptables -D ${text}`))
  }

  test("all passes, before there is any network: both ways, small and full", async () => {
    const [view] = await probe(one)
    expect(view).toMatchObject({ node: "n2", address: two.address, there: OPEN, back: OPEN, mtu: 1450, largest: null })
    expect(Math.abs(view!.clockAheadMs!)).toBeLessThan(1_000)
    expect(ways(await probe(two, one))).toEqual({ there: OPEN, back: OPEN, largest: null })
  })

  test("a firewall that drops what comes in names the direction, from either side (pain 47)", async () => {
    rule(two, `INPUT ${VXLAN} -j DROP`)
    expect(ways(await probe(one, two))).toEqual({ there: SHUT, back: OPEN, largest: null })
    expect(ways(await probe(two, one))).toEqual({ there: OPEN, back: SHUT, largest: null })
  }, 30_000)

  test("so does a rule on what goes out, which the sender's own kernel tells (pain 15)", async () => {
    rule(one, `OUTPUT ${VXLAN} -j DROP`)
    const [view] = await probe(one, two)
    expect(view).toMatchObject({ there: SHUT, back: OPEN, refused: "EPERM" })
  }, 30_000)

  test("both directions at once (pain 15)", async () => {
    rule(one, `INPUT ${VXLAN} -j DROP`)
    rule(two, `INPUT ${VXLAN} -j DROP`)
    expect(ways(await probe(one, two))).toEqual({ there: SHUT, back: SHUT, largest: null })
  }, 30_000)

  test("a way that eats large frames: which direction, and what passes (pain 20)", async () => {
    rule(two, `INPUT ${VXLAN} ${FULL} -j DROP`)
    // 1399 bytes pass, of which the tunnel takes 50.
    expect(ways(await probe(one, two))).toEqual({ there: EATEN, back: OPEN, largest: 1349 })
    expect(ways(await probe(two, one))).toEqual({ there: OPEN, back: EATEN, largest: 1349 })
  }, 30_000)

  test("a node whose daemon is away is said to be silent, and no direction is blamed", async () => {
    two.daemon!.signal("SIGSTOP")
    const [view] = await probe(one, two)
    two.daemon!.signal("SIGCONT")
    expect(view!.there).toEqual({ small: null, full: null })
    expect(view!.back).toEqual({ small: null, full: null })
    await until(() => one.nodes().every(({ state }) => state === "alive"), "n2 is heard from")
  }, 30_000)

  test("full frames that vanish between hosts of one network are a problem in the status and an event, until they pass (pain 20)", async () => {
    one.ovl("network create red --subnet 10.65.10.0/24")
    rule(two, `INPUT ${VXLAN} ${FULL} -j DROP`)
    one.ovl("run -d --network red --name a")
    two.ovl("run -d --network red --name b")
    const found = () => one.status().problems.find(({ code }) => code === "path_mtu")
    await until(() => found() !== undefined, "the status names it", 20_000)
    expect(found()).toMatchObject({
      level: "warning",
      message: "full-size frames (MTU 1450) from n1 to n2 are lost, small ones pass; the largest that passes is 1349",
    })
    expect(one.status().health).toBe("ok")
    await until(() => one.daemon!.stderr.includes("event=path_mtu"), "an event tells it")
    undo.splice(0)[0]!()
    await until(() => found() === undefined, "the problem is gone", 50_000)
    await until(() => one.daemon!.stderr.includes("event=path_open"), "an event tells it")
  }, 100_000)
})

describeAsRoot("join", () => {
  test("ends with a probe that names the blocked direction; it is ready all the same (pain 47)", async () => {
    const cluster = await TestCluster.start({ nodes: ["n1", "n2"], start: false })
    try {
      const [one, two] = cluster.nodes as [TestNode, TestNode]
      await one.serve()
      two.machine.run(`iptables -A INPUT ${VXLAN} -j DROP`)
      await two.join(one)
      expect(two.try("status").status).toBe(0)
      const said = () => two.daemon!.stderr.split("\n").filter((line) => line.includes("VXLAN from"))
      await until(() => said().length > 0, "the warning comes", 15_000)
      expect(said()).toHaveLength(1)
      expect(said()[0]).toMatch(/warn +VXLAN from n1 to n2 \(UDP port 4789\) is blocked code=path_blocked hint=/)
      expect(two.daemon!.running).toBe(true)
    } finally {
      await cluster.close()
    }
  }, 40_000)
})

describeAsRoot("two hosts whose VTEPs are IPv6", () => {
  test("are probed like any others: all passes, then one direction is shut (pain 47)", async () => {
    const cluster = await TestCluster.start({ nodes: ["n1", "n2"], start: false })
    try {
      const [one, two] = cluster.nodes as [TestNode, TestNode]
      for (const [n, { machine }] of cluster.nodes.entries()) {
        machine.run("ip -4 addr flush dev eth0")
        machine.run(`ip addr add fd00:1::5${n + 1}/64 dev eth0 nodad`)
      }
      await one.launch(["serve", "--name", "n1", "--advertise", "fd00:1::51"])
      const token = one.ovl("token create")
      await two.launch(["join", "fd00:1::51", "--token", token, "--name", "n2", "--advertise", "fd00:1::52"])
      expect((await probe(one))[0]).toMatchObject({ address: "fd00:1::52", there: OPEN, back: OPEN, mtu: 1430 })
      one.machine.run(`ip6tables -A INPUT ${VXLAN} -j DROP`)
      expect(ways(await probe(one, two))).toEqual({ there: OPEN, back: SHUT, largest: null })
    } finally {
      await cluster.close()
    }
  }, 40_000)
})
