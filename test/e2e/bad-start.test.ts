/** Hosts on which a daemon cannot start or go on, and those where it only seems so: said plainly, nothing half made. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync } from "node:fs"
import { ovlCommand, TestCluster, type TestNode } from "../support/cluster.ts"
import { complaint } from "../support/complaint.ts"
import { inventory } from "../support/inventory.ts"
import type { Done } from "../support/machine.ts"
import { describeAsRoot } from "../support/netns.ts"

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
    text
      .split("\n")
      .filter((line) => !/^\/run\/ovl|\/data(\/tmp)? d \d+$/.test(line))
      .join("\n")

  test("names, addresses and ports that cannot be", () => {
    expect(start("--name -x")).toMatch(/^2 /)
    expect(start("--advertise here")).toBe("2 option_value_invalid")
    expect(start("--http 127.0.0.1")).toBe("2 option_value_invalid")
    expect(start("--bind 0.0.0.0:99999")).toBe("2 option_value_invalid")
    expect(start("--bind 192.168.1.51:8300")).toBe("2 address_not_local")
    expect(start("--http 192.168.1.51:8500")).toMatch(/^\d address_/)
    expect(start("--socket /run/x.sock")).toBe("2 socket_not_chosen")
  })

  test("a token that is none: before anything is made", () => {
    const before = inventory(two.machine, ["/run", two.dataDir])
    const done = two.machine.try([
      ...ovlCommand(),
      ...`--json join ${one.address} --token abc --run-dir /run/unmade --data-dir ${two.dataDir}/unmade`.split(" "),
    ])
    expect([done.status, JSON.parse(done.stderr).error.code]).toEqual([5, "token_malformed"])
    expect(inventory(two.machine, ["/run", two.dataDir])).toBe(before)
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
    expect(JSON.parse(second.stderr.trim().split("\n").at(-1)!)).toMatchObject({
      error: { code: expect.stringMatching(/in_use|running|locked/) },
    })
    const same = one.try("--json serve --data-dir /run/other --http off")
    expect(same.status).toBe(4)
    expect(JSON.parse(same.stderr.trim().split("\n").at(-1)!)).toMatchObject({ error: { code: "daemon_running" } })
    // Where open files are short, a daemon that comes up says so; one that is refused has nothing to say of it.
    expect(second.stderr + same.stderr).not.toContain("open files")
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
      const status = two.machine.run(
        ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", "PUT", "--data-binary", "@-", url],
        { input: value },
      )
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
