/** The way out of a workload, and that there is no way in: INTERFACE section 4, the egress bridge. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { OUTSIDE, TestCluster, type TestNode } from "../support/cluster.ts"
import { addresses, links } from "../support/kernel-view.ts"
import type { Machine } from "../support/machine.ts"
import { describeAsRoot } from "../support/netns.ts"

describeAsRoot("the egress bridge", () => {
  let cluster: TestCluster
  let one: TestNode
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1"] })
    one = cluster.node("n1")
    one.ovl("network create red --subnet 10.65.10.0/24")
    one.ovl("network create green --subnet 10.65.10.0/24")
    one.ovl("network create inner --subnet 10.65.30.0/24 --internal")
    one.ovl("run -d --network red --name a")
    one.ovl("run -d --network green --name b")
    one.ovl("run -d --network inner --name c")
  })
  afterAll(() => cluster.close())

  const reaches = (workload: string, target: string) =>
    one.try(["exec", workload, "ping", "-c1", "-W1", target]).status === 0

  test("the outside is reached, with the node's address as source", async () => {
    const capture = cluster.outside.start(`tcpdump -l -n -i eth0 icmp and host ${OUTSIDE}`)
    await Bun.sleep(400)
    expect(reaches("a", OUTSIDE)).toBe(true)
    await Bun.sleep(200)
    capture.signal("SIGTERM")
    const { stdout } = await capture.ended
    expect(stdout).toContain(`IP ${one.address} > ${OUTSIDE}: ICMP echo request`)
    expect(stdout).not.toContain("172.18.")
  })

  test("what TCP carries arrives, too", () => {
    const read =
      "for i in $(seq 40); do exec 3<>/dev/tcp/203.0.113.1/7001 && break; sleep 0.05; done 2>/dev/null; cat <&3"
    const http = httpServer(cluster.outside, 7001, "outside")
    const got = one.ovl(["exec", "a", "bash", "-c", read])
    http.signal("SIGKILL")
    expect(got).toBe("outside")
  })

  test("bridge and ports: 172.18.0.1/16, isolated, MTU of the underlay", () => {
    expect(addresses(one, null)).toEqual(["eth0 192.168.1.51/24", "ovl_gwbridge 172.18.0.1/16"])
    const ports = links(one, null).filter((link) => link.master === "ovl_gwbridge")
    expect(ports).toHaveLength(2)
    for (const port of ports) {
      expect(port.mtu).toBe(1500)
      expect(port.linkinfo?.info_slave_data).toMatchObject({ isolated: true })
    }
  })

  test("neighbours are apart: by the port flag, and by a rule of its own", () => {
    const target = addresses(one, "ovl-b")[1]!.split(" ")[1]!.split("/")[0]!
    expect(target).toBe("172.18.0.3")
    expect(reaches("a", "172.18.0.1") || reaches("a", target)).toBe(false)
    // By way of the gateway, routed back onto the bridge: the rule's case.
    one.machine.run(`ip -n ovl-a route add ${target}/32 via 172.18.0.1 dev eth1`)
    expect(reaches("a", target)).toBe(false)
    one.machine.run(`ip -n ovl-a route del ${target}/32`)
  })

  test("nothing comes in from outside, by route neither", () => {
    cluster.outside.run(`ip route add 172.18.0.0/16 via ${one.address}`)
    cluster.outside.run(`ip route add 10.65.10.0/24 via ${one.address}`)
    expect(cluster.outside.try("ping -c1 -W1 172.18.0.2").status).toBe(1)
    expect(cluster.outside.try("ping -c1 -W1 10.65.10.2").status).toBe(1)
    cluster.outside.run("ip route del 172.18.0.0/16")
    cluster.outside.run("ip route del 10.65.10.0/24")
  })

  test("the node is no router for others, though forwarding is on for workloads", async () => {
    expect(one.machine.run("sysctl -n net.ipv4.conf.eth0.forwarding").trim()).toBe("1")
    one.machine.run("ip route add 198.51.100.0/24 via 192.168.1.1")
    cluster.outside.run(`ip route add 198.51.100.0/24 via ${one.address}`)
    const passedOn = async () => {
      const capture = one.machine.start("tcpdump -l -n -i eth0 -Q out icmp and dst host 198.51.100.7")
      await Bun.sleep(400)
      cluster.outside.try("ping -c1 -W1 198.51.100.7")
      capture.signal("SIGTERM")
      return (await capture.ended).stdout.includes("198.51.100.7")
    }
    expect(await passedOn()).toBe(false)
    // What somebody accepts by a rule of his own passes: so it is ovl's rule that keeps the rest from it.
    one.machine.run("iptables -I FORWARD -d 198.51.100.7 -j ACCEPT")
    expect(await passedOn()).toBe(true)
    one.machine.run("iptables -D FORWARD -d 198.51.100.7 -j ACCEPT")
    one.machine.run("ip route del 198.51.100.0/24")
    cluster.outside.run("ip route del 198.51.100.0/24")
  })

  test("the node's own addresses do not answer a workload, unless OVL-USER accepts it", () => {
    const server = httpServer(one.machine, 7002, "node")
    const asks = (address: string) =>
      one.try(["exec", "a", "bash", "-c", `timeout 1 bash -c 'exec 3<>/dev/tcp/${address}/7002; cat <&3'`]).stdout
    until(() => one.machine.run("ss -Hltn sport = 7002").includes("7002"))
    expect(asks("172.18.0.1")).toBe("")
    expect(asks(one.address)).toBe("")
    one.machine.run("iptables -A OVL-USER -i ovl_gwbridge -p tcp --dport 7002 -j ACCEPT")
    expect(asks(one.address)).toBe("node")
    one.ovl("run -d --network red --name later")
    one.ovl("rm --force later")
    expect(one.machine.run("iptables -S OVL-USER")).toContain("--dport 7002 -j ACCEPT")
    one.machine.run("iptables -F OVL-USER")
    server.signal("SIGKILL")
  })

  test("an internal network has no egress and no way out", () => {
    expect(addresses(one, "ovl-c")).toEqual(["eth0 10.65.30.2/24"])
    expect(one.endpoint("c").egress).toBeNull()
    expect(one.machine.run("ip -n ovl-c route")).not.toContain("default")
    expect(reaches("c", OUTSIDE)).toBe(false)
  })

  test("a FORWARD policy of DROP and rules of somebody else keep working, side by side with ours (pain 39)", () => {
    one.machine.run("iptables -P FORWARD DROP")
    one.machine.run("iptables -A FORWARD -s 198.51.100.9 -j ACCEPT")
    one.machine.run("iptables -t nat -A PREROUTING -d 198.51.100.9 -j DNAT --to 192.168.1.1")
    expect(reaches("a", OUTSIDE)).toBe(true)
    one.ovl("run -d --network red --name d")
    expect(reaches("d", OUTSIDE)).toBe(true)
    one.ovl("rm --force d")
    const rules = one.machine.run("iptables-save")
    for (const foreign of [":FORWARD DROP", "-A FORWARD -s 198.51.100.9/32 -j ACCEPT", "-d 198.51.100.9/32 -j DNAT"])
      expect(rules).toContain(foreign)
    one.machine.run("iptables -D FORWARD -s 198.51.100.9 -j ACCEPT")
    one.machine.run("iptables -t nat -D PREROUTING -d 198.51.100.9 -j DNAT --to 192.168.1.1")
    one.machine.run("iptables -P FORWARD ACCEPT")
  })

  test("the rules are few, named, in own chains, and say what they are for", () => {
    const rules = one.machine
      .run("iptables-save")
      .split("\n")
      .filter((line) => line.startsWith("-A"))
    const foreign = rules.filter((rule) => !/-(A|j) OVL-/.test(rule))
    expect(foreign).toEqual([])
    const jumps = rules.filter((rule) => !rule.startsWith("-A OVL-"))
    expect(jumps.every((rule) => rule.includes('--comment "ovl:'))).toBe(true)
  })

  test("without workloads that need it, bridge, rules and forwarding are as before", () => {
    const global = () => one.machine.run("sysctl -n net.ipv4.ip_forward").trim()
    expect(global()).toBe("0")
    one.ovl("rm --force a b")
    expect(links(one, null).map((link) => link.ifname)).toEqual(["lo", "eth0"])
    expect(one.machine.run("sysctl -n net.ipv4.conf.eth0.forwarding").trim()).toBe("0")
    expect(one.machine.run("iptables-save")).not.toContain("MASQUERADE")
    one.ovl("rm --force c")
    expect(one.machine.run("iptables-save")).not.toContain("OVL-INPUT")
  })
})

describeAsRoot("an egress subnet that is taken", () => {
  let cluster: TestCluster
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1"], start: false })
  })
  afterAll(() => cluster.close())

  test("gives way to the next free one, and a host that forwards goes on forwarding (pain 40)", async () => {
    const one = cluster.node("n1")
    one.machine.run("ip route add 172.18.5.0/24 via 192.168.1.1")
    one.machine.run("sysctl -w net.ipv4.ip_forward=1")
    await one.serve()
    one.ovl("network create red --subnet 172.19.0.0/24")
    one.ovl("run -d --network red --name a")
    expect(addresses(one, null)).toContain("ovl_gwbridge 172.20.0.1/16")
    const egress = { ifname: "eth1", ip: "172.20.0.2/16", gateway: "172.20.0.1", ip6: null, gateway6: null }
    expect(one.endpoint("a").egress).toEqual(egress)
    one.exec("a", `ping -c1 -W1 ${OUTSIDE}`)
    // Where the host forwards for others, only the rules of the bridge itself keep the outside out.
    cluster.outside.run(`ip route add 172.20.0.0/16 via ${one.address}`)
    const comesIn = () => cluster.outside.try("ping -c1 -W1 172.20.0.2").status === 0
    expect(comesIn()).toBe(false)
    one.machine.run("iptables -I OVL-FORWARD -o ovl_gwbridge -j ACCEPT")
    expect(comesIn()).toBe(true)
    one.machine.run("iptables -D OVL-FORWARD 1")
    one.ovl("rm --force a")
    expect(one.machine.run("sysctl -n net.ipv4.ip_forward").trim()).toBe("1")
    expect(one.machine.run("sysctl -n net.ipv4.conf.eth0.forwarding").trim()).toBe("1")
  })
})

/** Answers every connection with a word and closes it. */
function httpServer(machine: Machine, port: number, word: string) {
  return machine.start([process.execPath, "-e", `require("net").createServer((s) => s.end("${word}")).listen(${port})`])
}

function until(holds: () => boolean): void {
  for (let tries = 0; !holds(); tries++) {
    if (tries > 100) throw new Error("did not come true")
    Bun.sleepSync(20)
  }
}
