/**
 * A workload that means no good and looks for a way into its node, with raw sockets on the egress bridge and on its
 * network: it gets what is published, an echo and its DNS; no other answer of the node, and no frame of its own making
 * into the overlay.
 */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { removeGuard } from "../../src/kernel/firewall/guard.ts"
import { type Frame, PacketSocket } from "../../src/linux/packet.ts"
import { TestCluster, type TestNode } from "../support/cluster.ts"
import { echoRequest, ethernet, ipv4, tcpSyn, udp } from "../support/frames.ts"
import { links } from "../support/kernel-view.ts"
import { until } from "../support/machine.ts"
import { describeAsRoot } from "../support/netns.ts"

/** Of the egress bridge: 02:42 and its address. */
const HOST = "02:42:ac:12:00:01"
/** Of br0 in the hidden namespace. */
const GATEWAY = "02:42:0a:41:0a:01"
const BRIDGE = "172.18.0.1"
const EVERYBODY = "ff:ff:ff:ff:ff:ff"
const WAIT_MS = 150
const [ICMP, TCP, UDP, OSPF] = [1, 6, 17, 89]
const EXPERIMENT = 0x88b5

/** Where a frame is sent from, and what of it comes back there. */
interface Place {
  mac: string
  ip: string
  /** MAC of who is asked. */
  asked: string
  open(): PacketSocket
  /** The first octet of the addresses that can answer; any if left out. */
  answers?: number
}

