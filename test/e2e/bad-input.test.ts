/**
 * What people get wrong, and what hosts lack: one clear line, a hint, the right exit status, and nothing changed. The
 * tables say what is asked, and what comes of it.
 */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync } from "node:fs"
import { ovlCommand, TestCluster, type TestNode } from "../support/cluster.ts"
import { inventory } from "../support/inventory.ts"
import type { Done } from "../support/machine.ts"
import { describeAsRoot } from "../support/netns.ts"

/** Exit status, code of the error, and the command line after `ovl`. */
type Case = readonly [status: number, code: string | RegExp, line: string]

const REFUSED: readonly Case[] = [
  // What is wrong in itself, or for its place.
  [2, "subnet_invalid", "network create blue --subnet 10.65.20.0"],
  [2, "subnet_invalid", "network create blue --subnet ten"],
  [2, "subnet_invalid", "network create blue --subnet 10.65.20.0/33"],
  [2, /host_bits|subnet_invalid/, "network create blue --subnet 10.65.20.7/24"],
  [2, /gateway/, "network create blue --subnet 10.65.20.0/24 --gateway 10.66.0.1"],
  [2, /range/, "network create blue --subnet 10.65.20.0/24 --ip-range 10.66.0.0/28"],
  [2, /name_invalid|request_invalid/, "network create -- -blue"],
  [2, /name_invalid|request_invalid/, "network create bl/ue"],
  [2, /name_invalid|request_invalid/, `network create ${"x".repeat(64)}`],
  [2, /vni|option_value_invalid/, "network create blue --vni 16777216"],
  [2, /vni|option_value_invalid/, "network create blue --vni 0"],
  [2, /vni|option_value_invalid/, "network create blue --vni many"],
  [2, /mtu/, "network create blue --mtu 1451"],
  [2, /mtu|option_value_invalid/, "network create blue --mtu 10"],
  [2, /driver|option_value_invalid/, "network create blue -d bridge"],
  [2, /address|ip_/, "run -d --network red --ip 10.66.0.9"],
  [2, /address|ip_/, "run -d --network red --ip 10.65.10.0"],
  [2, /address|ip_/, "run -d --network red --ip 10.65.10.255"],
  [2, /address|ip_/, "run -d --network red --ip nonsense"],
  [2, /mac/, "run -d --network red --mac 02:42"],
  [2, /mac/, "run -d --network red --mac 01:00:5e:00:00:01"],
  [2, /name_invalid|request_invalid/, "run -d --network red --name a/b"],
  [2, "command_missing", "run --network red"],
  [2, "option_missing", "run -d --name x"],
  [2, "network_repeated", "run -d --network red,red"],
  [2, "option_missing", "attach --network red"],
  [2, /netns/, "attach --network red --netns guest --pid 1"],
  [2, "netns_is_host", "attach --network red --pid 1"],
  [2, "netns_invalid", "attach --network red --netns /etc/passwd"],
  [2, "ifname_invalid", "attach --network red --netns guest --ifname a-name-that-is-too-long"],
  [2, /option/, "network ls --frobnicate"],
  [2, /verb|command|word/, "frobnicate"],
  [2, /verb|command|word/, "network frobnicate"],
  [2, "argument_missing", "network rm"],
  [2, /argument/, "network create red green"],
  [2, /option/, "token create --ttl soon"],
  [2, /option/, "token create --uses 0"],
  [2, /option/, "token create --role king"],
  // What is not there.
  [3, "network_not_found", "network inspect nowhere"],
  [3, "network_not_found", "network rm nowhere"],
  [3, "network_not_found", "run -d --network nowhere"],
  [3, "network_not_found", "attach --network nowhere --netns guest"],
  [3, /not_found/, "endpoint ls --network nowhere"],
  [3, /not_found/, "endpoint inspect nobody"],
  [3, "node_not_found", "node inspect nowhere"],
  [3, "node_not_found", "node rm nowhere"],
  [3, "workload_not_found", "stop nobody"],
  [3, "workload_not_found", "rm nobody"],
  [3, "workload_not_found", "logs nobody"],
  [3, "workload_not_found", "exec nobody true"],
  [3, /not_found/, "detach nobody"],
  [3, "netns_not_found", "attach --network red --netns /run/netns/nowhere"],
  [3, "netns_not_found", "attach --network red --netns nowhere"],
  [3, "pid_not_found", "attach --network red --pid 4194304"],
  [3, "token_unknown", "token rm 00000000"],
  // What is in use.
  [4, "network_name_taken", "network create red"],
  [4, "network_name_taken", "network create RED"],
  [4, /vni/, "network create blue --vni 256"],
  [4, /taken|in_use/, "run -d --network red --ip 10.65.10.2"],
  [2, "address_invalid", "run -d --network red --ip 10.65.10.1"],
  [4, "name_taken", "run -d --network red --name home"],
  [4, "name_taken", "run -d --network red --name HOME"],
  [4, "ifname_taken", "attach --network red --netns guest --ifname lo"],
  [4, /network/, "network rm red"],
  [4, "workload_running", "rm home"],
  [4, /detach|workload/, "detach home"],
  [4, "last_server", "leave"],
  // What the contract names and this version has not.
  [1, "not_available", "network create blue --secure"],
  [1, "not_available", "network create blue --multicast"],
  [1, "not_available", "network create blue --tenant acme"],
  [1, "not_available", "network create blue --subnet fd00::/64"],
  [1, "not_available", "network create blue --subnet 10.1.0.0/24 --subnet 10.2.0.0/24"],
  [1, "not_available", "run -d --network red -p 8080:80"],
  [1, "not_available", "join 192.168.1.51 --server --token t"],
  [1, "not_available", "kv get x"],
  [1, "not_available", "doctor"],
  [1, "not_available", "network prune"],
]

