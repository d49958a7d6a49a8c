/** Workloads as people use them: run, exec, terminal, logs, names, attach and detach. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync } from "node:fs"
import type { StatusView } from "../../src/model/node.ts"
import type { WorkloadView } from "../../src/model/workload.ts"
import { OUTSIDE, ovlCommand, TestCluster, type TestNode } from "../support/cluster.ts"
import { addresses, links } from "../support/kernel-view.ts"
import { until } from "../support/machine.ts"
import { describeAsRoot } from "../support/netns.ts"

describeAsRoot("workloads", () => {
  let cluster: TestCluster
  let one: TestNode
  let two: TestNode
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1", "n2"] })
    one = cluster.node("n1")
    two = cluster.node("n2")
    one.ovl("network create red --subnet 10.65.10.0/24")
    one.ovl("network create green --subnet 10.65.10.0/24")
    one.ovl("network create blue --subnet 10.65.20.0/24 --internal")
    one.ovl("run -d --network red --name home")
  })
  afterAll(() => cluster.close())

  const run = (options: string, command: string[], input?: string) =>
    one.try(["run", "--network", "red", ...options.split(" ").filter(Boolean), "--", ...command], { input })
  const row = (name: string) => one.json<WorkloadView[]>("ps").find((each) => each.name === name)
  const interfaces = (netns: string) => links(one, netns).map((link) => link.ifname)
  const endpoints = () => one.json<{ name: string }[]>("endpoint ls").map((each) => each.name)
  const inside = (name: string, script: string) => one.try(["exec", name, "sh", "-c", script])

  test("run in the foreground: output, both streams, exit status, and then nothing is left", () => {
    expect(run("--name fg", ["sh", "-c", "echo out; echo err >&2; exit 42"])).toEqual({
      status: 42,
      stdout: "out\n",
      stderr: "err\n",
    })
    expect(row("fg")).toBeUndefined()
    expect(endpoints()).toEqual(["home"])
    expect(one.machine.run("ip netns ls")).not.toContain("fg")
    expect(run("", ["sh", "-c", "kill -KILL $$"]).status).toBe(137)
    expect(run("", ["sh", "-c", "kill -TERM $$"]).status).toBe(143)
    expect(run("", ["/no/such/program"]).status).toBe(127)
    expect(run("", ["/etc/passwd"]).status).toBe(126)
    expect(endpoints()).toEqual(["home"])
  })

  test("run -i passes standard input on; without it there is none", () => {
    expect(run("-i", ["cat"], "given\n").stdout).toBe("given\n")
    expect(run("", ["cat"], "given\n").stdout).toBe("")
    expect(one.try(["exec", "-i", "home", "cat"], { input: "given\n" }).stdout).toBe("given\n")
    expect(one.try(["exec", "home", "cat"], { input: "given\n" }).stdout).toBe("")
    expect(one.try(["exec", "home", "readlink", "/proc/self/fd/0"]).stdout).toBe("/dev/null\n")
  })

  test("a name that is misspelt is set right", () => {
    const said = (words: string) => one.try(words).stderr
    expect(said("exec hoem true")).toBe(
      "ovl: no workload hoem on this node\nhint: did you mean home? `ovl ps` lists this node's workloads\n",
    )
    expect(said("network inspect rde")).toBe(
      "ovl: network rde: not found\nhint: did you mean red? ovl network ls shows all\n",
    )
    expect(said("run -d --network rde")).toContain("hint: did you mean red?")
    expect(two.try("exec home true").stderr).toBe(
      "ovl: no workload home on this node: it is on n1\nhint: run the same on n1\n",
    )
    expect(said("detach hoem")).toContain("hint: did you mean home?")
  })

  test("signals to `ovl run` reach the command; it decides what they mean", async () => {
    for (const [signal, status] of [
      ["SIGTERM", 9],
      ["SIGINT", 8],
      ["SIGHUP", 7],
    ] as const) {
      const script =
        "trap 'exit 9' TERM; trap 'exit 8' INT; trap 'exit 7' HUP; echo ready; while :; do sleep 0.02; done"
      const args = ["run", "--network", "red", "--name", "sig", "--", "bash", "-c", script]
      const running = one.machine.start([...ovlCommand(), ...args])
      await running.says("ready")
      running.signal(signal)
      expect((await running.ended).status).toBe(status)
      expect(row("sig")).toBeUndefined()
    }
  })

  test("a foreground run whose own process is killed leaves no workload behind", async () => {
    const running = one.machine.start([...ovlCommand(), ..."run --network red --name orphan -- sleep 1000".split(" ")])
    await until(() => row("orphan")?.status === "running", "it runs")
    await until(() => one.try("exec orphan true").status === 0, "it can be entered")
    running.signal("SIGKILL")
    await running.ended
    one.try("rm --force orphan")
    await until(() => !endpoints().includes("orphan"), "its endpoint goes")
    expect(one.machine.run("ps -eo args")).not.toContain("sleep 1000")
  })

  test("-it gives a terminal of the caller's size; the status is the command's", () => {
    const inTerminal = (command: string) => {
      const line = `stty rows 33 cols 101; ${ovlCommand().join(" ")} ${command}`
      return one.machine.try(["script", "-qec", line, "/dev/null"], { input: "" })
    }
    const ran = inTerminal("run -it --network red -- sh -c 'tty; stty size; exit 5'")
    expect(ran.stdout).toMatch(/^\/dev\/pts\/\d+\r\n33 101\r\n$/)
    expect(ran.status).toBe(5)
    const execed = inTerminal("exec -it home sh -c 'test -t 0 && test -t 1 && stty size; exit 6'")
    expect(execed).toMatchObject({ status: 6, stdout: "33 101\r\n" })
    expect(one.try("exec -it home true").status).toBe(2)
    expect(one.try("run -it --network red -- true").status).toBe(2)
  })

  test("run -d returns at once, holding nothing of the caller's; logs, ps and the end of it", async () => {
    // A pipe that somebody still held would keep `cat` waiting.
    const done = one.machine.try([
      "bash",
      "-c",
      `${ovlCommand().join(" ")} run -d --network red --name bg -- sh -c 'echo one; echo two >&2; sleep 0.7; echo three; exit 4' | cat`,
    ])
    expect(done.stdout).toBe("bg\n")
    expect(row("bg")).toMatchObject({ status: "running", node: "n1", networks: ["red"], exitCode: null })
    await until(() => one.ovl("logs bg").includes("two"), "it prints")
    const following = one.machine.start([...ovlCommand(), "logs", "-f", "bg"])
    expect(one.machine.run("stat -c %a /run/ovl/workloads/bg.log").trim()).toBe("600")
    await until(() => row("bg")?.status === "exited", "it ends")
    expect(row("bg")).toMatchObject({ exitCode: 4, pid: null })
    expect((await following.ended).stdout).toBe("one\ntwo\nthree\n")
    expect(endpoints()).not.toContain("bg")
    expect(one.try("exec bg true").status).toBe(4)
    one.ovl("rm bg")
    expect(one.try("logs bg").status).toBe(3)
    expect(existsSync(one.machine.file("/run/ovl/workloads/bg.log"))).toBe(false)
  })

  test("stop asks first and kills later; rm wants --force for what runs", () => {
    one.ovl([
      "run",
      "-d",
      "--network",
      "red",
      "--name",
      "polite",
      "--",
      "sh",
      "-c",
      "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.02; done",
    ])
    untilSync(() => one.ovl("logs polite").includes("up"))
    expect(one.try("rm polite").status).toBe(4)
    one.ovl("stop polite")
    expect(row("polite")).toMatchObject({ status: "exited", exitCode: 3 })
    expect(one.ovl("logs polite")).toBe("up\nbye")
    one.ovl("stop polite")
    one.ovl("rm polite")
    one.ovl("run -d --network red --name stubborn -- sleep 1000")
    one.ovl("rm --force stubborn")
    expect(row("stubborn")).toBeUndefined()
    expect(one.machine.run("ps -eo args")).not.toContain("sleep 1000")
    one.ovl("run -d --network red --name open")
    one.ovl("stop open")
    expect(row("open")).toMatchObject({ status: "exited" })
    one.ovl("rm open")
    expect(one.try("rm open").status).toBe(3)
  })

  test("what the command left running in the workload ends with it", async () => {
    one.ovl(["run", "-d", "--network", "red", "--name", "parent", "--", "sh", "-c", "setsid sleep 1001 & sleep 0.2"])
    await until(() => row("parent")?.status === "exited", "the command ends")
    expect(one.machine.run("ps -eo args")).not.toContain("sleep 1001")
    expect(one.machine.run("ip netns ls")).not.toContain("parent")
    one.ovl("rm parent")
  })

  test("exec: exit status, environment, working directory, unknown workloads", () => {
    expect(inside("home", "exit 13").status).toBe(13)
    expect(inside("home", "kill -9 $$").status).toBe(137)
    expect(one.try("exec home /no/such").status).toBe(127)
    expect(one.try("exec nobody true").status).toBe(3)
    one.ovl(["run", "-d", "--network", "red", "--name", "env", "-e", "COLOUR=red", "-e", "EMPTY=", "-e", "HOME=/x"])
    expect(inside("env", "echo $COLOUR-$EMPTY-$HOME").stdout).toBe("red--/x\n")
    expect(
      one.try(["run", "--network", "red", "-e", "TOLD", "--", "sh", "-c", "echo $TOLD"], { env: { TOLD: "yes" } })
        .stdout,
    ).toBe("yes\n")
    one.ovl("rm --force env")
  })

  test("host name, hosts file and resolver of its own", () => {
    one.ovl("run -d --network red --name web --hostname www")
    expect(inside("web", "hostname; cat /etc/hostname; echo $HOSTNAME").stdout).toBe("www\nwww\nwww\n")
    expect(inside("home", "hostname").stdout).toBe("home\n")
    expect(one.machine.run("hostname")).toBe("n1\n")
    const own = one.endpoint("web").ip.split("/")[0]
    for (const [name, ip] of [
      ["web", own],
      ["web.red", own],
      ["www", own],
      ["home", "10.65.10.2"],
      ["home.red", "10.65.10.2"],
      ["localhost", "127.0.0.1"],
    ])
      expect(inside("web", `getent ahostsv4 ${name} | head -1`).stdout).toStartWith(`${ip} `)
    expect(inside("web", "cat /etc/resolv.conf").stdout).toContain("nameserver 10.65.10.1\n")
    one.ovl("rm --force web")
  })

  test("names of all nodes' workloads come and go, in living commands too", async () => {
    two.ovl("run -d --network red --name distant")
    expect(one.exec("home", "getent ahostsv4 distant.red")).toContain(two.endpoint("distant").ip.split("/")[0]!)
    one.exec("home", "ping -c1 -W1 distant")
    two.ovl("run -d --network green --name foreign")
    const command = "while :; do getent hosts distant >/dev/null && echo there || echo gone; sleep 0.05; done"
    one.ovl(["run", "-d", "--network", "red", "--name", "watcher", "--", "sh", "-c", command])
    await until(() => one.ovl("logs watcher").includes("there"), "it sees the name")
    two.ovl("rm --force distant")
    await until(() => one.ovl("logs watcher").includes("gone"), "it sees it go")
    expect(inside("home", "getent hosts distant || getent hosts foreign").status).not.toBe(0)
    one.ovl("rm --force watcher")
    two.ovl("rm --force foreign")
  })

  test("inside, the daemon's directory and the namespaces are not to be seen", () => {
    one.ovl(["run", "-d", "--network", "red", "--name", "cell", "--", "sleep", "1000"])
    for (const name of ["home", "cell"]) {
      expect(inside(name, "ls -A /run/ovl /run/netns").stdout).toBe("/run/netns:\n\n/run/ovl:\n")
      expect(inside(name, "ls -d /run/ovl/ovl.sock").status).not.toBe(0)
      expect(inside(name, "cat /proc/self/mountinfo").stdout).not.toContain("nsfs")
      expect(inside(name, "ls /sys/class/net | sort | tr '\\n' ' '").stdout).toBe("eth0 eth1 lo ")
    }
    expect(run("", ["ls", "-A", "/run/ovl"]).stdout).toBe("")
    one.ovl("rm --force cell")
  })

  test("several networks: eth0, eth1, ... in order, the way out last", () => {
    one.ovl("run -d --network blue,red --network green --name many")
    const seen = addresses(one, "ovl-many")
    expect(seen.map((line) => line.replace(/\.\d+\/.*/, ""))).toEqual([
      "eth0 10.65.20",
      "eth1 10.65.10",
      "eth2 10.65.10",
      "eth3 172.18.0",
    ])
    expect(
      endpoints()
        .filter((name) => name.startsWith("many"))
        .sort(),
    ).toEqual(["many", "many.green", "many.red"])
    expect(row("many")?.networks).toEqual(["blue", "red", "green"])
    expect(one.machine.run("ip -n ovl-many route show default")).toContain("dev eth3")
    one.ovl("rm --force many")
    expect(endpoints()).toEqual(["home"])
  })

  test("a name in use: the hint works as it stands", () => {
    one.ovl(["run", "-d", "--network", "red", "--name", "busy", "--", "sleep", "1000"])
    const { status, stderr } = one.try("run -d --network red --name busy")
    expect([status, stderr]).toEqual([4, expect.stringContaining("this node has a workload of that name")])
    const line = /`ovl (.*)`/.exec(stderr)?.[1] ?? ""
    expect([line, one.ovl(line)]).toEqual(["rm --force busy", "busy"])
    one.ovl("run -d --network red --name busy")
    one.ovl("rm --force busy")
  })

  test("who is on two networks whose subnets overlap is told of in the status, however it came there", () => {
    const overlaps = () =>
      one
        .json<StatusView>("status")
        .problems.filter(({ code }) => code === "networks_overlap")
        .map(({ message, level }) => `${level}: ${message.replace(/:.*/, "")}`)
        .sort()
    const words = (name: string, networks = "red and green") =>
      `warning: workload ${name} is on ${networks}, whose subnets overlap (both are 10.65.10.0/24)`
    expect(overlaps()).toEqual([])
    one.machine.run("ip netns add guest")
    one.ovl("attach --network green --netns guest --name guest")
    expect(overlaps()).toEqual([])
    one.ovl("attach --network red --netns guest --name alias")
    one.ovl("run -d --network red,green --name many")
    one.ovl("network connect green home")
    expect(overlaps()).toEqual([words("guest", "green and red"), words("home"), words("many")])
    expect(one.json<StatusView>("status").health).toBe("ok")
    one.ovl("network disconnect green home")
    one.ovl("rm --force many")
    for (const name of ["guest", "alias"]) one.ovl(`detach ${name}`)
    one.machine.run("ip netns del guest")
    expect(overlaps()).toEqual([])
    expect(endpoints()).toEqual(["home"])
  })

  test("--ip, --mac and a made-up name", () => {
    const name = one.ovl("run -d --network red --ip 10.65.10.200 --mac 02:00:00:00:00:aa")
    expect(one.endpoint(name)).toMatchObject({ ip: "10.65.10.200/24", mac: "02:00:00:00:00:aa" })
    expect(links(one, `ovl-${name}`)[1]?.address).toBe("02:00:00:00:00:aa")
    two.ovl("run -d --network red --name far")
    two.exec("far", "ping -c1 -W1 10.65.10.200")
    two.ovl("rm --force far")
    one.ovl(`rm --force ${name}`)
  })

  test("attach by path, by name and by pid; detach takes back what attach gave, and only that", async () => {
    one.machine.run("ip netns add guest")
    expect(one.ovl("attach --network red --netns /run/netns/guest --name guest")).toBe("guest")
    for (const line of ["--netns guest --name guest", "--netns guest --name GUEST"])
      expect(JSON.parse(one.try(`--json attach --network red ${line}`).stderr).error.code).toBe("already_connected")
    expect(endpoints().sort()).toEqual(["guest", "home"])
    one.ovl("attach --network green --netns guest --name guest")
    expect(addresses(one, "guest").map((line) => line.split(" ")[0])).toEqual(["eth0", "eth1", "eth2"])
    one.machine.run("ip netns exec guest ping -c1 -W1 10.65.10.2")
    one.machine.run(`ip netns exec guest ping -c1 -W1 ${OUTSIDE}`)
    expect(endpoints().sort()).toEqual(["guest", "guest.green", "home"])
    one.ovl("detach guest.green")
    expect(interfaces("guest")).toEqual(["lo", "eth0", "eth1"])
    one.ovl("detach guest")
    expect(interfaces("guest")).toEqual(["lo"])
    expect(one.try("detach guest").status).toBe(3)
    const holder = one.machine.start("ip netns exec guest sleep 1000")
    await until(() => /sleep 1000/.test(one.machine.run("ps -eo args")), "it runs")
    const pid = one.machine.run("pgrep -x sleep").trim()
    const name = one.ovl(`attach --network red --pid ${pid}`)
    expect(interfaces("guest")).toEqual(["lo", "eth0", "eth1"])
    one.ovl(`detach ${name}`)
    holder.signal("SIGKILL")
    await holder.ended
    one.machine.run("ip netns del guest")
  })

  test("a namespace with interfaces and a way out of its own keeps both", () => {
    one.machine.run("ip netns add guest")
    one.machine.run("ip -n guest link add eth0 type bridge")
    one.machine.run("ip -n guest addr add 192.0.2.2/24 dev eth0")
    one.machine.run("ip -n guest link set eth0 up")
    one.machine.run("ip -n guest route add default via 192.0.2.1")
    one.ovl("attach --network red --netns guest --name guest")
    expect(interfaces("guest")).toEqual(["lo", "eth0", "eth1"])
    expect(one.machine.run("ip -n guest route show default")).toBe("default via 192.0.2.1 dev eth0 \n")
    expect(one.endpoint("guest").egress).toBeNull()
    expect(one.try("attach --network green --netns guest --name other --ifname eth1").status).toBe(4)
    one.ovl("attach --network green --netns guest --name other --ifname net7")
    expect(interfaces("guest")).toEqual(["lo", "eth0", "eth1", "net7"])
    one.ovl("detach guest other")
    expect(interfaces("guest")).toEqual(["lo", "eth0"])
    expect(one.machine.run("ip -n guest route show default")).toBe("default via 192.0.2.1 dev eth0 \n")
    one.machine.run("ip netns del guest")
    expect(endpoints()).toEqual(["home"])
  })
})

function untilSync(holds: () => boolean): void {
  for (let tries = 0; !holds(); tries++) {
    if (tries > 100) throw new Error("did not come true")
    Bun.sleepSync(20)
  }
}
