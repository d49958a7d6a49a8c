/**
 * Servers that are killed in the midst of work, cut off from each other, or all away: what was given is given once, what
 * happened on either side is known to all afterwards, and workloads notice nothing of it.
 */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import type { EndpointView } from "../../src/model/endpoint.ts"
import { ovlCommand, type TestCluster, type TestNode } from "../support/cluster.ts"
import { ask } from "../support/dns.ts"
import { fdbRows, neighbourRows } from "../support/kernel-view.ts"
import { until } from "../support/machine.ts"
import { describeAsRoot } from "../support/netns.ts"
import { allVote, dumpsEqual, http, leaderOf, startServers, succeeds } from "../support/servers.ts"

const GATEWAY = "10.65.10.1"
const ALLOCATORS = 8
const ENDPOINTS_EACH = 6
const AWAY_MS = 3_000
/** A fifth of a processor, in clock ticks of proc_pid_stat(5); a loop without a pause takes all of one. */
const TICKS_MAX = (AWAY_MS / 1000) * 20
/** From one client to three servers, with pauses that grow from 50 ms to 2 s. */
const ATTEMPTS_MAX = 60

describeAsRoot("servers that part", () => {
  let cluster: TestCluster
  let servers: TestNode[]
  let client: TestNode
  beforeAll(async () => {
    cluster = await startServers(["s1", "s2", "s3"], ["c1"])
    servers = cluster.nodes.slice(0, 3)
    client = cluster.node("c1")
    await client.join(servers[0]!)
  }, 60_000)
  afterAll(() => cluster?.close())

  const bare = ({ ip }: EndpointView) => ip!.split("/")[0]!
  const endpoints = (node: TestNode) => node.json<EndpointView[]>("endpoint ls")
  const names = (node: TestNode) => endpoints(node).map(({ name }) => name)

  test("a network that one node makes is there on every other, before anything of it runs (pain 30)", async () => {
    client.ovl("network create red --subnet 10.65.10.0/24")
    const listed = (node: TestNode) => node.json<{ name: string }[]>("network ls").map(({ name }) => name)
    for (const node of servers) await until(() => listed(node).includes("red"), `${node.name} lists it`)
    for (const node of cluster.nodes) node.ovl(`run -d --network red --name w-${node.name}`)
    expect(endpoints(client).map(bare).sort()).toEqual(["10.65.10.2", "10.65.10.3", "10.65.10.4", "10.65.10.5"])
  }, 30_000)

  test("eight who attach while the leader is killed never get an address that another one has (pain 28)", async () => {
    client.ovl("network create crowd --subnet 10.66.0.0/24 --internal")
    const leader = await leaderOf(servers)
    const places = cluster.nodes.filter((node) => node !== leader)
    const guests = (node: TestNode, n: number) =>
      Array.from({ length: ENDPOINTS_EACH }, (_, i) => `${node.name}-${n}-${i}`)
    const workers = Array.from({ length: ALLOCATORS }, (_, n) => places[n % places.length]!)
    for (const [n, node] of workers.entries())
      node.machine.sh(
        guests(node, n)
          .map((name) => `ip netns add ${name}`)
          .join("\n"),
      )
    let failed = 0
    const given = new Map<string, EndpointView>()
    const attach = async (node: TestNode, netns: string): Promise<void> => {
      for (let tries = 0; tries < 100; tries++) {
        // What was not answered may have been decided, and is withdrawn later: its name is taken until then.
        const spec = { network: "crowd", netns: `/run/netns/${netns}`, name: `${netns}-${tries}` }
        const answer = await http(node, "POST", "/api/v1/endpoints", JSON.stringify(spec))
        if (answer !== null) return void given.set(netns, JSON.parse(answer) as EndpointView)
        failed++
        await Bun.sleep(50)
      }
      throw new Error(`${netns} was not attached`)
    }
    const work = workers.map(async (node, n) => {
      for (const name of guests(node, n)) await attach(node, name)
    })
    await Bun.sleep(60)
    await leader.stop("SIGKILL")
    await Promise.all(work)
    await leader.resume()
    await allVote(servers)
    await dumpsEqual(servers)
    process.stderr.write(`${failed} attaches were tried again as the leader was away\n`)
    const crowd = endpoints(client).filter(({ network }) => network === "crowd")
    expect(new Set(crowd.map(bare)).size).toBe(crowd.length)
    expect(new Set(crowd.map(({ mac }) => mac)).size).toBe(crowd.length)
    // Who was told that he has an address has it by the store and in the kernel.
    expect(given.size).toBe(ALLOCATORS * ENDPOINTS_EACH)
    const told = [...given.values()].map(({ name, ip, node }) => `${name} ${ip} ${node}`)
    expect(crowd.map(({ name, ip, node }) => `${name} ${ip} ${node}`)).toEqual(expect.arrayContaining(told))
    const inKernel = ([netns, { node }]: [string, EndpointView]) =>
      cluster.node(node).machine.run(`ip -n ${netns} -br -4 addr show eth0`).trim().split(/\s+/)[2]
    expect([...given].map(inKernel)).toEqual([...given.values()].map(({ ip }) => ip))
    for (const node of places)
      node.ovl(["detach", ...[...given.values()].filter((each) => each.node === node.name).map(({ name }) => name)])
  }, 60_000)

  /** What one side sends is not heard on the other, and the other way round; `-D` takes it back. */
  const cut = (change: "-A" | "-D", side: readonly TestNode[]) => {
    const others = cluster.nodes.filter((node) => !side.includes(node))
    const rules = (from: readonly TestNode[]) =>
      from.map(({ address }) => `iptables -t raw ${change} PREROUTING -s ${address} -j DROP`).join("\n")
    for (const node of side) node.machine.sh(rules(others))
    for (const node of others) node.machine.sh(rules(side))
  }
  const pinging = (node: TestNode, to: EndpointView, count: number) =>
    node.machine.start(`ip netns exec ovl-w-${node.name} ping -q -i 0.02 -W1 -c ${count} ${bare(to)}`)
  /** All of a network, as this node says, and as its kernel has those of the other nodes. */
  const known = (node: TestNode, network: string) => {
    const all = endpoints(node).filter((each) => each.network === network)
    const remote = all.filter((each) => each.node !== node.name)
    const hidden = node.hidden(network)
    return {
      all: all.map((each) => `${each.name} ${each.ip} ${each.node}`).sort(),
      neighbours: neighbourRows(node, hidden),
      expected: remote.map((each) => `${bare(each)} ${each.mac} PERMANENT`).sort(),
      vteps: fdbRows(node, hidden).filter((row) => row.includes(" 192.168.1.")),
      expectedVteps: remote.map((each) => `${each.mac} ${each.vtep} self permanent`).sort(),
    }
  }

  const meanwhile = async (node: TestNode, line: string) =>
    (await node.machine.start([...ovlCommand(), ...line.split(" ")]).ended).status

  test("two sides of a partition on which things come and go are one again when it heals (pain 27)", async () => {
    const leader = await leaderOf(servers)
    const rest = servers.filter((node) => node !== leader)
    // The leader is alone; the client is with those who elect another one.
    for (const name of ["gone-1", "gone-2"]) leader.ovl(`run -d --network red --name ${name}`)
    rest[0]!.ovl("run -d --network red --name leaves")
    await until(() => names(client).includes("leaves"), "the client knows it")
    cut("-A", [leader])
    const ping = pinging(client, rest[0]!.endpoint(`w-${rest[0]!.name}`), 150)
    const alone = ["run -d --network red --name never", "rm --force gone-1 gone-2"].map((line) =>
      meanwhile(leader, line),
    )
    await leaderOf(rest)
    await succeeds(client, "network create blue --subnet 10.67.0.0/24")
    const together = await Promise.all([
      meanwhile(client, "run -d --network red --name comes"),
      meanwhile(rest[0]!, "rm --force leaves"),
      meanwhile(rest[1]!, "run -d --network blue --name b1"),
    ])
    expect([await alone[0], ...together]).toEqual([6, 0, 0, 0])
    await alone[1]
    cut("-D", [leader])
    const healed = performance.now()
    const texts = () => cluster.nodes.map((node) => JSON.stringify(known(node, "red").all))
    await until(
      () => new Set(texts()).size === 1 && names(leader).includes("comes") && !names(client).includes("gone-1"),
      () => `all know the same: ${texts().join("\n")}`,
      20_000,
    )
    process.stderr.write(`the same on all nodes ${Math.round(performance.now() - healed)} ms after the partition\n`)
    await allVote(servers)
    await dumpsEqual(servers)
    const left = endpoints(client).filter(({ network }) => network !== "crowd")
    expect(left.map(({ name }) => name).sort()).toEqual(["b1", "comes", "w-c1", "w-s1", "w-s2", "w-s3"])
    for (const node of cluster.nodes) {
      const { neighbours, expected, vteps, expectedVteps } = known(node, "red")
      expect([node.name, neighbours, vteps]).toEqual([node.name, expected, expectedVteps])
    }
    const asked = (name: string) => ask(leader.machine.file(`/run/netns/ovl-w-${leader.name}`), GATEWAY, name, "A")
    expect(await asked("comes")).toEndWith(` A ${bare(client.endpoint("comes"))}`)
    expect(await asked("leaves")).toStartWith("NXDOMAIN")
    leader.exec(`w-${leader.name}`, "ping -c1 -W1 comes")
    expect((await ping.ended).stdout).toContain("150 received, 0% packet loss")
  }, 60_000)

  test("while every server is away traffic flows, the client waits at ease, and nothing is to be mended after (pain 26)", async () => {
    const [s1] = servers as [TestNode]
    const repairs = () => client.status().kernel.repairs
    const before = repairs()
    const ping = pinging(client, client.endpoint("w-s1"), 250)
    await Promise.all(servers.map((node) => node.stop("SIGKILL")))
    const attempts = client.machine.start("tcpdump -lnqi eth0 tcp dst port 8300 and tcp[tcpflags]==tcp-syn")
    // utime and stime, the 14th and 15th field; the name before them has no blank in it.
    const ticks = () => {
      const fields = readFileSync(`/proc/${client.daemon!.pid}/stat`, "utf8").split(" ")
      return Number(fields[13]) + Number(fields[14])
    }
    const start = ticks()
    await Bun.sleep(AWAY_MS)
    expect(ticks() - start).toBeLessThan(TICKS_MAX)
    attempts.signal("SIGTERM")
    const tried = (await attempts.ended).stdout.split("\n").filter((line) => line.includes(" > "))
    expect(tried.length).toBeGreaterThan(0)
    expect(tried.length).toBeLessThan(ATTEMPTS_MAX)
    process.stderr.write(`with no server: ${ticks() - start} ticks, ${tried.length} attempts in ${AWAY_MS} ms\n`)
    expect(client.try("run -d --network red --name never").status).toBe(6)
    await Promise.all(servers.map((node) => node.resume()))
    await allVote(servers)
    await until(() => client.try("status").status === 0, "the client finds a server again", 20_000)
    expect((await ping.ended).stdout).toContain("250 received, 0% packet loss")
    expect(client.status().kernel).toMatchObject({ inSync: true, repairs: before })
    for (const node of servers) expect(node.status().kernel).toMatchObject({ inSync: true, repairs: 0 })
    client.exec("w-c1", `ping -c1 -W1 ${bare(s1.endpoint("w-s1"))}`)
  }, 60_000)
})
