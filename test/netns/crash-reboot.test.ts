/**
 * A node that is rebooted has lost all that was in its kernel and every workload. Its next start frees what
 * died with it, on all nodes, and leaves nothing behind that would keep a network from being removed.
 */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { TestCluster, type TestNode } from "../support/cluster.ts"
import { fdbRows, hiddenNamespaces, neighbourRows } from "../support/kernel-view.ts"
import { until } from "../support/machine.ts"
import { describeAsRoot } from "../support/netns.ts"

/** All that does not outlive a reboot, and another number for the boot. */
const REBOOT = `
for n in $(ls /run/netns); do ip -n $n link | grep -o '^[0-9]*: [^:@]*' | cut -d' ' -f2 | grep -v '^lo$' | while read -r l; do ip -n $n link del $l 2>/dev/null; done; ip netns del $n; done
ip link del ovl_gwbridge 2>/dev/null || true
iptables -F; iptables -t nat -F; iptables -X; iptables -t nat -X
sysctl -qw net.ipv4.conf.eth0.forwarding=0
umount -l /run/netns 2>/dev/null || true
rm -rf /run/ovl
echo 11111111-2222-3333-4444-555555555555 > /run/boot-id
mount --bind /run/boot-id /proc/sys/kernel/random/boot_id
`

describeAsRoot("a reboot", () => {
  let cluster: TestCluster
  let one: TestNode
  let two: TestNode
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1", "n2"] })
    one = cluster.node("n1")
    two = cluster.node("n2")
    for (const name of ["red", "green"]) one.ovl(`network create ${name} --subnet 10.65.10.0/24`)
    for (const node of cluster.nodes) node.ovl(`run -d --network red --name w_${node.name}`)
    two.ovl("run -d --network green --name only_here")
    two.machine.run("ip netns add guest")
    two.ovl("attach --network red --netns guest --name guest")
  }, 60_000)
  afterAll(() => cluster.close())

  test("frees what died with it: endpoints, rows on other nodes, addresses, networks (pain 29) (pain 11)", async () => {
    const hidden = one.hidden("red")
    expect(neighbourRows(one, hidden).length).toBe(2)
    await two.stop("SIGKILL")
    two.machine.sh(REBOOT)
    await two.resume()
    await until(
      () => one.json<unknown[]>("endpoint ls").length === 1,
      () => one.ovl("endpoint ls"),
    )
    expect(neighbourRows(one, hidden)).toEqual([])
    expect(fdbRows(one, hidden).filter((row) => row.includes("192.168.1."))).toEqual([])
    expect(hiddenNamespaces(two)).toEqual([])
    expect(two.machine.sh("iptables-save | grep -c OVL || true").trim()).toBe("0")
    expect(two.machine.sh("ip -o link | grep -c ovl || true").trim()).toBe("0")
    one.ovl("network rm green")
    two.ovl("run -d --network red --name again --ip 10.65.10.3")
    one.exec("w_n1", "ping -c1 -W1 10.65.10.3")
    expect([one.try("status").status, two.try("status").status]).toEqual([0, 0])
  }, 60_000)
})
