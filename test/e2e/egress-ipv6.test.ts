/** The way out of a workload by IPv6, the ways in by published ports, and that there are no others. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { resolve } from "node:path"
import { PacketSocket } from "../../src/linux/packet.ts"
import { TestCluster, type TestNode } from "../support/cluster.ts"
import { ethernet, routerAdvertisement } from "../support/frames.ts"
import { type Machine, until } from "../support/machine.ts"
import { describeAsRoot } from "../support/netns.ts"

const NODE = "2001:db8:1::51"
const OUTSIDE = "2001:db8:1::1"
/** Beyond the outside: only a default route leads there, and none leads back to workloads. */
const FAR = "2001:db8:2::1"
const GATEWAY = "fd6f:766c:6777:12::1"
/** How long an answer is waited for, and one that must not come: what is let through is there within milliseconds. */
const PATIENCE_S = 2
const SILENCE_S = 0.5
const FLUSH_RULESET = `${process.execPath} ${resolve(import.meta.dir, "../support/flush-ruleset.ts")}`

/** Answers each connection and each datagram with a word and the address of who asks. */
const SERVER = `
const port = Number(process.argv.at(-2)), word = process.argv.at(-1)
require("net").createServer((s) => s.on("error", () => {}).end(word + " to " + s.remoteAddress)).listen(port, "::")
const udp = require("dgram").createSocket("udp6")
udp.on("message", (_, who) => udp.send(word + " to " + who.address, who.port, who.address))
udp.bind(port, "::")
`

