/**
 * A host on which no vxlan device can be made: another one has the VNI, wherever it is, or the daemon may not or the
 * kernel cannot. What is said names who or what it is, nothing is left half made, and all is well when it is gone.
 */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { ovlCommand, TestCluster, type TestNode } from "../support/cluster.ts"
import { hiddenNamespaces, links } from "../support/kernel-view.ts"
import type { Background } from "../support/machine.ts"
import { describeAsRoot } from "../support/netns.ts"

const VXLAN = "type vxlan id 256 dstport 4789 local 192.168.1.51"

describeAsRoot("a vxlan device that cannot be made", () => {
  let cluster: TestCluster
  let one: TestNode
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1"] })
    one = cluster.node("n1")
    one.ovl("network create red --subnet 10.65.10.0/24 --vni 256")
    one.machine.run("ip netns add guest")
  }, 60_000)
  afterAll(() => cluster.close())

  const attach = () => one.try("--json attach --network red --netns guest --name guest")
  const refusal = () => {
    const { status, stderr } = attach()
    const { error } = JSON.parse(stderr) as { error: { code: string; message: string; hint: string } }
    return { status, ...error }
  }
  /** Refused in words that name the owner, with nothing left behind; done once the hint has been followed. */
  const refusedUntilRemoved = (whose: string) => {
    const { status, code, message, hint } = refusal()
    expect([status, code]).toEqual([4, "vni_taken_on_host"])
    expect(message).toContain(`VNI 256, UDP port 4789: ${whose} has it`)
    expect(hiddenNamespaces(one)).toEqual([])
    expect(links(one, "guest").map(({ ifname }) => ifname)).toEqual(["lo"])
    expect(one.json<unknown[]>("endpoint ls")).toEqual([])
    one.machine.sh(/remove it \((.*?)\)/.exec(hint)?.[1] ?? "false")
    attachedAndDetached()
  }
  const attachedAndDetached = () => {
    expect(attach().stderr).toBe("")
    expect(links(one, one.hidden("red")).map(({ ifname }) => ifname)).toContain("vxlan1")
    one.ovl("detach guest")
  }
  const holding = async (netns: string): Promise<Background> => {
    const holder = one.machine.start(["ip", "netns", "exec", netns, "sh", "-c", "echo held; exec sleep 60"])
    await holder.says("held")
    return holder
  }

  test("another overlay's on the host itself is named, and left alone (pain 13) (pain 14)", () => {
    one.machine.run(`ip link add flannel.256 ${VXLAN}`)
    const before = links(one, null).find(({ ifname }) => ifname === "flannel.256")
    refusedUntilRemoved("flannel.256 in host")
    expect(before?.linkinfo?.info_kind).toBe("vxlan")
  })

  test("one in a namespace with a name (pain 13)", () => {
    one.machine.sh(`ip netns add theirs; ip link add vx9 netns theirs ${VXLAN}`)
    refusedUntilRemoved("vx9 in /run/netns/theirs")
    one.machine.run("ip netns del theirs")
  })

  test("one in a namespace that only a process holds (pain 13)", async () => {
    one.machine.sh(`ip netns add theirs; ip link add vx9 netns theirs ${VXLAN}`)
    const holder = await holding("theirs")
    one.machine.run("ip netns del theirs")
    refusedUntilRemoved(`vx9 in /proc/${holder.innerPid}/ns/net`)
    holder.signal("SIGKILL")
    await holder.ended
  })

  test("ovl's own from a namespace that was deleted under a process makes way by itself (pain 13)", async () => {
    one.ovl("attach --network red --netns guest --name guest")
    const hidden = one.hidden("red")
    await one.stop("SIGKILL")
    const holder = await holding(hidden)
    one.machine.run(`ip netns del ${hidden}`)
    await one.resume()
    expect(one.status()).toMatchObject({ health: "ok", kernel: { inSync: true } })
    expect(links(one, hidden).map(({ ifname }) => ifname)).toContain("vxlan1")
    holder.signal("SIGKILL")
    await holder.ended
    one.ovl("detach guest")
  })

  test("with another VNI the network is there beside the other overlay's (pain 14)", () => {
    one.machine.run(`ip link add vxlan.calico ${VXLAN}`)
    one.ovl("network create blue --subnet 10.65.11.0/24 --vni 4097")
    one.ovl("attach --network blue --netns guest --name guest")
    const found = links(one, one.hidden("blue")).find(({ ifname }) => ifname === "vxlan1")
    expect(found?.linkinfo?.info_data?.id).toBe(4097)
    expect(links(one, null).map(({ ifname }) => ifname)).toContain("vxlan.calico")
    one.ovl("detach guest")
    one.machine.run("ip link del vxlan.calico")
  })

  test("a daemon without the capability is told which (pain 19)", async () => {
    await one.stop()
    const words = ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin", ...ovlCommand()]
    const done = one.machine.try([...words, "join", "--advertise", one.address])
    expect(done.stderr).toContain("ovl: starting: CAP_NET_ADMIN is missing")
    expect(done.status).toBe(5)
    await one.resume()
    attachedAndDetached()
  })
})
