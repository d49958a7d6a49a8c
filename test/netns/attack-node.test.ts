/**
 * A workload that means no good and looks for a way into its node, with a raw socket on the egress bridge: it gets what is
 * published, and no other answer from any address of the node, nor a frame of its own making into the overlay.
 */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { type Frame, PacketSocket } from "../../src/linux/packet.ts"
import { TestCluster, type TestNode } from "../support/cluster.ts"
import { echoRequest, ethernet, ipv4, tcpSyn, udp } from "../support/frames.ts"
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

describeAsRoot("a workload that looks for a way into its node", () => {
  let cluster: TestCluster
  let one: TestNode
  let two: TestNode
  let own: { mac: string; ip: string }
  /** Of `b` here and `c` on the other node. */
  let macs: Record<string, string>
  let vni: number
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1", "n2"] })
    one = cluster.node("n1")
    two = cluster.node("n2")
    one.ovl("network create red --subnet 10.65.10.0/24")
    one.ovl("run -d --network red --name a")
    // Where a port is published on 127.0.0.1, the kernel lets such addresses pass on the bridge.
    one.ovl("run -d --network red --name b -p 8081:80,127.0.0.1:8083:80")
    two.ovl("run -d --network red --name c")
    own = { mac: one.exec("a", "cat /sys/class/net/eth1/address"), ip: one.endpoint("a").egress!.ip.split("/")[0]! }
    macs = { b: one.endpoint("b").mac, c: one.endpoint("c").mac }
    vni = one.network("red").vni
  })
  afterAll(() => cluster.close())

  const at = (node: TestNode, workload: string, device: string) =>
    PacketSocket.open({ namespace: node.machine.file(`/run/netns/ovl-${workload}`), device, promiscuous: true })
  const isAnswer =
    (ip: string) =>
    ({ bytes, outgoing }: Frame): boolean =>
      !outgoing && bytes[12] === 8 && bytes[13] === 0 && [...bytes.subarray(30, 34)].join(".") === ip

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
  const answered = async (tries: Record<string, Try>, from = own, device = "eth1", host = HOST): Promise<string[]> => {
    using socket = at(one, "a", device)
    const names: string[] = []
    for (const [name, [to, protocol, payload]] of Object.entries(tries)) {
      const mac = /255$|^224/.test(to) ? EVERYBODY : host
      socket.drain(1000)
      socket.send(ethernet({ from: from.mac, to: mac }, 0x0800, ipv4(from.ip, to, protocol, payload)))
      if (await comes(() => socket.drain(1000).some(isAnswer(from.ip)))) names.push(name)
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

  test("gets of the hidden namespace an echo and its DNS, and no other answer", async () => {
    const from = { mac: one.exec("a", "cat /sys/class/net/eth0/address"), ip: one.endpoint("a").ip.split("/")[0]! }
    const gateway = "10.65.10.1"
    const tries: Record<string, Try> = {
      "an echo": echo(gateway),
      "its DNS": syn(gateway, 53, from),
      "a timestamp": timestamp(gateway),
      "a port that nobody listens on": syn(gateway, 22, from),
      "amid a connection": ack(gateway, 8500, from),
      VXLAN: [gateway, UDP, udp(4789, "hello")],
      "a closed port by UDP": [gateway, UDP, udp(9, "hello")],
      "another protocol": [gateway, OSPF, Buffer.alloc(24)],
      "its 127.0.0.1": echo("127.0.0.1"),
      "the node": syn(one.address, 8300, from),
      "the egress bridge": echo(BRIDGE),
      "the egress of another": syn(one.endpoint("b").egress!.ip.split("/")[0]!, 80, from),
      "all on the network": echo("10.65.10.255"),
      "all systems": echo("224.0.0.1"),
    }
    expect(await answered(tries, from, "eth0", GATEWAY)).toEqual(["an echo", "its DNS"])
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
    await one.resume()
    await until(() => one.status().kernel.inSync, "the node is in sync")
    expect([await comesOut(one, "b", "fifth"), await comesOut(two, "c", "sixth")]).toEqual([false, false])
    expect(await answered(shut())).toEqual([])
  }, 20_000)
})