describeAsRoot("egress by IPv6", () => {
  let cluster: TestCluster
  let one: TestNode
  let before: string
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1"], start: false })
    one = cluster.node("n1")
    one.machine.run(`ip -6 addr add ${NODE}/64 dev eth0 nodad`)
    one.machine.run(`ip -6 route add default via ${OUTSIDE}`)
    cluster.outside.run(`ip -6 addr add ${OUTSIDE}/64 dev eth0 nodad`)
    cluster.outside.run(`ip -6 addr add ${FAR}/128 dev lo nodad`)
    before = state()
    await one.serve()
    one.ovl("network create both --subnet 10.65.10.0/24 --subnet fd00:65:10::/64")
    one.ovl("network create six --subnet fd00:65:20::/64")
    one.ovl("network create four --subnet 10.65.30.0/24")
    one.ovl("network create inner --subnet 10.65.40.0/24 --subnet fd00:65:40::/64 --internal")
    one.ovl("run -d --network four --name f")
    one.ovl("run -d --network both --name a -p 8080:80,5300:53/udp,[::1]:8081:80,9000-9009:7000-7009")
    one.ovl("run -d --network six --name b")
    one.ovl("run -d --network inner --name c")
    for (const port of [80, 53, 7004]) listen("a", port)
    cluster.outside.start([process.execPath, "-e", SERVER, "7001", "outside"])
    await until(() => cluster.outside.run("ss -Hltn sport = 7001").includes("7001"), "the outside listens")
  })
  afterAll(() => cluster.close())

  const state = () =>
    one.machine.sh(
      "ip -br link | awk '{print $1}'; ip -6 route show default; ip6tables-save | grep -v '^[#:]'; iptables-save | grep -v '^[#:]';" +
        "sysctl -a 2>/dev/null | grep -E '^net.ipv6.conf.*(forwarding|accept_ra|disable_ipv6) ' | sort; true",
    )
  const listen = (workload: string, port: number) => {
    one.machine.start(["ip", "netns", "exec", `ovl-${workload}`, process.execPath, "-e", SERVER, String(port), "web"])
    soon(() => one.machine.run(`ip netns exec ovl-${workload} ss -Hltn sport = ${port}`).includes(String(port)))
  }
  const reaches = (workload: string, target: string) =>
    one.try(["exec", workload, "ping", "-c1", "-W1", target]).status === 0
  const fromMachine = (machine: Machine, address: string, port: number, patience = PATIENCE_S) =>
    machine.try(["bash", "-c", ask(address, port, patience)]).stdout
  const fromWorkload = (workload: string, address: string, port: number, patience = PATIENCE_S) =>
    one.try(["exec", workload, "bash", "-c", ask(address, port, patience)]).stdout
  const address = (workload: string) => one.endpoint(workload).egress!.ip6!.split("/")[0]!

  test("the workload's side is as the contract says", () => {
    expect(one.endpoint("a").egress).toEqual({
      ifname: "eth1",
      ip: "172.18.0.3/16",
      gateway: "172.18.0.1",
      ip6: "fd6f:766c:6777:12::3/64",
      gateway6: GATEWAY,
    })
    expect(one.endpoint("b").egress).toMatchObject({ ip6: "fd6f:766c:6777:12::4/64", gateway6: GATEWAY })
    expect(one.endpoint("f").egress).toMatchObject({ ip: "172.18.0.2/16", ip6: null, gateway6: null })
    expect(one.endpoint("c").egress).toBeNull()
    expect(one.exec("a", "ip -6 route show default")).toContain(`default via ${GATEWAY} dev eth1`)
    expect(one.exec("f", "ip -6 route show default")).toBe("")
  })

  test("the outside is reached with the node's address as source, from a network of IPv6 alone too", () => {
    for (const workload of ["a", "b"]) {
      expect(reaches(workload, OUTSIDE)).toBe(true)
      expect(reaches(workload, FAR)).toBe(true)
      expect(fromWorkload(workload, FAR, 7001)).toBe(`outside to ${NODE}`)
    }
    expect(reaches("c", OUTSIDE)).toBe(false)
    expect(reaches("f", OUTSIDE)).toBe(false)
  })

  test("neighbours, the gateway and the node's own addresses do not answer", () => {
    for (const closed of [address("b"), GATEWAY, NODE])
      expect(`${closed} ${reaches("a", closed)}`).toBe(`${closed} false`)
    expect(fromWorkload("b", address("a"), 80, SILENCE_S)).toBe("")
    // With every neighbour known for good, too.
    const [mac] = one.exec("b", "ip link show eth1").match(/02:42:[0-9a-f:]+/)!
    one.exec("a", `ip neigh replace ${address("b")} lladdr ${mac} dev eth1 nud permanent`)
    expect(reaches("a", address("b"))).toBe(false)
  }, 15_000)

  test("the outside does not reach in, and the node has not become a router", () => {
    expect(one.machine.run("sysctl -n net.ipv6.conf.all.forwarding").trim()).toBe("1")
    cluster.outside.run(`ip -6 route add fd6f:766c:6777::/48 via ${NODE}`)
    cluster.outside.run(`ip -6 route add 2001:db8:3::/64 via ${NODE}`)
    expect(cluster.outside.try(`ping -c1 -W1 ${address("a")}`).status).not.toBe(0)
    expect(fromMachine(cluster.outside, address("a"), 80, SILENCE_S)).toBe("")
    // Another network of this host's.
    one.machine.sh(
      "ip netns add ovl-e6-side; ip link add side type veth peer name eth0 netns ovl-e6-side; ip link set side up;" +
        "ip -n ovl-e6-side link set eth0 up; ip addr add 2001:db8:3::1/64 dev side nodad;" +
        "ip -n ovl-e6-side addr add 2001:db8:3::2/64 dev eth0 nodad; ip -n ovl-e6-side route add default via 2001:db8:3::1",
    )
    const routed = () => cluster.outside.try("ping -c1 -W1 2001:db8:3::2").status === 0
    expect(one.machine.try("ping -c1 -W1 2001:db8:3::2").status).toBe(0)
    expect(routed()).toBe(false)
    one.machine.run("ip6tables -I FORWARD -i eth0 -o side -j ACCEPT")
    one.machine.run("ip6tables -I FORWARD -i side -o eth0 -j ACCEPT")
    expect(routed()).toBe(true)
    one.machine.run("ip6tables -D FORWARD -i eth0 -o side -j ACCEPT")
    one.machine.run("ip6tables -D FORWARD -i side -o eth0 -j ACCEPT")
    one.machine.sh("ip link del side; ip netns del ovl-e6-side")
  }, 15_000)

  test("published ports: from outside, from the host, from a neighbour, from itself", () => {
    expect(fromMachine(cluster.outside, NODE, 8080)).toBe(`web to ${OUTSIDE}`)
    expect(fromMachine(cluster.outside, NODE, 9004)).toBe(`web to ${OUTSIDE}`)
    expect(cluster.outside.run(["bash", "-c", askUdp(NODE, 5300)])).toBe(`web to ${OUTSIDE}`)
    expect(fromMachine(cluster.outside, NODE, 8081)).toBe("")
    expect(fromMachine(one.machine, NODE, 8080)).toBe(`web to ${NODE}`)
    expect(fromMachine(one.machine, GATEWAY, 8080)).toBe(`web to ${GATEWAY}`)
    // By IPv4 all is as before.
    expect(fromMachine(cluster.outside, one.address, 8080)).toContain("web to")
    expect(fromMachine(cluster.outside, one.address, 8081)).toBe("")
  })

  test("published ports on ::1", () => {
    expect(fromMachine(one.machine, "::1", 8081)).toBe(`web to ${GATEWAY}`)
    expect(fromMachine(one.machine, "::1", 8080)).toBe(`web to ${GATEWAY}`)
    expect(one.machine.run(["bash", "-c", askUdp("::1", 5300)])).toBe(`web to ${GATEWAY}`)
    expect(one.machine.run("ss -Hltn src [::1]")).toContain("[::1]:9009")
  })

  test("from workloads, whether or not bridged frames pass the host's rules", async () => {
    const isMade = (on: boolean) => () => one.machine.run("ip6tables-save").includes("--physdev-is-bridged") === on
    for (const on of [false, true]) {
      one.machine.run(`sysctl -qw net.bridge.bridge-nf-call-iptables=${on ? 1 : 0}`)
      one.machine.run(`sysctl -qw net.bridge.bridge-nf-call-ip6tables=${on ? 1 : 0}`)
      await until(isMade(on), `bridged frames pass the rules: ${on}`, 15_000)
      await until(() => fromWorkload("b", NODE, 8080) === `web to ${GATEWAY}`, "a neighbour reaches it", 15_000)
      expect(fromWorkload("b", NODE, 8080)).toBe(`web to ${GATEWAY}`)
      expect(fromWorkload("a", NODE, 8080)).toBe(`web to ${GATEWAY}`)
      expect(fromWorkload("b", address("a"), 80, SILENCE_S)).toBe("")
    }
  }, 40_000)

  test("what is not possible is refused", () => {
    const refused = (line: string) => {
      const done = one.try(`run -d --name late ${line} --json`)
      return [done.status, (JSON.parse(done.stderr) as { error: { code: string } }).error.code]
    }
    expect(refused("--network four -p [::1]:81:81")).toEqual([2, "port_without_egress"])
    expect(refused("--network both -p [2001:db8:1::99]:81:81")).toEqual([2, "address_not_here"])
    expect(refused("--network both -p [::1]:8080:81")).toEqual([4, "port_taken"])
    expect(one.try("network create x --subnet fd6f:766c:6777:12::/64").status).toBe(4)
  })

  test("rules, addresses, routes and switches that somebody takes away come back, and it is told", async () => {
    const outside = () => fromMachine(cluster.outside, NODE, 8080) !== "" && reaches("a", FAR)
    const repairs = () => one.status().kernel.repairs
    for (const harm of [
      "ip6tables -F",
      "ip6tables -t nat -F",
      FLUSH_RULESET,
      "sysctl -qw net.ipv6.conf.all.forwarding=0",
      "sysctl -qw net.ipv6.conf.ovl_gwbridge.disable_ipv6=1",
      `ip addr del ${GATEWAY}/64 dev ovl_gwbridge`,
      "ip -n ovl-a -6 route del default",
      "ip -n ovl-a addr flush dev eth1 scope global",
    ]) {
      const told = repairs()
      one.machine.run(harm)
      await until(() => repairs() > told, `${harm} is told`)
      await until(outside, `the way is open again after ${harm}`)
    }
    one.machine.run("sysctl -qw net.ipv6.conf.ovl_gwbridge.accept_ra=1")
    const takes = () => one.machine.run("sysctl -n net.ipv6.conf.ovl_gwbridge.accept_ra").trim()
    await until(() => takes() === "0", "the bridge takes no router advertisements")
    await until(() => one.status().kernel.inSync, "in sync")
  }, 60_000)

  test("a device that listens to routers goes on listening", () => {
    expect(one.machine.run("sysctl -n net.ipv6.conf.eth0.accept_ra").trim()).toBe("2")
    expect(before).toContain("net.ipv6.conf.eth0.accept_ra = 1")
  })

  test("down leaves the host as it was", async () => {
    one.ovl("rm --force a b c f")
    expect(one.machine.run("sysctl -n net.ipv6.conf.all.forwarding").trim()).toBe("0")
    expect(one.machine.run("sysctl -n net.ipv6.conf.eth0.accept_ra").trim()).toBe("1")
    expect(one.machine.run("ip6tables-save")).not.toContain("OVL-")
    one.ovl("run -d --network six --name b")
    expect(reaches("b", FAR)).toBe(true)
    await one.stop()
    one.ovl("down")
    expect(state()).toBe(before)
  }, 15_000)
})

