/**
 * A workload that means no good, with raw sockets on its interfaces: whom it can pretend to be, and what it reaches that
 * is not for it. The same frames where they are allowed, or where nothing guards any more, show that the test would see.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { PacketSocket } from "../../src/linux/packet.ts"
import { removeGuard } from "../../src/kernel/firewall/guard.ts"
import type { EndpointView } from "../../src/model/endpoint.ts"
import { OUTSIDE, TestCluster, type TestNode } from "../support/cluster.ts"
import {
  arpReply,
  echoRequest,
  type Ends,
  ethernet,
  icmpv6,
  ipv4,
  ipv6,
  tagged,
  tcpSyn,
  udp,
} from "../support/frames.ts"
import { until } from "../support/machine.ts"
import { describeAsRoot } from "../support/netns.ts"

const STRANGER = "02:42:0a:41:0a:63"
const GATEWAY = "02:42:0a:41:0a:01"
const EXPERIMENT = 0x88b5
const WAIT_MS = 150

describeAsRoot("a workload that means no good", () => {
  let cluster: TestCluster
  let one: TestNode
  let two: TestNode
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1", "n2"] })
    one = cluster.node("n1")
    two = cluster.node("n2")
    const subnets = "--subnet 10.65.10.0/24 --subnet fd00:65:10::/64"
    one.ovl(`network create red ${subnets}`)
    one.ovl(`network create open ${subnets} --allow-spoof`)
    one.ovl("network create green --subnet 10.66.0.0/24")
    for (const net of ["red", "open"]) {
      one.ovl(`run -d --network ${net} --name ${net}-a`)
      one.ovl(`run -d --network ${net} --name ${net}-b -p ${net === "red" ? 8081 : 8082}:80`)
      two.ovl(`run -d --network ${net} --name ${net}-c`)
    }
    one.ovl("run -d --network green --name green-a")
  })
  afterAll(() => cluster.close())

  const path = (node: TestNode, workload: string) => node.machine.file(`/run/netns/ovl-${workload}`)
  const at = (node: TestNode, workload: string, device: string) =>
    PacketSocket.open({ namespace: path(node, workload), device, promiscuous: true })

  /** Which of these frames, sent by one socket, come to the other one unchanged, by name. */
  const arriving = async (from: PacketSocket, to: PacketSocket, frames: Record<string, Buffer>): Promise<string[]> => {
    using sender = from
    using receiver = to
    receiver.drain(1000)
    for (const frame of Object.values(frames)) sender.send(frame)
    await Bun.sleep(WAIT_MS)
    const seen = receiver.drain(1000).filter((each) => !each.outgoing)
    // On the way the padding may be cut off.
    const has = (frame: Buffer) => seen.some(({ bytes }) => frame.subarray(0, bytes.length).equals(bytes))
    return Object.keys(frames).filter((name) => has(frames[name]!))
  }

  const bare = (text: string | null | undefined) => text!.split("/")[0]!
  const own = (a: EndpointView, b: EndpointView): Record<string, Buffer> => {
    const ends: Ends = { from: a.mac, to: b.mac }
    return {
      "a frame": ethernet(ends, EXPERIMENT, Buffer.from("mine")),
      ARP: arpReply(ends, { mac: a.mac, ip: bare(a.ip) }, { mac: b.mac, ip: bare(b.ip) }),
      IPv4: ethernet(ends, 0x0800, ipv4(bare(a.ip), bare(b.ip), 17, udp(9, "mine"))),
      IPv6: ethernet(ends, 0x86dd, ipv6(bare(a.ip6), bare(b.ip6), 59, Buffer.from("mine"))),
      advertisement: ethernet(ends, 0x86dd, icmpv6(bare(a.ip6), bare(b.ip6), 136, bare(a.ip6))),
    }
  }
  const spoofed = (a: EndpointView, b: EndpointView): Record<string, Buffer> => {
    const ends: Ends = { from: a.mac, to: b.mac }
    const theirs: Ends = { from: STRANGER, to: b.mac }
    const [ip, ip6] = [bare(a.ip), bare(a.ip6)]
    const target = { mac: b.mac, ip: bare(b.ip) }
    const foreign = ipv4("10.65.10.99", target.ip, 17, udp(9, "not mine"))
    return {
      "foreign MAC": ethernet(theirs, EXPERIMENT, Buffer.from("not mine")),
      "foreign MAC, own IPv4": ethernet(theirs, 0x0800, ipv4(ip, target.ip, 17, udp(9, "not mine"))),
      "foreign IPv4": ethernet(ends, 0x0800, foreign),
      "foreign MAC and IPv4": ethernet(theirs, 0x0800, foreign),
      "the gateway's IPv4": ethernet(ends, 0x0800, ipv4("10.65.10.1", target.ip, 17, udp(9, "not mine"))),
      "foreign IPv4, tagged": tagged(ends, 0x0800, foreign),
      "ARP for the gateway": arpReply(ends, { mac: a.mac, ip: "10.65.10.1" }, target),
      "ARP with a foreign MAC": arpReply(ends, { mac: STRANGER, ip }, target),
      "foreign IPv6": ethernet(ends, 0x86dd, ipv6("fd00:65:10::63", bare(b.ip6), 59, Buffer.from("not mine"))),
      "advertisement of another": ethernet(ends, 0x86dd, icmpv6(ip6, bare(b.ip6), 136, "fd00:65:10::1")),
      "router advertisement": ethernet(ends, 0x86dd, icmpv6(ip6, bare(b.ip6), 134, "::")),
      redirect: ethernet(ends, 0x86dd, icmpv6(ip6, bare(b.ip6), 137, "::")),
    }
  }
  /** A frame that comes in with a tag shows without it. ARP is answered on the node and never goes to another one. */
  const visible = (names: string[], other: string) =>
    names.filter((name) => !name.includes("tagged") && !(other === "c" && name.startsWith("ARP")))
  const sent = (frames: Record<string, Buffer>, other: string) =>
    Object.fromEntries(Object.entries(frames).filter(([name]) => !(other === "c" && name.startsWith("ARP"))))

  describe.each([
    ["its neighbour", "b"],
    ["another node", "c"],
  ])("towards %s", (_, other) => {
    const send = (network: string, frames: (a: EndpointView, b: EndpointView) => Record<string, Buffer>) => {
      const [a, b] = [one.endpoint(`${network}-a`), one.endpoint(`${network}-${other}`)]
      const node = other === "b" ? one : two
      return arriving(
        at(one, `${network}-a`, "eth0"),
        at(node, `${network}-${other}`, "eth0"),
        sent(frames(a, b), other),
      )
    }

    test("it is itself, and nobody else", async () => {
      const { red, open } = { red: one.endpoint("red-a"), open: one.endpoint("open-a") }
      expect(await send("red", own)).toEqual(visible(Object.keys(own(red, red)), other))
      expect(await send("red", spoofed)).toEqual([])
      expect(await send("open", own)).toEqual(visible(Object.keys(own(open, open)), other))
      expect(await send("open", spoofed)).toEqual(visible(Object.keys(spoofed(open, open)), other))
    })
  })

  test("the hidden namespace answers as the gateway and as the DNS server, and not otherwise", async () => {
    const a = one.endpoint("red-a")
    const ip = bare(a.ip)
    const ends = { from: a.mac, to: GATEWAY }
    const answers = async (to: string, protocol: number, payload: Buffer) => {
      using socket = at(one, "red-a", "eth0")
      socket.send(ethernet(ends, 0x0800, ipv4(ip, to, protocol, payload)))
      await Bun.sleep(WAIT_MS)
      const fromThere = ({ bytes, outgoing }: { bytes: Uint8Array; outgoing: boolean }) =>
        !outgoing && bytes[12] === 8 && bytes[13] === 0 && [...bytes.subarray(26, 30)].join(".") === to
      return socket.drain(100).some(fromThere)
    }
    const query = Buffer.from("000101000001000000000000037265640000010001", "hex").toString("latin1")
    const dns = Buffer.from(udp(53, query))
    dns.write(query, 8, "latin1")
    const looks = async () => ({
      echo: await answers("10.65.10.1", 1, echoRequest("hello!")),
      "DNS by UDP": await answers("10.65.10.1", 17, dns),
      "DNS by TCP": await answers("10.65.10.1", 6, tcpSyn(ip, "10.65.10.1", 53)),
      "another TCP port": await answers("10.65.10.1", 6, tcpSyn(ip, "10.65.10.1", 8500)),
      "another UDP port": await answers("10.65.10.1", 17, udp(9, "hello")),
      "another network's gateway": await answers("10.66.0.1", 1, echoRequest("hello!")),
      "another network's DNS": await answers("10.66.0.1", 6, tcpSyn(ip, "10.66.0.1", 53)),
      "its own 127.0.0.1": await answers("127.0.0.1", 6, tcpSyn(ip, "127.0.0.1", 53)),
      "the node": await answers(one.address, 6, tcpSyn(ip, one.address, 8300)),
    })
    const shut = {
      "another TCP port": false,
      "another UDP port": false,
      "another network's gateway": false,
      "another network's DNS": false,
      "its own 127.0.0.1": false,
      "the node": false,
    }
    expect(await looks()).toEqual({ echo: true, "DNS by UDP": true, "DNS by TCP": true, ...shut })
    // Without the daemon nobody repairs: and without the guard other ports answer.
    await one.stop()
    const hidden = one.machine.run("ip netns ls").match(/1-[0-9a-f]{10}/g)!
    const removed = hidden.filter((name) => removeGuard(one.machine.file(`/run/netns/${name}`)))
    expect(removed.length).toBe(3)
    expect((await looks())["another TCP port"]).toBe(true)
    await one.resume()
    await until(() => one.status().kernel.inSync, "the node is in sync")
    expect(await looks()).toMatchObject({ ...shut, echo: true })
    expect(await spoofing()).toEqual([])
  })

  const spoofing = () => {
    const [a, b] = [one.endpoint("red-a"), one.endpoint("red-b")]
    return arriving(at(one, "red-a", "eth0"), at(one, "red-b", "eth0"), spoofed(a, b))
  }

  test("on the egress bridge it reaches no neighbour, and is itself there too", async () => {
    const [a, b] = ["red-a", "red-b"].map((name) => bare(one.endpoint(name).egress!.ip))
    const macOf = (ip: string) =>
      `02:42:${ip
        .split(".")
        .map((octet) => Number(octet).toString(16).padStart(2, "0"))
        .join(":")}`
    const ends = { from: macOf(a!), to: macOf(b!) }
    const neighbour = arriving(at(one, "red-a", "eth1"), at(one, "red-b", "eth1"), {
      "a frame": ethernet(ends, EXPERIMENT, Buffer.from("hello")),
      ARP: arpReply(ends, { mac: ends.from, ip: a! }, { mac: ends.to, ip: b! }),
      "ARP for the gateway": arpReply(ends, { mac: ends.from, ip: "172.18.0.1" }, { mac: ends.to, ip: b! }),
      IPv4: ethernet(ends, 0x0800, ipv4(a!, b!, 17, udp(80, "hello"))),
      IPv6: ethernet(ends, 0x86dd, ipv6("fe80::1", "fe80::2", 59, Buffer.from("hello"))),
    })
    expect(await neighbour).toEqual([])
    // In the name of another one, to the outside: what leaves the node is seen there.
    const leaves = async (from: string) => {
      using sender = at(one, "red-a", "eth1")
      using wire = PacketSocket.open({ namespace: `/proc/${one.machine.pid}/ns/net`, device: "eth0" })
      const text = `from ${from}`
      sender.send(ethernet({ from: ends.from, to: "02:42:ac:12:00:01" }, 0x0800, ipv4(from, OUTSIDE, 17, udp(9, text))))
      await Bun.sleep(WAIT_MS)
      return wire.drain(1000).some(({ bytes }) => Buffer.from(bytes).toString("latin1").includes(text))
    }
    expect(await leaves(a!)).toBe(true)
    expect(await leaves(b!)).toBe(false)
    expect(await leaves("10.65.10.2")).toBe(false)
    // The host believes no one who says that a neighbour's address is his.
    using socket = at(one, "red-a", "eth1")
    one.machine.try(`ping -c1 -W1 ${b}`)
    const host = { from: ends.from, to: "02:42:ac:12:00:01" }
    socket.send(arpReply(host, { mac: ends.from, ip: b! }, { mac: host.to, ip: "172.18.0.1" }))
    await Bun.sleep(WAIT_MS)
    expect(one.machine.run(`ip neigh show ${b} dev ovl_gwbridge`)).toContain(macOf(b!))
  })

  test("nor by IPv6: no neighbour, no other one's name, no word to the node but what is published", async () => {
    const [a, b] = ["red-a", "red-b"].map((name) => bare(one.endpoint(name).egress!.ip6)) as [string, string]
    const gateway = one.endpoint("red-a").egress!.gateway6!
    one.machine.sh("ip -6 addr add 2001:db8:1::51/64 dev eth0 nodad; ip -6 route add default dev eth0")
    one.machine.run("ip -6 neigh add 2001:db8:2::1 lladdr 02:42:c0:a8:01:01 dev eth0 nud permanent")
    const macOf = (name: string) => one.ovl(`exec ${name} cat /sys/class/net/eth1/address`).trim()
    const ends = { from: macOf("red-a"), to: macOf("red-b") }
    const host = { from: ends.from, to: "02:42:ac:12:00:01" }
    const words = (from: string, to: string, text: string) => ipv6(from, to, 59, Buffer.from(text))
    const rows = () => ({
      "IPv6, own": ethernet(ends, 0x86dd, words(a, b, "hello")),
      "the gateway's IPv6": ethernet(ends, 0x86dd, words(gateway, b, "hello")),
      "foreign IPv6": ethernet(ends, 0x86dd, words("2001:db8:2::1", b, "hello")),
      "own advertisement": ethernet(ends, 0x86dd, icmpv6(a, b, 136, a)),
      "advertisement of the gateway": ethernet(ends, 0x86dd, icmpv6(a, b, 136, gateway)),
      "router advertisement": ethernet(ends, 0x86dd, icmpv6(a, b, 134, "::")),
      redirect: ethernet(ends, 0x86dd, icmpv6(a, b, 137, "::")),
    })
    expect(await arriving(at(one, "red-a", "eth1"), at(one, "red-b", "eth1"), rows())).toEqual([])
    const leaves = async (from: string) => {
      using sender = at(one, "red-a", "eth1")
      using wire = PacketSocket.open({ namespace: `/proc/${one.machine.pid}/ns/net`, device: "eth0" })
      const text = `from ${from}`
      sender.send(ethernet(host, 0x86dd, words(from, "2001:db8:2::1", text)))
      await Bun.sleep(WAIT_MS)
      return wire.drain(1000).some(({ bytes }) => Buffer.from(bytes).toString("latin1").includes(text))
    }
    expect(await leaves(a)).toBe(true)
    for (const foreign of [b, gateway, "2001:db8:2::99", "::1"]) expect(await leaves(foreign)).toBe(false)
    // The host believes no one who says that a neighbour's address is his, and takes no routes from him.
    const routes = () => one.machine.run("ip -6 route show dev ovl_gwbridge")
    const before = routes()
    one.machine.try(`ping -c1 -W1 ${b}`)
    using socket = at(one, "red-a", "eth1")
    for (const [type, target] of [
      [136, b],
      [134, "::"],
      [137, "2001:db8:2::1"],
    ] as const)
      socket.send(ethernet(host, 0x86dd, icmpv6(a, gateway, type, target)))
    await Bun.sleep(WAIT_MS)
    expect(one.machine.run(`ip neigh show ${b} dev ovl_gwbridge`)).toContain(ends.to)
    expect(routes()).toBe(before)
    // What listens on the node is shut to it, by any address; what the administrator accepts is not.
    one.machine.start([process.execPath, "-e", 'require("net").createServer((s) => s.end("open")).listen(7777, "::")'])
    await until(() => one.machine.run("ss -Hltn sport = 7777").includes("7777"), "the node listens")
    const ask = (address: string) =>
      one.try(["exec", "red-a", "timeout", "1", "bash", "-c", `cat < /dev/tcp/${address}/7777`]).stdout
    const addresses = [gateway, "2001:db8:1::51"]
    expect(addresses.map(ask)).toEqual(["", ""])
    one.machine.run("ip6tables -A OVL-USER -p tcp --dport 7777 -j ACCEPT")
    expect(addresses.map(ask)).toEqual(["open", "open"])
    one.machine.run("ip6tables -F OVL-USER")
    // Without the guard of the ports a neighbour's name is taken: so the test would see.
    await one.stop()
    expect(removeGuard(`/proc/${one.machine.pid}/ns/net`)).toBe(true)
    expect(await leaves(b)).toBe(true)
    await one.resume()
    await until(() => one.status().kernel.inSync, "the node is in sync")
  }, 30_000)
})
