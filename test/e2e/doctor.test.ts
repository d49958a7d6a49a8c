/** `ovl doctor`: what it says of a host before a daemon runs there, with one, and after one has died. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test"
import type { DoctorCheck, DoctorView } from "../../src/model/doctor.ts"
import { TestCluster, type TestNode } from "../support/cluster.ts"
import { inventory } from "../support/inventory.ts"
import { describeAsRoot } from "../support/netns.ts"

function examine(node: TestNode, more = ""): { status: number; view: DoctorView } {
  const done = node.try(`doctor --json ${more}`, { timeoutMs: 30_000 })
  if (done.stdout === "") throw new Error(`doctor: status ${done.status}: ${done.stderr}`)
  return { status: done.status, view: JSON.parse(done.stdout) as DoctorView }
}

const named = ({ checks }: DoctorView, name: string): DoctorCheck => {
  const found = checks.find((check) => check.name === name)
  if (!found) throw new Error(`no check ${name}, but ${checks.map((check) => check.name).join(", ")}`)
  return found
}

const failures = ({ checks }: DoctorView) => checks.filter(({ ok }) => !ok).map(({ name }) => name)

describeAsRoot("doctor on a host without a daemon", () => {
  let cluster: TestCluster
  let node: TestNode
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1"], start: false })
    node = cluster.node("n1")
  })
  afterAll(() => cluster.close())

  /** A machine that has just come up still changes by itself for a moment. */
  const settled = async (): Promise<string> => {
    for (let last = ""; ; await Bun.sleep(200)) {
      const now = inventory(node.machine, [node.dataDir])
      if (now === last) return now
      last = now
    }
  }

  test("finds nothing wrong, says what it could not look at, and leaves no trace", async () => {
    const before = await settled()
    const { status, view } = examine(node)
    expect(failures(view)).toEqual([])
    expect(status).toBe(0)
    expect(view).toMatchObject({ warnings: 0, failed: 0, removed: [] })
    expect(view.passed + view.skipped).toBe(view.checks.length)
    expect(named(view, "kernel: vxlan").level).toBe("ok")
    expect(named(view, "address").detail).toBe("192.168.1.51 on eth0, which carries 1500 bytes")
    expect(named(view, "daemon")).toMatchObject({ level: "skipped", hint: "" })
    // By lines, so that a difference shows.
    expect(inventory(node.machine, [node.dataDir]).split("\n")).toEqual(before.split("\n"))
  })

  test("names who has a port, the rule that drops VXLAN, and a directory that cannot be used", async () => {
    const holder = node.machine.start([
      "sh",
      "-c",
      'exec python3 -c \'import socket,time;s=socket.create_server(("",8300));u=socket.socket(type=socket.SOCK_DGRAM);u.bind(("",4789));print(1,flush=True);time.sleep(60)\'',
    ])
    await holder.says("1")
    node.machine.run("iptables -A INPUT -p udp --dport 4000:5000 -j DROP")
    node.machine.run("iptables -P FORWARD DROP")
    node.machine.run("mount -t tmpfs -o noexec none /mnt")
    const { status, view } = examine(node, "--advertise 192.168.9.9 --run-dir /mnt/run --data-dir /mnt/data")
    node.machine.run("umount /mnt")
    holder.signal("SIGKILL")
    await holder.ended
    expect(status).toBe(7)
    expect(failures(view)).toEqual([
      "address",
      "port 8300/tcp",
      "port 4789/udp",
      "temporary directory",
      "firewall: VXLAN",
    ])
    expect(named(view, "port 8300/tcp").detail).toMatch(/^taken by python3\S* \(pid \d+\): other nodes cannot have it$/)
    expect(named(view, "temporary directory").detail).toEndWith(
      "/mnt/run/tmp is mounted noexec, /mnt/data/tmp is mounted noexec",
    )
    expect(named(view, "firewall: VXLAN").detail).toContain("-A INPUT -p udp -m udp --dport 4000:5000 -j DROP")
    expect(named(view, "firewall: FORWARD").level).toBe("ok")
    for (const check of view.checks) if (check.level === "failed") expect(check.hint).not.toBe("")
    node.machine.run("iptables -D INPUT -p udp --dport 4000:5000 -j DROP")
    node.machine.run("iptables -P INPUT DROP")
    const shut = examine(node)
    node.machine.run("iptables -P INPUT ACCEPT")
    expect(shut.status).toBe(0)
    expect(named(shut.view, "firewall: VXLAN")).toMatchObject({
      level: "warning",
      detail: "INPUT drops what no rule accepts, and no rule accepts UDP port 4789",
    })
  })

  test("as text: a line for each check, a hint where there is something to do, the sum", () => {
    const done = node.try("doctor --advertise 192.168.9.9")
    expect(done.status).toBe(7)
    expect(done.stdout).toMatch(/^ok {7}rights {2,}root, with the capabilities/m)
    expect(done.stdout).toMatch(
      /^FAILED {3}address {2,}cannot advertise 192.168.9.9: .*\n {9}hint: this host has .*192.168.1.51/m,
    )
    expect(done.stdout).toMatch(/\n\n\d+ passed, 0 warnings, 1 failed, 2 not looked at\n$/)
    expect(done.stderr).toBe("")
  })
})