describeAsRoot("a host that is a router already", () => {
  let cluster: TestCluster
  afterAll(() => cluster.close())

  test("stays one, by its administrator's settings, and nothing comes in all the same", async () => {
    cluster = await TestCluster.start({ nodes: ["n1"], start: false })
    const one = cluster.node("n1")
    one.machine.sh(`ip -6 addr add ${NODE}/64 dev eth0 nodad; sysctl -qw net.ipv6.conf.all.forwarding=1`)
    // Somebody else's, so the next subnet is taken.
    one.machine.run("ip -6 route add fd6f:766c:6777:12::/64 dev eth0")
    cluster.outside.run(`ip -6 addr add ${OUTSIDE}/64 dev eth0 nodad`)
    cluster.outside.run(`ip -6 route add fd6f:766c:6777::/48 via ${NODE}`)
    await one.serve()
    one.ovl("network create six --subnet fd00:65:20::/64")
    one.ovl("run -d --network six --name a")
    expect(one.endpoint("a").egress).toMatchObject({ ip6: "fd6f:766c:6777:13::2/64", gateway6: "fd6f:766c:6777:13::1" })
    one.exec("a", `ping -c1 -W1 ${OUTSIDE}`)
    const comesIn = () => cluster.outside.try("ping -c1 -W1 fd6f:766c:6777:13::2").status === 0
    expect(comesIn()).toBe(false)
    one.machine.run("ip6tables -I OVL-FORWARD -o ovl_gwbridge -j ACCEPT")
    expect(comesIn()).toBe(true)
    one.machine.run("ip6tables -D OVL-FORWARD 1")
    const switches = () => one.machine.run("sysctl -n net.ipv6.conf.all.forwarding net.ipv6.conf.eth0.accept_ra")
    expect(switches()).toBe("1\n1\n")
    expect(one.machine.run("ip6tables-save")).not.toContain("OVL-GUARD")
    // After a restart all is as it was.
    await one.stop()
    await one.resume()
    await until(() => one.status().kernel.inSync, "in sync")
    expect(one.status().kernel.repairs).toBe(0)
    one.exec("a", `ping -c1 -W1 ${OUTSIDE}`)
    one.ovl("rm --force a")
    expect(switches()).toBe("1\n1\n")
    expect(one.machine.run("ip6tables-save")).not.toContain("OVL-")
  }, 20_000)
})

