/**
 * What people get wrong, and what hosts lack: one clear line, a hint, the right exit status, and nothing changed. The
 * tables say what is asked, and what comes of it.
 */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { ovlCommand, TestCluster, type TestNode } from "../support/cluster.ts"
import { complaint } from "../support/complaint.ts"
import { inventory } from "../support/inventory.ts"
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
  [2, "port_mapping_invalid", "run -d --network red -p 8080"],
  [2, "port_mapping_invalid", "run -d --network red -p 8080-8081:80"],
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
  [1, "not_available", "network create blue --tenant acme"],
  [2, "subnet_invalid", "network create blue --subnet fd00::1/64"],
  [4, "subnet_overlap", "network create blue --subnet 10.1.0.0/24 --subnet 10.1.0.0/16"],
  [3, "key_not_found", "kv get x"],
  [1, "not_available", "trace one other"],
  [2, "argument_unexpected", "network prune red"],
]

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
        failures.push(
          `${line}: ${plain.status} ${plain.stdout}${plain.stderr} ${(error as Error).message.slice(0, 300)}`,
        )
      }
    }
    expect(failures).toEqual([])
    expect(world()).toBe(before)
  })

  test("without root: what needs it is refused, what does not still works", () => {
    const asNobody = (line: string) =>
      one.machine.try([
        "setpriv",
        "--reuid",
        "65534",
        "--regid",
        "65534",
        "--clear-groups",
        ...ovlCommand(),
        ...line.split(" "),
      ])
    for (const line of [
      "serve --name x",
      "join 192.168.1.51 --token t",
      "down",
      "run --network red -- true",
      "exec home true",
    ]) {
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
