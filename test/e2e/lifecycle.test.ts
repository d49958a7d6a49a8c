/** Daemons that are killed, started again, taken down: the data plane goes on, and what is gone leaves no trace. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync, readdirSync, writeFileSync } from "node:fs"
import type { WorkloadView } from "../../src/model/workload.ts"
import { OUTSIDE, ovlCommand, TestCluster, type TestNode } from "../support/cluster.ts"
import { inventory } from "../support/inventory.ts"
import { addresses, fdbRows, hiddenNamespaces, links, neighbourRows } from "../support/kernel-view.ts"
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

  test("loses no packet of a ping, killed and started again on both sides, and writes nothing", async () => {
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
      links(one, "ovl-green_n1").map((link) => `${link.ifname} ${JSON.stringify(link)}`.replace(/"(gc|hello)_timer":[^,]+/g, ""))
    const [before, wasUntouched] = [kernelText(one), untouched()]
    await one.stop("SIGKILL")
    one.machine.run(`ip netns exec ${hidden} bridge fdb del 02:42:0a:41:0a:03 dev vxlan1 dst ${two.address} self`)
    one.machine.run(`ip netns exec ${hidden} bridge fdb add 02:42:0a:41:0a:77 dev vxlan1 dst 192.168.1.99 self permanent`)
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
    two.ovl("run -d --network green --name passing")
    two.ovl("rm --force passing")
    expect(rulesOf(one)).toBe(JSON.stringify((JSON.parse(before) as unknown[]).at(-1)))
    one.machine.run(`ip link del ${port}`)
    await until(() => one.try("status").status === 0, "it repairs by itself")
    expect(kernelText(one)).toBe(before)
    one.exec("red_n1", `ping -c1 -W1 ${OUTSIDE}`)
  })

  test("a client without its server keeps the data plane, says so, and goes on when it is back", async () => {
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
    one.ovl(["run", "-d", "--network", "red", "--name", "long", "--", "sh", "-c", `echo first; ${wait}; echo second; exit 7`])
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
        one.machine.run("ip netns exec guest ping -c1 -W1 10.65.10.3")
        one.ovl("detach guest")
      }
      expect(links(one, "guest").map((link) => link.ifname)).toEqual(["lo"])
      expect(kernelText(one)).toBe(before)
      one.machine.run("ip netns del guest")
    }
  })
})

describeAsRoot("down and leave", () => {
  let cluster: TestCluster
  let one: TestNode
  let two: TestNode
  const before = new Map<string, string>()
  const traces = (node: TestNode) => inventory(node.machine, [node.dataDir])
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1", "n2"], start: false })
    one = cluster.node("n1")
    two = cluster.node("n2")
    for (const node of cluster.nodes) {
      node.machine.run("ip netns add guest")
      node.machine.run("iptables -A INPUT -s 198.51.100.1 -j DROP")
      before.set(node.name, traces(node))
    }
    await one.serve()
    await two.join(one)
    for (const name of ["red", "green"]) one.ovl(`network create ${name} --subnet 10.65.10.0/24`)
    for (const node of cluster.nodes) fill(node)
  })
  afterAll(() => cluster.close())

  const fill = (node: TestNode) => {
    node.ovl(`run -d --network red,green --name both_${node.name}`)
    node.ovl(["run", "-d", "--network", "red", "--name", `sleeper_${node.name}`, "--", "sh", "-c", "sleep 1000 & sleep 1000"])
    node.ovl(`attach --network red --netns guest --name guest_${node.name}`)
  }

  test("a daemon on its own leaves only its files when it is gone; down finds nothing to do", async () => {
    const extra = await cluster.addNode("extra")
    const fresh = traces(extra)
    expect(extra.try("down").status).toBe(0)
    expect(traces(extra)).toBe(fresh)
  })

  test("down of a living daemon leaves no trace but the data; down again is no error", async () => {
    const withoutData = (text: string) => text.split("\n").filter((line) => !line.startsWith(two.dataDir)).join("\n")
    two.ovl("down")
    await two.daemon?.ended
    expect(withoutData(traces(two))).toBe(withoutData(before.get("n2")!))
    expect(existsSync(two.dataDir)).toBe(true)
    two.ovl("down")
    expect(withoutData(traces(two))).toBe(withoutData(before.get("n2")!))
    expect(one.json<{ name: string }[]>("endpoint ls").map((each) => each.name)).toContain("guest_n2")
  })

  test("the next start restores attached namespaces that are still there and frees the rest", async () => {
    const ip = one.endpoint("guest_n2").ip
    await two.resume()
    expect(two.endpoint("guest_n2")).toMatchObject({ ip, state: "up" })
    expect(addresses(two, "guest")[0]).toBe(`eth0 ${ip}`)
    const names = one.json<{ name: string }[]>("endpoint ls").map((each) => each.name)
    expect(names.sort()).toEqual(["both_n1", "both_n1.green", "guest_n1", "guest_n2", "sleeper_n1"])
    two.machine.run("ip netns exec guest ping -c1 -W1 10.65.10.2")
    two.machine.run(`ip netns exec guest ping -c1 -W1 ${OUTSIDE}`)
    two.ovl("down")
    two.machine.run("ip netns del guest")
    await two.resume()
    expect(one.json<{ node: string }[]>("endpoint ls").filter((each) => each.node === "n2")).toEqual([])
    two.machine.run("ip netns add guest")
    fill(two)
  })

  test("leave withdraws, removes, forgets and ends", async () => {
    two.ovl("leave")
    expect((await two.daemon?.ended)?.status).toBe(0)
    expect(traces(two)).toBe(before.get("n2")!)
    expect(one.json<{ node: string }[]>("endpoint ls").filter((each) => each.node === "n2")).toEqual([])
    expect(one.nodes().find((node) => node.name === "n2")?.state ?? "left").toBe("left")
    expect(neighbourRows(one, one.hidden("red"))).toEqual([])
    expect(two.try("join 192.168.1.51 --name n2").status).toBe(2)
    await two.join(one)
    expect(one.nodes().map((node) => `${node.name} ${node.state}`)).toEqual(["n1 alive", "n2 alive"])
    two.ovl("down --all")
    expect(traces(two)).toBe(before.get("n2")!)
  })

  test("the only server does not leave", () => {
    const done = one.try("leave")
    expect(done.status).toBe(4)
    expect(one.status().health).toBe("ok")
  })

  test("down --all of a dead daemon leaves no trace at all, workloads' processes included", async () => {
    await one.stop("SIGKILL")
    one.ovl("down --all")
    expect(traces(one)).toBe(before.get("n1")!)
    expect(existsSync(one.dataDir)).toBe(false)
  })
})

describeAsRoot("who may be in the cluster", () => {
  let cluster: TestCluster
  let one: TestNode
  let two: TestNode
  let three: TestNode
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1", "n2", "n3"], start: false })
    one = cluster.node("n1")
    two = cluster.node("n2")
    three = cluster.node("n3")
    await one.serve()
    await two.join(one)
    one.ovl("network create red --subnet 10.65.10.0/24")
    two.ovl("run -d --network red --name b")
    one.ovl("run -d --network red --name a")
  })
  afterAll(() => cluster.close())

  const refused = (node: TestNode, token: string, name = node.name) => {
    const args = ["join", "192.168.1.51", "--name", name, "--advertise", node.address, "--token", token]
    const done = node.try([...args, "--json"])
    expect(existsSync(`${node.dataDir}/node.json`)).toBe(false)
    expect(hiddenNamespaces(node)).toEqual([])
    return `${done.status} ${(JSON.parse(done.stderr.trim().split("\n").at(-1)!) as { error: { code: string } }).error.code}`
  }

  test("tokens that are forged, malformed, expired, used up, of another role or cluster are refused", async () => {
    const good = one.ovl("token create")
    const last = good.at(-1) === "0" ? "1" : "0"
    expect(refused(three, `${good.slice(0, -1)}${last}`)).toMatch(/^5 /)
    expect(refused(three, "no-token")).toMatch(/^5 token_malformed/)
    const short = one.ovl("token create --ttl 1s")
    await Bun.sleep(1_100)
    expect(refused(three, short)).toBe("5 token_expired")
    expect(refused(three, one.ovl("token create --role server"))).toBe("5 token_role")
    const other = await cluster.addNode("other")
    await other.serve()
    expect(refused(three, other.ovl("token create"))).toMatch(/^5 /)
    const once = one.ovl("token create --uses 1")
    await three.launch(["join", one.address, "--name", "n3", "--advertise", three.address, "--token", once])
    three.ovl("leave")
    await three.daemon?.ended
    expect(refused(three, once)).toMatch(/^5 /)
    const revoked = one.json<{ id: string; token: string }>("token create")
    one.ovl(`token rm ${revoked.id}`)
    expect(refused(three, revoked.token)).toMatch(/^5 /)
  })

  test("a name in use cannot be joined with, in whatever case", () => {
    const token = one.ovl("token create")
    expect(refused(three, token, "n2")).toBe("4 name_taken")
    expect(refused(three, token, "N2")).toBe("4 name_taken")
  })

  test("a token from a file, the environment and standard input", async () => {
    const token = one.ovl("token create")
    const args = ["join", one.address, "--name", "n3", "--advertise", three.address]
    three.machine.sh(`echo ${token} > /run/token`)
    await three.launch([...args, "--token-file", "/run/token"])
    three.ovl("leave")
    await three.daemon?.ended
    await three.launch(args, { env: { OVL_TOKEN: token } })
    three.ovl("leave")
    await three.daemon?.ended
    three.daemon = three.machine.start([...ovlCommand(), ...args, "--token", "-"])
    three.daemon.write(`${token}\n`)
    three.daemon.closeInput()
    await three.daemon.says("is ready")
    three.ovl("leave")
    await three.daemon.ended
  })

  test("resuming wants no token; serve never begins a new cluster over old data", async () => {
    const id = one.status().cluster.id
    await one.stop()
    await one.serve()
    expect(one.status().cluster.id).toBe(id)
    await two.stop()
    await two.launch(["serve", "--advertise", two.address])
    expect(two.status()).toMatchObject({ cluster: { id }, node: { role: "client", name: "n2" } })
    await two.stop()
    await two.launch(["join", "203.0.113.9", "--token", "nonsense", "--advertise", two.address])
    expect(two.status().cluster.id).toBe(id)
    expect(two.status().kernel.repairs).toBe(0)
    await two.stop()
    const wrongName = two.try("join --name another")
    expect(wrongName.status).toBe(4)
    await two.resume()
  })

  test("a node that was removed is refused, its rows go, and its name is free", async () => {
    expect(neighbourRows(one, one.hidden("red"))).toHaveLength(1)
    one.ovl("node rm n2")
    expect(neighbourRows(one, one.hidden("red"))).toEqual([])
    expect(fdbRows(one, one.hidden("red")).filter((row) => row.includes("192.168"))).toEqual([])
    expect(one.json<{ name: string }[]>("endpoint ls").map((each) => each.name)).toEqual(["a"])
    await until(() => two.try("status").status === 7, "the removed node is degraded")
    expect(two.try("run -d --network red --name c").status).toBeGreaterThan(2)
    await two.stop("SIGKILL")
    const again = two.machine.start([...ovlCommand(), "join", "--advertise", two.address])
    await until(() => two.try("status").status === 7 || !again.running, "the removed node says that it is out", 15_000)
    if (again.running) again.signal("SIGKILL")
    await again.ended
    two.ovl("down --all")
    await two.join(one)
    two.ovl("run -d --network red --name b")
    two.exec("b", "ping -c1 -W1 a")
  })

  test("secrets are in files that only root may read", () => {
    const found = one.machine.run(`find ${one.dataDir} /run/ovl ( -type d -o -type f ) -perm /077 -not -path */workloads/*/*`)
    expect(found).toBe("")
    expect(readdirSync(one.dataDir).sort()).toEqual(["node.json", "store"])
  })
})

describeAsRoot("two daemons set up by hand, as the contract says", () => {
  let cluster: TestCluster
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["bench"], start: false })
  })
  afterAll(() => cluster.close())

  test("share a machine, each in a network and mount namespace of its own", async () => {
    const bench = cluster.node("bench")
    const { machine } = bench
    // The tools leave something behind themselves, the first time.
    machine.sh("ip netns add h1; ip netns del h1; unshare -m mount -t tmpfs t /mnt")
    const before = inventory(machine, [bench.dataDir])
    machine.run("ip netns add h1")
    machine.run("ip netns add h2")
    machine.run("ip link add eth0 netns h1 type veth peer name eth0 netns h2")
    for (const [n, name] of ["h1", "h2"].entries()) {
      machine.run(`ip -n ${name} addr add 192.168.7.${n + 1}/24 dev eth0`)
      machine.run(`ip -n ${name} link set eth0 up`)
      machine.run(`ip -n ${name} link set lo up`)
    }
    const ovl = ovlCommand().join(" ")
    const byHand = async (name: string, verb: string) => {
      const inner = `mount -t tmpfs t /run; mkdir -p /run/netns; exec ${ovl} ${verb} --name ${name} --run-dir /run/ovl --data-dir ${bench.dataDir}-${name}`
      const unshare = `ip netns exec ${name} unshare -m --propagation private sh -c`
      const daemon = machine.start([...unshare.split(" "), inner])
      await daemon.says("is ready")
      const pid = String(daemon.innerPid)
      return (line: string) => machine.try(["nsenter", "-t", pid, "-m", "-n", ...ovl.split(" "), ...line.split(" ")])
    }
    const one = await byHand("h1", "serve --advertise 192.168.7.1")
    const token = one("token create").stdout.trim()
    const two = await byHand("h2", `join 192.168.7.1 --token ${token} --advertise 192.168.7.2`)
    expect(one("network create red --subnet 10.65.10.0/24").status).toBe(0)
    expect(one("run -d --network red --name a").status).toBe(0)
    expect(two("run -d --network red --name b -- sleep 1000").status).toBe(0)
    expect(two("exec b ping -c1 -W1 a")).toMatchObject({ status: 0 })
    expect(machine.run("ip netns ls")).not.toContain("1-")
    expect(one(`down --all --data-dir ${bench.dataDir}-h1`)).toMatchObject({ status: 0 })
    expect(two("exec b true").status).toBe(0)
    expect(two(`down --all --data-dir ${bench.dataDir}-h2`)).toMatchObject({ status: 0 })
    await until(() => !/ovl|sleep/.test(machine.run("ps -eo comm")), "all processes end")
    for (const name of ["h1", "h2"]) machine.run(`ip netns del ${name}`)
    expect(inventory(machine, [bench.dataDir])).toBe(before)
    expect(existsSync(`${bench.dataDir}-h1`) || existsSync(`${bench.dataDir}-h2`)).toBe(false)
  })
})

function pinging(node: TestNode, netns: string, target: string, count: number): Background {
  return node.machine.start(`ip netns exec ${netns} ping -q -i 0.01 -W1 -c ${count} ${target}`)
}

/** What the kernel of a node holds for ovl, without indices and counters. */
function kernelText(node: TestNode): string {
  const { machine } = node
  const namespaces = machine.run("ip netns ls").split("\n").map((line) => line.split(" ")[0] ?? "").filter(Boolean).sort()
  const inside = namespaces
    .filter((name) => name !== "guest")
    .map((name) => [name, shape(node, name), addresses(node, name), machine.run(`ip -n ${name} route`)])
  const rows = hiddenNamespaces(node).sort().map((name) => [name, remote(node, name), neighbourRows(node, name)])
  const rules = JSON.parse(rulesOf(node)) as string[]
  return JSON.stringify([shape(node, null), addresses(node, null), inside, rows, rules], null, 1)
}

function rulesOf(node: TestNode): string {
  return JSON.stringify(node.machine.sh("iptables-save | grep -v '^#' | sed 's/\\[.*\\]//'").split("\n"))
}

/** Names of ports are the program's choice, and so not compared. */
function shape(node: TestNode, netns: string | null): string[] {
  return links(node, netns)
    .map((link) => `${link.linkinfo?.info_kind} ${link.address} ${link.mtu} ${link.master} ${flags(link)} ${port(link)}`)
    .sort()
}

/** Whether there is a carrier is noticed a moment later. */
function flags(link: ReturnType<typeof links>[number]): string {
  return link.flags.filter((flag) => flag !== "LOWER_UP" && flag !== "NO-CARRIER").join()
}

function port(link: ReturnType<typeof links>[number]): string {
  const { isolated, learning, hairpin } = link.linkinfo?.info_slave_data ?? {}
  return `${isolated} ${learning} ${hairpin}`
}

function remote(node: TestNode, netns: string): string[] {
  return fdbRows(node, netns).filter((row) => row.includes("192.168."))
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