describeAsRoot("a host that has its default route from a router", () => {
  let cluster: TestCluster
  afterAll(() => cluster.close())

  test("keeps it while it forwards for workloads, and goes on hearing of routers", async () => {
    cluster = await TestCluster.start({ nodes: ["n1"], start: false })
    const one = cluster.node("n1")
    const { outside } = cluster
    one.machine.run(`ip -6 addr add ${NODE}/64 dev eth0 nodad`)
    outside.sh(`ip -6 addr add ${OUTSIDE}/64 dev eth0 nodad; ip -6 addr add ${FAR}/128 dev lo nodad`)
    outside.run("ip -6 addr add fe80::aa/64 dev eth0 nodad")
    const advertise = (from: string) => {
      using socket = PacketSocket.open({ namespace: `/proc/${outside.pid}/ns/net`, device: "eth0" })
      const mac = outside.run("cat /sys/class/net/eth0/address").trim()
      const ends = { from: mac, to: "33:33:00:00:00:01" }
      socket.send(ethernet(ends, 0x86dd, routerAdvertisement(from, "ff02::1", 1800)))
    }
    const defaults = () => one.machine.run("ip -6 route show default")
    advertise("fe80::aa")
    await until(() => defaults().includes("fe80::aa"), "the host has a default route")
    await one.serve()
    one.ovl("network create six --subnet fd00:65:20::/64")
    one.ovl("run -d --network six --name a")
    expect(one.machine.run("sysctl -n net.ipv6.conf.all.forwarding").trim()).toBe("1")
    expect(defaults()).toContain("fe80::aa")
    one.exec("a", `ping -c1 -W1 ${FAR}`)
    advertise("fe80::bb")
    await until(() => defaults().includes("fe80::bb"), "the host hears of another router")
    // A device that comes later listens, too.
    one.machine.sh("ip link add later type veth peer name later2; ip link set later up")
    const listens = () => one.machine.run("sysctl -n net.ipv6.conf.later.accept_ra").trim()
    await until(() => listens() === "2", "a later device goes on listening", 15_000)
    one.ovl("rm --force a")
    expect(defaults()).toContain("proto ra")
    expect(listens()).toBe("1")
  }, 30_000)
})

