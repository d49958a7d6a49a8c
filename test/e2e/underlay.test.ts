/**
 * What the underlay is like, seen from both ends of it: VTEPs on lo that packets have to be sent from, MTUs smaller and
 * larger than Ethernet's, and what a frame's checksums are like when it arrives.
 */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { resolve } from "node:path"
import { TestCluster, type TestNode } from "../support/cluster.ts"
import { links } from "../support/kernel-view.ts"
import { until } from "../support/machine.ts"
import { describeAsRoot } from "../support/netns.ts"

const VTEPS = ["10.255.0.1", "10.255.0.2"]
const MEGABYTE = 1_000_000
/** Whether a device fills in checksums itself: `on` or `off`, or which it is. */
const CHECKSUMS = `${process.execPath} ${resolve(import.meta.dir, "../support/transmit-checksums.ts")}`

describeAsRoot("an underlay with VTEPs on lo", () => {
  let cluster: TestCluster
  let one: TestNode
  let two: TestNode
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1", "n2"], start: false })
    ;[one, two] = cluster.nodes as [TestNode, TestNode]
    for (const [n, { machine }] of cluster.nodes.entries()) {
      machine.run(`ip addr add ${VTEPS[n]}/32 dev lo`)
      machine.run(`ip route add ${VTEPS[1 - n]}/32 via ${cluster.nodes[1 - n]!.address} dev eth0`)
    }
    underlay(1350)
    await one.launch(["serve", "--name", "n1", "--advertise", VTEPS[0]!])
    const token = one.ovl("token create")
    await two.launch(["join", VTEPS[0]!, "--token", token, "--name", "n2", "--advertise", VTEPS[1]!])
    one.ovl("network create red --subnet 10.65.10.0/24 --internal")
    for (const node of cluster.nodes) node.ovl(`run -d --network red --name w_${node.name}`)
  }, 60_000)
  afterAll(() => cluster.close())

  const underlay = (bytes: number) => {
    for (const [, port] of cluster.underlay.run("ip -o link").matchAll(/ (p\d+)@/g))
      cluster.underlay.run(`ip link set ${port} mtu ${bytes}`)
    cluster.underlay.run(`ip link set sw0 mtu ${bytes}`)
    for (const node of cluster.nodes) node.machine.run(`ip link set eth0 mtu ${bytes}`)
  }
  const mtuOf = (node: TestNode) => links(node, `ovl-w_${node.name}`).find(({ ifname }) => ifname === "eth0")?.mtu
  const inWorkload = (node: TestNode, script: string) =>
    node.machine.start(["ip", "netns", "exec", `ovl-w_${node.name}`, process.execPath, "-e", script])

  /** How many bytes of a megabyte arrive, from the one to the other. */
  const megabyte = async (port: number) => {
    const server = inWorkload(
      two,
      `let n = 0; require("net").createServer((s) => s.on("data", (d) => { n += d.length }).on("end", () => { console.log("got " + n); process.exit() })).listen(${port}, () => console.log("listens"))`,
    )
    await server.says("listens")
    inWorkload(one, `require("net").connect(${port}, "10.65.10.3").end(Buffer.alloc(${MEGABYTE}))`)
    await server.says(`got ${MEGABYTE}`)
  }
  /** What tcpdump says on the second host, while something runs. `65536` in filters is VNI 256, as it is on the wire. */
  const seen = async (filter: string, run: () => void, count = 1) => {
    const dump = two.machine.start([
      "tcpdump",
      "-i",
      "eth0",
      "-n",
      "-vv",
      "-l",
      "-c",
      String(count),
      ...filter.split(" "),
    ])
    await until(() => dump.stderr.includes("listening on"), "tcpdump listens")
    run()
    return (await dump.ended).stdout
  }

  test("frames leave with the VTEP as their source, whatever the interface's address is (pain 16)", async () => {
    const frames = await seen(
      "udp port 4789 and udp[12:4] = 65536",
      () => one.exec("w_n1", "ping -n -c1 -W2 10.65.10.3"),
      2,
    )
    const outer = [...frames.matchAll(/([\d.]+)\.\d+ > ([\d.]+)\.4789: .*VXLAN/g)].map(
      ([, from, to]) => `${from} > ${to}`,
    )
    expect(outer).toEqual([`${VTEPS[0]} > ${VTEPS[1]}`, `${VTEPS[1]} > ${VTEPS[0]}`])
  }, 20_000)

  test("a narrow one makes the workloads' interfaces narrower, and a megabyte of TCP arrives (pain 20)", async () => {
    expect([mtuOf(one), mtuOf(two)]).toEqual([1300, 1300])
    one.exec("w_n1", `ping -n -c1 -W2 -M do -s ${1300 - 28} 10.65.10.3`)
    await megabyte(7001)
  }, 20_000)

  test("jumbo frames are made use of, and a megabyte of TCP arrives in them (pain 21)", async () => {
    underlay(9000)
    await until(() => mtuOf(one) === 8950 && mtuOf(two) === 8950, "MTU 8950 on both")
    one.exec("w_n1", `ping -n -c1 -W2 -M do -s ${8950 - 28} 10.65.10.3`)
    await megabyte(7002)
  }, 20_000)

  /** What the second host says of a datagram's two checksums, the tunnel's and the workload's. */
  const datagram = async () => {
    const send = () => one.exec("w_n1", "bash -c echo>/dev/udp/10.65.10.3/9")
    const said = await seen("udp port 4789 and udp[12:4] = 65536 and src host 10.255.0.1", send)
    const verdicts = [...said.matchAll(/\[(bad udp cksum|udp sum ok|no cksum)/g)].map(([, verdict]) => verdict)
    return verdicts.join(", ")
  }

  test("checksums are the kernel's own where the device is not left to fill them in (pain 22)", async () => {
    // A veth fills in none, as a driver that is broken: this is what arrives of it.
    expect(await datagram()).toBe("bad udp cksum, bad udp cksum")
    one.machine.run(`${CHECKSUMS} eth0 off`)
    expect(await datagram()).toBe("udp sum ok, udp sum ok")
    one.machine.run(`${CHECKSUMS} eth0 on`)
  }, 20_000)

  test("who switches it off for the tunnel alone is left his will (pain 22)", async () => {
    const inHidden = (command: string) => one.machine.run(`ip netns exec ${one.hidden("red")} ${command}`).trim()
    const { repairs } = one.status().kernel
    inHidden(`${CHECKSUMS} vxlan1 off`)
    expect(await datagram()).toBe("bad udp cksum, udp sum ok")
    await Bun.sleep(2_500)
    expect(inHidden(`${CHECKSUMS} vxlan1`)).toBe("off")
    expect(one.status().kernel).toMatchObject({ inSync: true, repairs })
    inHidden(`${CHECKSUMS} vxlan1 on`)
  }, 20_000)
})