describeAsRoot("a workload that looks for a way into its node", () => {
  let cluster: TestCluster
  let one: TestNode
  let two: TestNode
  /** Of `a` on the egress bridge, and on its network; and the other node, on the underlay. */
  let own: Place
  let inside: Place
  let underlay: Place
  let egressOfB: string
  /** Of `b` here and `c` on the other node. */
  let macs: Record<string, string>
  let vni: number
  let hidden: string
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1", "n2"] })
    one = cluster.node("n1")
    two = cluster.node("n2")
    one.ovl("network create red --subnet 10.65.10.0/24")
    one.ovl("run -d --network red --name a")
    // Where a port is published on 127.0.0.1, the kernel lets such addresses pass on the bridge.
    one.ovl("run -d --network red --name b -p 8081:80,127.0.0.1:8083:80")
    two.ovl("run -d --network red --name c")
    const place = (device: string, ip: string, asked: string): Place => {
      const mac = one.exec("a", `cat /sys/class/net/${device}/address`)
      return { mac, ip: ip.split("/")[0]!, asked, open: () => at(one, "a", device) }
    }
    own = place("eth1", one.endpoint("a").egress!.ip, HOST)
    inside = place("eth0", one.endpoint("a").ip, GATEWAY)
    const eth0 = (node: TestNode) => links(node, null).find(({ ifname }) => ifname === "eth0")!.address
    underlay = {
      mac: eth0(two),
      ip: two.address,
      asked: eth0(one),
      open: () => PacketSocket.open({ namespace: `/proc/${two.machine.pid}/ns/net`, device: "eth0" }),
      // The nodes speak with each other all the time.
      answers: 127,
    }
    egressOfB = one.endpoint("b").egress!.ip.split("/")[0]!
    hidden = one.hidden("red")
    macs = { b: one.endpoint("b").mac, c: one.endpoint("c").mac }
    vni = one.network("red").vni
  })
  afterAll(() => cluster.close())

  const at = (node: TestNode, workload: string, device: string) =>
    PacketSocket.open({ namespace: node.machine.file(`/run/netns/ovl-${workload}`), device, promiscuous: true })
  const isAnswer =
    ({ ip, answers }: Place) =>
    ({ bytes, outgoing }: Frame): boolean =>
      !outgoing &&
      Buffer.from(bytes).readUInt16BE(12) === 0x0800 &&
      [...bytes.subarray(30, 34)].join(".") === ip &&
      (answers === undefined || bytes[26] === answers)

  type Try = [to: string, protocol: number, payload: Buffer]
  const syn = (to: string, port: number, from = own): Try => [to, TCP, tcpSyn(from.ip, to, port)]
  /** In the midst of a connection that there is none of: a closed port answers that, too. */
  const ack = (to: string, port: number, from = own): Try => {
    const segment = tcpSyn(from.ip, to, port)
    segment[13] = 0x10
    const sum = (~segment.readUInt16BE(16) & 0xffff) + 0x10 - 0x02
    segment.writeUInt16BE(~((sum & 0xffff) + (sum >>> 16)) & 0xffff, 16)
    return [to, TCP, segment]
  }
  const echo = (to: string): Try => [to, ICMP, echoRequest("hello!")]
  const timestamp = (to: string): Try => {
    const message = Buffer.from("0d00000000070001000000000000000000000000", "hex")
    message.writeUInt16BE(~(0x0d00 + 8) & 0xffff, 2)
    return [to, ICMP, message]
  }
  const comes = async (seen: () => boolean): Promise<boolean> => {
    for (let waited = 0; waited < WAIT_MS; waited += 10) {
      if (seen()) return true
      await Bun.sleep(10)
    }
    return seen()
  }
  /** Sent one after another: an answer does not say to what it is. */
  const answered = async (tries: Record<string, Try>, place = own): Promise<string[]> => {
    using socket = place.open()
    const names: string[] = []
    for (const [name, [to, protocol, payload]] of Object.entries(tries)) {
      const mac = /255$|^224/.test(to) ? EVERYBODY : place.asked
      socket.drain(1000)
      socket.send(ethernet({ from: place.mac, to: mac }, 0x0800, ipv4(place.ip, to, protocol, payload)))
      if (await comes(() => socket.drain(1000).some(isAnswer(place)))) names.push(name)
    }
    return names
  }

  const published = () => ({
    "a published port": syn(one.address, 8081),
    "a published port, by the bridge's address": syn(BRIDGE, 8081),
  })
  const open = () => ({
    "an echo to the bridge's address": echo(BRIDGE),
    "an echo to the node's address": echo(one.address),
    "a timestamp": timestamp(BRIDGE),
    "the port of the other nodes": syn(one.address, 8300),
    "a port that nobody listens on": syn(BRIDGE, 9),
    "amid a connection": ack(one.address, 8300),
    "a closed port by UDP": [one.address, UDP, udp(9, "hello")] as Try,
    "another protocol": [one.address, OSPF, Buffer.alloc(24)] as Try,
  })
  /** Whatever the administrator accepts. */
  const shut = () => ({
    "the API on 127.0.0.1": syn("127.0.0.1", 8500),
    "127.0.0.1 amid a connection": ack("127.0.0.1", 8500),
    "another address of lo": echo("127.1.2.3"),
    "what is published on 127.0.0.1": syn("127.0.0.1", 8083),
    "the gateway of the hidden namespace": echo("10.65.10.1"),
    "all on the bridge": echo("172.18.255.255"),
    everybody: echo("255.255.255.255"),
    "all systems": echo("224.0.0.1"),
  })

  test("gets what is published, and no answer to anything else", async () => {
    expect(await answered({ ...published(), ...open(), ...shut() })).toEqual(Object.keys(published()))
  }, 20_000)

  test("gets what OVL-USER accepts, but never 127.0.0.1", async () => {
    one.machine.run("iptables -A OVL-USER -i ovl_gwbridge -p icmp --icmp-type echo-request -j ACCEPT")
    const echoes = Object.keys(open()).filter((name) => name.startsWith("an echo"))
    expect(await answered(open())).toEqual(echoes)
    one.machine.run("iptables -F OVL-USER")
    one.machine.run("iptables -A OVL-USER -i ovl_gwbridge -j ACCEPT")
    expect(await answered({ ...open(), ...shut() })).toEqual(Object.keys(open()))
    one.machine.run("iptables -F OVL-USER")
  }, 20_000)

  /** By way of its network, on which the gateway is the hidden namespace. */
  const hiddenAnswers = () => {
    const gateway = "10.65.10.1"
    return answered(
      {
        "an echo": echo(gateway),
        "its DNS": syn(gateway, 53, inside),
        "a timestamp": timestamp(gateway),
        "a port that nobody listens on": syn(gateway, 22, inside),
        "amid a connection": ack(gateway, 8500, inside),
        VXLAN: [gateway, UDP, udp(4789, "hello")],
        "a closed port by UDP": [gateway, UDP, udp(9, "hello")],
        "another protocol": [gateway, OSPF, Buffer.alloc(24)],
        "its 127.0.0.1": echo("127.0.0.1"),
        "the node": syn(one.address, 8300, inside),
        "the egress bridge": echo(BRIDGE),
        "the egress of another": syn(egressOfB, 80, inside),
        "all on the network": echo("10.65.10.255"),
        "all systems": echo("224.0.0.1"),
      },
      inside,
    )
  }

  test("gets of the hidden namespace an echo and its DNS, and no other answer", async () => {
    expect(await hiddenAnswers()).toEqual(["an echo", "its DNS"])
  }, 20_000)

  const loopback = () => ({
    "the API": syn("127.0.0.1", 8500, underlay),
    "amid a connection": ack("127.0.0.1", 8500, underlay),
    "what is published on 127.0.0.1": syn("127.0.0.1", 8083, underlay),
    "another address of lo": echo("127.1.2.3"),
  })

  test("nor does the network get an answer of 127.0.0.1, though somebody lets such addresses pass everywhere", async () => {
    one.machine.run("sysctl -qw net.ipv4.conf.all.route_localnet=1")
    one.machine.run(`ping -c1 -W1 ${two.address}`)
    expect(await answered(loopback(), underlay)).toEqual([])
  }, 20_000)

  /** A frame for an endpoint in VXLAN of the network, by UDP to a VTEP. */
  const forged = (target: TestNode, endpoint: string, text: string): Buffer => {
    const ends = { from: "02:42:0a:41:0a:63", to: macs[endpoint]! }
    const header = Buffer.from("0800000000000000", "hex")
    header.writeUIntBE(vni, 4, 3)
    const inner = Buffer.concat([header, ethernet(ends, EXPERIMENT, Buffer.from(text))])
    const datagram = Buffer.concat([udp(4789, ""), inner])
    datagram.writeUInt16BE(datagram.length, 4)
    return ethernet({ from: own.mac, to: HOST }, 0x0800, ipv4(own.ip, target.address, UDP, datagram))
  }
  /** Whether it comes out at the endpoint, on whichever node that is. */
  const comesOut = async (target: TestNode, endpoint: string, text: string): Promise<boolean> => {
    using sender = at(one, "a", "eth1")
    using receiver = at(target, endpoint, "eth0")
    sender.send(forged(target, endpoint, text))
    return await comes(() => receiver.drain(1000).some(({ bytes }) => Buffer.from(bytes).includes(text)))
  }

  test("cannot put a frame into the overlay, here or on another node, even where OVL-USER accepts all", async () => {
    one.machine.run("iptables -A OVL-USER -i ovl_gwbridge -j ACCEPT")
    expect([await comesOut(one, "b", "first"), await comesOut(two, "c", "second")]).toEqual([false, false])
    one.machine.run("iptables -F OVL-USER")
  }, 20_000)

  test("would be seen to do all that, with the first rules passed by while no daemon repairs them", async () => {
    await one.stop()
    for (const chain of ["OVL-INPUT", "OVL-FORWARD"]) one.machine.run(`iptables -I ${chain} -j ACCEPT`)
    expect([await comesOut(one, "b", "third"), await comesOut(two, "c", "fourth")]).toEqual([true, true])
    one.machine.run("iptables -t raw -I OVL-PREROUTING -j RETURN")
    // An address of lo is no one to ask for a MAC: the node must know it already.
    one.machine.run(`ping -c1 -W1 ${own.ip}`)
    expect((await answered(shut())).sort()).toEqual([
      "127.0.0.1 amid a connection",
      "another address of lo",
      "the API on 127.0.0.1",
      "what is published on 127.0.0.1",
    ])
    expect(await answered(loopback(), underlay)).toEqual(Object.keys(loopback()))
    expect(removeGuard(one.machine.file(`/run/netns/${hidden}`))).toBe(true)
    expect(await hiddenAnswers()).toEqual([
      "an echo",
      "its DNS",
      "a timestamp",
      "a port that nobody listens on",
      "amid a connection",
      "VXLAN",
      "a closed port by UDP",
      "another protocol",
    ])
    await one.resume()
    await until(() => one.status().kernel.inSync, "the node is in sync")
    expect([await comesOut(one, "b", "fifth"), await comesOut(two, "c", "sixth")]).toEqual([false, false])
    expect(await answered(shut())).toEqual([])
    expect(await hiddenAnswers()).toEqual(["an echo", "its DNS"])
  }, 20_000)
})
