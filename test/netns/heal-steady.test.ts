/** A daemon with nothing to do writes nothing to the kernel, through whole looks and while it watches. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { RECONCILE_INTERVAL_MS } from "../../src/base/limits.ts"
import { ovlCommand, TestCluster, type TestNode } from "../support/cluster.ts"
import { until } from "../support/machine.ts"
import { traced, writesIn } from "../support/netlink-writes.ts"
import { describeAsRoot } from "../support/netns.ts"

const TRACE = "/run/netlink-trace"

describeAsRoot("a steady state", () => {
  let cluster: TestCluster
  let one: TestNode
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1", "n2"] })
    one = cluster.node("n1")
    one.ovl("network create red --subnet 10.65.10.0/24")
    for (const node of cluster.nodes) node.ovl(`run -d --network red --name w_${node.name}`)
  }, 60_000)
  afterAll(() => cluster.close())

  const lastReconcile = () => one.status().kernel.lastReconcile

  test("no write from the start on, over two looks at everything and a foreign change (pain 6)", async () => {
    await one.stop("SIGKILL")
    one.daemon = one.machine.start([...traced(TRACE), ...ovlCommand(), "join", "--advertise", one.address])
    await one.daemon.says("is ready")
    for (let look = 0; look < 2; look++) {
      const before = lastReconcile()
      await until(() => lastReconcile() !== before, "a look at everything", 2 * RECONCILE_INTERVAL_MS)
      one.machine.sh("ip link add theirs0 type bridge; ip link set theirs0 up; ip link del theirs0")
      one.machine.sh("iptables -N THEIRS; iptables -X THEIRS; ip -n ovl-w_n1 addr replace 10.9.9.9/32 dev lo")
    }
    await Bun.sleep(2_500)
    // What `iptables` of this test did was not the daemon's doing, and is not in its trace.
    expect(writesIn(one.machine, TRACE)).toEqual([])
    expect(one.status().kernel).toMatchObject({ inSync: true, repairs: 0 })
    const hidden = one.hidden("red")
    one.machine.sh(`ip -n ${hidden} link set br0 mtu 1400`)
    await until(() => writesIn(one.machine, TRACE).length > 0, "the trace shows the write of a repair")
    one.machine.sh("kill -9 $(cat /run/ovl/ovl.pid)")
  }, 60_000)
})
