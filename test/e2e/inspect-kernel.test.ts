/** `ovl network inspect --kernel` on real kernels: in calm, with a fault that does not stay, and with one that does. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import type { KernelRow } from "../../src/model/kernel-view.ts"
import type { NetworkView } from "../../src/model/network.ts"
import { TestCluster, type TestNode } from "../support/cluster.ts"
import { kernelText } from "../support/kernel-view.ts"
import { until } from "../support/machine.ts"
import { describeAsRoot } from "../support/netns.ts"

const ROW = "02:42:0a:41:0a:03"
const STRANGE = "02:42:0a:41:0a:77"

describeAsRoot("the kernel of a node, looked at", () => {
  let cluster: TestCluster
  let one: TestNode
  let hidden: string
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1", "n2"] })
    one = cluster.node("n1")
    one.ovl("network create red --subnet 10.65.10.0/24")
    one.ovl("network create away --subnet 10.65.11.0/24")
    one.ovl("network create both --subnet 10.65.12.0/24 --subnet fd00:65:12::/64 --multicast")
    for (const node of cluster.nodes)
      for (const net of ["red", "both"]) node.ovl(`run -d --network ${net} --name ${net}_${node.name}`)
    cluster.node("n2").ovl("run -d --network away --name far")
    hidden = one.hidden("red")
  }, 60_000)
  afterAll(() => cluster.close())

  const look = (name: string) => one.json<NetworkView[]>(`network inspect --kernel ${name}`)[0]!.kernel
  const wrong = () =>
    (look("red")?.rows ?? [])
      .filter(({ state }: KernelRow) => state !== "ok")
      .map(
        ({ state, object, device, endpoint, expected, found }) =>
          `${state} ${object} ${device} ${endpoint}: ${expected} / ${found}`,
      )
      .sort()

  test("in calm all is ok, in the words of ip and bridge; nothing is changed by it", () => {
    const before = kernelText(one)
    const mac = (device: string) =>
      one.machine.run(`ip netns exec ${hidden} cat /sys/class/net/${device}/address`).trim()
    expect(
      one
        .ovl("network inspect --kernel red")
        .split("\n")
        .map((line) => line.replace(/ {2,}/g, "  ")),
    ).toEqual([
      "red: 8 ok",
      "STATE  OBJECT  DEVICE  ENDPOINT  IN THE KERNEL",
      `ok  netns  lo  -  ${hidden}`,
      "ok  link  br0  -  mtu 1450 nomaster up address 02:42:0a:41:0a:01 type bridge mcast_snooping 0",
      `ok  link  vxlan1  -  mtu 1450 master br0 up address ${mac("vxlan1")} type vxlan id 256 local ${one.address} dstport 4789 nolearning proxy learning off flood on isolated off`,
      `ok  link  veth2  red_n1  mtu 1450 master br0 up address ${mac("veth2")} learning off flood off isolated off`,
      "ok  addr  br0  -  10.65.10.1/24",
      "ok  fdb  veth2  red_n1  02:42:0a:41:0a:02 master br0 static",
      `ok  fdb  vxlan1  red_n2  ${ROW} dst 192.168.1.52 self permanent`,
      `ok  neigh  vxlan1  red_n2  10.65.10.3 lladdr ${ROW} PERMANENT`,
    ])
    expect(look("both")).toMatchObject({ inSync: true })
    expect(look("both")?.rows.filter(({ object }) => object === "neigh")).toHaveLength(2)
    expect(look("away")).toBeNull()
    expect(one.ovl("network inspect --kernel away")).toBe("away: this node has no part in it")
    expect(one.network("red")).not.toHaveProperty("kernel")
    expect(kernelText(one)).toBe(before)
  })

  test("a row that is gone and one of nobody, before the daemon has put them right, and after", async () => {
    // The daemon heals several times a second: somebody must do it again and again.
    const script = `while sleep 0.02; do bridge -n ${hidden} fdb del ${ROW} dev vxlan1 dst 192.168.1.52 self
      bridge -n ${hidden} fdb replace ${STRANGE} dev vxlan1 dst 192.168.1.52 self permanent; done 2>/dev/null`
    const harm = one.machine.start(["sh", "-c", script])
    const faults = [
      `foreign fdb vxlan1 null: null / ${STRANGE} dst 192.168.1.52 self permanent`,
      `missing fdb vxlan1 red_n2: ${ROW} dst 192.168.1.52 self permanent / null`,
    ]
    let seen: string[] = []
    const both = () => {
      seen = wrong()
      return seen.length === faults.length && seen.every((line, at) => line === faults[at])
    }
    try {
      await until(both, () => `both are seen: ${seen.join("\n")}`)
    } finally {
      harm.signal("SIGTERM")
      await harm.ended
    }
    await until(
      () => wrong().length === 0,
      () => `all is healed: ${wrong().join("\n")}`,
    )
  }, 30_000)

  test("a link of somebody else stays, is shown, and is no failure", () => {
    one.machine.run(`ip -n ${hidden} link add mine mtu 1400 type bridge`)
    const done = one.try("network inspect --kernel red")
    expect(done).toMatchObject({ status: 0, stderr: "" })
    expect(done.stdout).toMatch(/^red: 8 ok, 1 foreign\n/)
    expect(done.stdout).toMatch(/^foreign +link +mine +- +mtu 1400 nomaster down address \S+ no bridge port$/m)
    one.machine.run(`ip -n ${hidden} link del mine`)
  })
})
