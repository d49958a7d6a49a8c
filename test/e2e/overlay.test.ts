/** The overlay as the real program makes it in real kernels: INTERFACE sections 3 and 4, read back by other tools. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { ovlCommand, TestCluster, type TestNode } from "../support/cluster.ts"
import { addresses, hiddenNamespaces, inNetns, links, neighbourRows, remoteRows } from "../support/kernel-view.ts"
import { until } from "../support/machine.ts"
import { describeAsRoot } from "../support/netns.ts"

describeAsRoot("the red/green networks on two nodes", () => {
  let cluster: TestCluster
  let one: TestNode
  let two: TestNode
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1", "n2"], serve: ["--kv-prefix", "swarm"] })
    one = cluster.node("n1")
    two = cluster.node("n2")
    for (const name of ["red", "green"]) one.ovl(`network create ${name} --subnet 10.65.10.0/24`)
  })
  afterAll(() => cluster.close())

  test("a network alone makes nothing in any kernel", () => {
    expect(hiddenNamespaces(one)).toEqual([])
    expect(hiddenNamespaces(two)).toEqual([])
    expect(links(one, null).map((link) => link.ifname)).toEqual(["lo", "eth0"])
    expect(one.network("red")).toMatchObject({ vni: 256, mtu: 1450, local: null, endpoints: [] })
    expect(two.network("green")).toMatchObject({ vni: 257, local: null })
  })

  test("the same addresses live in both networks, in order across the nodes", () => {
    expect(one.ovl("run -d --network red --name namespace_01")).toBe("namespace_01")
    two.ovl("run -d --network red --name namespace_03")
    one.ovl("run -d --network green --name namespace_02")
    two.ovl("run -d --network green --name namespace_04")
    const rows = two
      .json<Record<string, string>[]>("endpoint ls")
      .map((e) => `${e.name} ${e.network} ${e.node} ${e.ip}`)
    expect(rows.sort()).toEqual([
      "namespace_01 red n1 10.65.10.2/24",
      "namespace_02 green n1 10.65.10.2/24",
      "namespace_03 red n2 10.65.10.3/24",
      "namespace_04 green n2 10.65.10.3/24",
    ])
  })

  test("what answers at an address is the asker's own network's, told by name", () => {
    answerWithName(two, "namespace_03")
    answerWithName(two, "namespace_04")
    expect(ask(one, "namespace_01", "10.65.10.3")).toBe("namespace_03")
    expect(ask(one, "namespace_02", "10.65.10.3")).toBe("namespace_04")
  })

  test("hidden namespace, bridge, vxlan and veths are exactly what the contract says", () => {
    const id = one.network("red").id
    expect(one.network("red").local).toEqual({
      netns: `/run/netns/1-${id.slice(0, 10)}`,
      bridge: "br0",
      vxlan: "vxlan1",
    })
    for (const node of [one, two]) {
      expect(hiddenNamespaces(node).sort()).toEqual([node.hidden("red"), node.hidden("green")].sort())
      const hidden = node.hidden("red")
      const seen = links(node, hidden).filter((link) => link.ifname !== "lo")
      expect(
        seen.map((link) => `${link.ifname} ${link.linkinfo?.info_kind} ${link.mtu} ${link.master ?? "-"}`),
      ).toEqual(["br0 bridge 1450 -", "vxlan1 vxlan 1450 br0", expect.stringMatching(/^veth\d+ veth 1450 br0$/)])
      expect(seen.every((link) => link.flags.includes("UP"))).toBe(true)
      expect(seen[1]?.linkinfo?.info_data).toMatchObject({
        id: 256,
        port: 4789,
        local: node.address,
        learning: false,
        proxy: true,
      })
      expect(addresses(node, hidden)).toEqual(["br0 10.65.10.1/24"])
    }
    expect(links(two, two.hidden("green"))[2]?.linkinfo?.info_data?.id).toBe(257)
  })

  test("the outer socket is the host's", () => {
    expect(one.machine.run("ss -Hlun sport = 4789")).toContain(":4789")
    expect(inNetns(one, one.hidden("red"), "ss -Hlun sport = 4789")).toBe("")
  })

  test("one permanent row each for the remote endpoint, and no others", () => {
    for (const network of ["red", "green"]) {
      expect(neighbourRows(one, one.hidden(network))).toEqual(["10.65.10.3 02:42:0a:41:0a:03 PERMANENT"])
      expect(neighbourRows(two, two.hidden(network))).toEqual(["10.65.10.2 02:42:0a:41:0a:02 PERMANENT"])
      expect(remoteRows(one, one.hidden(network))).toEqual([`02:42:0a:41:0a:03 ${two.address} self permanent`])
      expect(remoteRows(two, two.hidden(network))).toEqual([`02:42:0a:41:0a:02 ${one.address} self permanent`])
      const all = inNetns(one, one.hidden(network), "bridge fdb show")
      expect(all).not.toContain("vlan")
      expect(all).not.toContain("00:00:00:00:00:00")
    }
  })

  test("in the workload: eth0 with the address's MAC, eth1 with the default route", () => {
    expect(addresses(one, "ovl-namespace_01")).toEqual(["eth0 10.65.10.2/24", "eth1 172.18.0.2/16"])
    const seen = links(one, "ovl-namespace_01").map((link) => `${link.ifname} ${link.mtu} ${link.address}`)
    expect(seen.slice(1)).toEqual([
      "eth0 1450 02:42:0a:41:0a:02",
      expect.stringMatching(/^eth1 1500 02:42:ac:12:00:02$/),
    ])
    const routes = one.machine.json<{ dst: string; dev: string }[]>("ip -j -n ovl-namespace_01 route")
    expect(routes.map((route) => `${route.dst} ${route.dev}`).sort()).toEqual([
      "10.65.10.0/24 eth0",
      "172.18.0.0/16 eth1",
      "default eth1",
    ])
  })

  test("frames carry the VNI between the VTEPs; no ARP and no broadcast is in them", async () => {
    const capture = cluster.underlay.start("tcpdump -l -n -e -i p51 udp port 4789")
    await Bun.sleep(400)
    one.exec("namespace_01", "ping -c2 -i 0.1 -W1 namespace_03")
    one.exec("namespace_02", "ping -c2 -i 0.1 -W1 namespace_04")
    one.machine.try(["ip", "netns", "exec", "ovl-namespace_01", "arping", "-c1", "-w1", "-I", "eth0", "10.65.10.99"])
    one.machine.try("ip netns exec ovl-namespace_01 ping -b -c1 -W1 10.65.10.255")
    await Bun.sleep(200)
    capture.signal("SIGTERM")
    const { stdout } = await capture.ended
    expect(stdout).toMatch(/192\.168\.1\.51\.\d+ > 192\.168\.1\.52\.4789: VXLAN, flags \[I\] \(0x08\), vni 256/)
    expect(stdout).toMatch(/192\.168\.1\.52\.\d+ > 192\.168\.1\.51\.4789: VXLAN, flags \[I\] \(0x08\), vni 257/)
    expect(stdout.match(/vni 256/g)).toHaveLength(4)
    expect(stdout).toContain("ICMP echo reply")
    expect(stdout).not.toMatch(/ARP|ff:ff:ff:ff:ff:ff|Broadcast/)
  })

  test("nothing crosses between the networks, nor by the gateway's address", () => {
    one.ovl("network create blue --subnet 10.65.20.0/24")
    two.ovl("run -d --network blue --name other")
    const ping = (target: string) => one.try(["exec", "namespace_01", "ping", "-c1", "-W1", target]).status
    expect(ping("10.65.10.3")).toBe(0)
    expect(ping("10.65.10.1")).toBe(0)
    expect(ping("10.65.20.2")).toBe(1)
    two.ovl("rm --force other")
    two.ovl("network rm blue")
    expect(hiddenNamespaces(two)).toHaveLength(2)
  })

  test("a third node that joins late programs all peers, and they it, before run returns", async () => {
    const three = await cluster.addNode("n3")
    await three.join(one)
    expect(hiddenNamespaces(three)).toEqual([])
    three.ovl("run -d --network red --name late")
    expect(neighbourRows(three, three.hidden("red"))).toEqual([
      "10.65.10.2 02:42:0a:41:0a:02 PERMANENT",
      "10.65.10.3 02:42:0a:41:0a:03 PERMANENT",
    ])
    expect(remoteRows(three, three.hidden("red"))).toEqual([
      `02:42:0a:41:0a:02 ${one.address} self permanent`,
      `02:42:0a:41:0a:03 ${two.address} self permanent`,
    ])
    expect(neighbourRows(two, two.hidden("red"))).toContain("10.65.10.4 02:42:0a:41:0a:04 PERMANENT")
    expect(neighbourRows(two, two.hidden("green"))).toHaveLength(1)
    expect(hiddenNamespaces(three)).toEqual([three.hidden("red")])
    three.exec("late", "ping -c1 -W1 namespace_01")
  })

  test("a frame from an address that is no member's is dropped", async () => {
    const stranger = await cluster.addNode("stranger")
    const m = stranger.machine
    m.run(`ip link add vx type vxlan id 256 dstport 4789 local ${stranger.address} nolearning`)
    m.run("ip link set vx address 02:42:0a:41:0a:63 mtu 1450 up")
    m.run("ip addr add 10.65.10.99/24 dev vx")
    m.run(`bridge fdb add 02:42:0a:41:0a:02 dev vx dst ${one.address} self permanent`)
    m.run("ip neigh add 10.65.10.2 lladdr 02:42:0a:41:0a:02 dev vx nud permanent")
    const hidden = one.hidden("red")
    const received = () => Number(statistic(one, hidden, "vxlan1"))
    const before = received()
    m.try("ping -c3 -i 0.05 -W1 10.65.10.2")
    expect(received()).toBe(before)
    // The same frames, once the filter is taken away, do arrive: it is the filter that kept them out.
    // The daemon would take the rule out again at once.
    one.daemon?.signal("SIGSTOP")
    one.machine.run("iptables -I OVL-VXLAN -j RETURN")
    m.try("ping -c3 -i 0.05 -W1 10.65.10.2")
    expect(received()).toBe(before + 3)
    one.machine.run("iptables -D OVL-VXLAN 1")
    one.daemon?.signal("SIGCONT")
  })

  test("the last endpoint takes the network's objects along, and the rows of others go with theirs", () => {
    two.ovl("rm --force namespace_03")
    expect(hiddenNamespaces(two)).toEqual([two.hidden("green")])
    expect(two.network("red").local).toBeNull()
    expect(neighbourRows(one, one.hidden("red"))).toEqual(["10.65.10.4 02:42:0a:41:0a:04 PERMANENT"])
    expect(remoteRows(one, one.hidden("red"))).toHaveLength(1)
    expect(two.machine.run("ip netns ls")).not.toContain("namespace_03")
  })

  test("a freed address comes round again only after the others", () => {
    const addressOf = (name: string) => two.endpoint(name).ip
    two.ovl("run -d --network red --name again")
    expect(addressOf("again")).toBe("10.65.10.5/24")
    two.ovl("rm --force again")
    two.ovl("run -d --network red --name again")
    expect(addressOf("again")).toBe("10.65.10.6/24")
    one.ovl("network create tiny --subnet 10.9.9.0/29")
    const given: string[] = []
    for (let n = 0; n < 7; n++) {
      two.ovl(`run -d --network tiny --name t${n}`)
      given.push(addressOf(`t${n}`).split("/")[0]!)
      two.ovl(`rm --force t${n}`)
    }
    expect(given).toEqual([2, 3, 4, 5, 6, 2, 3].map((n) => `10.9.9.${n}`))
  })
})

describeAsRoot("right after the answer", () => {
  let cluster: TestCluster
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1", "n2", "n3"] })
    const [one, two, three] = cluster.nodes as [TestNode, TestNode, TestNode]
    one.ovl("network create red --subnet 10.1.0.0/16")
    one.ovl("run -d --network red --name home")
    two.ovl("run -d --network red --name away")
    three.machine.run("ip netns add guest")
  })
  afterAll(() => cluster.close())

  test("every other node has its rows: attach waits for one that is slow", async () => {
    const [, two, three] = cluster.nodes as [TestNode, TestNode, TestNode]
    two.daemon?.signal("SIGSTOP")
    const attach = three.machine.start([
      ...ovlCommand(),
      ..."attach --network red --netns guest --name guest".split(" "),
    ])
    await until(() => three.try("endpoint ls --json").stdout.includes("guest"), "the endpoint is known")
    await Bun.sleep(300)
    expect([attach.running, neighbourRows(two, hiddenNamespaces(two)[0]!).length]).toEqual([true, 1])
    two.daemon?.signal("SIGCONT")
    expect((await attach.ended).status).toBe(0)
    expect(neighbourRows(two, hiddenNamespaces(two)[0]!)).toHaveLength(2)
    three.ovl("detach guest")
  })

  test("the first ping is never lost, in both directions, 30 times", () => {
    const [one, , two] = cluster.nodes as [TestNode, TestNode, TestNode]
    let lost = 0
    const pinged = (node: TestNode, netns: string, target: string) =>
      node.machine.try(`ip netns exec ${netns} ping -c1 -W1 ${target}`).status === 0
    for (let n = 0; n < 15; n++) {
      two.ovl("attach --network red --netns /run/netns/guest --name guest")
      const ip = two.endpoint("guest").ip.split("/")[0]!
      // Alternately from the other side and from the new one first.
      const tries =
        n % 2 === 0
          ? [() => pinged(one, "ovl-home", ip), () => pinged(two, "guest", "10.1.0.2")]
          : [() => pinged(two, "guest", "10.1.0.2"), () => pinged(one, "ovl-home", ip)]
      lost += tries.filter((attempt) => !attempt()).length
      two.ovl("detach guest")
    }
    expect(lost).toBe(0)
  })
})

describeAsRoot("a narrower underlay", () => {
  let cluster: TestCluster
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1", "n2"], start: false })
  })
  afterAll(() => cluster.close())

  test("of one node decides for all: frames of full size pass between the hosts", async () => {
    const [one, two] = cluster.nodes as [TestNode, TestNode]
    two.machine.run("ip link set eth0 mtu 1400")
    await one.serve()
    await two.join(one)
    one.ovl("network create red --subnet 10.65.10.0/24")
    one.ovl("run -d --network red --name a")
    two.ovl("run -d --network red --name b")
    for (const [node, name, egress] of [
      [one, "a", 1500],
      [two, "b", 1400],
    ] as const) {
      const mtus = links(node, `ovl-${name}`).map((link) => `${link.ifname} ${link.mtu}`)
      expect(mtus.slice(1)).toEqual(["eth0 1350", `eth1 ${egress}`])
      expect(
        links(node, node.hidden("red"))
          .slice(1)
          .map((link) => link.mtu),
      ).toEqual([1350, 1350, 1350])
    }
    one.exec("a", `ping -c1 -W1 -M do -s ${1350 - 28} b`)
    expect(one.try(["exec", "a", "ping", "-c1", "-W1", "-M", "do", "-s", String(1351 - 28), "b"]).status).not.toBe(0)
    const refused = one.try("--json network create wide --mtu 1400")
    expect([refused.status, refused.stderr]).toEqual([2, expect.stringMatching(/mtu/)])
  })
})

function statistic(node: TestNode, netns: string, device: string): string {
  const [link] = node.machine.json<{ stats64: { rx: { packets: string } } }[]>(
    `ip -j -s -n ${netns} link show ${device}`,
  )
  return link!.stats64.rx.packets
}

/** A small server in the workload that says whose it is. */
function answerWithName(node: TestNode, workload: string): void {
  const server = `require("net").createServer((s) => s.end("${workload}")).listen(7000)`
  node.machine.start(["ip", "netns", "exec", `ovl-${workload}`, process.execPath, "-e", server])
}

function ask(node: TestNode, workload: string, address: string): string {
  const script = `for i in $(seq 50); do exec 3<>/dev/tcp/${address}/7000 && break; sleep 0.05; done 2>/dev/null; cat <&3`
  return node.ovl(["exec", workload, "bash", "-c", script])
}
