import { describe, expect, test } from "bun:test"
import { OvlError } from "../../base/errors.ts"
import type { EndpointView } from "../../model/endpoint.ts"
import type { NetworkView } from "../../model/network.ts"
import type { NodeView, StatusView, TokenView } from "../../model/node.ts"
import type { WorkloadView } from "../../model/workload.ts"
import { ovl } from "../testing.ts"

const ID = "249690033b4f5c1e".repeat(4)

const ENDPOINT: EndpointView = {
  id: "e".repeat(64),
  name: "namespace_01",
  network: "red",
  node: "swarm-01",
  vtep: "192.168.1.51",
  ip: "10.65.10.2/24",
  ip6: null,
  mac: "02:42:0a:41:0a:02",
  ifname: "eth0",
  netns: "/run/netns/namespace_01",
  egress: { ifname: "eth1", ip: "172.18.0.2/16", gateway: "172.18.0.1" },
  state: "up",
  created: "2026-03-01T11:00:00Z",
}

const RED: NetworkView = {
  id: ID,
  name: "red",
  tenant: "default",
  driver: "overlay",
  scope: "global",
  vni: 256,
  subnets: [{ subnet: "10.65.10.0/24", gateway: "10.65.10.1" }],
  mtu: 1450,
  secure: false,
  internal: false,
  multicast: false,
  labels: {},
  created: "2026-03-01T10:00:00Z",
  endpoints: [ENDPOINT],
  local: { netns: "/run/netns/1-249690033b", bridge: "br0", vxlan: "vxlan1" },
}

const NODE: NodeView = {
  id: "n".repeat(64),
  name: "swarm-01",
  address: "192.168.1.51",
  role: "server",
  voter: true,
  leader: true,
  state: "alive",
  version: "0.1.0",
}

const STATUS: StatusView = {
  node: NODE,
  cluster: { id: "c0ffee", leader: "swarm-01", term: 1, index: 42, servers: 1, nodes: 2 },
  networks: 2,
  endpoints: 4,
  kernel: { inSync: true, lastReconcile: "2026-03-01T11:59:57Z", repairs: 0 },
  health: "ok",
  problems: [],
}

const WORKLOAD: WorkloadView = {
  id: ID,
  name: "web",
  node: "swarm-01",
  pid: 4242,
  command: ["sh", "-c", "echo a\nb\x1b[31m"],
  status: "running",
  exitCode: null,
  networks: ["red", "green"],
  created: "2026-03-01T11:57:00Z",
}

const TOKEN: TokenView = {
  id: "3f9c",
  role: "client",
  expires: "2026-03-02T11:00:00Z",
  usesLeft: null,
  created: "2026-03-01T11:00:00Z",
}

function line(text: string): string[] {
  return text.split(" ")
}

