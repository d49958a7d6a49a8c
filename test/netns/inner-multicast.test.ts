/**
 * A --multicast network over three hosts on the real kernel: what is for many reaches all endpoints once, a MAC may move,
 * and what is for one endpoint is still seen by no other.
 */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { PacketSocket } from "../../src/linux/packet.ts"
import type { EndpointRecord } from "../../src/model/endpoint.ts"
import { endpointRecord, GREEN, networkRecord, nodeRecord, RED } from "../../src/overlay/fixture.ts"
import { describeAsRoot } from "../support/netns.ts"
import { type HostRow, hostRow, nodeIdOf } from "./host-row.ts"
import type { ClusterParts } from "./overlay-host.ts"
import { capture } from "./overlay-lab.ts"

const SUBNETS = [
  { subnet: "10.65.10.0/24", gateway: "10.65.10.1" },
  { subnet: "fd00:65:10::/64", gateway: "fd00:65:10::1" },
]
const NODES = [0, 1, 2].map((n) => nodeRecord(nodeIdOf(n), `192.168.1.${51 + n}`))
const NETWORKS = [
  networkRecord(RED, 256, { internal: true, multicast: true, subnets: SUBNETS }),
  networkRecord(GREEN, 257, { internal: true, subnets: SUBNETS }),
]

/** `w<number>` on a host, with that number in its addresses. */
function endpoint(number: number, network: string, host: number): EndpointRecord {
  return endpointRecord(number, network, nodeIdOf(host), `10.65.10.${number}/24`, { ip6: `fd00:65:10::${number}/64` })
}

const RED_ENDPOINTS = [endpoint(2, RED, 0), endpoint(3, RED, 0), endpoint(4, RED, 1)]
const LATE = endpoint(5, RED, 2)
const GREEN_ENDPOINTS = [endpoint(12, GREEN, 0), endpoint(13, GREEN, 0), endpoint(14, GREEN, 1), endpoint(15, GREEN, 2)]

const TEST_ETHERTYPE = 0x88b5
const BROADCAST = "ff:ff:ff:ff:ff:ff"
const MDNS = "01:00:5e:00:00:fb"
const MDNS6 = "33:33:00:00:00:fb"
const VIRTUAL = "00:00:5e:00:01:01"

/** A frame of the EtherType that IEEE 802 keeps for experiments. */
function frame(to: string, from: string, text: string): Buffer {
  const macs = [to, from].map((mac) => Buffer.from(mac.replaceAll(":", ""), "hex"))
  const type = Buffer.from([TEST_ETHERTYPE >> 8, TEST_ETHERTYPE & 255])
  return Buffer.concat([...macs, type, Buffer.from(text.padEnd(46))])
}