describeAsRoot("doctor on two hosts with daemons", () => {
  let cluster: TestCluster
  let one: TestNode
  let two: TestNode
  const undo: (() => void)[] = []
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1", "n2"] })
    ;[one, two] = [cluster.node("n1"), cluster.node("n2")]
  })
  afterAll(() => cluster.close())
  afterEach(() => {
    for (const back of undo.splice(0)) back()
  })
  const drop = (node: TestNode, text: string) => {
    node.machine.run(`iptables -A INPUT ${text} -j DROP`)
    undo.push(() => node.machine.run(`iptables -D INPUT ${text} -j DROP`))
  }

  test("all is well, and the daemons' own ports are no fault", () => {
    for (const node of cluster.nodes) {
      const { status, view } = examine(node)
      expect(failures(view)).toEqual([])
      expect(status).toBe(0)
      const warnings = view.checks.filter(({ level }) => level === "warning")
      expect(warnings.map(({ detail }) => detail.split(":")[0])).toEqual(["single_server"])
      expect(named(view, "clock").level).toBe("ok")
    }
    const { view } = examine(one)
    expect(named(view, "way n1 -> n2").detail).toMatch(/^VXLAN passes, frames of full size \(MTU 1450\) too, [\d.]+ ms/)
    expect(named(view, "way n2 -> n1").level).toBe("ok")
    expect(named(view, "port 8300/tcp").detail).toMatch(/^the daemon's \(pid \d+\), for other nodes$/)
  })

  test("VXLAN is dropped in one direction, and the doctor names it on either host (pain 15)", () => {
    drop(two, "-p udp --dport 4789")
    for (const node of cluster.nodes) {
      const { status, view } = examine(node)
      expect(status).toBe(7)
      expect(failures(view).filter((name) => name.startsWith("way"))).toEqual(["way n1 -> n2"])
      expect(named(view, "way n1 -> n2").detail).toBe("VXLAN from n1 to n2 (UDP port 4789) is blocked")
      expect(named(view, "way n2 -> n1").level).toBe("ok")
    }
  }, 40_000)

  test("only large frames are lost, and the doctor says so, which and how large they may be (pain 20)", () => {
    drop(one, "-p udp --dport 4789 -m length --length 1400:65535")
    const { status, view } = examine(one)
    expect(status).toBe(7)
    expect(named(view, "way n2 -> n1")).toMatchObject({
      level: "failed",
      detail: "full-size frames (MTU 1450) from n2 to n1 are lost, small ones pass; the largest that passes is 1349",
    })
    expect(named(view, "way n1 -> n2").level).toBe("ok")
  }, 40_000)

  test("what a workload sends is followed out of the host, and a rule in a table of others that eats it is found (pain 39)", async () => {
    const egress = () => examine(one).view.checks.find(({ name }) => name === "egress")
    expect(egress()).toBeUndefined()
    one.ovl("network create out --subnet 10.65.20.0/24")
    one.ovl("run -d --network out --name w")
    expect(egress()).toMatchObject({
      level: "ok",
      detail: "a packet from w to 192.168.1.52 leaves by eth0 under this host's address",
    })
    one.machine.run("iptables -t mangle -A FORWARD -s 172.18.0.0/16 -j DROP")
    undo.push(() => one.machine.run("iptables -t mangle -F FORWARD"))
    expect(egress()).toMatchObject({
      level: "failed",
      detail: "a packet from w to 192.168.1.52 does not leave by eth0",
    })
  }, 40_000)

  test("a daemon that hangs is said to, and the rest is looked at all the same", () => {
    two.daemon!.signal("SIGSTOP")
    const { status, view } = examine(two)
    two.daemon!.signal("SIGCONT")
    expect(status).toBe(7)
    expect(failures(view)).toEqual(["daemon"])
    expect(named(view, "daemon").detail).toMatch(/^runs \(pid \d+\) and does not answer: no answer within 10 s$/)
    expect(named(view, "left-overs").level).toBe("ok")
  }, 40_000)

  test("what a killed daemon left is found, and --fix removes that and nothing else", async () => {
    two.machine.run("ip netns add foreign")
    two.machine.run("ip link add foreign0 type bridge")
    two.machine.run("iptables -A INPUT -s 198.51.100.1 -j DROP")
    one.ovl("network create red --subnet 10.65.10.0/24")
    two.ovl("run -d --network red --name quiet")
    two.ovl("run -d --network red --name busy -- sleep 1000")
    await two.stop("SIGKILL")
    const busy = examine(two)
    expect(named(busy.view, "left-overs").detail).toMatch(
      /^no daemon runs, and there is still 2 workloads, 1 namespace, .*; still running: busy$/,
    )
    const refused = two.try("doctor --fix")
    expect(refused).toMatchObject({ status: 4, stdout: "" })
    expect(refused.stderr).toContain("cannot remove what is left over: still running: busy")

    await two.resume()
    two.ovl("rm --force busy")
    await two.stop("SIGKILL")
    expect(named(examine(two).view, "left-overs").level).toBe("warning")
    const { status, view } = examine(two, "--fix")
    expect(status).toBe(0)
    expect(view.removed.join("\n")).toMatch(
      /workload quiet\n[\s\S]*namespace \/run\/netns\/1-[\s\S]*iptables chains OVL-\*/,
    )
    expect(named(view, "left-overs").detail).toBe("none")
    expect(two.machine.run("ip netns ls").trim()).toBe("foreign")
    expect(two.machine.run("iptables-save")).not.toContain("OVL-")
    expect(two.machine.run("iptables -S INPUT")).toContain("198.51.100.1")
    two.machine.run("ip link show foreign0")
    expect(examine(two, "--fix").view.removed).toEqual([])
  }, 40_000)
})