describe("network", () => {
  test("create prints the id and nothing else", async () => {
    let asked: unknown
    const client = {
      createNetwork: (spec: unknown) => {
        asked = spec
        return RED
      },
    }
    const words =
      "network create red --subnet 10.65.10.0/24 --gateway 10.65.10.9 --vni 300 --mtu 1400 --label a=1 --label b= --internal"
    expect(await ovl(line(words), { client })).toEqual({ status: 0, stdout: `${ID}\n`, stderr: "" })
    expect(asked).toEqual({
      name: "red",
      subnets: [{ subnet: "10.65.10.0/24", gateway: "10.65.10.9" }],
      ipRange: undefined,
      vni: 300,
      mtu: 1400,
      internal: true,
      driver: "overlay",
      labels: { a: "1", b: "" },
    })
  })

  test("create passes a name that looks like a number, and default as tenant", async () => {
    const names: unknown[] = []
    const client = {
      createNetwork: (spec: { name: string }) => {
        names.push(spec.name)
        return RED
      },
    }
    expect((await ovl(line("network create 007 --tenant default -d overlay"), { client })).status).toBe(0)
    expect(names).toEqual(["007"])
  })

  test("a gateway wants one subnet", async () => {
    expect((await ovl(line("network create r --gateway 10.0.0.1"))).stderr).toBe(
      "ovl: --gateway 10.0.0.1: there is no --subnet for it\nhint: give --gateway together with one --subnet\n",
    )
  })

  test("numbers out of range never reach the daemon", async () => {
    for (const wrong of ["--vni 16777216", "--vni 0", "--mtu 67", "--mtu 65536", "--vni -1", "--mtu 1k"])
      expect([wrong, (await ovl(line(`network create r ${wrong}`))).status]).toEqual([wrong, 2])
  })

  test("ls, as a table, as ids, as JSON", async () => {
    const client = { networks: () => [RED, { ...RED, name: "green", vni: 257, endpoints: [] }] }
    expect((await ovl(line("network ls"), { client })).stdout).toBe(
      [
        "NETWORK ID     NAME    DRIVER    SCOPE    VNI   SUBNET          ENDPOINTS",
        "249690033b4f   red     overlay   global   256   10.65.10.0/24   1",
        "249690033b4f   green   overlay   global   257   10.65.10.0/24   0",
        "",
      ].join("\n"),
    )
    expect((await ovl(line("network list -q"), { client })).stdout).toBe(`${ID}\n${ID}\n`)
    expect(JSON.parse((await ovl(line("network ls --json"), { client })).stdout)[0]).toEqual(RED)
  })

  test("ls of nothing is a heading, no id, an empty array", async () => {
    const client = { networks: () => [] }
    expect((await ovl(line("network ls"), { client })).stdout).toBe(
      "NETWORK ID   NAME   DRIVER   SCOPE   VNI   SUBNET   ENDPOINTS\n",
    )
    expect((await ovl(line("network ls -q"), { client })).stdout).toBe("")
    expect((await ovl(line("network ls --json"), { client })).stdout).toBe("[]\n")
  })

  test("inspect is always an array, and shows those that are there", async () => {
    const client = {
      network: (name: string) =>
        name === "red"
          ? RED
          : Promise.reject(new OvlError("network_not_found", `network ${name}: not found`, { kind: "not_found" })),
    }
    const one = await ovl(line("network inspect red"), { client })
    expect(JSON.parse(one.stdout)).toEqual([RED])
    const two = await ovl(line("network inspect grey red"), { client })
    expect(JSON.parse(two.stdout)).toEqual([RED])
    expect([two.status, two.stderr]).toEqual([3, "ovl: network grey: not found\n"])
    expect((await ovl(line("network inspect grey"), { client })).stdout).toBe("[]\n")
  })

  test("rm goes on after a failure, and exits as the first one", async () => {
    const tried: string[] = []
    const client = {
      removeNetwork: (name: string, options: { force: boolean }) => {
        tried.push(`${name} ${options.force}`)
        if (name === "busy")
          throw new OvlError("network_in_use", "network busy: it has endpoints", { kind: "conflict" })
        if (name === "grey") throw new OvlError("network_not_found", "network grey: not found", { kind: "not_found" })
      },
    }
    const words = "network rm busy a grey b"
    expect(await ovl(line(words), { client })).toEqual({
      status: 4,
      stdout: "a\nb\n",
      stderr: "ovl: network busy: it has endpoints\novl: network grey: not found\n",
    })
    expect(tried).toEqual(["busy false", "a false", "grey false", "b false"])
    const json = JSON.parse((await ovl(line(`${words} --json -f`), { client })).stdout)
    expect([json.done, json.failed.map((each: { name: string }) => each.name)]).toEqual([
      ["a", "b"],
      ["busy", "grey"],
    ])
  })
})

describe("status", () => {
  test("health first, then facts", async () => {
    expect(await ovl(["status"], { client: { status: () => STATUS } })).toEqual({
      status: 0,
      stdout: [
        "health      ok",
        "node        swarm-01 (server, leader) at 192.168.1.51, ovl 0.1.0",
        "cluster     c0ffee: 2 nodes, 1 server",
        "leader      swarm-01, term 1, index 42",
        "networks    2",
        "endpoints   4",
        "kernel      in sync, looked at 3 seconds ago, 0 repairs",
        "",
      ].join("\n"),
      stderr: "",
    })
  })

  test("degraded exits 7, with what is wrong and what to do", async () => {
    const problems = [{ code: "no_leader", message: "no server answers", hint: "is swarm-01 up?" }]
    const degraded: StatusView = {
      ...STATUS,
      health: "degraded",
      problems,
      cluster: { ...STATUS.cluster, leader: null },
      kernel: { inSync: false, lastReconcile: null, repairs: 1 },
    }
    const outcome = await ovl(["status"], { client: { status: () => degraded } })
    expect(outcome.status).toBe(7)
    expect(outcome.stdout).toBe(
      [
        "health      degraded",
        "problem     no_leader: no server answers",
        "            hint: is swarm-01 up?",
        "node        swarm-01 (server, leader) at 192.168.1.51, ovl 0.1.0",
        "cluster     c0ffee: 2 nodes, 1 server",
        "leader      none known, term 1, index 42",
        "networks    2",
        "endpoints   4",
        "kernel      not in sync, never looked at, 1 repair",
        "",
      ].join("\n"),
    )
    expect((await ovl(["status", "--json"], { client: { status: () => degraded } })).status).toBe(7)
  })
})