describeAsRoot("a network that carries multicast", () => {
  let row: HostRow
  const parts = (endpoints: EndpointRecord[]): ClusterParts => ({ nodes: NODES, networks: NETWORKS, endpoints })
  const all = [...RED_ENDPOINTS, LATE, ...GREEN_ENDPOINTS]
  const hostOf = (number: number): number => Number(all.find(({ name }) => name === `w${number}`)!.nodeId[0]) - 1
  const pathOf = (number: number): string => row.hosts[hostOf(number)]!.namespacePath(`w${number}`)
  const inside = (number: number, command: string): Promise<string> =>
    row.hosts[hostOf(number)]!.shell(`ip netns exec w${number} ${command}`)

  const send = (from: number, bytes: Buffer): void => {
    const socket = PacketSocket.open({ namespace: pathOf(from), device: "eth0" })
    socket.send(bytes)
    socket.close()
  }

  /** Who of `listeners` receives what is sent, and how often. */
  const receivers = async (listeners: number[], text: string, act: () => void): Promise<string[]> => {
    const ears = listeners.map((number) => {
      return PacketSocket.open({
        namespace: pathOf(number),
        device: "eth0",
        protocol: TEST_ETHERTYPE,
        promiscuous: true,
      })
    })
    act()
    await Bun.sleep(150)
    const heard = ears.map((ear, at) => {
      let count = 0
      for (let got = ear.receive(); got !== null; got = ear.receive()) {
        if (!got.outgoing && Buffer.from(got.bytes).includes(text)) count++
      }
      ear.close()
      return count === 0 ? [] : [`w${listeners[at]} ${count}`]
    })
    return heard.flat()
  }

  beforeAll(async () => {
    row = hostRow(3)
    for (const { name, nodeId } of all) await row.hosts[Number(nodeId[0]) - 1]!.addWorkload(name)
    await row.reconcile(parts([...RED_ENDPOINTS, ...GREEN_ENDPOINTS]))
  })
  afterAll(() => row.stop())

  test("a node gets copies from when it has an endpoint", async () => {
    const wire = capture(row.hosts[2]!.path)
    expect(await receivers([3, 4], "early", () => send(2, frame(MDNS, "02:42:0a:41:0a:02", "early")))).toEqual([
      "w3 1",
      "w4 1",
    ])
    expect(wire.frames().filter((seen) => seen.includes("early"))).toEqual([])
    wire.close()
    await row.reconcile(parts(all))
    expect(await row.reconcile(parts(all))).toBe("")
  }, 20_000)

  test.each([
    ["multicast as of mDNS", MDNS],
    ["the same over IPv6", MDNS6],
    ["broadcast as of DHCP", BROADCAST],
    ["what is for nobody known", VIRTUAL],
  ])("%s reaches every other endpoint once, on all hosts", async (_, to) => {
    const reached = await receivers([2, 3, 4, 5, 12], to, () => send(2, frame(to, "02:42:0a:41:0a:02", to)))
    expect(reached).toEqual(["w3 1", "w4 1", "w5 1"])
  })

  test.each([
    ["multicast", MDNS, ["w13 1"]],
    ["broadcast", BROADCAST, ["w13 1"]],
    ["what is for nobody known", VIRTUAL, []],
  ])("without --multicast %s stays on its host", async (_, to, expected) => {
    const wire = capture(row.hosts[0]!.path)
    const reached = await receivers([13, 14, 15, 2], to, () => send(12, frame(to, "02:42:0a:41:0a:0c", to)))
    expect(reached).toEqual(expected)
    expect(wire.frames().filter((seen) => seen.includes(to))).toEqual([])
    wire.close()
  })

  test("what is for one endpoint is seen by no other", async () => {
    const mac = { 2: "02:42:0a:41:0a:02", 4: "02:42:0a:41:0a:04" }
    const there = await receivers([3, 4, 5], "for w4 only", () => send(2, frame(mac[4], mac[2], "for w4 only")))
    expect(there).toEqual(["w4 1"])
    const back = await receivers([2, 3, 5], "for w2 only", () => send(4, frame(mac[2], mac[4], "for w2 only")))
    expect(back).toEqual(["w2 1"])
  })

  test("first pings arrive in both families: endpoints answer for themselves", async () => {
    for (const to of ["10.65.10.4", "10.65.10.5", "fd00:65:10::4", "fd00:65:10::5"]) {
      expect(await inside(2, `ping -n -c1 -W2 ${to}`)).toContain(" 0% packet loss")
    }
    expect(await inside(2, "ping -n -c1 -W2 fe80::42:aff:fe41:a05%eth0")).toContain(" 0% packet loss")
  }, 20_000)

  test("a virtual address with its MAC moves between hosts, as in VRRP, and those who talk to it notice nothing", async () => {
    const own = (number: number) =>
      inside(
        number,
        `sh -c 'sysctl -qw net.ipv4.conf.all.arp_ignore=1; ip link add vip0 link eth0 address ${VIRTUAL} type macvlan mode bridge && ip addr add 10.65.10.200/32 dev vip0 && ip link set vip0 up'`,
      )
    expect(await own(2)).toBe("")
    expect(await inside(4, "ping -n -c1 -W2 10.65.10.200")).toContain(" 0% packet loss")
    expect(await inside(3, "ping -n -c1 -W2 10.65.10.200")).toContain(" 0% packet loss")
    await inside(2, "ip link del vip0")
    expect(await inside(4, "ping -n -c1 -W1 10.65.10.200")).toContain("100% packet loss")
    expect(await own(5)).toBe("")
    // Nobody was told, and nobody has forgotten the MAC.
    for (const from of [4, 3, 2]) {
      expect(await inside(from, "ping -n -c1 -W2 10.65.10.200")).toContain(" 0% packet loss")
    }
    await inside(5, "ip link del vip0")
  }, 20_000)

  test("with its last endpoint a node is left out again", async () => {
    await row.reconcile(parts([...RED_ENDPOINTS, ...GREEN_ENDPOINTS]))
    const wire = capture(row.hosts[2]!.path)
    expect(await receivers([4], "late", () => send(2, frame(BROADCAST, "02:42:0a:41:0a:02", "late")))).toEqual(["w4 1"])
    expect(wire.frames().filter((seen) => seen.includes("late"))).toEqual([])
    wire.close()
  }, 20_000)
})
