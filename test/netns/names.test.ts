/** Names inside workloads, with whole daemons on machines of their own. The fifty pains: 43-45. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { TestCluster, type TestNode } from "../support/cluster.ts"
import { type AskOptions, ask, exchange, startResolver, type TestResolver } from "../support/dns.ts"
import { until } from "../support/machine.ts"
import { describeAsRoot } from "../support/netns.ts"
import { question, type TypeName } from "../../src/dns/fixture.ts"

const RED_GATEWAY = "10.65.10.1"
const BLUE_GATEWAY = "10.65.20.1"
const UPSTREAM = "192.0.2.77"

describeAsRoot("names", () => {
  let cluster: TestCluster
  let one: TestNode
  let two: TestNode
  let resolvConf: string
  let resolver: TestResolver

  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1", "n2"], start: false })
    one = cluster.node("n1")
    two = cluster.node("n2")
    resolvConf = join(cluster.scratch, "resolv.conf")
    writeFileSync(resolvConf, "nameserver 127.0.0.1\nsearch corp.example\n")
    one.machine.run(`mount --bind ${resolvConf} /etc/resolv.conf`)
    // As on a host with systemd-resolved, for whom has a /run of his own: the link leads nowhere.
    const etc = join(cluster.scratch, "etc")
    two.machine.sh(`cp -a /etc ${etc}; ln -sfn ../run/systemd/resolve/x ${etc}/resolv.conf; mount --bind ${etc} /etc`)
    resolver = await startResolver(one.machine, cluster.scratch, "127.0.0.1")
    await one.serve()
    await two.join(one)
    one.ovl("network create red --subnet 10.65.10.0/24")
    one.ovl("network create blue --subnet 10.65.20.0/24 --internal")
    one.ovl("network create green --subnet 10.65.30.0/24")
    one.ovl("run -d --network red --name web")
    one.ovl("run -d --network red,blue --name both")
    one.ovl("run -d --network blue --name vault")
    two.ovl("run -d --network red --name far")
    two.ovl("run -d --network green --name foreign")
  })
  afterAll(async () => {
    await resolver?.close()
    await cluster?.close()
  })

  const netns = (node: TestNode, workload: string) => node.machine.file(`/run/netns/ovl-${workload}`)
  const from = (workload: string, name: string, type: TypeName = "A", options: AskOptions & { at?: string } = {}) =>
    ask(netns(one, workload), options.at ?? RED_GATEWAY, name, type, options)
  const address = (node: TestNode, name: string) => node.endpoint(name).ip.split("/")[0]!
  const inside = (workload: string, command: string) => one.try(["exec", workload, "sh", "-c", command])
  const resolves = (workload: string, name: string) => {
    const { status, stdout } = inside(workload, `getent ahostsv4 ${name}`)
    return status === 0 ? (stdout.split(/\s/)[0] ?? "") : "not found"
  }
  const setResolvers = async (text: string) => {
    writeFileSync(resolvConf, text)
    // It is looked at again after DNS_RESOLV_CONF_CHECK_MS.
    await Bun.sleep(600)
  }

  test("as a program sees them: both names, addresses, others", () => {
    for (const [workload, name, ip] of [
      ["web", "far", address(two, "far")],
      ["web", "FAR.red", address(two, "far")],
      ["web", "web", address(one, "web")],
      ["web", "both", address(one, "both")],
      ["both", "vault", address(one, "vault")],
      ["both", "both.blue", address(one, "both.blue")],
      ["web", "www.example.com", UPSTREAM],
      ["web", "vault", UPSTREAM],
      ["vault", "web", "not found"],
      ["vault", "www.example.com", "not found"],
      ["web", "localhost", "127.0.0.1"],
    ] as const)
      expect([workload, name, resolves(workload, name)]).toEqual([workload, name, ip])
    // In none of its networks, it is looked for in the host's domain.
    expect(resolver.asked()).toContain("vault.corp.example A udp")
    expect(resolver.asked().filter((line) => /^(vault|web|far|both)(\.red|\.blue)? /.test(line))).toEqual([])
    expect(inside("web", `getent hosts ${address(two, "far")}`).stdout).toMatch(/\sfar(\s|$)/)
    expect(inside("web", "ping -c1 -W2 far").status).toBe(0)
  })

  test("by UDP and TCP: addresses, NODATA, and nothing of it passed on (pain 45)", async () => {
    for (const way of ["udp", "tcp"] as const) {
      const before = resolver.asked().length
      expect(await from("web", "far", "A", { way })).toBe(`NOERROR qr aa rd ra; far A?; far 1 A ${address(two, "far")}`)
      expect(await from("web", "far.red", "AAAA", { way })).toBe("NOERROR qr aa rd ra; far.red AAAA?")
      expect(await from("web", "nobody", "A", { way })).toBe("NXDOMAIN qr aa rd ra; nobody A?")
      expect(await from("web", "nobody.red", "AAAA", { way })).toBe("NXDOMAIN qr aa rd ra; nobody.red AAAA?")
      const reverse = `${address(two, "far").split(".").reverse().join(".")}.in-addr.arpa`
      expect(await from("web", reverse, "PTR", { way })).toBe(
        `NOERROR qr aa rd ra; ${reverse} PTR?; ${reverse} 1 PTR far; ${reverse} 1 PTR far.red`,
      )
      expect(resolver.asked().slice(before)).toEqual([])
      expect(await from("web", "a.example", "A", { way, edns: 4096 })).toBe(
        `NOERROR qr rd ra; a.example A?; a.example 60 A ${UPSTREAM}`,
      )
      expect(resolver.asked().at(-1)).toBe(`a.example A ${way}`)
    }
  })

  test("an internal network asks nobody outside; who is on another besides, does", async () => {
    const before = resolver.asked().length
    expect(await from("vault", "www.example.com", "A", { at: BLUE_GATEWAY })).toStartWith("NXDOMAIN")
    expect(resolver.asked()).toHaveLength(before)
    expect(await from("both", "www.example.com", "A", { at: BLUE_GATEWAY })).toContain(UPSTREAM)
    expect(await from("both", "both", "A", { at: BLUE_GATEWAY })).toMatch(
      /A 10\.65\.20\.\d+; both 1 A 10\.65\.10\.\d+$/,
    )
  })

  test("nothing of a network that one is not on, and no other network's gateway answers", async () => {
    const before = resolver.asked().length
    expect(await from("web", "foreign")).toStartWith("NXDOMAIN")
    expect(await from("web", "vault")).toStartWith("NXDOMAIN")
    expect(resolver.asked()).toHaveLength(before)
    expect(await from("web", "vault", "A", { at: BLUE_GATEWAY, timeoutMs: 500 })).toBe("silence")
  })

  test("no port of the workload is taken, and nothing else of the hidden namespace is open", () => {
    expect(one.exec("web", "ss -Hlntu")).toBe("")
    const hidden = one.hidden("red")
    const listening = one.machine.run(`ip netns exec ${hidden} ss -Hlntu`).trim().split("\n")
    expect(listening.map((line) => line.split(/\s+/)[4]).sort()).toEqual([`${RED_GATEWAY}:53`, `${RED_GATEWAY}:53`])
    one.ovl(["run", "-d", "--network", "red", "--name", "own", "--", "sleep", "100"])
    expect(
      inside(
        "own",
        "command -v python3 >/dev/null || exit 0; timeout 5 python3 -c 'import socket; [socket.socket(2, t).bind((\"0.0.0.0\", 53)) for t in (1, 2)]'",
      ).status,
    ).toBe(0)
    one.ovl("rm --force own")
  })

  test("the files inside", () => {
    expect(one.exec("both", "cat /etc/resolv.conf")).toBe(
      `search corp.example\nnameserver ${RED_GATEWAY}\nnameserver ${BLUE_GATEWAY}\noptions ndots:0 timeout:2`,
    )
    expect(one.exec("web", "cat /etc/hosts")).toBe(
      `127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n${address(one, "web")}\tweb web.red`,
    )
  })

  test("where the host's own file leads nowhere there are names all the same, and others fail at once", () => {
    expect(two.exec("far", "cat /etc/resolv.conf")).toBe(`nameserver ${RED_GATEWAY}\noptions ndots:0 timeout:2`)
    expect(two.exec("far", "getent ahostsv4 web.red")).toStartWith(address(one, "web"))
    expect(two.try("exec far getent ahostsv4 www.example.com").status).not.toBe(0)
  })

  test("within 200 ms of attach and detach the answer is the new one, on every node (pain 43)", async () => {
    // The client is told when all nodes have followed; 200 ms after the command's end is the promise.
    for (let round = 0; round < 3; round++) {
      two.ovl("run -d --network red --name comes")
      expect(await from("web", "comes")).toEndWith(`A ${address(two, "comes")}`)
      two.ovl("rm --force comes")
      await Bun.sleep(150)
      expect(await from("web", "comes")).toStartWith("NXDOMAIN")
      expect(await ask(netns(two, "far"), RED_GATEWAY, "comes")).toStartWith("NXDOMAIN")
    }
  })

  test("listened to from the first endpoint to the last, and again", async () => {
    for (let round = 0; round < 2; round++) {
      one.ovl("run -d --network green --name alone")
      expect(await from("alone", "foreign", "A", { at: "10.65.30.1" })).toContain(" A 10.65.30.")
      const hidden = one.hidden("green")
      one.ovl("rm --force alone")
      expect(one.machine.run("ip netns ls")).not.toContain(hidden)
    }
  })

  test("a hidden namespace made anew is listened in", async () => {
    const hidden = one.hidden("red")
    const inode = () => one.machine.try(`stat -Lc %i /run/netns/${hidden}`).stdout
    const before = inode()
    one.machine.run(`ip netns del ${hidden}`)
    // The old one lives on while it is listened in.
    await until(() => inode() !== "" && inode() !== before, "it is made anew", 14_000)
    const listening = () => one.machine.try(`ip netns exec ${hidden} ss -Hlntu`).stdout.trim().split("\n")
    await until(() => listening().length === 2, "it is listened in")
    let answer = ""
    for (let tries = 0; tries < 50 && !answer.includes(" A "); tries++)
      answer = await from("web", "far", "A", { timeoutMs: 100 }).catch(() => "no way")
    expect(answer).toEndWith(` A ${address(two, "far")}`)
  }, 20_000)

  test("malformed packets, a flood and idle connections: others are served meanwhile", async () => {
    const client = netns(one, "web")
    for (let n = 0; n < 300; n++) {
      const bytes = crypto.getRandomValues(new Uint8Array(n % 90))
      void exchange(client, RED_GATEWAY, bytes, { timeoutMs: 50, way: n % 4 === 0 ? "tcp" : "udp" })
    }
    const reply = question("web", "A", { flags: 0x8180 })
    expect(await exchange(client, RED_GATEWAY, reply, { timeoutMs: 200 })).toBeNull()
    const endless = new Uint8Array(10_000).fill(0xff)
    expect(await exchange(client, RED_GATEWAY, endless, { timeoutMs: 1_000, way: "tcp" })).toBeNull()
    expect(await from("both", "web", "A", { way: "tcp" })).toContain(" A ")
    expect(one.try("status").status).toBe(0)
  })

  describe("the host's resolvers", () => {
    let dead: TestResolver
    let refusing: TestResolver
    beforeAll(async () => {
      dead = await startResolver(one.machine, cluster.scratch, "127.0.0.2", -1)
      refusing = await startResolver(one.machine, cluster.scratch, "127.0.0.3", 5)
    })
    afterAll(async () => {
      await dead?.close()
      await refusing?.close()
    })

    test("a changed file counts; one that refuses, or is silent, is passed over", async () => {
      await setResolvers("nameserver 127.0.0.3\nnameserver 127.0.0.2\nnameserver 127.0.0.1\n")
      expect(await from("web", "b.example")).toContain(UPSTREAM)
      expect(refusing.asked()).toContain("b.example A udp")
      expect(dead.asked()).toContain("b.example A udp")
    })

    test("none answers: what nobody knows fails, and what is known is known", async () => {
      await setResolvers("nameserver 127.0.0.2\n")
      expect(await from("web", "c.example", "A", { timeoutMs: 2_000 })).toBe("SERVFAIL qr rd ra; c.example A?")
      const before = performance.now()
      expect(inside("web", "getent ahostsv4 d.example").status).not.toBe(0)
      const tookMs = performance.now() - before
      process.stderr.write(`a name that nobody knows, no resolver answering: ${tookMs.toFixed(0)} ms\n`)
      expect(resolves("web", "far")).toBe(address(two, "far"))
      await setResolvers("nameserver 127.0.0.9\n")
      expect(await from("web", "e.example", "A", { timeoutMs: 2_000 })).toStartWith("SERVFAIL")
      await setResolvers("nameserver 127.0.0.1\n")
      expect(await from("web", "f.example")).toContain(UPSTREAM)
    })
  })

  test("a resolver whose address lies inside a network of the workload is asked from the host (pain 44)", async () => {
    one.machine.run("ip addr add 10.65.10.53/32 dev lo")
    const inRange = await startResolver(one.machine, cluster.scratch, "10.65.10.53")
    try {
      await setResolvers("nameserver 10.65.10.53\n")
      expect(await from("web", "g.example")).toContain(UPSTREAM)
      expect(inRange.asked()).toEqual(["g.example A udp"])
    } finally {
      await inRange.close()
      await setResolvers("nameserver 127.0.0.1\n")
      one.machine.run("ip addr del 10.65.10.53/32 dev lo")
    }
  })

  test("the daemon goes and comes back: the same workloads have their names", async () => {
    one.ovl([
      "run",
      "-d",
      "--network",
      "red",
      "--name",
      "old",
      "--",
      "sh",
      "-c",
      "while sleep 0.1; do getent hosts far; done",
    ])
    const far = address(two, "far")
    await one.stop("SIGKILL")
    expect(await from("web", "far", "A", { timeoutMs: 300 })).toBe("silence")
    // As a version without a name server has left them: /etc/hosts is older than the daemon, the resolvers are the host's.
    const file = (name: string) => one.machine.file(`/run/ovl/workloads/old/${name}`)
    writeFileSync(file("hosts"), "10.65.10.99\tfar\n")
    writeFileSync(file("resolv.conf"), "nameserver 127.0.0.1\n")
    await one.resume()
    await until(() => resolves("web", "far") === far, "names are back")
    const logged = () => one.ovl("logs old").trim().split("\n").at(-1) ?? ""
    await until(
      () => logged().startsWith(`${far} `),
      () => `the old command sees them too: ${logged()}`,
    )
    one.ovl("rm --force old")
  })

  test("a network whose names cannot be served is a problem of the node, until it can; questions are counted", async () => {
    const hiddenOfRed = one.hidden("red")
    await one.stop("SIGKILL")
    const listening = 'require("net").createServer().listen(53, "0.0.0.0", () => console.log("listens"))'
    const inTheWay = one.machine.start(["ip", "netns", "exec", hiddenOfRed, process.execPath, "-e", listening])
    await inTheWay.says("listens")
    await one.resume()
    const problems = () => one.status().problems.filter(({ code }) => code === "names_not_served")
    await until(() => problems().length > 0, "it is told")
    expect(problems()).toMatchObject([
      { level: "error", message: expect.stringMatching(/^network red: .*10\.65\.10\.1: /) },
    ])
    expect(one.status()).toMatchObject({ health: "degraded", kernel: { inSync: true } })
    // The other networks are served meanwhile.
    expect(await from("both", "vault", "A", { at: BLUE_GATEWAY })).toContain(address(one, "vault"))
    inTheWay.signal("SIGKILL")
    await until(() => problems().length === 0, "it is served again")
    expect(await from("web", "far")).toContain(address(two, "far"))
    const numbers = await (await fetch("http://ovl/metrics", { unix: one.machine.file("/run/ovl/ovl.sock") })).text()
    expect(numbers).toMatch(/^ovl_dns_questions_total\{way="udp",result="ok"\} [1-9]/m)
    expect(numbers).toMatch(/^ovl_dns_networks 2$/m)
    expect(numbers).toMatch(/^ovl_dns_forward_failures_total 0$/m)
  }, 30_000)
})