describe("node, endpoint, token", () => {
  test("node ls", async () => {
    const client = {
      nodes: () => [NODE, { ...NODE, name: "swarm-02", role: "client", leader: false, state: "failed" }],
    }
    expect((await ovl(line("node ls"), { client })).stdout).toBe(
      [
        "NAME       ADDRESS        ROLE              STATE    VERSION",
        "swarm-01   192.168.1.51   server (leader)   alive    0.1.0",
        "swarm-02   192.168.1.51   client            failed   0.1.0",
        "",
      ].join("\n"),
    )
  })

  test("node inspect is one object", async () => {
    expect(JSON.parse((await ovl(line("node inspect swarm-01"), { client: { node: () => NODE } })).stdout)).toEqual(
      NODE,
    )
  })

  test("endpoint ls, of one network", async () => {
    let asked: unknown
    const client = {
      endpoints: (options: unknown) => {
        asked = options
        return [ENDPOINT]
      },
    }
    expect((await ovl(line("endpoint ls --network red"), { client })).stdout).toBe(
      [
        "NAME           NETWORK   NODE       VTEP           IP              MAC                 IFNAME   STATE",
        "namespace_01   red       swarm-01   192.168.1.51   10.65.10.2/24   02:42:0a:41:0a:02   eth0     up",
        "",
      ].join("\n"),
    )
    expect(asked).toEqual({ network: "red" })
  })

  test("endpoint inspect is one object", async () => {
    const client = { endpoint: () => ENDPOINT }
    expect(JSON.parse((await ovl(line("endpoint inspect namespace_01"), { client })).stdout)).toEqual(ENDPOINT)
  })

  test("token create prints the token and nothing else", async () => {
    const asked: unknown[] = []
    const client = {
      createToken: (spec: unknown) => {
        asked.push(spec)
        return { id: "3f9c", token: "ovl1-secret", role: "client", expires: "2026-03-02T11:00:00Z" }
      },
    }
    expect(await ovl(line("token create"), { client })).toEqual({ status: 0, stdout: "ovl1-secret\n", stderr: "" })
    await ovl(line("token create --role server --ttl 90m --uses 3"), { client })
    expect(asked).toEqual([
      { role: "client", ttlMs: 86_400_000, uses: null },
      { role: "server", ttlMs: 5_400_000, uses: 3 },
    ])
    const json = JSON.parse((await ovl(line("token create --json"), { client })).stdout)
    expect(Object.keys(json)).toEqual(["id", "token", "role", "expires"])
  })

  test("token create checks its numbers", async () => {
    for (const wrong of ["--uses 0", "--uses x", "--ttl 24", "--ttl 0s", "--ttl 11000d", "--role boss"])
      expect([wrong, (await ovl(line(`token create ${wrong}`))).status]).toEqual([wrong, 2])
  })

  test("token ls", async () => {
    const client = { tokens: () => [TOKEN, { ...TOKEN, usesLeft: 2, role: "server" }] }
    expect((await ovl(line("token ls"), { client })).stdout).toBe(
      [
        "ID     ROLE     USES LEFT   EXPIRES       CREATED",
        "3f9c   client   any         in 23 hours   1 hour ago",
        "3f9c   server   2           in 23 hours   1 hour ago",
        "",
      ].join("\n"),
    )
    expect((await ovl(line("token ls -q"), { client })).stdout).toBe("3f9c\n3f9c\n")
  })
})

