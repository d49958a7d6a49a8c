/**
 * Pings between workloads, asked of whichever node: carried out where the source lives. And what else tells a person how
 * the cluster is: events, wait, graph, metrics, prune; each with the names wrong, the workload gone, the host cut off.
 */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test"
import type { PingNetworkView, PingView } from "../../src/model/ping.ts"
import { ovlCommand, TestCluster, type TestNode } from "../support/cluster.ts"
import { until } from "../support/machine.ts"
import { describeAsRoot } from "../support/netns.ts"

const VXLAN = "-p udp --dport 4789"

describeAsRoot("three hosts with workloads", () => {
  let cluster: TestCluster
  let one: TestNode
  let two: TestNode
  let three: TestNode
  const undo: (() => void)[] = []
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1", "n2", "n3"] })
    ;[one, two, three] = [cluster.node("n1"), cluster.node("n2"), cluster.node("n3")]
    one.ovl("network create red --subnet 10.65.10.0/24 --subnet fd65::/64")
    one.ovl("network create green --subnet 10.66.0.0/24")
    one.ovl("run -d --network red --name ns1")
    two.ovl("run -d --network red,green --name ns2")
    three.ovl("run -d --network red --name ns3")
    three.ovl("run -d --network green --name ns4")
  }, 60_000)
  afterAll(() => cluster.close())
  afterEach(() => {
    for (const back of undo.splice(0)) back()
  })

  const rule = (node: TestNode, text: string) => {
    node.machine.run(`iptables -A ${text}`)
    undo.push(() => node.machine.run(`iptables -D ${text}`))
  }

  const ping = (node: TestNode, words: string): [number, PingView] => {
    const { status, stdout } = node.try(`ping ${words} --json`)
    return [status, JSON.parse(stdout) as PingView]
  }

  test("by name, asked of the source's node, of the target's and of a third one", () => {
    for (const node of [two, three, one]) {
      const [status, view] = ping(node, "ns2 ns3 -c 3 -i 20ms")
      expect([node.name, status, view.received]).toEqual([node.name, 0, 3])
      expect(view).toMatchObject({
        network: "red",
        from: { name: "ns2", node: "n2" },
        to: { name: "ns3", node: "n3" },
        problem: null,
      })
    }
  }, 30_000)

  test("it leaves from inside the workload: the other side sees the workload's address", async () => {
    const seen = three.machine.start([
      ...ovlCommand(),
      "exec",
      "ns3",
      "sh",
      "-c",
      "exec tcpdump -lni eth0 -c 1 icmp 2>&1",
    ])
    undo.push(() => seen.signal("SIGTERM"))
    await seen.says("listening")
    const [, view] = ping(one, "ns1 ns3 -c 1")
    const { stdout } = await seen.ended
    expect(stdout).toContain(`${view.from.ip} > ${view.to.ip}: ICMP echo request`)
  }, 30_000)

  test("by IPv6, by another network that both are on, by address, and to the outside", () => {
    const [status, six] = ping(one, "ns1 ns3 -6 -c 1")
    expect([status, six.from.ip.startsWith("fd65::"), six.received]).toEqual([0, true, 1])
    const [, green] = ping(one, "ns2 ns4 -c 1")
    expect([green.network, green.from.name, green.received]).toEqual(["green", "ns2.green", 1])
    const [, near] = ping(one, `ns1 ${six.to.ip} -c 1`)
    expect([near.to.name, near.received]).toEqual(["ns3", 1])
    const [outside, far] = ping(one, "ns3 203.0.113.1 -c 1")
    expect([outside, far.network, far.received]).toEqual([0, null, 1])
  }, 30_000)

  test("names that are wrong, and networks that are not shared", () => {
    const answers = ["ns1 none", "none ns1", "ns1 ns4", "ns1 ns2 --network green", "ns1 ns2 --network none"].map(
      (words) => {
        const { status, stderr } = one.try(`ping ${words}`)
        return `${status} ${stderr.split("\n")[0]}`
      },
    )
    expect(answers).toEqual([
      "3 ovl: endpoint none: not found",
      "3 ovl: endpoint none: not found",
      "4 ovl: cannot ping ns4 from ns1: they share no network: ns1 is on red, ns4 on green",
      "3 ovl: endpoint ns1: not on network green",
      "3 ovl: network none: not found",
    ])
  })

  test("all pairs, and a removed workload is none of them", () => {
    three.ovl("run -d --network red --name gone")
    expect(one.json<PingNetworkView>("ping --all-pairs red").pairs).toHaveLength(12)
    three.ovl("rm --force gone")
    const all = one.json<PingNetworkView>("ping --all-pairs red")
    expect([all.pairs.length, all.failed]).toEqual([6, 0])
    expect(one.try("ping ns1 gone").status).toBe(3)
  }, 30_000)

  test("a host that is cut off: what is lost is named, and what is not goes through", () => {
    rule(two, `INPUT ${VXLAN} -j DROP`)
    const [status, view] = ping(one, "ns1 ns2 -c 2")
    expect([status, view.sent, view.received]).toEqual([1, 2, 0])
    const all = one.try("ping --all-pairs red")
    expect(all.status).toBe(1)
    expect(all.stderr.split("\n").slice(0, 5)).toEqual([
      "ovl: ping of all pairs of red: 4 of 6 pairs lost packets:",
      "  ns1 to ns2: 2 of 2 lost, n1 to n2",
      "  ns2 to ns1: 2 of 2 lost, n2 to n1",
      "  ns2 to ns3: 2 of 2 lost, n2 to n3",
      "  ns3 to ns2: 2 of 2 lost, n3 to n2",
    ])
  }, 60_000)

  test("every second packet is lost: which ones are said", () => {
    // By its length a ping in VXLAN is told from the probes that nodes send each other, which would be counted too.
    rule(two, `INPUT ${VXLAN} -m length --length 134 -m statistic --mode nth --every 2 --packet 0 -j DROP`)
    const [status, view] = ping(one, "ns1 ns2 -c 6 -i 20ms")
    expect([status, view.sent, view.lossPercent]).toEqual([1, 6, 50])
    const { stderr } = one.try("ping ns1 ns2 -c 6 -i 20ms")
    expect(stderr).toMatch(/^ovl: ping from ns1 to ns2: 3 of 6 packets were not answered: seq \d, \d, \d\n/)
  }, 30_000)

  test("an address that nobody has", () => {
    const [status, view] = ping(one, "ns1 10.65.10.200 -c 1")
    expect([status, view.received, view.to.name]).toEqual([1, 0, null])
  })

  test("a node whose daemon is away is named, and its workloads still answer", async () => {
    three.daemon!.signal("SIGSTOP")
    const away = one.try("ping ns3 ns1 -c 1")
    const answered = one.try("ping ns1 ns3 -c 1")
    three.daemon!.signal("SIGCONT")
    expect([away.status, away.stderr.split("\n")[0]]).toEqual([1, "ovl: ping from ns3 to ns1: node n3 does not answer"])
    expect(answered.status).toBe(0)
    await until(() => one.nodes().every(({ state }) => state === "alive"), "n3 is heard from")
  }, 60_000)

  test("events: followed over a restart of the daemon, until Ctrl-C", async () => {
    const following = two.machine.start([...ovlCommand(), "events", "-f", "--json"])
    // Whether it is connected already shows nowhere: what is made until then it may miss.
    let made = 0
    await until(() => {
      one.ovl(`network create try${made++}`)
      return following.stdout.includes('"network_created"')
    }, "the first event")
    await two.stop("SIGTERM")
    await two.resume()
    const before = following.stdout
    await until(() => {
      one.ovl(`network create try${made++}`)
      return following.stdout.slice(before.length).includes('"network_created"')
    }, "events after the restart")
    following.signal("SIGINT")
    const { status, stdout } = await following.ended
    expect(status).toBe(0)
    for (const each of stdout.trimEnd().split("\n")) expect(JSON.parse(each)).toMatchObject({ node: "n2" })
    const past = one.json<{ type: string }[]>("events --type network_removed,network_created")
    expect(new Set(past.map(({ type }) => type))).toEqual(new Set(["network_created"]))

    const pruned = one.ovl("network prune --yes").split("\n")
    expect(pruned).toEqual(Array.from({ length: made }, (_, at) => `try${at}`).sort())
    expect(one.json<{ name: string }[]>("network ls").map(({ name }) => name)).toEqual(["green", "red"])
    expect(one.try("network prune").status).toBe(0)
  }, 60_000)

  test("wait: for what comes, and what is the case when it does not", async () => {
    expect(one.ovl("wait --for leader,nodes=3,in-sync,network=red,endpoint=ns2:up")).toBe("")
    const waiting = one.machine.start([...ovlCommand(), "wait", "--for", "endpoint=late:up"])
    two.ovl("run -d --network red --name late")
    expect((await waiting.ended).status).toBe(0)
    two.ovl("rm --force late")
    expect(one.try("wait --for endpoint=late:gone").status).toBe(0)
    one.ovl(["run", "-d", "--network", "red", "--name", "job", "--", "sh", "-c", "exit 3"])
    expect(one.ovl("wait --for workload=job:exited")).toBe("3")
    one.ovl("rm job")
    const late = one.try("wait --for nodes=4 --timeout 1s")
    expect([late.status, late.stderr.split("\n")[0]]).toEqual([
      1,
      "ovl: wait for nodes=4: not so after 1s: 3 of 3 nodes are alive",
    ])
    expect(one.try("wait --for frob").status).toBe(2)
    expect(one.try("--socket /nonexistent wait --for leader --timeout 100ms").status).toBe(6)
  }, 60_000)

  test("graph and metrics, on a client too", () => {
    const tree = two.ovl("graph --network green")
    expect(tree).toContain("green  10.66.0.0/24  VNI 257\n|-- n2  ")
    expect(tree).not.toContain("n1")
    expect(two.ovl("graph --format dot")).toStartWith("graph ovl {")
    expect(two.ovl("metrics")).toContain('ovl_info{version="')
    const values = two.json<{ name: string; values: { value: number }[] }[]>("metrics")
    expect(values.find(({ name }) => name === "ovl_local_endpoints")?.values[0]?.value).toBe(2)
  })
})