/** One line that says what failed and why, and one that says what to do; with --json, the same as one document. */
function complaint(plain: Done, json: Done): string {
  const [first = "", second = "", ...more] = plain.stderr.trimEnd().split("\n")
  expect(first).toMatch(/^ovl: \S.*/)
  expect(more).toEqual([])
  const { error } = JSON.parse(json.stderr) as { error: { code: string; message: string; hint: string } }
  expect(`ovl: ${error.message}`).toBe(first)
  expect(second).toBe(error.hint === "" ? "" : `hint: ${error.hint}`)
  if (error.code !== "not_available") expect(error.hint).not.toBe("")
  expect(`${plain.stderr}${plain.stdout}`).not.toMatch(/\n +at |internal|undefined|\[object/)
  expect(json.status).toBe(plain.status)
  // What takes several names says on stdout, too, what was done and what was not.
  expect(plain.stdout.replace(/^\[\]\n$/, "")).toBe("")
  if (json.stdout !== "") JSON.parse(json.stdout)
  return error.code
}

describeAsRoot("bad input", () => {
  let cluster: TestCluster
  let one: TestNode
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1"] })
    one = cluster.node("n1")
    one.ovl("network create red --subnet 10.65.10.0/24")
    one.ovl("run -d --network red --name home")
    one.machine.run("ip netns add guest")
  })
  afterAll(() => cluster.close())

  const world = () => {
    const lists = ["network ls", "endpoint ls", "node ls", "token ls", "ps"]
    return `${inventory(one.machine, [])}\n${lists.map((list) => one.ovl(`${list} --json`)).join("\n")}`
  }

  test(`${REFUSED.length} refusals: status, code, one line, a hint`, () => {
    const before = world()
    const failures: string[] = []
    for (const [status, code, line] of REFUSED) {
      const words = line.split(" ")
      const plain = one.try(words)
      try {
        const seen = complaint(plain, one.try(["--json", ...words]))
        if (plain.status !== status || !(typeof code === "string" ? seen === code : code.test(seen)))
          failures.push(`${line}: ${plain.status} ${seen}, wanted ${status} ${code}`)
      } catch (error) {
        failures.push(`${line}: ${plain.status} ${plain.stdout}${plain.stderr} ${(error as Error).message.slice(0, 300)}`)
      }
    }
    expect(failures).toEqual([])
    expect(world()).toBe(before)
  })

  test("without root: what needs it is refused, what does not still works", () => {
    const asNobody = (line: string) =>
      one.machine.try(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", ...ovlCommand(), ...line.split(" ")])
    for (const line of ["serve --name x", "join 192.168.1.51 --token t", "down", "run --network red -- true", "exec home true"]) {
      const plain = asNobody(line)
      expect(`${line} ${plain.status}`).toBe(`${line} 5`)
      expect(complaint(plain, asNobody(`--json ${line}`))).toBe("not_root")
    }
    const refused = asNobody("network ls")
    expect(refused.status).toBe(5)
    expect(complaint(refused, asNobody("--json network ls"))).not.toBe("")
    expect(asNobody("version").status).toBe(0)
    expect(asNobody("network create --help").stdout).toContain("--subnet")
  })

  test("without a daemon: status 6, and what to start", async () => {
    const lonely = await cluster.addNode("lonely")
    for (const line of ["status", "network ls", "run -d --network red", "leave", "attach --network red --pid 1"]) {
      const plain = lonely.try(line)
      expect(`${line} ${plain.status}`).toBe(`${line} 6`)
      expect(complaint(plain, lonely.try(`--json ${line}`))).toBe("no_daemon")
    }
  })
})