describeAsRoot("a host without IPv6", () => {
  let cluster: TestCluster
  afterAll(() => cluster.close())

  test("goes on with IPv4, says so, and refuses networks of IPv6 alone", async () => {
    cluster = await TestCluster.start({ nodes: ["n1"], start: false })
    const one = cluster.node("n1")
    one.machine.run("sysctl -qw net.ipv6.conf.all.disable_ipv6=1")
    await one.serve()
    one.ovl("network create both --subnet 10.65.10.0/24 --subnet fd00:65:10::/64")
    one.ovl("network create six --subnet fd00:65:20::/64")
    one.ovl("run -d --network both --name a")
    expect(one.endpoint("a").egress).toMatchObject({ ip: "172.18.0.2/16", ip6: null, gateway6: null })
    one.exec("a", "ping -c1 -W1 203.0.113.1")
    await until(() => JSON.stringify(one.status()).includes("no_ipv6_egress"), "the status warns", 15_000)
    one.ovl("network create sixes --subnet fd00:65:21::/64 --subnet fd00:65:22::/64")
    for (const network of ["six", "sixes"]) {
      const done = one.try(`run -d --network ${network} --name b --json`)
      expect([done.status, JSON.parse(done.stderr).error.code]).toEqual([4, "no_ipv6_egress"])
    }
    one.ovl("rm --force a")
  })
})

/** A line of bash that prints what a TCP server says. */
function ask(address: string, port: number, patience: number): string {
  return `timeout ${patience} bash -c 'exec 3<>/dev/tcp/${address}/${port}; cat <&3' 2>/dev/null`
}

function askUdp(address: string, port: number): string {
  return `exec 3<>/dev/udp/${address}/${port}; printf x >&3; timeout 2 dd bs=100 count=1 status=none <&3 || true`
}

function soon(holds: () => boolean): void {
  for (let tries = 0; !holds(); tries++) {
    if (tries > 200) throw new Error("did not come true")
    Bun.sleepSync(20)
  }
}
