/** Daemons that are taken down, or leave: no trace of them stays, and what they come back to is right. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync } from "node:fs"
import { OUTSIDE, ovlCommand, TestCluster, type TestNode } from "../support/cluster.ts"
import { inventory } from "../support/inventory.ts"
import { addresses, neighbourRows } from "../support/kernel-view.ts"
import { until } from "../support/machine.ts"
import { describeAsRoot } from "../support/netns.ts"

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
    node.ovl([
      "run",
      "-d",
      "--network",
      "red",
      "--name",
      `sleeper_${node.name}`,
      "--",
      "sh",
      "-c",
      "sleep 1000 & sleep 1000",
    ])
    node.ovl(`attach --network red --netns guest --name guest_${node.name}`)
  }

  test("a daemon on its own leaves only its files when it is gone; down finds nothing to do", async () => {
    const extra = await cluster.addNode("extra")
    const fresh = traces(extra)
    expect(extra.try("down").status).toBe(0)
    expect(traces(extra)).toBe(fresh)
  })

  test("down of a living daemon leaves no trace but the data; down again is no error", async () => {
    const withoutData = (text: string) =>
      text
        .split("\n")
        .filter((line) => !line.startsWith(two.dataDir))
        .join("\n")
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
    // Not told where the data are: the daemon has noted it.
    delete one.machine.env.OVL_DATA_DIR
    one.ovl("down --all")
    expect(traces(one)).toBe(before.get("n1")!)
    expect(existsSync(one.dataDir)).toBe(false)
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