describe("workloads", () => {
  test("run -d prints the name, and asks for what was said", async () => {
    let asked: unknown
    const client = {
      run: (spec: unknown) => {
        asked = spec
        return { workload: WORKLOAD, enter: {} }
      },
    }
    const words = "run -d --network red,green --name 007 --ip 10.65.10.7 -e A=1 -e HOME -- sleep --forever -d"
    expect(await ovl(line(words), { client, env: { HOME: "/root" } })).toEqual({
      status: 0,
      stdout: "web\n",
      stderr: "",
    })
    expect(asked).toEqual({
      networks: ["red", "green"],
      name: "007",
      hostname: undefined,
      ip: "10.65.10.7",
      mac: undefined,
      env: ["A=1", "HOME=/root"],
      command: ["sleep", "--forever", "-d"],
      detach: true,
      cwd: "/home/user",
    })
  })

  test.each([
    ["run -d", "ovl: run: --network is missing"],
    ["run --network red", "ovl: run: without -d a command is wanted"],
    ["run --network red -d -it -- sh", "ovl: run: -d cannot be joined with -i or -t"],
    ["run --network red -t -- sh", "ovl: run -t: standard input is not a terminal"],
    ["run --network red, -d", 'ovl: --network: "red," has an empty item'],
    ["run --network red -e =1 -- sh", 'ovl: -e: "=1" has no key'],
    ["exec -t web sh", "ovl: exec -t: standard input is not a terminal"],
    ["exec web", "ovl: exec: CMD is missing"],
    ["attach --netns /run/netns/h1", "ovl: attach: --network is missing"],
    ["attach --network red", "ovl: attach: --netns or --pid is missing"],
    ["attach --network red --pid 1 --netns /x", "ovl: attach: --netns and --pid: only one can be used"],
    ["attach --network red --pid 0", "ovl: --pid: it must be at least 1"],
    ["stop", "ovl: stop: NAME is missing"],
    ["stop --grace 10 web", 'ovl: --grace: "10" is not a duration'],
  ])("ovl %s", async (words, message) => {
    const outcome = await ovl(line(words), { root: true })
    expect([outcome.status, outcome.stdout, outcome.stderr.split("\n")[0]]).toEqual([2, "", message])
    expect(outcome.stderr.split("\n")[1]).toStartWith("hint: ")
  })

  test("what enters a namespace wants root", async () => {
    for (const words of [
      "run --network red -- sh",
      "exec web sh",
      "serve",
      "join 1.2.3.4 --token x",
      "down",
      "lab up",
      "lab ls",
      "lab exec swarm-01 id",
      "lab verify",
      "lab down",
    ]) {
      const outcome = await ovl(line(words))
      expect([words, outcome.status]).toEqual([words, 5])
      expect(outcome.stderr).toMatch(/^ovl: [a-z ]+: root is needed to .*\nhint: run it as root: sudo ovl .*\n$/)
    }
  })

  test("ps, with a command that would meddle with the terminal", async () => {
    const client = {
      workloads: () => [WORKLOAD, { ...WORKLOAD, name: "job", pid: null, status: "exited", exitCode: 3, command: [] }],
    }
    expect((await ovl(["ps"], { client })).stdout).toBe(
      [
        "WORKLOAD ID    NAME   NETWORKS    STATUS       PID    CREATED         COMMAND",
        "249690033b4f   web    red,green   running      4242   3 minutes ago   sh -c echo a\\nb\\x1b[31m",
        "249690033b4f   job    red,green   exited (3)   -      3 minutes ago   -",
        "",
      ].join("\n"),
    )
    expect((await ovl(["ps", "-q"], { client })).stdout).toBe("web\njob\n")
    expect(JSON.parse((await ovl(["ps", "--json"], { client })).stdout)).toHaveLength(2)
  })

  test("logs are passed on as they are", async () => {
    const asked: unknown[] = []
    const client = {
      logs: async function* (name: string, options: unknown) {
        asked.push(name, options)
        yield new TextEncoder().encode("one\n")
        yield new TextEncoder().encode("two")
      },
    }
    expect((await ovl(line("logs -f web"), { client })).stdout).toBe("one\ntwo")
    expect(asked).toEqual(["web", { follow: true }])
    expect(JSON.parse((await ovl(line("logs web --json"), { client })).stdout)).toEqual({
      name: "web",
      text: "one\ntwo",
    })
  })

  test("a document has an end, so --json and --follow exclude each other", async () => {
    const outcome = await ovl(line("logs -f --json web"))
    expect([outcome.status, JSON.parse(outcome.stderr).error.code]).toEqual([2, "json_endless"])
  })

  test("stop and rm take several names", async () => {
    const asked: string[] = []
    const client = {
      stopWorkload: (name: string, { graceMs }: { graceMs: number }) => void asked.push(`stop ${name} ${graceMs}`),
      removeWorkload: (name: string, { force }: { force: boolean }) => void asked.push(`rm ${name} ${force}`),
      detach: (name: string) => void asked.push(`detach ${name}`),
    }
    expect((await ovl(line("stop a b"), { client })).stdout).toBe("a\nb\n")
    await ovl(line("stop --grace 1m a"), { client })
    await ovl(line("rm -f a"), { client })
    await ovl(line("detach a"), { client })
    expect(asked).toEqual(["stop a 10000", "stop b 10000", "stop a 60000", "rm a true", "detach a"])
  })

  test("attach makes the path whole, and leaves out what was not said", async () => {
    const asked: unknown[] = []
    const client = {
      attach: (spec: unknown) => {
        asked.push(JSON.parse(JSON.stringify(spec)))
        return ENDPOINT
      },
    }
    expect(await ovl(line("attach --network red --netns ns/h1"), { client })).toEqual({
      status: 0,
      stdout: "namespace_01\n",
      stderr: "",
    })
    await ovl(line("attach --network red --pid 42 --name h1 --ifname eth3 --ip 10.65.10.9 --egress"), { client })
    expect(asked).toEqual([
      { network: "red", netns: "/home/user/ns/h1" },
      { network: "red", pid: 42, name: "h1", ifname: "eth3", ip: "10.65.10.9", egress: true },
    ])
  })
})