describeAsRoot("a start that cannot be", () => {
  let cluster: TestCluster
  let one: TestNode
  let two: TestNode
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1", "n2"], start: false })
    one = cluster.node("n1")
    two = cluster.node("n2")
    await one.serve()
  })
  afterAll(() => cluster.close())

  /** Status and code of a start on the second node; nothing is left of it. */
  const start = (extra: string, path?: string) => {
    const before = inventory(two.machine, [two.dataDir])
    const words = `--json serve --name n2 --advertise ${two.address} ${extra}`.trim().split(" ")
    const done = two.machine.try([...(path ? ["env", `PATH=${path}`] : []), ...ovlCommand(), ...words])
    const last = done.stderr.trim().split("\n").at(-1) ?? ""
    const { error } = JSON.parse(last) as { error: { code: string; message: string; hint: string } }
    expect(error.hint).not.toBe("")
    expect(error.message).toMatch(/: /)
    expect(done.stdout).toBe("")
    expect(withoutRunDir(inventory(two.machine, [two.dataDir]))).toBe(withoutRunDir(before))
    return `${done.status} ${error.code}`
  }
  const withoutRunDir = (text: string) =>
    text.split("\n").filter((line) => !/^\/run\/ovl|\/data(\/tmp)? d \d+$/.test(line)).join("\n")

  test("names, addresses and ports that cannot be", () => {
    expect(start("--name -x")).toMatch(/^2 /)
    expect(start("--advertise 10.0.0.1")).toBe("2 address_unknown")
    expect(start("--advertise here")).toBe("2 option_value_invalid")
    expect(start("--http 127.0.0.1")).toBe("2 option_value_invalid")
    expect(start("--bind 0.0.0.0:99999")).toBe("2 option_value_invalid")
    expect(start("--bind 192.168.1.51:8300")).toBe("2 address_not_local")
    expect(start("--http 192.168.1.51:8500")).toMatch(/^\d address_/)
    expect(start("--socket /run/x.sock")).toBe("2 socket_not_chosen")
  })

  test("a port in use: the API's, and the other nodes'", async () => {
    const holder = two.machine.start([
      process.execPath,
      "-e",
      'for (const p of [8500, 8300]) require("net").createServer().listen(p, "0.0.0.0", () => console.log(p))',
    ])
    await holder.says(/8500[\s\S]*8300|8300[\s\S]*8500/)
    expect(start("")).toBe("4 port_in_use")
    expect(start("--bind 0.0.0.0:8301")).toBe("4 port_in_use")
    expect(start("--http off")).toBe("4 port_in_use")
    holder.signal("SIGKILL")
    await holder.ended
  })

  test("a data directory or a run directory of a living daemon", () => {
    const second = one.try(`--json serve --run-dir /run/second --http off --bind 0.0.0.0:8400`)
    expect(second.status).toBe(4)
    expect(JSON.parse(second.stderr.trim().split("\n").at(-1)!)).toMatchObject({ error: { code: expect.stringMatching(/in_use|running|locked/) } })
    const same = one.try("--json serve --data-dir /run/other --http off")
    expect(same.status).toBe(4)
    expect(JSON.parse(same.stderr.trim().split("\n").at(-1)!)).toMatchObject({ error: { code: "daemon_running" } })
    expect(one.try("status").status).toBe(0)
    one.machine.run("rm -rf /run/second /run/other")
  })

  test("a data directory that is read-only, no directory, or full", async () => {
    await on(two.dataDir, "ro", () => expect(start("")).toBe("1 data_read_only"))
    expect(start("--data-dir /etc/passwd/x")).toMatch(/^1 /)
    await on(two.dataDir, "size=64k,nr_inodes=20", () => expect(start("")).toMatch(/^[16] (disk_full|store_full)/))
  })

  test("an iptables that is not there: what needs it is refused, and leaves nothing", async () => {
    const { machine } = two
    machine.sh(`mkdir /run/real && mount --bind /usr/sbin /run/real && mount -t tmpfs sbin /usr/sbin
      for file in /run/real/*; do case $file in */*tables*) ;; *) ln -s $file /usr/sbin/ ;; esac; done`)
    await two.serve()
    two.ovl("network create red --subnet 10.65.10.0/24")
    machine.run("ip netns add guest")
    const before = inventory(machine, [])
    for (const line of ["run -d --network red --name a", "attach --network red --netns guest --name a"]) {
      const plain = two.try(line)
      expect(plain.status).toBe(1)
      expect(complaint(plain, two.try(`--json ${line}`))).toMatch(/iptables/)
    }
    expect(inventory(machine, [])).toBe(before)
    expect(two.json<unknown[]>("endpoint ls")).toEqual([])
    machine.run("ip netns del guest")
    two.ovl("down --all")
    await two.stop()
    machine.sh("umount /usr/sbin && umount /run/real && rmdir /run/real")
  })

  test("a run directory that is noexec does not matter; with the data directory, too, it is said plainly", async () => {
    await on("/run/ovl", "noexec,mode=0700", async () => {
      await on(two.dataDir, "noexec", () => expect(start("")).toBe("1 tmp_noexec"))
      await two.serve()
      expect(two.try("status").status).toBe(0)
      two.ovl("down --all")
      await two.stop()
    })
  })

  test("a temporary directory that is missing or noexec does not matter", async () => {
    await on("/run/tmp", "noexec", async () => {
      for (const TMPDIR of ["/no/such/directory", "/run/tmp"]) {
        await two.serve({ env: { TMPDIR } })
        expect(two.try("status", { env: { TMPDIR } }).status).toBe(0)
        two.ovl("down --all", { env: { TMPDIR } })
        await two.stop()
      }
      expect(two.machine.run("ls -A /run/tmp")).toBe("")
    })
  })

  test("a disk that fills up later: said plainly, nothing lost, and it goes on when there is room", async () => {
    await on(two.dataDir, "size=24m", async () => {
      await two.serve()
      two.ovl("network create red --subnet 10.65.10.0/24")
      two.ovl("run -d --network red --name home")
      two.machine.sh(`cat /dev/zero > ${two.dataDir}/ballast 2>/dev/null || true`)
      const refused = fillStore()
      expect(JSON.parse(refused.stderr)).toMatchObject({
        error: { code: expect.stringMatching(/full/), hint: expect.stringMatching(/room|space/) },
      })
      expect(two.exec("home", "ping -c1 -W1 10.65.10.1")).toContain("1 received")
      expect(two.json<{ name: string }[]>("network ls").map((network) => network.name)).toEqual(["red"])
      two.machine.run(`rm ${two.dataDir}/ballast`)
      two.ovl("network create green")
      await two.stop("SIGKILL")
      await two.serve()
      expect(two.json<{ name: string }[]>("network ls").map((network) => network.name)).toEqual(["green", "red"])
      two.ovl("down --all")
      await two.stop()
      expect(existsSync(`${two.dataDir}/store`)).toBe(false)
    })
  })

  /** Writes until nothing more goes in, and then asks for a network. */
  const fillStore = (): Done => {
    const value = "x".repeat(300_000)
    for (let n = 0; n < 100; n++) {
      const url = `http://127.0.0.1:8500/v1/kv/fill/${n}`
      const status = two.machine.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", "PUT", "--data-binary", "@-", url], { input: value })
      if (status !== "200") return two.try("--json network create green")
    }
    throw new Error("the disk did not fill up")
  }

  /** Does something while a file system of a kind is mounted on a directory of the second node. */
  const on = async (directory: string, options: string, body: () => void | Promise<void>): Promise<void> => {
    two.machine.run(["mkdir", "-p", directory])
    two.machine.run(["mount", "-t", "tmpfs", "-o", options, "small", directory])
    try {
      await body()
    } finally {
      await two.stop("SIGKILL")
      two.machine.run(["umount", directory])
      two.machine.sh(`rmdir ${directory} 2>/dev/null || true`)
    }
  }
})
