/** Daemons that are killed and started again: the data plane goes on, and what is broken is repaired by difference. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { writeFileSync } from "node:fs"
import type { WorkloadView } from "../../src/model/workload.ts"
import { OUTSIDE, ovlCommand, TestCluster, type TestNode } from "../support/cluster.ts"
import { hiddenNamespaces, kernelText, links, rulesOf } from "../support/kernel-view.ts"
import { type Background, until } from "../support/machine.ts"
import { traced, writesIn } from "../support/netlink-writes.ts"
import { describeAsRoot } from "../support/netns.ts"

const TRACE = "/run/netlink-trace"

describeAsRoot("a daemon that is killed", () => {
  let cluster: TestCluster
  let one: TestNode
  let two: TestNode
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1", "n2"] })
    one = cluster.node("n1")
    two = cluster.node("n2")
    for (const name of ["red", "green"]) one.ovl(`network create ${name} --subnet 10.65.10.0/24`)
    for (const node of cluster.nodes)
      for (const network of ["red", "green"]) node.ovl(`run -d --network ${network} --name ${network}_${node.name}`)
  })
  afterAll(() => cluster.close())

  /** Starts it again under a trace; what it then wrote to the kernel is a line each. */
  const restartTraced = async (node: TestNode) => {
    node.daemon = node.machine.start([...traced(TRACE), ...ovlCommand(), "join", "--advertise", node.address])
    await node.daemon.says("is ready")
    return writesIn(node.machine, TRACE)
  }
  /** Ends the tracer with the daemon, and starts it without. */
  const endTraced = async (node: TestNode) => {
    node.machine.run(["sh", "-c", "kill -9 $(cat /run/ovl/ovl.pid)"])
    await node.daemon?.ended
    await node.resume()
  }

  test("loses no packet of a ping, killed and started again on both sides, and writes nothing (pain 9)", async () => {
    const ping = pinging(one, "ovl-red_n1", "10.65.10.3", 400)
    await Bun.sleep(300)
    await two.stop("SIGKILL")
    await one.stop("SIGKILL")
    await Bun.sleep(300)
    expect(await restartTraced(one)).toEqual([])
    expect(await restartTraced(two)).toEqual([])
    const { stdout } = await ping.ended
    expect(stdout).toContain("400 packets transmitted, 400 received, 0% packet loss")
    for (const node of cluster.nodes) {
      expect(node.status().kernel).toMatchObject({ inSync: true, repairs: 0 })
      await endTraced(node)
    }
  })

  test("repairs by difference what others broke meanwhile, and only that", async () => {
    const hidden = one.hidden("red")
    const untouched = () =>
      links(one, "ovl-green_n1").map((link) =>
        `${link.ifname} ${JSON.stringify(link)}`.replace(/"(gc|hello)_timer":[^,]+/g, ""),
      )
    const [before, wasUntouched] = [kernelText(one), untouched()]
    await one.stop("SIGKILL")
    one.machine.run(`ip netns exec ${hidden} bridge fdb del 02:42:0a:41:0a:03 dev vxlan1 dst ${two.address} self`)
    one.machine.run(
      `ip netns exec ${hidden} bridge fdb add 02:42:0a:41:0a:77 dev vxlan1 dst 192.168.1.99 self permanent`,
    )
    one.machine.run(`ip -n ${hidden} neigh replace 10.65.10.3 lladdr 02:00:00:00:00:01 dev vxlan1 nud permanent`)
    one.machine.run(`ip -n ${hidden} neigh add 10.65.10.88 lladdr 02:00:00:00:00:01 dev vxlan1 nud permanent`)
    one.machine.run("ip -n ovl-red_n1 link del eth0")
    one.machine.run("ip -n ovl-red_n1 link del eth1")
    one.machine.run("iptables -D FORWARD 1")
    one.machine.run("iptables -F OVL-VXLAN")
    one.machine.run("ip addr del 172.18.0.1/16 dev ovl_gwbridge")
    // Of the trace this is the proof that it sees a write, in the node's namespace and in a hidden one.
    const writes = (await restartTraced(one)).join("\n")
    for (const kind of [/RTM_NEWLINK/, /NFT_MSG_NEWRULE/, /nlmsg_type=0x1c/]) expect(writes).toMatch(kind)
    expect(kernelText(one)).toEqual(before)
    expect(untouched()).toEqual(wasUntouched)
    expect(one.status().kernel.repairs).toBeGreaterThan(5)
    one.exec("red_n1", "ping -c1 -W1 red_n2")
    one.exec("red_n1", `ping -c1 -W1 ${OUTSIDE}`)
    await endTraced(one)
  })

  test("makes a deleted hidden namespace again, with all that was in it", async () => {
    const before = kernelText(one)
    await one.stop("SIGKILL")
    one.machine.run(`ip -n ${hiddenNamespaces(one)[0]} link del vxlan1`)
    for (const name of hiddenNamespaces(one)) one.machine.run(`ip netns del ${name}`)
    one.machine.run("iptables -t nat -F OVL-POSTROUTING")
    await one.resume()
    expect(kernelText(one)).toEqual(before)
    one.exec("red_n1", "ping -c1 -W1 red_n2")
    one.exec("green_n1", "ping -c1 -W1 green_n2")
  })

  test("makes a deleted egress bridge again, and puts its ports back", async () => {
    const before = kernelText(one)
    await one.stop("SIGKILL")
    one.machine.run("ip link del ovl_gwbridge")
    await one.resume()
    expect(kernelText(one)).toEqual(before)
    one.exec("red_n1", `ping -c1 -W1 ${OUTSIDE}`)
  })

  test("where somebody else has taken a name, it says so, goes on guarding, and repairs when the name is free", async () => {
    const before = kernelText(one)
    const port = `ovl${one.endpoint("red_n1").id.slice(0, 12)}`
    await one.stop("SIGKILL")
    one.machine.run(`ip link del ${port}`)
    one.machine.run(`ip link add ${port} type bridge`)
    await one.resume()
    const status = one.status()
    expect([status.health, status.kernel.inSync]).toEqual(["degraded", false])
    expect(status.problems[0]).toMatchObject({ code: "kernel_not_in_sync", message: expect.stringContaining(port) })
    await until(() => two.try("status").status === 0, "the other node finds its server again")
    two.ovl("run -d --network green --name passing")
    two.ovl("rm --force passing")
    expect(rulesOf(one)).toBe(JSON.stringify((JSON.parse(before) as unknown[]).at(-1)))
    one.machine.run(`ip link del ${port}`)
    await until(() => one.try("status").status === 0, "it repairs by itself")
    expect(kernelText(one)).toBe(before)
    one.exec("red_n1", `ping -c1 -W1 ${OUTSIDE}`)
  })

  test("a client without its server keeps the data plane, says so, and goes on when it is back (pain 26)", async () => {
    await one.stop("SIGKILL")
    await two.stop("SIGKILL")
    const ping = pinging(two, "ovl-red_n2", "10.65.10.2", 100)
    expect(await restartTraced(two)).toEqual([])
    expect((await ping.ended).stdout).toContain("100 received, 0% packet loss")
    const degraded = two.try("status --json")
    expect(degraded.status).toBe(7)
    expect(JSON.parse(degraded.stdout)).toMatchObject({ health: "degraded", problems: [{ code: "no_leader" }] })
    expect(two.try("network create blue --subnet 10.1.1.0/24").status).toBe(6)
    await one.resume()
    await until(() => two.try("status").status === 0, "the client finds its server again")
    expect(two.status().kernel).toMatchObject({ inSync: true, repairs: 0 })
    await endTraced(two)
  })

  test("SIGTERM ends it with status 0 and leaves the data plane as it is", async () => {
    const before = kernelText(two)
    expect((await two.stop("SIGTERM"))?.status).toBe(0)
    expect(two.try("status").status).toBe(6)
    expect(kernelText(two)).toBe(before)
    one.exec("red_n1", "ping -c1 -W1 10.65.10.3")
    await two.resume()
  })

  test("workloads go on: output, exit status, and an end that nobody saw", async () => {
    const go = `${cluster.scratch}/go`
    const wait = `until [ -e ${go} ]; do sleep 0.02; done`
    one.ovl([
      "run",
      "-d",
      "--network",
      "red",
      "--name",
      "long",
      "--",
      "sh",
      "-c",
      `echo first; ${wait}; echo second; exit 7`,
    ])
    one.ovl(["run", "-d", "--network", "red", "--name", "short", "--", "sh", "-c", "sleep 0.4; echo done; exit 3"])
    await one.stop("SIGKILL")
    await Bun.sleep(600)
    await one.resume()
    const row = (name: string) => one.json<WorkloadView[]>("ps").find((each) => each.name === name)
    expect(row("short")).toMatchObject({ status: "exited", exitCode: 3, pid: null })
    expect(one.ovl("logs short")).toBe("done")
    expect(row("long")).toMatchObject({ status: "running" })
    expect(one.exec("long", "ping -c1 -W1 red_n2")).toContain("1 received")
    writeFileSync(go, "")
    await until(() => row("long")?.status === "exited", "the longer one ends")
    expect(row("long")).toMatchObject({ exitCode: 7 })
    expect(one.ovl("logs long")).toBe("first\nsecond")
    expect(two.json<{ name: string }[]>("endpoint ls").map((each) => each.name)).not.toContain("long")
    one.ovl("rm long short")
  })

  test("killed in the midst of attach: after the next start it is there wholly or not at all", async () => {
    const before = kernelText(one)
    for (const delay of [0, 4, 8, 14, 22, 35]) {
      one.machine.run("ip netns add guest")
      const attaching = attachByApi(one)
      await Bun.sleep(delay)
      await one.stop("SIGKILL")
      await attaching
      await one.resume()
      const there = one.json<{ name: string; state: string }[]>("endpoint ls").filter((each) => each.name === "guest")
      if (there.length > 0) {
        expect(there[0]?.state).toBe("up")
        // The other node may have missed it, and hears of it when it has come back to this server.
        const reaches = () => one.machine.try("ip netns exec guest ping -c1 -W1 10.65.10.3").status === 0
        await until(reaches, "guest reaches the other node")
        one.ovl("detach guest")
      }
      expect(links(one, "guest").map((link) => link.ifname)).toEqual(["lo"])
      expect(kernelText(one)).toBe(before)
      one.machine.run("ip netns del guest")
    }
  })
})

function pinging(node: TestNode, netns: string, target: string, count: number): Background {
  return node.machine.start(`ip netns exec ${netns} ping -q -i 0.01 -W1 -c ${count} ${target}`)
}

/** Attaches `guest` without waiting for a program to start; what comes of it does not matter. */
async function attachByApi(node: TestNode): Promise<void> {
  try {
    await fetch("http://localhost/api/v1/endpoints", {
      unix: node.machine.file("/run/ovl/ovl.sock"),
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ network: "red", name: "guest", netns: "/run/netns/guest" }),
    })
  } catch {
    // The daemon was killed.
  }
}
